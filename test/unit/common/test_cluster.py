"""swift.conf: salt, policies, limits; rings of a cluster."""
import shutil

import pytest

from swift.common.cluster import Cluster
from swift.common.errors import ConfigError, RingLoadError, RingUnfit
from test.support.golden_rings import FOLDER, cases

HASH = '[swift-hash]\nswift_hash_path_suffix = changeme\nswift_hash_path_prefix = changeme\n'
GOLD = '[storage-policy:0]\nname = gold\ndefault = yes\n'


@pytest.fixture
def cluster(tmp_path):
    def make(text, load=True):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / 'swift.conf').write_bytes(content)
        return (Cluster.load if load else Cluster)(str(tmp_path))
    return make


def problem_of(make, text):
    with pytest.raises(ConfigError) as refused:
        make(text)
    return str(refused.value)


def test_hash_path(cluster):
    found = cluster(HASH)
    assert found.hash_path('AUTH_test', 'c', 'o') == '4e2772c453cbe15a19b26fbfbb223e31'
    assert found.hash_path('AUTH_test', raw_digest=True).hex() == (
        'c8bcccab3ddbfdc34b08e9223f4f5178')
    assert found.hash_path('AUTH_test', 'café', 'a/b c') == 'eb5546e04972033e0f412ed14299c7d0'


def test_only_a_suffix(cluster):
    found = cluster('[swift-hash]\nswift_hash_path_suffix = changeme\n')
    assert found.hash_path('AUTH_test') == '9d00c9d091fea9ea855f29c22714dc83'
    assert found.hash_path('AUTH_test', 'c', 'o') == '7363996f2cfb95eaa18df19ccc31aece'


@pytest.mark.parametrize('value, secret', [
    (b'a%%b', b'a%b'), (b'  spaced out  ', b'spaced out'), (b'x # no', b'x # no'),
    (b'\xff\xfe\x80', b'\xff\xfe\x80'), ('é'.encode(), 'é'.encode())])
def test_the_secret_is_bytes(cluster, value, secret):
    found = cluster(b'[swift-hash]\nSWIFT_HASH_PATH_SUFFIX = ' + value + b'\n')
    assert (found.hash_prefix, found.hash_suffix) == (b'', secret)


@pytest.mark.parametrize('text', [
    '', '[swift-hash]\n', '[swift-hash]\nswift_hash_path_suffix =\nswift_hash_path_prefix =\n'])
def test_no_salt(cluster, tmp_path, text):
    assert problem_of(cluster, text) == (
        'Error: [swift-hash]: both swift_hash_path_suffix and swift_hash_path_prefix are missing '
        f'from {tmp_path}/swift.conf')
    without = cluster(text, load=False)
    assert without.policies.default.name == 'Policy-0', 'what needs no salt works without'


def test_no_file(tmp_path):
    without = Cluster(str(tmp_path))
    assert len(without.policies) == 1 and without.constraints.max_meta_count == 90
    with pytest.raises(ConfigError, match='both swift_hash_path_suffix'):
        without.hash_path('a')
    with pytest.raises(ConfigError, match='both swift_hash_path_suffix'):
        assert without.account_ring


@pytest.mark.parametrize('text', [
    '[swift-hash]\nswift_hash_path_suffix = a%b\n', HASH + HASH,
    '[swift-hash]\nswift_hash_path_suffix = a\nswift_hash_path_suffix = b\n', 'nonsense\n',
    HASH + '[storage-policy:0]\nname = 100%\n'])
def test_faults_of_the_grammar(cluster, text):
    assert 'Unable to read config from' in problem_of(cluster, text)


def test_policies(cluster, tmp_path):
    found = cluster(HASH + GOLD + '[storage-policy:1]\nname = silver\n').policies
    assert [policy.name for policy in found] == ['gold', 'silver']
    assert problem_of(cluster, HASH + '[storage-policy:1]\nname = silver\n') == (
        f'ERROR: Invalid Storage Policy Configuration in {tmp_path}/swift.conf (You must specify '
        'a storage policy section for policy index 0 in order to define multiple policies)')


def test_defaults_leak_into_policies(cluster):
    assert "Invalid option 'x' in storage-policy section, for index '0'" in problem_of(
        cluster, '[DEFAULT]\nx = 1\n' + HASH + GOLD)


def test_constraints(cluster):
    found = cluster(HASH + '[swift-constraints]\nmax_object_name_length = 10\n').constraints
    assert found.max_object_name_length == 10 and found.max_meta_count == 90
    assert 'swift-constraints' in problem_of(
        cluster, HASH + '[swift-constraints]\nmax_meta_count = many\n')


def test_rings(cluster, tmp_path):
    found = cluster(HASH + GOLD + '[storage-policy:1]\nname = silver\n')
    for name in ('account', 'container', 'object', 'object-1'):
        case = 'two_regions' if name == 'object-1' else 'four_zones'
        shutil.copyfile(FOLDER / case / 'v1/object.ring.gz', tmp_path / f'{name}.ring.gz')
    found.load_rings()
    assert found.account_ring is found.account_ring
    assert (found.container_ring.name, found.object_ring(1).name) == ('container', 'object-1')
    assert found.object_ring(None) is found.object_ring('') is found.object_ring(0)
    with pytest.raises(KeyError):
        found.object_ring(2)
    look_up = cases()['four_zones']['rings']['v1']['lookups'][2]
    assert found.account_ring.get_nodes(*look_up['path'][1:].split('/', 2))[0] == (
        look_up['partition'])
    (tmp_path / 'object-1.ring.gz').unlink()
    with pytest.raises(RingLoadError):
        cluster(HASH + GOLD + '[storage-policy:1]\nname = silver\n').load_rings()


EC = """[storage-policy:1]
name = ec42
policy_type = erasure_coding
ec_type = liberasurecode_rs_vand
ec_num_data_fragments = 4
ec_num_parity_fragments = 2
"""


def test_ec_rings_need_a_replica_per_fragment(cluster, tmp_path):
    found = cluster(HASH + GOLD + EC)
    shutil.copyfile(FOLDER / 'ec_six/v1/object.ring.gz', tmp_path / 'object-1.ring.gz')
    assert found.object_ring(1).replica_count == 6
    shutil.copyfile(FOLDER / 'fractional/v1/object.ring.gz', tmp_path / 'object-1.ring.gz')
    with pytest.raises(RingUnfit) as refused:
        cluster(HASH + GOLD + EC).object_ring(1)
    assert str(refused.value) == ('EC ring for policy ec42 needs to be configured with exactly 6 '
                                  'replicas. Got 2.5.')
    assert not found.object_ring(1).reload_if_changed(), 'the good ring stays'
    assert found.policies[1].quorum(6) == 5
