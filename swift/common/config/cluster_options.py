"""What may stand in swift.conf, as tables: for the sample, the reference and swift-config.

Layer 1. The values themselves are read by swift.common.cluster; a test keeps the defaults of
[swift-constraints] equal to those of swift.core.constraints.

Source: sheet 07 section 2.4, sheet 01 section 14.
"""
from swift.common.config.options import Bool, Bytes, Integer, List, Options, Text


class HashOptions(Options, section='swift-hash'):
    """The secrets in every path hash. At least one is needed; neither may ever change."""

    swift_hash_path_suffix = Text('', 'Secret appended to every path that is hashed.')
    swift_hash_path_prefix = Text('', 'Secret put before every path that is hashed.')


class StoragePolicyOptions(Options, section='storage-policy:N'):
    """One section per storage policy; N is its index, and 0 must exist."""

    policy_name = Text('', 'Name that clients use. Letters, digits and dashes.', name='name',
                       example='gold')
    aliases = List((), 'Other names of the policy.')
    default = Bool(False, 'Policy of containers whose creator names none.')
    deprecated = Bool(False, 'No new containers may use the policy.')
    policy_type = Text('replication', 'replication or erasure_coding.')
    diskfile_module = Text('egg:swift#replication.fs',
                           'How objects are kept on disk; what is not built in is refused.')
    ec_type = Text('', 'Erasure coding: scheme of liberasurecode, such as '
                       'liberasurecode_rs_vand.')
    ec_num_data_fragments = Integer(None, 'Erasure coding: data fragments.')
    ec_num_parity_fragments = Integer(None, 'Erasure coding: parity fragments.')
    ec_object_segment_size = Bytes(1048576, 'Erasure coding: bytes encoded at a time.')
    ec_duplication_factor = Integer(1, 'Erasure coding: copies of each fragment.')


class ConstraintOptions(Options, section='swift-constraints'):
    """Limits of the public API, the same on every node; published in /info."""

    max_file_size = Bytes(5368709122, 'Largest object that is not made of segments.')
    max_meta_name_length = Bytes(128, 'Longest name of one metadata item.')
    max_meta_value_length = Bytes(256, 'Longest value of one metadata item.')
    max_meta_count = Integer(90, 'Metadata items in one request.')
    max_meta_overall_size = Bytes(4096, 'All metadata names and values of one request.')
    max_header_size = Bytes(8192, 'Longest header line.')
    max_request_line = Bytes(8192, 'Longest request line.')
    extra_header_count = Integer(0, 'Header lines allowed besides the usual ones.')
    max_object_name_length = Bytes(1024, 'Longest object name.')
    container_listing_limit = Integer(10000, 'Most entries of a container listing.')
    account_listing_limit = Integer(10000, 'Most entries of an account listing.')
    max_account_name_length = Bytes(256, 'Longest account name.')
    max_container_name_length = Bytes(256, 'Longest container name.')
    valid_api_versions = List('v1,v1.0', 'First path segments that mean the API.')
    auto_create_account_prefix = Text('.', 'Start of the names of internal accounts. Do not '
                                           'change it.')
