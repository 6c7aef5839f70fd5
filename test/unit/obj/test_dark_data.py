"""The dark_data watcher: which objects are dark, and what happens to them."""
import pytest

from swift.common import log
from swift.common.clock import ManualClock
from swift.common.direct_client import DirectError
from swift.common.errors import ConfigError, ResponseTimeout
from swift.common.exceptions import QuarantineRequest
from swift.obj.audit_watchers import load_class, watcher_conf
from swift.obj.watchers.dark_data import DarkDataWatcher
from test.support.logs import RecordingLogger
from test.support.object_node import Node, ScriptedResponse, cluster

NOW = 1800000000
OLD = {'name': '/a/c/o/p', 'X-Timestamp': '1700000000.00000'}
YES, NO = [{'name': 'o/p'}], []


class Ring:
    def get_nodes(self, account, container):
        return 7, [(container, number) for number in range(3)]


class Client:
    """Container servers from memory: `answers` maps (container, replica) to rows or an error."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def get_container(self, node, part, account, container, headers, **query):
        self.asked.append((account, node, query))
        answer = self.answers[node]
        if isinstance(answer, Exception):
            raise answer
        is_shards = any('lower' in row for row in answer)
        return {'X-Backend-Record-Type': 'shard'} if is_shards else {}, answer


def gone():
    class Nowhere:
        id, device, ip, port = 0, 'sda', '127.0.0.1', 1
    return DirectError('Container GET', Nowhere, '/a/c', ScriptedResponse404(), ('127.0.0.1', 1))


class ScriptedResponse404(ScriptedResponse):
    reason = 'Not Found'

    def __init__(self):
        super().__init__(404)


def watcher(answers, **conf):
    if not isinstance(answers, dict):
        answers = {('c', number): answer for number, answer in enumerate(answers)}
    where = cluster()
    where._rings['container'] = Ring()
    made = DarkDataWatcher(conf, RecordingLogger(), client=Client(answers), cluster=where,
                           clock=ManualClock(NOW))
    made.start(audit_type='ALL')
    return made


def verdict(made, metadata=OLD):
    made.see_object(object_metadata=metadata, data_file_path='/nowhere')
    made.end()
    return made._logger.lines(log.INFO)[-1]


@pytest.mark.parametrize('answers, expected', [
    ((YES, YES, YES), 'ok 1 dark 0'), ((NO, NO, YES), 'ok 1 dark 0'),
    ((NO, NO, NO), 'ok 0 dark 1'), ((NO, NO, gone()), 'unknown 1 ok 0 dark 0'),
    ((gone(), gone(), gone()), 'unknown 1 ok 0 dark 0'),
    ((NO, ResponseTimeout('slow'), NO), 'unknown 1 ok 0 dark 0'),
    ((YES, ResponseTimeout('slow'), ResponseTimeout('slow')), 'ok 1 dark 0'),
    (([{'name': 'o'}], NO, NO), 'ok 0 dark 1')])
def test_dark_is_what_every_replica_denies(answers, expected):
    line = verdict(watcher(answers))
    assert line.startswith('total 1 unknown ') and line.endswith(expected)


def test_the_question_and_no_more_of_them_than_needed():
    made = watcher((YES, YES, YES))
    verdict(made)
    (account, _node, query), = made._client.asked
    assert account == 'a' and query == {'prefix': 'o/p', 'limit': 1, 'includes': 'o/p',
                                        'states': 'listing'}


@pytest.mark.parametrize('shard, expected', [(YES, 'ok 1 dark 0'), (NO, 'ok 0 dark 1')])
def test_shards_are_followed(shard, expected):
    pointer = [{'name': '.shards_a/c-1', 'lower': '', 'upper': ''}]
    answers = {('c', number): pointer for number in range(3)}
    answers |= {('c-1', number): shard for number in range(3)}
    assert verdict(watcher(answers)).endswith(expected)


def test_shards_that_point_in_a_circle_are_no_answer():
    pointer = [{'name': 'a/c', 'lower': '', 'upper': ''}]
    made = watcher((pointer,) * 3)
    made._is_listed = lambda *names: DarkDataWatcher._is_listed(made, *names)
    from swift.obj.watchers import dark_data
    made._client.answers = {('c', number): pointer for number in range(3)}
    old, dark_data.SHARD_DEPTH_MAX = dark_data.SHARD_DEPTH_MAX, 2
    try:
        assert 'unknown 1' in verdict(made)
    finally:
        dark_data.SHARD_DEPTH_MAX = old


def test_young_objects_and_zbf_scans_ask_nobody():
    made = watcher((NO, NO, NO))
    young = {**OLD, 'X-Timestamp': '%d.00000' % (NOW - 604000)}
    assert verdict(made, young).startswith('total 0')
    made.start(audit_type='ZBF')
    made.see_object(object_metadata=OLD, data_file_path='/nowhere')
    assert made._client.asked == []
    assert verdict(watcher((NO, NO, NO), grace_age='0'), young).endswith('dark 1')


def test_action_quarantine_asks_the_auditor():
    with pytest.raises(QuarantineRequest):
        verdict(watcher((NO, NO, NO), action='quarantine'))


def test_action_delete_removes_the_file_and_marks_its_suffix(tmp_path):
    (tmp_path / 'sda').mkdir()
    node = Node(tmp_path)
    node.request('PUT', '/sda/7/a/c/o/p', {'X-Timestamp': '1700000000.00000',
                                          'Content-Type': 'text/plain'}, b'x')
    node.close()
    path, = tmp_path.glob('sda/objects/7/*/*/*.data')
    invalid = tmp_path / 'sda/objects/7/hashes.invalid'
    invalid.write_text('')
    watcher((NO, NO, NO), action='delete').see_object(object_metadata=OLD,
                                                      data_file_path=str(path))
    assert not path.exists() and invalid.read_text() == path.parent.parent.name + '\n'


def test_entry_point_and_section(tmp_path):
    assert load_class('swift#dark_data') is load_class('egg:swift#dark_data') is DarkDataWatcher
    for wrong in ('swift#nope', 'no-such-package#dark_data', 'swift'):
        with pytest.raises(ConfigError, match='Unable to load audit watcher'):
            load_class(wrong)
    path = tmp_path / 'object-server.conf'
    path.write_text('[object-auditor]\ninterval=7\naction=x\n'
                    '[object-auditor:watcher:swift#dark_data]\naction=delete\n')
    conf = {'interval': '7', 'action': 'x', '__file__': str(path)}
    assert watcher_conf(conf, 'swift#dark_data')['action'] == 'delete'
    assert watcher_conf(conf, 'swift#dark_data')['interval'] == '7'
    assert watcher_conf(conf, 'other#w')['action'] == 'x'
    with pytest.raises(ConfigError):
        watcher((NO, NO, NO), action='shrug')
