"""swift-recon against recon filters that answer from memory, over real HTTP."""
import contextlib
import hashlib
import http.server
import io
import json
import re
import threading
from types import SimpleNamespace

import pytest

from swift.cli.recon import main
from swift.cli.recon_scout import Scout
from swift.common.ring.builder import RingBuilder
from swift.common.ring.files import write_ring

LINE = '=' * 79
NOW = 1700000000.0
STAMP = '[2023-11-14 22:13:20] '
POLICIES = ('[swift-hash]\nswift_hash_path_suffix = x\n[storage-policy:0]\nname = gold\n'
            'default = yes\n[storage-policy:1]\nname = silver\n')


class Node:
    """A host whose recon filter answers from a dict."""

    def __init__(self):
        node = self
        self.answers = {}
        self.server_name = 'object-server/3.0.0'

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                value = node.answers.get(self.path.removeprefix('/recon/'))
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(404 if value is None else 200)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_OPTIONS(self):
                self.send_response(200)
                self.end_headers()

            def version_string(self):
                return node.server_name

            def log_message(self, *_args):
                pass
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        self.name = '127.0.0.1:%d' % self.port
        self.url = 'http://' + self.name
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Recon:
    """A cluster of nodes; `run` returns the exit code and the lines."""

    def __init__(self, etc, count):
        self.etc = etc
        self.nodes = sorted((Node() for _ in range(count)), key=lambda node: node.port)
        (etc / 'swift.conf').write_text(POLICIES)
        for name in ('account', 'container', 'object'):
            self.ring(name, self.nodes)

    def ring(self, name, nodes):
        builder = RingBuilder(2, 1, 0)
        for number, node in enumerate(nodes):
            builder.add_dev({'region': 1, 'zone': number, 'ip': '127.0.0.1', 'port': node.port,
                             'device': 'sda', 'weight': 1})
        builder.rebalance()
        write_ring(str(self.etc / (name + '.ring.gz')), builder.ring_data())

    def answer(self, path, *values):
        for node, value in zip(self.nodes, values, strict=True):
            node.answers[path] = value

    def run(self, *argv, clock=lambda: NOW):
        out = io.StringIO()
        code = main([*argv, '--swiftdir', str(self.etc)], out, Scout(5), clock)
        assert code == 0
        return out.getvalue().splitlines()

    def check(self, *argv):
        """Return the lines of one check, without the frame."""
        lines = self.run(*argv)
        assert lines[0] == lines[2] == lines[-1] == LINE
        assert lines[1].startswith('--> Starting reconnaissance on %d hosts (' % len(self.nodes))
        return lines[3:-1]


@contextlib.contextmanager
def started(etc):
    made = Recon(etc, 2)
    try:
        yield made
    finally:
        for node in made.nodes:
            node.close()


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    with started(tmp_path_factory.mktemp('etc')) as made:
        yield made


@pytest.fixture
def cluster(shared):
    """Nodes and rings made once, since rings are synced to disk; answers are each test's own."""
    for node in shared.nodes:
        node.answers.clear()
        node.server_name = 'object-server/3.0.0'
    return shared


@pytest.fixture
def own_cluster(tmp_path):
    """One that a test may damage."""
    with started(tmp_path) as made:
        yield made


def numbers(low, high, avg, total, reported=2, failed='0.0', none=0):
    return 'low: %s, high: %s, avg: %s, total: %s, Failed: %s%%, no_result: %d, reported: %d' % (
        low, high, avg, total, failed, none, reported)


def test_help_and_wrong_words(cluster, capsys):
    out = io.StringIO()
    assert main([], out) == 0
    text = out.getvalue()
    assert text.startswith(LINE + '\nusage: swift-recon') and '--human-readable' in text
    out = io.StringIO()
    assert main(['proxy'], out) == 1
    assert 'Invalid Server Type\nusage' in out.getvalue()
    assert 'Invalid Storage Policy: bronze' in cluster.run('-p', 'bronze', '-a')
    assert main(['-a', '--swiftdir', '/nowhere'], out) == 1
    assert 'Error: ' in capsys.readouterr().err


def test_async(cluster):
    cluster.answer('async', {'async_pending': 2}, {'async_pending': None})
    assert cluster.check('-a') == [
        STAMP + 'Checking async pendings',
        '[async_pending] ' + numbers(2, 2, '2.0', 2, 1, '50.0', 1)]
    cluster.answer('async', None, None)
    assert cluster.check('--suppress', '--async')[1:] == [
        '[async_pending] - No hosts returned valid data.']
    assert cluster.check('container', '-a') == [
        "Error: Can't check asyncs on non object servers."]


def test_hosts_that_do_not_answer_are_named_unless_suppressed(own_cluster):
    own_cluster.answer('async', {'async_pending': 2}, None)
    own_cluster.nodes[1].close()
    try:
        _title, error, _line = own_cluster.check('-a')
        assert re.fullmatch(r'-> %s/recon/async: <urlopen error .*refused>'
                            % re.escape(own_cluster.nodes[1].url), error)
        assert len(own_cluster.check('-a', '--suppress')) == 2
        assert '-> %s/recon/async: {\'async_pending\': 2}' % own_cluster.nodes[0].url in (
            own_cluster.check('-a', '--suppress', '-v'))
    finally:
        own_cluster.nodes[1] = SimpleNamespace(close=lambda: None)


def test_nonsense_from_hosts_is_no_answer(cluster):
    cluster.answer('async', b'<html>', [1, 2])
    lines = cluster.check('-a')
    assert len(lines) == 4 and lines[-1] == '[async_pending] - No hosts returned valid data.'


def test_replication(cluster):
    stats = {'attempted': 4, 'failure': 1, 'success': 3}
    cluster.answer('replication/object',
                   {'replication_time': 1.5, 'replication_stats': stats,
                    'replication_last': NOW - 65},
                   {'object_replication_time': 2.5, 'replication_stats': None,
                    'object_replication_last': NOW - 5})
    one, two = cluster.nodes
    assert cluster.check('-r') == [
        STAMP + 'Checking on replication',
        '[replication_time] ' + numbers(1, 2, '2.0', 4),
        '[replication_failure] ' + numbers(1, 1, '1.0', 1, 1),
        '[replication_success] ' + numbers(3, 3, '3.0', 3, 1),
        '[replication_attempted] ' + numbers(4, 4, '4.0', 4, 1),
        'Oldest completion was 2023-11-14 22:12:15 (1 minutes ago) by %s.' % one.name,
        'Most recent completion was 2023-11-14 22:13:15 (5 seconds ago) by %s.' % two.name]
    cluster.answer('replication/account', {'replication_time': None}, {})
    assert cluster.check('account', '-r')[1:] == [
        '[replication_time] ' + numbers(0, 0, '0.0', 0),
        '[failure] - No hosts returned valid data.', '[success] - No hosts returned valid data.',
        '[attempted] - No hosts returned valid data.',
        'Oldest completion was NEVER by %s.' % one.name]


def test_reconstruction_and_sharding(cluster):
    cluster.answer('reconstruction/object', *[{'object_reconstruction_time': 3.0,
                                              'object_reconstruction_last': NOW - 7200}] * 2)
    lines = cluster.check('-R')
    assert lines[0] == STAMP + 'Checking on reconstructors'
    assert lines[1] == '[object_reconstruction_time] ' + numbers(3, 3, '3.0', 6)
    assert '(2 hours ago)' in lines[2] and len(lines) == 4
    cluster.answer('sharding', {'sharding_time': 2, 'sharding_last': NOW, 'sharding_stats': {
        'attempted': 1, 'failure': 0, 'success': 1}}, {'sharding_time': None})
    assert cluster.check('container', '--sharding')[:5] == [
        STAMP + 'Checking on sharders',
        '[sharding_time] ' + numbers(2, 2, '2.0', 2, 1, '50.0', 1),
        '[attempted] ' + numbers(1, 1, '1.0', 1, 1), '[failure] ' + numbers(0, 0, '0.0', 0, 1),
        '[success] ' + numbers(1, 1, '1.0', 1, 1)]


def test_auditors(cluster):
    cluster.answer('auditor/container', *[
        {'container_audits_passed': 5, 'container_audits_failed': 0,
         'container_auditor_pass_completed': 1.0, 'container_audits_since': NOW - ago}
        for ago in (10, 20)])
    assert cluster.check('container', '--auditor') == [
        STAMP + 'Checking auditor stats',
        '[container_auditor_pass_completed] ' + numbers(1, 1, '1.0', 2),
        '[container_audits_failed] ' + numbers(0, 0, '0.0', 0),
        '[container_audits_passed] ' + numbers(5, 5, '5.0', 10),
        '[last_pass] oldest: 2023-11-14 22:13:00, newest: 2023-11-14 22:13:10, '
        'avg: 2023-11-14 22:13:05']
    cluster.answer('auditor/account', None, None)
    assert cluster.check('account', '--auditor', '--suppress')[1:] == ['Error: No hosts available']


def test_object_auditors(cluster):
    entry = {'audit_time': 1.0, 'bytes_processed': 10, 'passes': 2, 'errors': 0, 'quarantined': 1,
             'start_time': 5}
    cluster.answer('auditor/object', {'object_auditor_stats_ALL': {'sda': entry, 'sdb': entry}},
                   {'object_auditor_stats_ALL': entry, 'object_auditor_stats_ZBF': None})
    lines = cluster.check('--auditor')
    assert lines[0] == STAMP + 'Checking auditor stats '
    assert lines[1:] == [
        '[ALL_audit_time_last_path] ' + numbers(1, 2, '1.5', 3),
        '[ALL_bytes_processed_last_path] ' + numbers(10, 20, '15.0', 30),
        '[ALL_passes_last_path] ' + numbers(2, 4, '3.0', 6),
        '[ALL_errors_last_path] ' + numbers(0, 0, '0.0', 0),
        '[ALL_quarantined_last_path] ' + numbers(1, 2, '1.5', 3),
        '[ZBF_auditor] - No hosts returned valid data.']


def test_updater_and_expirer(cluster):
    cluster.answer('updater/object', *[{'object_updater_sweep': 2.0}] * 2)
    assert cluster.check('--updater') == [STAMP + 'Checking updater times',
                                          '[updater_last_sweep] ' + numbers(2, 2, '2.0', 4)]
    cluster.answer('expirer/object', *[{'object_expiration_pass': 1, 'expired_last_pass': 3}] * 2)
    assert cluster.check('--expirer') == [
        STAMP + 'Checking on expirers', '[object_expiration_pass] ' + numbers(1, 1, '1.0', 2),
        '[expired_last_pass] ' + numbers(3, 3, '3.0', 6)]


def test_unmounted(cluster):
    cluster.answer('unmounted', [{'device': 'sdb', 'mounted': False}],
                   [{'device': 'sdc', 'mounted': 'Input/output error'}])
    one, two = cluster.nodes
    assert cluster.check('-u') == [
        STAMP + 'Getting unmounted drives from 2 hosts...',
        'Not mounted: sdb on ' + one.name, 'Device errors: sdc on ' + two.name]


def test_disk_usage_asks_each_host_once(cluster):
    cluster.answer('diskusage', [
        {'device': 'sda', 'mounted': True, 'size': 100000, 'used': 25000, 'avail': 75000},
        {'device': 'sdb', 'mounted': True, 'size': 100000, 'used': 50000, 'avail': 50000},
        {'device': 'sdc', 'mounted': False, 'size': '', 'used': '', 'avail': ''},
        {'device': 'sdd', 'mounted': 'dead', 'size': '', 'used': '', 'avail': ''}], None)
    url = cluster.nodes[0].url + '/recon/diskusage'
    assert cluster.check('-d', '--human-readable', '--top', '1', '--lowest', '5') == [
        STAMP + 'Checking disk usage now', '-> %s/sdd: Error: dead' % url, 'Distribution Graph:',
        ' 25%    1 ' + '*' * 69, ' 50%    1 ' + '*' * 69,
        'Disk usage: space used: 75 kB of 200 kB', 'Disk usage: space free: 125 kB of 200 kB',
        'Disk usage: lowest: 25.0%, highest: 50.0%, avg: 37.5%', LINE,
        'TOP 1', '50.00%  127.0.0.1       sdb', LINE,
        'LOWEST 5', '25.00%  127.0.0.1       sda', '50.00%  127.0.0.1       sdb']
    cluster.answer('diskusage', [], None)
    assert cluster.check('-d')[1:] == ['-> %s: Error. No drive info available.' % url,
                                       'No hosts returned valid data.']


def test_load_quarantine_sockets_drives(cluster):
    cluster.answer('load', *[{'1m': 0.5, '5m': 1.5, '15m': 2.5}] * 2)
    assert cluster.check('-l') == [
        STAMP + 'Checking load averages', '[1m_load_avg] ' + numbers(0, 0, '0.5', 1),
        '[5m_load_avg] ' + numbers(1, 1, '1.5', 3), '[15m_load_avg] ' + numbers(2, 2, '2.5', 5)]
    cluster.answer('quarantined', *[{'objects': 3, 'containers': 0, 'accounts': 0, 'policies': {
        '10': {'objects': 1}, '2': {'objects': 2}}}] * 2)
    assert [line.partition(' ')[0] for line in cluster.check('-q')[1:]] == [
        '[quarantined_objects_2]', '[quarantined_objects_10]', '[quarantined_objects]',
        '[quarantined_containers]', '[quarantined_accounts]']
    cluster.answer('sockstat', *[{'tcp_in_use': 1, 'orphan': 0, 'time_wait': 2,
                                  'tcp_mem_allocated_bytes': 4096}] * 2)
    lines = cluster.check('--sockstat')
    assert lines[0] == STAMP + 'Checking socket usage'
    assert lines[3] == '[tcp6_in_use] - No hosts returned valid data.'
    cluster.answer('driveaudit', *[{'drive_audit_errors': 1}] * 2)
    assert cluster.check('--driveaudit') == [
        STAMP + 'Checking drive-audit errors', '[drive_audit_errors] ' + numbers(1, 1, '1.0', 2)]


def checksum(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_checksums(cluster):
    rings = {'/etc/x/object.ring.gz': checksum(cluster.etc / 'object.ring.gz'),
             '/etc/x/account.ring.gz': 'not of this type'}
    conf = {'/etc/x/swift.conf': checksum(cluster.etc / 'swift.conf')}
    cluster.answer('ringmd5', rings, {**rings, '/etc/x/object.ring.gz': 'bad'})
    cluster.answer('swiftconfmd5', conf, {'/etc/x/swift.conf': None})
    one, two = (node.url for node in cluster.nodes)
    assert cluster.check('--md5') == [
        STAMP + 'Checking ring md5sums',
        "!! %s/recon/ringmd5 (object.ring.gz => bad) doesn't match on disk md5sum" % two,
        '1/2 hosts matched, 1 error[s] while checking hosts.', LINE,
        STAMP + 'Checking swift.conf md5sum',
        "!! %s/recon/swiftconfmd5 (/etc/x/swift.conf => None) doesn't match on disk md5sum" % two,
        '1/2 hosts matched, 1 error[s] while checking hosts.']
    assert '-> %s/recon/ringmd5 matches.' % one in cluster.check('--md5', '-v')


def test_server_types(cluster):
    cluster.nodes[1].server_name = 'nginx/1.2'
    assert cluster.check('--validate-servers') == [
        STAMP + "Validating server type 'object' on 2 hosts...",
        '1/2 hosts ok, 1 error[s] while checking hosts.',
        'Invalid: %s/ is nginx' % cluster.nodes[1].url]


def test_time(cluster):
    cluster.answer('time', 1e10, 0.0)
    lines = cluster.check('-T')
    assert lines[0] == STAMP + 'Checking time-sync'
    assert re.fullmatch(r'!! http://\S+/recon/time current time is [-0-9 :]+, but remote is '
                        r'1970-01-01 00:00:00, differs by \d+\.\d{4} sec', lines[2])
    assert lines[3] == '0/2 hosts matched, 2 error[s] while checking hosts.'
    assert cluster.check('-T', '--jitter', '1e11')[1:] == [
        '2/2 hosts matched, 0 error[s] while checking hosts.']


def test_versions(cluster):
    cluster.answer('version', {'version': '2.38.0'}, {'version': '2.38.0'})
    assert cluster.check('--swift-versions') == [
        STAMP + 'Checking versions',
        'Versions matched (2.38.0), 0 error[s] while checking hosts.']
    cluster.answer('version', {'version': '3.0.0'}, {'version': '2.38.0'})
    assert cluster.check('--swift-versions')[1] == (
        'Versions not matched (2.38.0, 3.0.0), 0 error[s] while checking hosts.')


@pytest.mark.parametrize('server_type, first', [
    ('object', ['async pendings', 'auditor stats ', 'updater times', 'on expirers',
                'on reconstructors']),
    ('container', ['auditor stats', 'updater times', 'on sharders']),
    ('account', ['auditor stats'])])
def test_all_checks_in_their_order(cluster, server_type, first):
    titles = [line[len(STAMP):] for line in cluster.run(server_type, '--all', '--suppress')
              if line.startswith(STAMP)]
    assert titles == [
        *('Checking ' + title for title in first), 'Checking on replication',
        'Getting unmounted drives from 2 hosts...', 'Checking load averages',
        'Checking disk usage now', 'Checking ring md5sums', 'Checking swift.conf md5sum',
        'Checking quarantine', 'Checking socket usage',
        "Validating server type '%s' on 2 hosts..." % server_type, 'Checking drive-audit errors',
        'Checking time-sync', 'Checking versions']


def test_hosts_are_chosen_by_policy_region_and_zone(own_cluster):
    own_cluster.ring('object-1', own_cluster.nodes[:1])

    def hosts(*argv):
        return [line for line in own_cluster.run(*argv) if line.startswith('-->')]
    start = '--> Starting reconnaissance on %d hosts (%s)'
    assert hosts('-u', '--suppress') == [start % (2, 'object')]
    for policy in ('silver', '1'):
        assert hosts('-u', '-p', policy) == [start % (1, 'object')]
    assert hosts('-u', '-z', '1') == [start % (1, 'object')]
    assert hosts('-u', '--region', '9') == [start % (0, 'object')]
    assert hosts('account', 'container', '-u') == [start % (2, 'account'),
                                                   start % (2, 'container')]


def test_without_swift_conf_the_other_checks_go_on(own_cluster):
    (own_cluster.etc / 'swift.conf').unlink()
    lines = own_cluster.run('account', '--md5', '--time', '--suppress')
    assert 'Error: cannot read swift.conf in %s' % own_cluster.etc in lines
    assert STAMP + 'Checking time-sync' in lines
