"""The command in this process against a cluster in memory: what it prints, how it ends."""
import os
import re

import pytest

from swiftclient import shell


@pytest.fixture
def swift(cluster, no_pauses, monkeypatch, capsysbinary):
    """Run a command line; return (status, output, errors), times replaced."""
    for name in list(os.environ):
        if name.startswith(('ST_', 'OS_')):
            monkeypatch.delenv(name)
    monkeypatch.setattr('signal.signal', lambda *args: None)

    def run(text, login=True):
        words = ['-A', cluster.url, '-U', 'test:tester', '-K', 'testing'] if login else []
        status = 0
        try:
            shell.main(['swift', *words, *text.split()])
        except SystemExit as exit:
            status = exit.code
        captured = capsysbinary.readouterr()
        out = re.sub(rb'\d+\.\d{3}', b'N', captured.out)
        err = re.sub(rb'tx\d+-0+', b'TXN', captured.err)
        return status, out.decode(), err.decode()

    return run


def test_upload_list_and_stat_of_a_tree(swift, cluster, tree):
    status, out, err = swift('upload c1 d')
    assert (status, sorted(out.split()), err) == (0, ['d/a.txt', 'd/empty', 'd/sub/b.txt'], '')
    assert swift('list c1') == (0, 'd/a.txt\nd/empty\nd/sub/b.txt\n', '')
    assert cluster.containers['c1']['d/empty'].headers['content-type'] == \
        'application/directory'
    cluster.requests.clear()
    status, out, _err = swift('upload -c c1 d')
    assert (status, len(out.split())) == (0, 3)
    assert cluster.log('PUT') == ['PUT c1']


def test_segments_are_told_and_removed(swift, cluster, tree):
    _status, out, _err = swift('upload -S 1000 c3 big')
    assert sorted(out.splitlines()) == ['big', *(f'big segment {n}' for n in range(3))]
    status, out, _err = swift('delete c3 big')
    assert (status, out) == (0, 'big\n')
    assert cluster.containers == {'c3': {}, 'c3_segments': {}}
    swift('upload -S 1000 --use-dlo c3 big')
    assert 'Manifest: c3_segments/big/' in swift('stat c3 big')[1]
    swift('delete --leave-segments c3 big')
    assert len(cluster.containers['c3_segments']) == 3


@pytest.mark.parametrize(('text', 'message'), [
    ('list -t', 'Listing totals only works with -l or --lh.'),
    ('list -d /', '-d option only allowed for container listings'),
    ('list --versions', '--versions option only allowed for container listings'),
    ('stat --version-id 1 c', '--version-id option only allowed for object stats'),
    ('stat a/b', "WARNING: / in container name; you might have meant 'a b' instead of 'a/b'."),
    ('post a/b', "WARNING: / in container name; you might have meant 'a b' instead of 'a/b'."),
    ('post -r x', '-r, -w, -t, and -k options only allowed for containers'),
    ('delete --versions c o', '--versions option not allowed for object deletes'),
    ('delete --version-id 1 c', '--version-id option only allowed for object deletes'),
    ('download -o x c', '-o option only allowed for single file downloads'),
    ('download -D x c o', 'Please use -o option for single file downloads and renames'),
    ('download --version-id 1 c', '--version-id option only allowed for object downloads'),
    ('upload c nope', "Local file 'nope' not found"),
    ('upload -S 1x c big', 'Invalid segment size'),
    ('upload -S 0 c big', 'segment-size should be positive'),
    ('upload c - big', 'upload from stdin cannot be used along with other files'),
    ('upload c -', 'object-name must be specified with uploads from stdin'),
    ('upload --object-name x c big d', 'object-name only be used with 1 file or dir'),
    ('-T x stat', 'could not convert string to float'),
    ('--prompt stat', 'Input stream incompatible with --prompt option'),
    ('--os-auth-type foo stat', 'Only "v3applicationcredential" is supported for --os-auth-type'),
    ('tempurl GET x /v1/a/c/o key',
     'time must either be a whole number or in specific ISO 8601 format.'),
    ('tempurl GET 60 /v1/a key', 'path must be full path to an object e.g. /v1/a/c/o')])
def test_message_and_status_1(swift, tree, text, message):
    status, out, err = swift(text)
    assert (status, out) == (1, '')
    assert err.startswith(message), err


@pytest.mark.parametrize('text', ['stat a b c', 'post a b c', 'list a b', 'copy c', 'delete',
                                  'delete --all c', 'download', 'download --all c', 'upload c',
                                  'tempurl GET', 'capabilities a b'])
def test_wrong_number_of_arguments_shows_the_usage(swift, text):
    status, out, err = swift(text)
    assert (status, out) == (1, '')
    assert err.startswith(f'Usage: swift {text.split()[0]}')


@pytest.mark.parametrize(('command', 'option'), [
    ('upload', 'object-threads'), ('upload', 'segment-threads'), ('delete', 'object-threads'),
    ('download', 'container-threads')])
@pytest.mark.parametrize('count', ['0', '-1'])
def test_thread_counts_are_positive(swift, command, option, count):
    status, _out, err = swift(f'{command} --{option} {count} c x')
    assert status == 1
    assert err.startswith(f'ERROR: option --{option} should be a positive integer.\n\nUsage:')


def test_what_cannot_be_understood_is_status_2(swift):
    status, out, err = swift('stat -R x')
    assert (status, out) == (2, '')
    assert err.endswith("swift: error: argument -R/--retries: invalid int value: 'x'\n")


def test_help_version_and_unknown_commands(swift):
    assert swift('--version')[1].startswith('python-swiftclient ')
    assert swift('', login=False)[0] == 0
    assert swift('upload --help')[1].startswith('Usage: swift upload [--changed]')
    status, out, err = swift('bogus')
    assert (status, err) == (1, 'no such command: bogus\n')
    assert out.startswith('usage: swift')


@pytest.mark.parametrize(('text', 'message'), [
    ('stat', 'Auth version 1.0 requires ST_AUTH, ST_USER, and ST_KEY environment variables'),
    ('-V 3 stat', 'Auth version 3 requires OS_AUTH_URL to be set or overridden with '
                  '--os-auth-url'),
    ('-V 3 --os-auth-url u stat', 'Auth version 3 requires either OS_USERNAME or OS_USER_ID'),
    ('-V 3 --os-auth-url u --os-username n stat', 'Auth version 3 requires OS_PASSWORD'),
    ('--os-auth-type v3applicationcredential --os-auth-url u stat',
     'Auth version 3 (application credential) requires OS_APPLICATION_CREDENTIAL_ID')])
def test_missing_credentials(swift, text, message):
    status, _out, err = swift(text, login=False)
    assert status == 1
    assert err.startswith(message)


def test_failures_name_their_transaction(swift, cluster):
    assert swift('stat nope') == \
        (1, '', "Container 'nope' not found\nFailed Transaction ID: TXN\n")
    cluster.put('c/x')
    status, _out, err = swift('stat c nope')
    assert status == 1
    assert re.fullmatch(r'Object HEAD failed: http://\S+/c/nope 404 Not Found\n'
                        r'Failed Transaction ID: TXN\n', err)


def test_malformed_metadata(swift):
    assert swift('post -m ColorBlue c1') == (
        1, '', "Metadata parameter ColorBlue must contain a ':'.\n"
        "Example: 'Color:Blue' or 'Size:Large'\nFailed Transaction ID: unknown\n")


def test_download_to_files_and_to_standard_output(swift, cluster, tree):
    cluster.put('c/x', b'\xff\x00data')
    assert swift('download c x') == (0, 'x [auth Ns, headers Ns, total Ns, N MB/s]\n', '')
    assert swift('download --skip-identical c x') == (0, "Skipped identical file 'x'\n", '')
    assert (tree / 'x').read_bytes() == b'\xff\x00data'
    assert swift('download c nope') == (1, '', "Object 'c/nope' not found\n")
    assert swift('download -q c x') == (0, '', '')


def test_standard_output_has_the_bytes_and_nothing_else(cluster, swift, monkeypatch,
                                                        capsysbinary):
    cluster.put('c/x', b'\xff\x00data')
    shell.main(['swift', '-A', cluster.url, '-U', 'a:b', '-K', 'testing', 'download', 'c', 'x',
                '-o', '-'])
    assert capsysbinary.readouterr().out == b'\xff\x00data'


def test_damage_is_told_and_can_be_ignored(swift, cluster, tree):
    cluster.put('c/x', b'data')
    cluster.containers['c']['x'].etag = 'wrong'
    status, out, err = swift('download c x')
    assert (status, out) == (1, '')
    assert "Error downloading object 'c/x': 'Error downloading x: md5sum != etag, " in err
    assert swift('download --ignore-checksum c x')[0] == 0


def test_refused_container_is_a_warning_and_413_an_advice(swift, cluster, tree):
    cluster.put('c/x')
    cluster.faults.append(lambda request: {'c': 403, 'big': 413}.get(
        request.path.rsplit('/', 1)[-1]) if request.method == 'PUT' else None)
    status, _out, err = swift('upload c big')
    assert status == 1
    assert err.startswith("Warning: failed to create container 'c': 403 Forbidden: ")
    assert err.endswith('Consider using the --segment-size option to chunk the object\n')


def test_json_list_is_what_the_json_module_would_write(swift, cluster):
    import json
    cluster.page_size = 2
    cluster.containers['c'] = {}
    assert swift('list -j c')[1] == '[]\n'
    for name in 'abc':
        cluster.put(f'c/{name}', b'x')
    out = swift('list -j c')[1]
    assert out == json.dumps(json.loads(out), indent=2, sort_keys=True) + '\n'
    assert [entry['name'] for entry in json.loads(out)] == ['a', 'b', 'c']


def test_attempts_are_told(swift, cluster, tree):
    left = [1]
    cluster.faults.append(lambda request: 503 if request.path.endswith('big') and left
                          and left.pop() else None)
    assert swift('upload c big')[1] == 'big [after 2 attempts]\n'


def test_bulk_deletes_are_told_by_name(swift, cluster):
    for name in [*(f'o{number:02d}' for number in range(30)), 'locked']:
        cluster.put(f'c/{name}')
    status, out, err = swift('delete c')
    assert status == 1
    assert len(out.split()) == 30
    assert err.startswith('Error Deleting: c/locked: 403 Forbidden\n')


def test_copy_tells_where_to(swift, cluster):
    cluster.put('c/x', b'1')
    assert swift('copy -d /d c x')[1] == 'created container d\nc/x copied to /d/x\n'
    assert swift('copy c x')[1] == 'c/x copied to <self>\n'


def test_auth_lines_work_without_another_login(swift, cluster, monkeypatch):
    lines = swift('auth')[1].splitlines()
    for line in lines:
        name, value = line.removeprefix('export ').split('=', 1)
        monkeypatch.setenv(name, value)
    assert cluster.tokens == 1
    assert swift('list', login=False)[0] == 0
    assert cluster.tokens == 1


def test_auth_verbose_lets_others_log_in(swift, cluster):
    assert swift('auth -v')[1] == (f'export ST_AUTH={cluster.url}\nexport ST_USER=test:tester\n'
                                   'export ST_KEY=testing\n')
    _status, out, _err = swift('auth -v -V 3 --os-auth-url u --os-username n --os-password '
                               'p&q --os-region-name r', login=False)
    assert out == ("export OS_IDENTITY_API_VERSION=3\nexport OS_AUTH_VERSION=3\n"
                   "export OS_AUTH_URL=u\nexport OS_PASSWORD='p&q'\n"
                   "export OS_REGION_NAME=r\nexport OS_USERNAME=n\n")


def test_temporary_urls(swift):
    status, out, err = swift('tempurl GET 1700000000 /v1/AUTH_test/c1/o key --absolute '
                             '--digest sha1', login=False)
    assert (status, err) == (0, '')
    assert out == ('/v1/AUTH_test/c1/o?temp_url_sig=6a9c92c173b6f76bb02a10906e337c70be4ed994'
                   '&temp_url_expires=1700000000\n')
    out = swift('tempurl FOO 60 http://h/v1/a/c/o key', login=False)[1]
    assert out.startswith('WARNING: Non default HTTP method FOO for tempurl specified, possibly '
                          'an error\nhttp://h/v1/a/c/o?temp_url_sig=')


def test_capabilities_without_credentials(swift, cluster):
    status, out, _err = swift(f'capabilities {cluster.storage_url}', login=False)
    assert status == 0
    assert out.startswith('Core: swift\n Options:\n  version: 2.38.0\nAdditional middleware: ')


def test_debug_does_not_show_secrets(swift, cluster, caplog):
    import logging
    caplog.set_level(logging.DEBUG)
    swift('--debug stat')
    assert 'AUTH_tk1' not in caplog.text
    assert 'REQ: curl' in caplog.text


def test_server_that_is_not_there_is_an_error_and_no_traceback(swift, tree):
    import socket
    with socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))  # bound and not listening: refused, and nobody else's
        port = closed.getsockname()[1]
        status, out, err = swift(f'-A http://127.0.0.1:{port}/auth -U a:b -K c -R 0 stat',
                                 login=False)
    assert (status, out) == (1, '')
    assert 'Traceback' not in err
    assert 'refused' in err


def test_help_loads_neither_the_service_nor_anything_heavy(tree):
    import subprocess
    import sys

    from test.support.swift_command import CLONE
    script = ('import sys; from swiftclient.shell.main import main; main(["swift", "--help"]); '
              'main(["swift", "upload", "--help"]); print(*sys.modules, file=sys.stderr)')
    done = subprocess.run([sys.executable, '-c', script], cwd=CLONE, capture_output=True,
                          text=True, timeout=60, check=True)
    loaded = set(done.stderr.split())
    assert loaded.isdisjoint({
        'swiftclient.service', 'swiftclient.multithreading', 'requests', 'urllib3', 'ssl',
        'argparse', 'concurrent.futures', 'http.client', 'email', 'dataclasses', 'inspect'})
