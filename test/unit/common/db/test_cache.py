"""The cache of open brokers: identity, bound, closing."""
from swift.common.db.cache import BrokerCache
from swift.common.db.files import Place


class FakeBroker:
    def __init__(self, place):
        self.place = place
        self.closed = 0

    def close_if_idle(self):
        self.closed += 1

    close = close_if_idle


def place(name):
    return Place('/srv/node/sda', 'containers', f'/srv/node/sda/containers/1/abc/{name}', name)


def test_one_broker_for_each_place():
    cache = BrokerCache(FakeBroker)
    assert cache.get(place('a')) is cache.get(place('a'))
    assert cache.get(place('a')) is not cache.get(place('b'))


def test_the_least_recently_used_is_closed():
    cache = BrokerCache(FakeBroker, size=2)
    first, second = cache.get(place('a')), cache.get(place('b'))
    cache.get(place('a'))
    cache.get(place('c'))
    assert (first.closed, second.closed) == (0, 1)
    assert cache.get(place('b')) is not second
    assert cache.statistics() == {'brokers': 2, 'limit': 2}


def test_known_makes_none_but_counts_as_use():
    cache = BrokerCache(FakeBroker, size=2)
    assert cache.known(place('a')) is None
    first, second = cache.get(place('a')), cache.get(place('b'))
    assert cache.known(place('a')) is first
    cache.get(place('c'))
    assert (first.closed, second.closed) == (0, 1)


def test_close_closes_all():
    cache = BrokerCache(FakeBroker)
    brokers = [cache.get(place(name)) for name in 'abc']
    cache.close()
    assert [broker.closed for broker in brokers] == [1, 1, 1]
    assert cache.statistics()['brokers'] == 0
