"""The all-in-one cluster as a person meets it: one command, one sentence if something is wrong."""
import os
import shutil
import signal
import socket
import subprocess
import textwrap

import pytest

from swift.cli.saio import checks, cluster
from test.support.saio import CLONE, free_base_port, running_saio, saio_command


def first_upload(text: str) -> str:
    """The lines to paste: the indented block that begins with the token."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if 'X-Auth-User: test:tester' in line)
    block = []
    for line in lines[start:]:
        if not line.startswith('  '):
            break
        block.append(line)
    return textwrap.dedent('\n'.join(block))


@pytest.mark.skipif(not shutil.which('curl'), reason='curl is not installed')
def test_lines_to_paste_work_as_printed(saio):
    printed = saio_command('up', root=saio.layout.root).stdout
    done = subprocess.run(['bash', '-euc', first_upload(printed)], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.stdout == 'hello, world\n', done.stdout + done.stderr


def test_readme_shows_the_same_lines_as_the_program(saio):
    printed = first_upload(saio_command('up', root=saio.layout.root).stdout)
    shown = first_upload((CLONE / 'README.md').read_text())
    at_default_port = printed.replace(saio.layout.endpoint, 'http://127.0.0.1:8080')
    assert shown.replace('\\\n', ' ').split() == at_default_port.replace('\\\n', ' ').split()


def test_second_up_changes_nothing(saio):
    before = {server: saio.pids(server) for server in ('proxy-server', 'object-server')}
    again = saio_command('up', root=saio.layout.root)
    assert again.returncode == 0 and 'The cluster is up.' in again.stdout
    assert {server: saio.pids(server) for server in before} == before


def test_status_names_every_service(saio):
    done = saio_command('status', root=saio.layout.root)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    servers_and_memcached = 15
    assert len(lines) == servers_and_memcached + len(cluster.DAEMONS)
    assert all(line.endswith('ok') for line in lines)


def test_up_mends_a_half_dead_cluster(saio):
    os.killpg(saio.pids('object-server', 3)[0], signal.SIGKILL)
    down = saio_command('status', root=saio.layout.root)
    assert down.returncode == 1 and down.stdout.count('not running') == 1
    again = saio_command('up', root=saio.layout.root)
    assert again.returncode == 0 and 'not everything runs; starting object-server.3' in again.stderr
    assert saio_command('status', root=saio.layout.root).returncode == 0


def test_other_choices_for_an_existing_cluster_are_refused(saio):
    done = saio_command('up', '--nodes', '3', root=saio.layout.root)
    assert done.returncode == 1
    assert done.stderr.count('\n') == 1 and 'was made with another nodes (4)' in done.stderr


def test_port_in_use_is_one_sentence(tmp_path):
    with socket.socket() as holder:
        holder.bind(('127.0.0.1', 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = saio_command('up', '--port', str(port), '--base-port', str(free_base_port()),
                            root=str(tmp_path / 'saio'))
    assert done.returncode == 1 and done.stderr.count('\n') == 1
    assert f'cannot listen on 127.0.0.1:{port} (proxy-server): in use' in done.stderr


def test_status_does_not_take_another_cluster_for_this_one(saio, tmp_path):
    root = str(tmp_path / 'second')
    layout = saio.layout
    made = saio_command('up', '--config-only', '--port', str(layout.port), '--base-port',
                        str(layout.base_port), root=root)
    assert made.returncode == 0, made.stderr
    done = saio_command('status', root=root)
    assert done.returncode == 1
    assert done.stdout.count('not running, but another program answers') == 13


@pytest.mark.parametrize('command', ['up', 'reset', 'down', 'status', 'env'])
def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path, command):
    (tmp_path / 'file').write_text('')
    done = saio_command(command, root=str(tmp_path / 'file'))
    assert (done.returncode, done.stdout, done.stderr.count('\n')) == (1, '', 1)
    assert 'file/cluster.json: Not a directory; choose another --root.' in done.stderr


def test_environment_of_no_cluster_is_refused(tmp_path):
    done = saio_command('env', root=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, '')
    assert 'there is no cluster in ' in done.stderr


def test_missing_memcached_is_one_sentence():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, 'find_program', lambda name: None)
        with pytest.raises(checks.Trouble, match='memcached is missing; install with: '):
            checks.check_programs()


def test_folder_without_attributes_is_one_sentence(tmp_path):
    def refuse(*_args):
        raise OSError(95, 'Operation not supported')

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, 'setxattr', refuse)
        with pytest.raises(checks.Trouble, match='keeps no extended attributes'):
            checks.check_xattrs(str(tmp_path))


@pytest.mark.parametrize('words', [('--port', '0'), ('--nodes', '1000'), ('--base-port', '70000')])
def test_impossible_choices_are_refused(tmp_path, words):
    done = saio_command('up', *words, root=str(tmp_path))
    assert done.returncode == 1 and done.stderr.startswith(f'saio: {words[0]} must be between')


def test_down_without_a_cluster_says_so(tmp_path):
    done = saio_command('down', root=str(tmp_path))
    assert (done.returncode, done.stderr) == (1, f'saio: there is no cluster in {tmp_path}.\n')


@pytest.mark.slow
def test_one_node_cluster_and_reset(tmp_path):
    with running_saio(tmp_path / 'one', '--nodes', '1', '--workers', '1') as cluster:
        from test.support.client import Client
        client = Client(cluster.auth_url)
        assert client.put('c').status == 201 and client.put('c/o', b'x').status == 201
        assert client.get('c/o').body == b'x'
        layout = cluster.layout
        done = saio_command('reset', '--nodes', '1', '--workers', '1', '--port', str(layout.port),
                            '--base-port', str(layout.base_port), root=layout.root)
        assert done.returncode == 0, done.stderr
        assert Client(cluster.auth_url).get('c/o').status == 404


@pytest.mark.slow
def test_swift_init_alone_runs_a_cluster_that_was_configured_by_hand(tmp_path):
    """`--config-only` writes what an operator has in /etc/swift; swift-init does the rest."""
    import urllib.request

    from swift.cli.saio import cluster as saio_cluster
    root, port = str(tmp_path / 'hand'), checks.free_port()
    done = saio_command('up', '--config-only', '--port', str(port), '--base-port',
                        str(free_base_port()), root=root)
    assert done.returncode == 0, done.stderr
    layout = saio_cluster.load(root)
    saio_cluster.start_memcached(layout)
    env = dict(os.environ, PATH=saio_cluster.environment(layout)['PATH'])
    env.pop('SWIFT_DIR', None)

    def swift_init(*words):
        return subprocess.run(['swift-init', *words, '--swift-dir', layout.etc, '--run-dir',
                               layout.run], env=env, capture_output=True, text=True, timeout=120,
                              check=False)
    try:
        started = swift_init('all', 'start')
        assert started.returncode == 0, started.stdout + started.stderr
        with urllib.request.urlopen(f'{layout.endpoint}/healthcheck', timeout=10) as answer:
            assert answer.read() == b'OK'
        status = swift_init('main', 'status')
        assert status.returncode == 0 and status.stdout.count(' running (') == 13
        assert swift_init('object.1', 'object.3', 'stop').returncode == 0
        status = swift_init('object', 'status')
        assert status.stdout.count(' running (') == 2
        assert swift_init('object.1', 'status').returncode == 1
        assert swift_init('main', 'reload').returncode == 0
    finally:
        stopped = swift_init('all', 'stop')
        saio_cluster.stop_memcached(layout)
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
