"""A cluster in memory, a service on it, and no waiting between attempts."""
import pytest

from swiftclient.service import SwiftService
from test.support.memory_cluster import MemoryCluster


@pytest.fixture
def cluster():
    with MemoryCluster() as memory:
        yield memory


@pytest.fixture
def no_pauses(monkeypatch):
    """Further attempts follow at once; the fixture is the list of pauses that were wanted."""
    pauses: list[float] = []
    monkeypatch.setattr('swiftclient.client.sleep', pauses.append)
    return pauses


@pytest.fixture
def service(cluster, no_pauses):
    with SwiftService({'auth': cluster.url, 'user': 'test:tester', 'key': 'testing',
                       'auth_version': '1.0'}) as made:
        yield made


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The current directory: d/a.txt, d/sub/b.txt, d/empty/, and big of 3000 bytes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'd/sub').mkdir(parents=True)
    (tmp_path / 'd/empty').mkdir()
    (tmp_path / 'd/a.txt').write_bytes(b'a\n')
    (tmp_path / 'd/sub/b.txt').write_bytes(b'bb\n')
    (tmp_path / 'big').write_bytes(bytes(range(250)) * 12)
    return tmp_path
