"""Random device lists and builders for property tests of the ring builder."""
from hypothesis import strategies as st

from swift.common.clock import ManualClock
from swift.common.ring.builder import RingBuilder

WEIGHTS = (100.0, 100.0, 100.0, 200.0, 50.0, 1.0)


def dev(number, region=1, zone=1, ip='10.0.0.1', weight=100.0):
    """Return a device to add; ``number`` makes its name unique."""
    return {'region': region, 'zone': zone, 'ip': ip, 'port': 6200, 'device': f'd{number}',
            'weight': weight}


def numbered(devs):
    """Return the devices with ids and part counts, as a builder holds them."""
    return [dict(one, id=number, parts=0) for number, one in enumerate(devs)]


@st.composite
def device_lists(draw, least=1, most=14):
    """Return devices in up to two regions, three zones each, five servers each."""
    count = draw(st.integers(least, most))
    return [dev(number, draw(st.integers(1, 2)), draw(st.integers(1, 3)),
                f'10.0.0.{draw(st.integers(1, 5))}', draw(st.sampled_from(WEIGHTS)))
            for number in range(count)]


def builder_of(devs, part_power=6, replicas=3, min_part_hours=1, overload=0.0):
    """Return a builder with these devices, never rebalanced, on a clock of its own."""
    builder = RingBuilder(part_power, replicas, min_part_hours, clock=ManualClock())
    builder.overload = overload
    for one in devs:
        builder.add_dev(one)
    return builder
