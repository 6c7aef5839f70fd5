"""The help of swift-ring-builder: usage of each command, search values, exit codes (layer 4)."""
from __future__ import annotations

VERSION = '1.3'

_DEVICE_OPTIONS = """\
    --id ID  --region REGION  --zone ZONE  --ip IP_OR_HOST  --port PORT
    --replication-ip IP_OR_HOST  --replication-port PORT  --device DEVICE
    --weight WEIGHT  --meta TEXT"""

USAGE = {
    'create': """\
create <part_power> <replicas> <min_part_hours>
    Make a builder file for 2^<part_power> partitions with <replicas> replicas
    each. A partition that moved stays for <min_part_hours> hours. An existing
    builder file is replaced.""",
    'version': """\
version
    Show format and build version of the ring file.""",
    'search': f"""\
search <search-value>
search [--yes]
{_DEVICE_OPTIONS}
    Show the devices that match.""",
    'list_parts': f"""\
list_parts <search-value> [<search-value>] ...
list_parts
{_DEVICE_OPTIONS}
    Show the partitions that have replicas on the matching devices, those with
    the most such replicas first.""",
    'add': f"""\
add [r<region>]z<zone>-<ip>:<port>[R<r_ip>:<r_port>]/<device>[_<meta>] <weight>
    [[r<region>]z<zone>-<ip>:<port>[R<r_ip>:<r_port>]/<device>[_<meta>] <weight>] ...
add
{_DEVICE_OPTIONS}
    Add devices. No data moves before the next rebalance.""",
    'set_weight': f"""\
set_weight <search-value> <new-weight> [<search-value> <new-weight>] ... [--yes]
set_weight <new-weight> [--yes]
{_DEVICE_OPTIONS}
    Set the weight of the matching devices.""",
    'set_region': f"""\
set_region <search-value> <region> [<search-value> <region>] ... [--yes]
set_region <region> [--yes]
{_DEVICE_OPTIONS}
    Set the region of the matching devices.""",
    'set_zone': f"""\
set_zone <search-value> <zone> [<search-value> <zone>] ... [--yes]
set_zone <zone> [--yes]
{_DEVICE_OPTIONS}
    Set the zone of the matching devices.""",
    'set_info': f"""\
set_info <search-value> [<ip>][:<port>][R[<r_ip>][:<r_port>]][/<device>][_<meta>]
    [<search-value> <change>] ... [--yes]
set_info [--yes]
{_DEVICE_OPTIONS}
    --change-ip IP_OR_HOST  --change-port PORT  --change-replication-ip IP_OR_HOST
    --change-replication-port PORT  --change-device DEVICE  --change-meta TEXT
    Change address, name or meta of the matching devices.""",
    'remove': f"""\
remove <search-value> [<search-value>] ... [--yes]
remove [--yes]
{_DEVICE_OPTIONS}
    Mark the matching devices for removal by the next rebalance.""",
    'rebalance': """\
rebalance [--force] [--seed SEED] [--debug] [--format-version {1,2}] [<seed>]
    Move partitions so that they follow the devices, and write the ring file.
    Partitions that moved within the last min_part_hours stay where they are.""",
    'dispersion': """\
dispersion [<filter>] [--verbose] [--recalculate]
    Show how well replicas are spread over failure domains. <filter> is a
    regular expression for tier names such as r1z2-10.0.0.1/sdb.""",
    'validate': """\
validate
    Check that table and devices agree.""",
    'write_ring': """\
write_ring [--format-version {1,2}] [--dev-id-bytes {2,4}]
    Write the ring file without rebalancing.""",
    'write_builder': """\
write_builder [<min_part_hours>]
    Make up a builder file from a ring file whose builder was lost.""",
    'pretend_min_part_hours_passed': """\
pretend_min_part_hours_passed
    Let the next rebalance move any partition. Use with care: data that was
    just moved may not have arrived yet.""",
    'set_min_part_hours': """\
set_min_part_hours <hours>
    Set how many hours a partition stays after it moved.""",
    'set_replicas': """\
set_replicas <replicas>
    Set the replica count, which may be fractional.""",
    'set_overload': """\
set_overload <overload>[%]
    Set by how much a device may exceed its share to keep replicas apart.""",
    'prepare_increase_partition_power': """\
prepare_increase_partition_power
    Announce that the number of partitions will double.""",
    'increase_partition_power': """\
increase_partition_power
    Double the number of partitions, after all data was relinked.""",
    'cancel_increase_partition_power': """\
cancel_increase_partition_power
    Give up a prepared increase of the partition power.""",
    'finish_increase_partition_power': """\
finish_increase_partition_power
    End an increase of the partition power, after old links were cleaned up.""",
}
SEARCHES = ('search', 'list_parts', 'set_weight', 'set_region', 'set_zone', 'set_info', 'remove')

SEARCH_HELP = """\
The <search-value> can be of the form:
    d<device_id>r<region>z<zone>-<ip>:<port>R<r_ip>:<r_port>/<device_name>_<meta>
    Any part may be left out, but at least one is needed. IPv6 addresses stand
    in brackets. Examples:
    d74              the device with id 74
    z1               all devices in zone 1
    z1-1.2.3.4       devices in zone 1 with the ip 1.2.3.4
    1.2.3.4          devices in any zone with the ip 1.2.3.4
    z1:5678          devices in zone 1 using port 5678
    :5678            devices that use port 5678
    R5.6.7.8         devices with the replication ip 5.6.7.8
    R:5678           devices with the replication port 5678
    /sdb1            devices with the name sdb1
    _shiny           devices with shiny in their meta text
    [::1]            devices with the ip ::1
    z1-[::1]:5678    devices in zone 1 with the ip ::1 using port 5678"""

EXIT_CODES = 'Exit codes: 0 = operation successful\n' \
             '            1 = operation completed with warnings, or nothing done\n' \
             '            2 = error'


def usage_of(command: str) -> str:
    """Return the usage text of a command."""
    text = 'swift-ring-builder <builder_file> ' + USAGE[command]
    return f'{text}\n\n{SEARCH_HELP}' if command in SEARCHES else text


def overview() -> str:
    """Return what the program prints without arguments."""
    parts = [f'swift-ring-builder {VERSION}\n',
             'swift-ring-builder <builder_file>\n    Show the ring and its devices.\n']
    parts += [f'swift-ring-builder <builder_file> {USAGE[name]}\n' for name in sorted(USAGE)]
    parts.append(SEARCH_HELP + '\n')
    parts.append(f'Quick list: {" ".join(sorted(USAGE))}')
    parts.append(EXIT_CODES)
    return '\n'.join(parts) + '\n'
