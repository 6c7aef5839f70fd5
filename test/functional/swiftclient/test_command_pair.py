"""Our command and the published one, same commands on the same cluster: the same is printed.

Both work in containers of their own, step by step; what two equal runs need not have in common
(times, transactions, tokens, the order in which jobs end) is replaced or sorted first. Where ours
prints something else on purpose, the step is in DIFFERENT with the reason.
"""
import os

import pytest

from test.support.swift_command import OURS, published_command, run

STEPS = """
upload {c} d
stat {c}
stat {c} d/a.txt
stat {c} d/empty
stat nope-{c}
stat {c} nope
list {c}
list -l {c}
list -lt {c}
list --lh {c}
list --json {c}
list --json {c} -p nothing
list {c} -d /
list -l {c} -d /
list --versions {c}
upload -c {c} d
upload --skip-identical {c} d
post -m Foo_bar:1 -m X:y {c} d/a.txt
stat {c} d/a.txt
post -r .r:* -w test -m Colour:blue {c}
stat -v {c}
post -m Bad {c}
copy {c} d/a.txt -d /{c}-2/z
copy {c} d/a.txt
copy {c} nope
copy -d x {c} zero
download {c} -D out
download --skip-identical {c}
download {c} d/a.txt -o -
download {c} d/a.txt -D out
download {c} nope
download nope-{c}
download {c} -p d/ -r -D out2
download {c} -p d/ --no-download
delete {c} d/a.txt
delete {c} d/nope
delete {c}-2
delete nope-{c}
capabilities
capabilities --json
tempurl GET 60 /v1/a/c/o key
tempurl GET 60 http://h/v1/a/c/o key --prefix-based
tempurl FOO 60 /v1/a/c/o key
tempurl GET x /v1/a/c/o key
auth
auth -v
stat a/b
upload {c} nofile
upload -S 1x {c} zero
upload {c} -
upload --object-name ren {c} d
upload -q {c} zero
upload {c}/folder zero ./d
upload {c} - --object-name stream
upload -S 1K --use-dlo {c} big
stat {c} big
upload -S 1K {c} big
list {c}_segments
upload -S 2K {c} big
upload --skip-identical -S 2K {c} big
stat {c} big
download {c} big -o big2
download --skip-identical {c} big -o big2
upload -S 1K {c} - --object-name cut
delete --leave-segments {c} cut
list {c}
download {c} zero -o z1
list -t
stat --version-id 3 {c}
bash_completion nope
-K bad stat
-V 3 stat
--os-auth-type foo stat
-R x stat
list --bogus {c}
delete {c} big zero
delete {c} -p ren
delete {c}
delete {c}_segments
""".strip().splitlines()

DIFFERENT = {
    '-V 3 stat': 'ours speaks version 3 itself, the published one needs a further package',
    '-R x stat': 'ours prints a short usage above the error',
    'list --bogus {c}': 'ours refuses unknown options, the published one takes them for names',
    'upload {c}/folder zero ./d': 'the published one prints folder/./d and stores folder/d',
}
COMPARED = [number for number, step in enumerate(STEPS) if step not in DIFFERENT]
ORDERED = [number for number in COMPARED
           if STEPS[number].startswith(('list', 'stat', 'capabilities'))]


# The first test waits for all the runs, some 130 processes.
pytestmark = pytest.mark.timeout(900)


def make_tree(folder):
    (folder / 'd/sub').mkdir(parents=True)
    (folder / 'd/empty').mkdir()
    (folder / 'd/a.txt').write_bytes(b'a\n')
    (folder / 'd/sub/b.txt').write_bytes(b'bb\n')
    (folder / 'zero').write_bytes(b'')
    (folder / 'big').write_bytes(b'abcdefghij' * 300)
    for path in folder.rglob('*'):
        os.utime(path, (1700000000, 1700000000.5))


@pytest.fixture(scope='module')
def runs(auth_url, tmp_path_factory):
    """Every step by both commands, pairs (ours, published) in the order of STEPS."""
    published = published_command()
    if published is None:
        pytest.skip('the published client is not installed; .testenv does it')
    results = {}
    for name, program in (('pair-o', OURS), ('pair-p', published)):
        folder = tmp_path_factory.mktemp(name)
        make_tree(folder)
        results[name] = [run(
            program, *(word.replace('{c}', name) for word in step.split()), cwd=folder,
            auth_url=auth_url, stdin=b'x' * 2500).comparable({name: 'NAME'}) for step in STEPS]
    return list(zip(results['pair-o'], results['pair-p'], strict=True))


@pytest.mark.parametrize('number', COMPARED, ids=STEPS.__getitem__)
def test_both_print_the_same(runs, number):
    ours, published = ({'status': status, 'out': sorted(out.splitlines()), 'err': err}
                       for status, out, err in runs[number])
    assert ours == published


@pytest.mark.parametrize('number', ORDERED, ids=STEPS.__getitem__)
def test_listings_have_the_same_order(runs, number):
    ours, published = runs[number]
    assert ours[1] == published[1]


@pytest.mark.parametrize(('step', 'statuses'), [
    ('-V 3 stat', (1, 1)), ('-R x stat', (2, 2)), ('list --bogus {c}', (2, 1)),
    ('upload {c}/folder zero ./d', (0, 0))])
def test_differences_on_purpose(runs, step, statuses):
    assert tuple(result[0] for result in runs[STEPS.index(step)]) == statuses
