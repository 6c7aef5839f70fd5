"""Chains of file operations: the extension and its Python twin do the same."""
import fcntl
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift.common import chain

UNNAMED = os.O_TMPFILE | os.O_WRONLY
APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT
DIRECTORY = os.O_DIRECTORY | os.O_RDONLY

needs_extension = pytest.mark.skipif(not chain.is_native(), reason='the extension is not built')


@pytest.fixture(params=['native', 'python'])
def run(request):
    if request.param == 'python':
        return chain.run_in_python
    if not chain.is_native():
        pytest.skip('the extension is not built')
    return chain.run


def open_descriptors():
    return len(os.listdir('/proc/self/fd'))


def writing(folder, body=b'hello'):
    return (chain.make_dir(folder), chain.open_file(0, folder, UNNAMED), chain.room(0, 1),
            chain.write(0, body), chain.set_attribute(0, 'user.a', b'b'), chain.fsync(0),
            chain.open_file(1, folder + '/.lock', os.O_WRONLY | os.O_CREAT, True),
            chain.lock(1, chain.LOCK_SHARED), chain.still_in_place(1), chain.close(1),
            chain.link(0, folder + '/file'), chain.open_file(3, folder, DIRECTORY),
            chain.fsync(3))


def test_a_whole_write(run, tmp_path):
    folder = str(tmp_path / 'x')
    before = open_descriptors()
    assert run(writing(folder)) == 1
    assert open_descriptors() == before
    with open(folder + '/file', 'rb') as file:
        assert file.read() == b'hello'
    assert os.getxattr(folder + '/file', 'user.a') == b'b'
    assert os.stat(folder + '/file').st_mode & 0o777 == 0o600
    assert os.stat(folder + '/.lock').st_mode & 0o133 == 0


def test_the_first_failure_stops_and_leaves_no_descriptor(run, tmp_path):
    folder = str(tmp_path / 'x')
    run(writing(folder))
    before = open_descriptors()
    with pytest.raises(chain.Stopped) as stopped:
        run(writing(folder, b'other'))
    assert stopped.value.done == 10
    assert isinstance(stopped.value.error, FileExistsError)
    assert open_descriptors() == before
    with open(folder + '/file', 'rb') as file:
        assert file.read() == b'hello'


@pytest.mark.parametrize('program,kind', [
    ((chain.make_dir('{}/a/b'),), FileNotFoundError),
    ((chain.make_new_dir('{}/there'),), FileExistsError),
    ((chain.exists('{}/nothing'),), FileNotFoundError),
    ((chain.open_file(0, '{}/there', os.O_RDONLY), chain.room(0, 1 << 62)), OSError)])
def test_failures(run, tmp_path, program, kind):
    (tmp_path / 'there').mkdir()
    filled = tuple((op, slot, text and text.format(tmp_path), *rest)
                   for op, slot, text, *rest in program)
    with pytest.raises(chain.Stopped) as stopped:
        run(filled)
    assert stopped.value.done == len(program) - 1
    assert isinstance(stopped.value.error, kind)


def test_a_held_lock_is_not_waited_for(run, tmp_path):
    path = str(tmp_path / 'lock')
    with open(path, 'w') as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(chain.Stopped) as stopped:
            run((chain.open_file(0, path, os.O_WRONLY), chain.lock(0, chain.LOCK_SHARED)))
    assert isinstance(stopped.value.error, BlockingIOError)


def test_a_deleted_lock_file_is_noticed(run, tmp_path):
    path = tmp_path / 'lock'
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        path.unlink()
        with pytest.raises(chain.Stopped) as stopped:
            run((chain.still_in_place(0),), fd)
        assert isinstance(stopped.value.error, FileNotFoundError)
        os.fstat(fd)                             # the caller's descriptor stays open
    finally:
        os.close(fd)


def test_appends_stop_at_the_size_given(run, tmp_path):
    path = str(tmp_path / 'log')
    program = (chain.open_file(0, path, APPEND), chain.append(0, b'12345', 5), chain.fdatasync(0))
    run(program)
    run(program)
    with pytest.raises(chain.Stopped):
        run(program)
    assert os.path.getsize(path) == 10


def test_mounted(run, tmp_path):
    (tmp_path / 'link').symlink_to('/')
    for path in ('/', '/proc'):
        run((chain.mounted(path),))
    for path in ('', '/link', '/missing'):
        with pytest.raises(chain.Stopped):
            run((chain.mounted(f'{tmp_path}{path}'),))
    (tmp_path / '.ismount').touch()
    run((chain.mounted(str(tmp_path)),))


def test_unchanged_and_empty(run, tmp_path):
    path = tmp_path / 'file'
    run((chain.empty(str(path)),))
    path.touch()
    run((chain.empty(str(path)), chain.unchanged(str(path), os.stat(path))))
    before = os.stat(path)
    path.write_bytes(b'x')
    os.utime(path, ns=(0, before.st_mtime_ns))
    checks = [chain.empty(str(path)), chain.unchanged(str(path), before)]
    now = os.stat(path)
    run((chain.unchanged(str(path), now),))
    os.utime(path, ns=(0, before.st_mtime_ns + 1))
    checks.append(chain.unchanged(str(path), now))
    other = tmp_path / 'other'
    other.write_bytes(b'x')
    os.utime(other, ns=(0, before.st_mtime_ns + 1))
    checks += [chain.unchanged(str(path), os.stat(other)), chain.unchanged(f'{path}s', now)]
    for check in checks:
        with pytest.raises(chain.Stopped):
            run((check,))


@pytest.fixture(params=['native', 'python'])
def read(request):
    if request.param == 'python':
        return chain.read_in_python
    if not chain.is_native():
        pytest.skip('the extension is not built')
    return chain.read


def test_what_a_program_reads(read, tmp_path):
    for name, body in (('1.data', b'old'), ('2.data', b'newer'), ('1.meta', b'')):
        (tmp_path / name).write_bytes(body)
    top = str(tmp_path)
    os.setxattr(f'{top}/2.data', 'user.small', b'v')
    os.setxattr(f'{top}/2.data', 'user.none', b'')
    os.setxattr(f'{top}/1.data', 'user.big', b'x' * 3900)
    before = open_descriptors()
    listed, of_dir, status, small, none, missing, content, too_long, big = read((
        chain.list_dir(top), chain.get_status_of(top), chain.open_last(0, top, b'.data'),
        chain.get_status(0), chain.get_attribute(0, 'user.small'),
        chain.get_attribute(0, 'user.none'), chain.get_attribute(0, 'user.missing'),
        chain.get_content(0, 5), chain.open_file(1, f'{top}/2.data', os.O_RDONLY),
        chain.get_content(1, 4), chain.open_if_there(2, f'{top}/1.data'),
        chain.get_attribute(2, 'user.big')))
    assert open_descriptors() == before
    assert sorted(chain.names_in(listed)) == ['1.data', '1.meta', '2.data']
    for packed, path in ((of_dir, top), (status, f'{top}/2.data')):
        real = os.stat(path)
        assert chain.status_in(packed) == (real.st_dev, real.st_ino, real.st_size,
                                           real.st_mtime_ns, real.st_ctime_ns)
    assert (small, none, missing) == (b'v', b'', None)
    assert (content, too_long, big) == (b'newer', None, b'x' * 3900)


def test_nothing_is_read_where_nothing_is(read, tmp_path):
    top = str(tmp_path)
    assert read((chain.list_dir(top), chain.open_last(0, top, b'.data'), chain.get_status(0),
                 chain.get_attribute(0, 'user.a'), chain.open_if_there(1, f'{top}/none'),
                 chain.get_content(1, 5))) == [b'', None, None, None]
    assert chain.names_in(b'') == []
    with pytest.raises(chain.Stopped) as stopped:
        read((chain.list_dir(f'{top}/none'),))
    assert isinstance(stopped.value.error, FileNotFoundError)
    (tmp_path / 'file').touch()
    with pytest.raises(chain.Stopped) as stopped:
        read((chain.list_dir(f'{top}/file'),))
    assert isinstance(stopped.value.error, NotADirectoryError)


def test_many_names_and_a_whole_file(read, tmp_path):
    names = [f'{"n" * 200}{number}' for number in range(300)]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / 'body').write_bytes(bytes(range(256)) * 300)
    listed, body = read((chain.list_dir(str(tmp_path)),
                         chain.open_last(3, str(tmp_path), b'body'),
                         chain.get_content(3, 1 << 20)))
    assert sorted(chain.names_in(listed)) == sorted([*names, 'body'])
    assert body == bytes(range(256)) * 300


@needs_extension
def test_peeking_sees_what_is_in_memory(tmp_path):
    top = str(tmp_path)
    (tmp_path / 'a').write_bytes(b'hello')
    (tmp_path / 'b').touch()
    # A file system may be unable to tell what it could read at once: then nothing is seen.
    seen = chain.peek(top, 'a', 'b', 5)
    if seen is None:
        pytest.skip('nothing can be read from memory here')
    packed = chain.read((chain.get_status_of(top), chain.get_status_of(f'{top}/a'),
                         chain.get_status_of(f'{top}/b')))
    assert seen == (*packed, b'hello')
    assert chain.peek(top, 'a', None, -1) == (packed[0], packed[1], None, None)
    assert chain.peek(top, 'b', None, 0) == (packed[0], packed[2], None, b'')
    before = open_descriptors()
    for nothing in ((top, 'a', None, 4), (top, 'a', 'c', 5), (top, 'c', None, -1),
                    (f'{top}/none', 'a', None, -1), (f'{top}/a', 'a', None, -1)):
        assert chain.peek(*nothing) is None
    assert open_descriptors() == before


CHILD = '''
import os, resource, signal, sys
from swift.common import chain
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (12, 12))
run = getattr(chain, sys.argv[2])
program = (chain.open_file(0, sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT),
           chain.append(0, b'12345', 1000))
for _turn in range(3):
    try:
        run(program)
    except chain.Stopped as stopped:
        print(stopped.done, os.path.getsize(sys.argv[1]))
'''


@pytest.mark.parametrize('function', ['run', 'run_in_python'])
def test_a_record_that_does_not_fit_leaves_nothing(tmp_path, function):
    out = subprocess.run([sys.executable, '-c', CHILD, str(tmp_path / 'log'), function],
                         capture_output=True, text=True, check=True).stdout
    assert out.split() == ['1', '10']


def test_both_sides_are_of_one_version():
    with open(chain.__file__.replace('chain.py', '_chain.c'), encoding='utf-8') as source:
        assert f'enum {{ VERSION = {chain.VERSION} }};' in source.read()


@pytest.mark.parametrize('name, text, told', [
    ('stale_chain', '', 'has version None, wanted is'),
    ('newer_chain', f'VERSION = {chain.VERSION + 1}', 'has version'),
    ('foreign_chain', 'raise ImportError("undefined symbol: x")', 'undefined symbol: x')])
def test_a_build_of_no_use_counts_as_none(tmp_path, monkeypatch, capsys, name, text, told):
    (tmp_path / f'{name}.py').write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert chain.load_extension(name) is None
    line, = capsys.readouterr().err.splitlines()
    assert told in line and 'must be built again' in line
    monkeypatch.delitem(sys.modules, name, raising=False)


def test_a_build_that_is_not_there_is_no_trouble(capsys):
    assert chain.load_extension('swift.common._not_built') is None
    assert capsys.readouterr().err == ''


@needs_extension
@pytest.mark.parametrize('program', [
    [], ((99, 0, None, None, 0),), ((0, 9, 'x', None, 0),), ((0, 0, b'x', None, 0),),
    ((0, 0),), (chain.close(0),) * 65])
def test_nonsense_is_a_bug_of_the_caller(program):
    with pytest.raises((TypeError, ValueError)):
        chain._chain.run(program, -1)


@needs_extension
@settings(max_examples=60)
@given(st.lists(st.sampled_from([
    chain.make_dir('{}/d'), chain.make_new_dir('{}/d'), chain.open_file(0, '{}/d', UNNAMED),
    chain.open_file(1, '{}/log', APPEND, True), chain.append(1, b'abc', 5), chain.write(0, b'xy'),
    chain.link(0, '{}/d/f'), chain.link(0, '{}/f'), chain.close(0), chain.close(1),
    chain.set_attribute(0, 'user.n', b'v'), chain.exists('{}/d/f'), chain.fsync(0),
    chain.lock(1, chain.LOCK_EXCLUSIVE), chain.mounted('{}'), chain.mounted('/'),
    chain.empty('{}/log')]), max_size=12))
def test_both_ways_leave_the_same_behind(tmp_path_factory, steps):
    outcomes = []
    for run in (chain.run, chain.run_in_python):
        top = tmp_path_factory.mktemp('chain')
        opened = set()
        program = []
        for op, slot, text, *rest in steps:      # the rules of slots are the caller's
            if text is None or slot or op in (0, 12, 6):
                if (op == 0) == (slot in opened):
                    continue
            if op == 0:
                opened.add(slot)
            elif op == 1:
                opened.discard(slot)
            program.append((op, slot, text and text.format(top), *rest))
        try:
            result = (run(tuple(program)), None, None)
        except chain.Stopped as stopped:
            result = (None, stopped.done, type(stopped.error))
        files = sorted((os.path.relpath(os.path.join(folder, name), top),
                        os.path.getsize(os.path.join(folder, name)))
                       for folder, _dirs, names in os.walk(top) for name in names)
        outcomes.append((result, files))
    assert outcomes[0] == outcomes[1]
