"""Storage policies: every rule with its text, look-ups, names on disk."""
import pytest

from swift.core.policy import (
    PolicyCollection,
    PolicyError,
    StoragePolicy,
    parse_policies,
    quorum_size,
)


class Erasure:
    available = ('flat_xor_hd_3', 'isa_l_rs_vand', 'liberasurecode_rs_vand')

    def min_parity_needed(self, ec_type, data, parity):
        if data > 30:
            raise ValueError('too many fragments')
        return 1


def parse(*sections):
    return parse_policies({f'storage-policy:{index}': options for index, options in sections},
                          Erasure())


GOLD = ('0', {'name': 'gold', 'default': 'yes'})
EC = {'policy_type': 'erasure_coding', 'name': 'ec', 'ec_type': 'liberasurecode_rs_vand',
      'ec_num_data_fragments': '4', 'ec_num_parity_fragments': '2'}


def test_none_configured():
    policies = parse()
    assert policies.info() == [{'name': 'Policy-0', 'aliases': 'Policy-0', 'default': True}]
    assert policies.default is policies.legacy is policies[0]


def test_other_sections_do_not_matter():
    assert len(parse_policies({'swift-hash': {'x': 'y'}}, Erasure())) == 1


def test_info_shows_aliases_and_hides_deprecated():
    policies = parse(('0', {'name': 'gold', 'aliases': 'yellow, orange', 'default': 'true'}),
                     ('1', {'name': 'silver', 'deprecated': 'yes'}))
    assert policies.info() == [
        {'name': 'gold', 'aliases': 'gold, yellow, orange', 'default': True}]


def test_look_up():
    policies = parse(GOLD, ('01', {'name': 'silver', 'aliases': 'Grey'}))
    silver = policies[1]
    assert policies.get_by_name('SILVER') is policies.get_by_name('grey') is silver
    assert policies.get_by_name('nope') is None
    for index in (None, '', 0, '0'):
        assert policies.get_by_index(index) is policies.legacy
    assert policies.get_by_index('1') is silver
    for index in (2, '2', 'x', '1.5', -1):
        assert policies.get_by_index(index) is None
    assert policies.get_by_name_or_index('1') is silver
    assert policies.get_by_name_or_index('gold') is policies[0]
    assert [policy.index for policy in policies] == [0, 1] and len(policies) == 2
    assert int(silver) == silver.idx == 1 and [10, 20][silver] == 20


def test_a_single_policy_is_default_unmarked():
    assert parse(('0', {'name': 'gold'})).default.name == 'gold'


def test_numeric_names_are_legal_but_refused_when_ambiguous():
    policies = parse(GOLD, ('1', {'name': '0'}))
    with pytest.raises(PolicyError):
        policies.get_by_name_or_index('0')


@pytest.mark.parametrize('sections, text', [
    ([('x', {'name': 'a'})], "Invalid index, for index 'x'"),
    ([('-1', {'name': 'a'})], "Invalid index, for index '-1'"),
    ([('', {'name': 'a'})], "Invalid index, for index ''"),
    ([('0', {'name': 'a', 'nam': 'b'})],
     "Invalid option 'nam' in storage-policy section, for index '0'"),
    ([('0', {'name': 'a', 'ec_type': 'b'})],
     "Invalid option 'ec_type' in storage-policy section, for index '0'"),
    ([('0', {'name': ''})], "Invalid name '', for index 0"),
    ([('0', {})], "Invalid name '', for index 0"),
    ([('0', {'name': 'a b'})], 'Names are used as HTTP headers, and can not reliably contain any '
     "characters not in '-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'. "
     "Invalid name 'a b', for index 0"),
    ([GOLD, ('1', {'name': 'policy-0'})], 'The name Policy-0 is reserved for policy index 0. '
     "Invalid name 'policy-0', for index 1"),
    ([('0', {'name': 'a', 'aliases': 'b, B'})],
     'The name B is already assigned to this policy., for index 0'),
    ([GOLD, ('1', {'name': 'GOLD'})],
     'Duplicate name policy 1 (GOLD) conflicts with policy 0 (gold)'),
    ([GOLD, ('1', {'name': 'b', 'aliases': 'gold'})],
     'Duplicate name policy 1 (b, gold) conflicts with policy 0 (gold)'),
    ([GOLD, ('00', {'name': 'b'})],
     'Duplicate index policy 0 (b) conflicts with policy 0 (gold)'),
    ([GOLD, ('1', {'name': 'b', 'default': 'on'})],
     'Duplicate default policy 1 (b) conflicts with policy 0 (gold)'),
    ([('0', {'name': 'a', 'default': '1', 'deprecated': 't'})],
     'Deprecated policy can not be default.  Invalid config, for index 0'),
    ([('1', {'name': 'a', 'default': 'y'})], 'You must specify a storage policy section for policy '
     'index 0 in order to define multiple policies'),
    ([('0', {'name': 'a', 'deprecated': 'true'})], "Unable to find policy that's not deprecated!"),
    ([('0', {'name': 'a'}), ('1', {'name': 'b'})], 'Unable to find default policy'),
    ([('0', {'name': 'a', 'policy_type': 'raid'})], "Invalid policy_type 'raid', should be one of "
     '"replication, erasure_coding", for index 0'),
    ([('0', {**EC, 'ec_type': ''})], 'Missing ec_type'),
    ([('0', {**EC, 'ec_type': 'magic'})], 'Wrong ec_type magic for policy ec, should be one of '
     '"flat_xor_hd_3, isa_l_rs_vand, liberasurecode_rs_vand"'),
    ([('0', {**EC, 'ec_num_data_fragments': '0'})],
     "Invalid ec_num_data_fragments '0', for index 0"),
    ([('0', {**EC, 'ec_num_parity_fragments': 'x'})],
     "Invalid ec_num_parity_fragments 'x', for index 0"),
    ([('0', {**EC, 'ec_object_segment_size': '-1'})],
     "Invalid ec_object_segment_size '-1', for index 0"),
    ([('0', {**EC, 'ec_duplication_factor': '0'})],
     'Config option must be an positive int number, not "0"., for index 0'),
    ([('0', {**EC, 'ec_num_data_fragments': '99'})],
     'Error creating EC policy (too many fragments), for index 0'),
    ([GOLD, ('1', {**EC, 'ec_type': 'isa_l_rs_vand', 'ec_num_parity_fragments': '5'})],
     'Storage policy ec uses an EC configuration known to harm data durability. This policy MUST '
     'be deprecated.'),
])
def test_rules(sections, text):
    with pytest.raises(PolicyError) as refused:
        parse(*sections)
    assert str(refused.value) == text


def test_a_harmful_code_may_stay_when_deprecated():
    policies = parse(GOLD, ('1', {**EC, 'ec_type': 'isa_l_rs_vand', 'deprecated': 'yes',
                                  'ec_num_parity_fragments': '5'}))
    assert 'known to harm data durability' in policies.warnings[0]


def test_ec_values():
    policies = parse(GOLD, ('1', {**EC, 'ec_duplication_factor': '2'}))
    policy = policies[1]
    assert policy.is_ec and not policies[0].is_ec and policies[0].ec is None
    assert (policy.ec.unique_fragments, policy.ec.total_fragments) == (6, 12)
    assert policy.quorum(12) == policy.ec.quorum == 10
    assert policy.ec.scheme == 'liberasurecode_rs_vand 4+2'
    assert policy.ec.segment_size == 1048576
    assert [policy.ec.fragment_index(index) for index in (0, 5, 6, 11)] == [0, 5, 0, 5]
    assert policy.ring_problem(12) is None and policies[0].ring_problem(2.5) is None
    assert policy.ring_problem(6.0) == ('EC ring for policy ec needs to be configured with exactly '
                                        '12 replicas. Got 6.0.')
    assert policy.diskfile_module == 'egg:swift#erasure_coding.fs'


@pytest.mark.parametrize('replicas, quorum', [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (2.5, 1),
                                              (3.25, 2)])
def test_quorum_is_half_rounded_up(replicas, quorum):
    assert quorum_size(replicas) == quorum == StoragePolicy(0, 'x').quorum(replicas)


def test_names_on_disk():
    zero, one = StoragePolicy(0, 'gold', is_default=True), StoragePolicy(1, 'silver')
    assert (zero.ring_name, zero.objects_dir, zero.async_dir, zero.tmp_dir) == (
        'object', 'objects', 'async_pending', 'tmp')
    assert (one.ring_name, one.objects_dir, one.async_dir, one.tmp_dir) == (
        'object-1', 'objects-1', 'async_pending-1', 'tmp-1')
    policies = PolicyCollection((zero, one))
    assert policies.split_dir('objects', 'objects') is zero
    assert policies.split_dir('objects-1', 'objects') is one
    for name in ('objects-0', 'objects-01', 'objects-2', 'objects-', 'objects-x', 'objects-1-1',
                 'other', 'async_pending-1', '-1', 'objects-١'):
        assert policies.split_dir(name, 'objects') is None
