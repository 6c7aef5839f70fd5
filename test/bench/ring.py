"""What a large ring costs: to make, to load, to look up, and in the workers of one process.

usage: python -m test.bench.ring [--part-power 20] [--replicas 3] [--devices 5000] [--workers 4]

A builder with that many devices (100 to a zone, 10 to a server) is rebalanced and its ring file
loaded. Workers are forked as the servers' are, and look up a hundred thousand partitions each:
memory that they share with their parent stays shared. Prints seconds, microseconds and MiB.
"""
import argparse
import array
import os
import random
import tempfile
import time
from pathlib import Path

from swift.common.ring.builder import RingBuilder
from swift.common.ring.files import write_ring
from swift.common.ring.ring import Ring

LOOKUPS = 100_000
HANDOFFS = 3


def build(part_power: int, replicas: int, devices: int) -> RingBuilder:
    builder = RingBuilder(part_power, replicas, 0)
    for number in range(devices):
        builder.add_dev({'region': 1, 'zone': number // 100, 'ip': '10.%d.%d.%d' % (
            number // 1000, number // 100 % 10, number // 10 % 10 + 1), 'port': 6200,
            'device': f'd{number}', 'weight': 100.0})
    return builder


def timed(work) -> tuple[float, object]:
    """Return how many seconds a function takes, and what it returns."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def own_mib() -> float:
    """MiB of memory that only this process has."""
    with open('/proc/self/smaps_rollup') as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith('Private_')) / 1024


def some_parts(ring: Ring, count: int = LOOKUPS) -> array.array:
    """Return partitions anywhere, without an object for each."""
    return array.array('L', (random.randrange(ring.partition_count) for _turn in range(count)))


def look_up(ring: Ring, parts: array.array) -> float:
    """Return µs per get_part_nodes()."""
    began = time.process_time()
    for part in parts:
        ring.get_part_nodes(part)
    return (time.process_time() - began) / len(parts) * 1e6


def handoffs(ring: Ring, count: int = LOOKUPS // 10) -> float:
    """Return µs for the first handoffs of a partition."""
    parts = some_parts(ring, count)
    began = time.process_time()
    for part in parts:
        more = ring.get_more_nodes(part)
        for _turn in range(HANDOFFS):
            next(more)
    return (time.process_time() - began) / count * 1e6


def in_worker(ring: Ring, parts: array.array) -> tuple[float, float]:
    """Return µs per look-up and MiB that look-ups make a forked worker's own."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        before = own_mib()
        cost = look_up(ring, parts)
        os.write(writing, b'%f %f' % (cost, own_mib() - before))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, 'rb') as told:
        cost, grown = told.read().split()
    os.wait()
    return float(cost), float(grown)


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--part-power', type=int, default=20)
    parser.add_argument('--replicas', type=int, default=3)
    parser.add_argument('--devices', type=int, default=5000)
    parser.add_argument('--workers', type=int, default=4)
    options = parser.parse_args()
    builder = build(options.part_power, options.replicas, options.devices)
    print('first rebalance %.2f s' % timed(builder.rebalance)[0])
    builder.set_dev_value(7, 'weight', 50.0)
    print('incremental rebalance %.2f s' % timed(builder.rebalance)[0])
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / 'object.ring.gz')
        write_ring(path, builder.ring_data())
        del builder
        seconds, ring = timed(lambda: Ring(path))
        print('load %.2f s; the file has %.1f MiB' % (seconds, os.path.getsize(path) / (1 << 20)))
        parts = some_parts(ring)
        print('look-up %.2f µs, %d handoffs %.1f µs' % (
            look_up(ring, parts), HANDOFFS, handoffs(ring)))
        for number in range(options.workers):
            print('worker %d: look-up %.2f µs, %.2f MiB of its own' % (
                number, *in_worker(ring, parts)))


if __name__ == '__main__':
    main()
