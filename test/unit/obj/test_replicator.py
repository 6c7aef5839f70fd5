"""Replication between real object servers on loopback, by SSYNC and by rsync."""
import os
import shutil

import pytest

from swift.common import fs, log
from swift.common.errors import PeerClosed
from swift.common.http.client import Exchange
from swift.common.locks import file_lock
from test.support.object_cluster import NOW, PART, ObjectCluster

METHODS = ('ssync', 'rsync')


def at(seconds, offset=''):
    return '%010d.00000%s' % (NOW - 1000 + seconds, offset)


@pytest.fixture(params=METHODS)
def trio(request, tmp_path):
    with ObjectCluster(tmp_path, sync_method=request.param, concurrency='4') as made:
        yield made


def diverge(servers):
    """Give each of three servers a different past of the same objects."""
    a, b, c = servers
    for server in servers:
        server.do('PUT', 'same', at(1), body=b'same')
    a.do('PUT', 'only-a', at(1), {'X-Object-Meta-Color': 'caf\xc3\xa9'}, body=b'a')
    a.do('PUT', 'newer', at(1), body=b'old')
    b.do('PUT', 'newer', at(2), body=b'new')
    for server in servers:
        server.do('PUT', 'meta', at(1), body=b'meta')
        server.do('PUT', 'ctype', at(1), body=b'ctype')
        server.do('PUT', 'gone', at(1), body=b'gone')
        server.do('PUT', 'reborn', at(1), body=b'first')
        server.do('PUT', 'both', at(1), body=b'both')
    b.do('POST', 'meta', at(3), {'X-Object-Meta-New': 'n'})
    c.do('POST', 'ctype', at(3), {'Content-Type': 'image/png', 'X-Object-Meta-A': '1'})
    a.do('POST', 'ctype', at(4), {'X-Object-Meta-A': '2'})
    c.do('DELETE', 'gone', at(5))
    a.do('DELETE', 'reborn', at(5))
    b.do('PUT', 'reborn', at(6), body=b'second')
    # The content type of one POST, the metadata of another.
    a.do('POST', 'both', at(7), {'Content-Type': 'image/gif', 'X-Object-Meta-B': 'a'})
    b.do('POST', 'both', at(8), {'X-Object-Meta-B': 'b'})
    c.do('PUT', 'large', at(1), body=os.urandom(300000))
    b.do('PUT', 'expired', at(1), {'X-Delete-At': str(NOW - 500)}, body=b'late')
    b.do('PUT', 'expires-by-post', at(1), body=b'late')
    b.do('POST', 'expires-by-post', at(2), {'X-Delete-At': str(NOW - 500)})
    c.do('PUT', 'offset', at(1, '_0000000000000001'), body=b'offset')
    a.do('PUT', 'empty', at(1))


def assert_alike(servers, policy=''):
    first, *others = [server.tree(policy) for server in servers]
    for other in others:
        assert other == first


def test_diverged_servers_converge(trio):
    diverge(trio.servers)
    for server in trio.servers:
        server.clock.advance(10)
    for _pass in range(3):
        trio.replicate()
    assert_alike(trio.servers)
    assert {path.rpartition('.')[2] for path in trio.servers[0].tree()} == {'data', 'meta', 'ts'}
    # One more pass finds nothing to send.
    trio.replicate()
    for server in trio.servers:
        stats = server.stats()['replication_stats']
        assert (stats['rsync'], stats['failure'], stats['hashmatch']) == (0, 0, 2)


def test_a_wiped_device_is_filled_again(trio):
    first, second, third = trio.servers
    for server in trio.servers:
        for number in range(20):
            server.do('PUT', 'o%d' % number, at(1), body=b'x' * number, part=number % 4)
    trio.replicate()
    trio.replicate()
    shutil.rmtree(third.path / 'objects')
    trio.replicate(0)
    assert_alike(trio.servers)
    assert len(third.tree()) == 20
    assert first.stats()['replication_stats']['rsync'] == 4
    assert not second.logger.lines(log.ERROR)


@pytest.mark.parametrize('method', METHODS)
def test_a_handoff_is_emptied_when_its_primaries_are_back(tmp_path, method):
    with ObjectCluster(tmp_path, count=4, sync_method=method) as made:
        handoff = made.servers[3]
        handoff.do('PUT', 'o', at(1), body=b'on a handoff')
        handoff.do('POST', 'o', at(2), {'X-Object-Meta-A': '1'})
        handoff.do('PUT', 'deleted', at(1), body=b'x')
        handoff.do('DELETE', 'deleted', at(3))
        expected = handoff.tree()
        assert len(expected) == 3
        made.replicate(3)
        assert not (handoff.path / 'objects' / str(PART)).exists()
        for server in made.servers[:3]:
            assert server.tree() == expected
        stats = handoff.stats()['replication_stats']
        assert (stats['remove'], stats['success'], stats['failure']) == (1, 3, 0)


def test_a_handoff_stays_while_a_primary_is_away(tmp_path):
    with ObjectCluster(tmp_path, count=4) as made:
        handoff, away = made.servers[3], made.servers[1]
        handoff.do('PUT', 'o', at(1), body=b'x')
        away.is_down = True
        made.replicate(3)
        assert len(handoff.tree()) == 1
        assert len(made.servers[0].tree()) == len(made.servers[2].tree()) == 1
        stats = handoff.stats()['replication_stats']
        assert stats['failure_nodes'] == {'127.0.0.1': {'sd1': 1}}
        away.is_down = False
        made.replicate(3)
        assert not (handoff.path / 'objects' / str(PART)).exists()


def test_a_handoff_stays_until_every_primary_heard_of_what_rsync_brought(tmp_path):
    with ObjectCluster(tmp_path, count=4, sync_method='rsync') as made:
        handoff, deaf = made.servers[3], made.servers[1]
        # Its partition is there and hashed; only its server is away, rsync gets through.
        deaf.do('PUT', 'o', at(2), body=b'newer')
        made.replicate(1)
        handoff.do('PUT', 'o', at(1), body=b'older')
        deaf.is_down = True
        made.replicate(3)
        assert len(deaf.tree()) == 2, 'the obsolete file came'
        assert len(handoff.tree()) == 1
        deaf.is_down = False
        made.replicate(3)
        assert not (handoff.path / 'objects' / str(PART)).exists()
        made.replicate(1)
        assert len(deaf.tree()) == 1


def test_handoff_delete_makes_two_copies_suffice(tmp_path):
    with ObjectCluster(tmp_path, count=4, handoff_delete='2') as made:
        made.servers[3].do('PUT', 'o', at(1), body=b'x')
        made.servers[1].is_down = True
        made.replicate(3)
        assert not (made.servers[3].path / 'objects' / str(PART)).exists()


def test_what_is_written_to_a_handoff_while_it_is_emptied_stays(tmp_path):
    with ObjectCluster(tmp_path, count=4) as made:
        handoff = made.servers[3]
        handoff.do('PUT', 'o', at(1), body=b'old')
        serve, late = made.servers[2].app, []

        def meanwhile(environ, start_response):
            if environ['REQUEST_METHOD'] == 'SSYNC' and not late:
                late.append(handoff.do('PUT', 'o', at(2), body=b'new'))
                late.append(handoff.do('PUT', 'other', at(2), body=b'other'))
            return serve(environ, start_response)
        made.servers[2].app = meanwhile
        made.replicate(3)
        made.servers[2].app = serve
        assert late == [201, 201]
        held = [content for content, _xattrs in handoff.tree().values()]
        assert sorted(held) == [b'new', b'other']
        made.replicate(3)
        assert not (handoff.path / 'objects' / str(PART)).exists()
        assert sorted(content for content, _x in made.servers[0].tree().values()) == [
            b'new', b'other']


def test_an_empty_handoff_partition_goes(tmp_path):
    with ObjectCluster(tmp_path, count=4) as made:
        part = made.servers[3].path / 'objects' / '77'
        (part / 'abc').mkdir(parents=True)
        (part / 'hashes.invalid').write_text('abc\n')
        made.replicate(3)
        assert not part.exists()


def test_an_empty_partition_goes_from_a_primary_too(tmp_path):
    with ObjectCluster(tmp_path) as made:
        first = made.servers[0]
        first.do('PUT', 'o', at(1), body=b'x')
        first.do('DELETE', 'o', at(2))
        part = first.path / 'objects' / str(PART)
        first.clock.advance(2000000)
        with file_lock(str(part / '.lock-replication'), 1):
            made.replicate(0)
            assert part.exists()
        made.replicate(0)
        assert not part.exists()
        assert not requests(made.servers)
        # Whoever writes again finds its way.
        assert first.do('PUT', 'o', '%010d.00000' % (NOW + 2000000), body=b'y') == 201


def test_an_unmounted_primary_is_replaced_by_a_handoff(tmp_path):
    with ObjectCluster(tmp_path, count=4) as made:
        made.servers[0].do('PUT', 'o', at(1), body=b'x')
        made.servers[1].is_down = True
        made.replicate(0)
        assert len(made.servers[3].tree()) == len(made.servers[2].tree()) == 1
        assert any('responded as unmounted' in line
                   for line in made.servers[0].logger.lines(log.ERROR))


def test_one_node_of_a_far_region_is_sent_to_per_pass(tmp_path):
    with ObjectCluster(tmp_path, regions=[1, 2, 2]) as made:
        made.servers[0].do('PUT', 'o', at(1), body=b'x')
        made.replicate(0)
        assert sorted(len(server.tree()) for server in made.servers[1:]) == [0, 1]
        made.replicate(0)
        made.replicate(0)
        assert_alike(made.servers)


def test_a_handoff_of_far_regions_goes_only_when_all_have_it(tmp_path):
    with ObjectCluster(tmp_path, count=4, regions=[2, 2, 1, 1]) as made:
        handoff = made.servers[3]
        handoff.do('PUT', 'o', at(1), body=b'x')
        made.replicate(3)
        # One of the far ones was only asked, and did not have it.
        assert len(handoff.tree()) == 1
        made.replicate(0, 1)
        made.replicate(3)
        assert not (handoff.path / 'objects' / str(PART)).exists()
        assert_alike(made.servers[:3])


def test_damage_does_not_spread_and_costs_the_handoff_nothing_else(tmp_path):
    with ObjectCluster(tmp_path, count=4) as made:
        handoff = made.servers[3]
        handoff.do('PUT', 'good', at(1), body=b'good')
        handoff.do('PUT', 'bad', at(1), body=b'bad')
        path = next(path for path, got in handoff.tree().items() if got[0] == b'bad')
        (handoff.path / 'objects' / path).write_bytes(b'bax')
        made.replicate(3)
        for server in made.servers[:3]:
            assert [got[0] for got in server.tree().values()] == [b'good']
        assert (handoff.path / 'quarantined/objects').exists()


# -- death in the middle --------------------------------------------------------------------------

def fill(handoff):
    for number in range(4):
        handoff.do('PUT', 'o%d' % number, at(1), body=b'x' * number)
    handoff.do('POST', 'o1', at(2), {'X-Object-Meta-A': '1'})
    handoff.do('DELETE', 'o2', at(3))
    return handoff.tree()


@pytest.mark.parametrize('count', range(0, 40, 3))
def test_a_receiver_that_dies_at_any_message_costs_nothing(tmp_path, count):
    with ObjectCluster(tmp_path, count=2, replicas=1) as made:
        primary, handoff = made.servers
        expected = fill(handoff)
        app, reads = primary.app, []

        class Mortal:
            """A body whose reader dies after some reads."""
            broken = False

            def __init__(self, body):
                self._body = body

            def readline(self, *args):
                return self._dying(self._body.readline, args)

            def read(self, *args):
                return self._dying(self._body.read, args)

            def _dying(self, read, args):
                reads.append(args)
                if len(reads) > count:
                    self._body.broken = True
                    raise ConnectionResetError('dead')
                return read(*args)

        def dying(environ, start_response):
            if environ['REQUEST_METHOD'] == 'SSYNC':
                environ['wsgi.input'] = Mortal(environ['wsgi.input'])
            return app(environ, start_response)
        primary.app = dying
        made.replicate(1)
        primary.app = app
        # Whatever is not at its primary is still here.
        assert {**handoff.tree(), **primary.tree()} == expected
        made.replicate(1)
        assert primary.tree() == expected and not handoff.tree()


@pytest.mark.parametrize('kept', range(0, 900, 70))
def test_a_sender_that_dies_at_any_byte_leaves_whole_objects_only(tmp_path, kept):
    with ObjectCluster(tmp_path, count=2, replicas=1) as made:
        primary, handoff = made.servers
        expected = fill(handoff)
        sent = []
        real = Exchange._out

        def dying(exchange, data):
            room = kept - sum(sent)
            sent.append(len(data))
            real(exchange, data[:max(0, room)])
            if room < len(data):
                exchange.close()
                raise PeerClosed('dead')
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Exchange, '_out', dying)
            made.replicate(1)
        found = primary.tree()
        assert set(found) <= set(expected)
        assert all(expected[path] == content for path, content in found.items())
        assert {**handoff.tree(), **found} == expected
        made.replicate(1)
        assert primary.tree() == expected and not handoff.tree()


@pytest.mark.parametrize('count', range(6))
def test_a_replicator_killed_while_it_empties_a_handoff_goes_on_later(tmp_path, count):
    with ObjectCluster(tmp_path, count=2, replicas=1) as made:
        primary, handoff = made.servers
        expected = fill(handoff)
        steps = []

        class Killed(BaseException):
            pass

        def hook(name):
            if name == 'drop':
                steps.append(name)
                if len(steps) > count:
                    raise Killed
        fs.set_step_hook(hook)
        try:
            made.replicate(1)
        except Killed:
            pass
        finally:
            fs.set_step_hook(None)
        assert primary.tree() == expected
        assert len(handoff.tree()) == max(0, len(expected) - count)
        made.replicate(1)
        assert not (handoff.path / 'objects' / str(PART)).exists()


# -- what an unchanged partition costs ------------------------------------------------------------

def requests(servers):
    seen = [one for server in servers for one in server.seen]
    for server in servers:
        server.seen.clear()
    return seen


def settled(made, parts=20):
    for server in made.servers:
        for number in range(parts):
            server.do('PUT', 'o%d' % number, at(1), body=b'x', part=number)
    made.replicate(0)
    made.replicate(0)
    requests(made.servers)
    return made.servers[0]


def test_unchanged_partitions_cost_one_small_request_per_peer(tmp_path):
    with ObjectCluster(tmp_path) as made:
        first = settled(made)
        made.replicate(0)
        assert sorted(requests(made.servers)) == [('REPLICATE', '/sd1/states'),
                                                  ('REPLICATE', '/sd2/states')]
        stats = first.stats()['replication_stats']
        assert (stats['attempted'], stats['success'], stats['hashmatch']) == (20, 40, 40)


@pytest.mark.parametrize('number', range(3))
def test_a_change_anywhere_is_noticed_at_the_next_pass(tmp_path, number):
    with ObjectCluster(tmp_path) as made:
        settled(made)
        made.servers[number].do('PUT', 'late', at(2), body=b'late', part=7)
        made.replicate(0)
        asked = requests(made.servers)
        assert sorted(path for method, path in asked if method == 'REPLICATE'
                      and 'states' not in path) == ['/sd1/7', '/sd2/7']


def test_a_peer_that_lost_its_data_is_noticed_at_the_next_pass(tmp_path):
    with ObjectCluster(tmp_path) as made:
        settled(made)
        shutil.rmtree(made.servers[2].path / 'objects')
        made.replicate(0)
        assert_alike(made.servers)


def test_everything_is_compared_again_after_the_interval(tmp_path):
    with ObjectCluster(tmp_path, full_check_interval='60') as made:
        first = settled(made)
        first.clock.advance(59)
        made.replicate(0)
        assert len(requests(made.servers)) == 2
        first.clock.advance(2)
        made.replicate(0)
        assert len(requests(made.servers)) == 40


def test_a_peer_without_states_is_compared_every_time(tmp_path):
    with ObjectCluster(tmp_path) as made:
        settled(made, parts=5)
        other, real = made.servers[1], made.servers[1].app

        def original(environ, start_response):
            def start(status, headers, *more):
                return start_response(status, [(name, value) for name, value in headers
                                               if name != 'X-Backend-Partition-State'], *more)
            return real(environ, start)
        other.app = original
        made.servers[0].replicator = made.replicator_of(made.servers[0])
        for _pass in range(3):
            requests(made.servers)
            made.replicate(0)
        assert sorted({path for _method, path in requests(made.servers)}) == sorted(
            '/sd%d/%d' % (device, part) for device in (1, 2) for part in range(5))
        other.app = real


def test_a_hash_that_cannot_be_computed_here_is_no_reason_to_skip(tmp_path):
    with ObjectCluster(tmp_path) as made:
        first = settled(made, parts=2)
        shutil.rmtree(first.path / 'objects' / '1')
        made.replicate(0)
        # The partition is gone here: the others will push it.
        made.replicate(1)
        assert_alike(made.servers)


# -- what is around ---------------------------------------------------------------------------

def test_odd_entries_among_partitions(tmp_path):
    with ObjectCluster(tmp_path) as made:
        first = made.servers[0]
        first.do('PUT', 'o', at(1), body=b'x')
        objects = first.path / 'objects'
        (objects / '13').write_text('a file')
        (objects / 'junk').mkdir()
        (objects / 'auditor_status_ALL.json').write_text('{}')
        made.replicate(0)
        assert not (objects / '13').exists() and (objects / 'junk').exists()
        assert_alike(made.servers)
        assert first.stats()['replication_stats']['failure'] == 2


def test_old_temporary_files_go(tmp_path):
    with ObjectCluster(tmp_path) as made:
        folder = made.servers[0].path / 'tmp'
        folder.mkdir()
        for name, age in (('old', 90000), ('young', 10)):
            (folder / name).write_text(name)
            os.utime(folder / name, (NOW - age, NOW - age))
        made.replicate(0)
        assert [path.name for path in folder.iterdir()] == ['young']


def test_a_pass_can_be_limited(tmp_path):
    with ObjectCluster(tmp_path) as made:
        first = made.servers[0]
        for part in (1, 2, 3):
            first.do('PUT', 'o%d' % part, at(1), body=b'x', part=part)
        first.do('PUT', 's', at(1), {'X-Backend-Storage-Policy-Index': '1'}, body=b's', part=1)
        first.replicator.run_once(partitions=(2,), policies=(0,), devices=('sd0', 'sdx'))
        assert [path.split('/')[0] for path in made.servers[1].tree()] == ['2']
        assert not (first.recon / 'object.recon').exists()
        first.replicator.run_once(devices=('sdx',))
        assert len(made.servers[1].tree()) == 1
        first.replicator.run_once(policies=(1,))
        assert len(made.servers[1].tree('-1')) == 1 and len(made.servers[1].tree()) == 1


def test_policies_in_the_middle_of_a_part_power_increase_rest(tmp_path):
    with ObjectCluster(tmp_path) as made:
        made.servers[0].do('PUT', 'o', at(1), body=b'x')
        made.ring.next_part_power = 11
        made.replicate(0)
        assert not made.servers[1].tree()
        assert any('next_part_power' in line for line in made.servers[0].logger.lines(log.WARNING))


def test_a_changed_ring_ends_the_pass(tmp_path):
    with ObjectCluster(tmp_path, ring_check_interval='0') as made:
        made.servers[0].do('PUT', 'o', at(1), body=b'x')
        made.ring.changed = True
        made.replicate(0)
        assert not made.servers[1].tree()
        assert any('Ring change detected' in line
                   for line in made.servers[0].logger.lines(log.INFO))


def test_handoffs_first_leaves_the_rest_while_any_is_stuck(tmp_path):
    with ObjectCluster(tmp_path, count=4, handoffs_first='true') as made:
        handoff = made.servers[3]
        handoff.do('PUT', 'o', at(1), body=b'x')
        made.servers[1].is_down = True
        made.replicate(3)
        assert any('still has handoffs remaining' in line
                   for line in handoff.logger.lines(log.WARNING))


def test_a_locked_handoff_waits_for_the_next_pass(tmp_path):
    with ObjectCluster(tmp_path, count=4) as made:
        handoff = made.servers[3]
        handoff.do('PUT', 'o', at(1), body=b'x')
        with file_lock(str(handoff.path / 'objects' / str(PART) / '.lock-replication'), 1):
            # Every look at the clock is a second later.
            handoff.clock.monotonic = iter(range(1000)).__next__
            made.replicate(3)
        assert len(handoff.tree()) == 1 and not made.servers[0].tree()


def test_peers_that_are_away_are_counted(tmp_path):
    with ObjectCluster(tmp_path) as made:
        made.servers[0].do('PUT', 'o', at(1), body=b'x')
        made.ring.nodes[1] = made.ring.nodes[1].__class__(
            **{**made.ring.nodes[1].as_dict(), 'replication_port': 1})
        made.replicate(0)
        recon = made.servers[0].stats()
        assert recon['replication_stats']['failure_nodes'] == {'127.0.0.1': {'sd1': 1}}
        assert recon['replication_last'] == recon['object_replication_last'] == NOW
        assert len(made.servers[2].tree()) == 1
