"""What a pass of the object-replicator over an unchanged device costs, on all nodes together.

    python -m test.bench.replication_pass [--partitions N] [--suffixes N] [--passes N] [--full]

Three object servers and one replicator run in this process, on devices whose partitions hold
nothing but a suffix cache: an unchanged pass looks at nothing else. Prints HTTP requests and
processor time per pass; for system calls run it under `strace -f -c` twice, with different
--passes, and divide the difference.
"""
import argparse
import resource
import tempfile
from pathlib import Path

from swift.obj.suffix_hashes import write_hashes
from test.support.object_cluster import ObjectCluster


def fill(server, partitions, suffixes):
    """Make partitions with a cache and an empty list of changes."""
    hashes = {'%03x' % (number * 4096 // suffixes): '%032x' % number
              for number in range(suffixes)}
    for part in range(partitions):
        path = server.path / 'objects' / str(part)
        path.mkdir(parents=True)
        (path / 'hashes.invalid').touch()
        write_hashes(str(path), hashes, 0)


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--partitions', type=int, default=4096)
    parser.add_argument('--suffixes', type=int, default=24)
    parser.add_argument('--passes', type=int, default=10)
    parser.add_argument('--full', action='store_true', help='compare hashes in every pass')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ObjectCluster(
            Path(folder), full_check_interval='0' if options.full else '3600',
            log_level='ERROR') as made:
        for server in made.servers:
            fill(server, options.partitions, options.suffixes)
        made.ring.partition_count = options.partitions
        made.replicate(0)
        for server in made.servers:
            server.seen.clear()
        began = processor_seconds()
        for _pass in range(options.passes):
            made.replicate(0)
        used = processor_seconds() - began
        requests = sum(len(server.seen) for server in made.servers)
        passes = max(1, options.passes)
        print('%d partitions, %d passes: %.1f requests and %.3f s of processor time per pass' % (
            options.partitions, options.passes, requests / passes, used / passes))


if __name__ == '__main__':
    main()
