"""Large objects against a plain one: 64 MiB in 8 segments, read in turn.

    python -m test.bench.segments http://127.0.0.1:8080/auth/v1.0 [--rounds 16]

Prints the median speed of each kind and its ratio to the plain object. Reading in turn puts
whatever else the machine does on all of them alike.
"""
import argparse
import http.client
import json
import os
import statistics
import time
from urllib.parse import urlsplit

from test.support.client import Client

MIB = 1 << 20
SEGMENTS, SEGMENT_BYTES = 8, 8 * MIB
KINDS = ('plain', 'slo', 'dlo')
CONTAINER = 'bench-segments'


def prepare(client: Client) -> None:
    data = [os.urandom(SEGMENT_BYTES) for _ in range(SEGMENTS)]
    client.put(CONTAINER)
    for number, part in enumerate(data):
        assert client.put(f'{CONTAINER}/seg/{number}', part).status == 201
    entries = [{'path': f'/{CONTAINER}/seg/{number}'} for number in range(SEGMENTS)]
    for name, body, more in (
            ('plain', b''.join(data), {}),
            ('slo', json.dumps(entries), {'query': '?multipart-manifest=put'}),
            ('dlo', b'', {'headers': {'X-Object-Manifest': f'{CONTAINER}/seg/'}})):
        assert client.put(f'{CONTAINER}/{name}', body, **more).status == 201


def speed(client: Client, conn: http.client.HTTPConnection, kind: str) -> float:
    """Return MiB/s of one read."""
    buffer, size, began = bytearray(256 * 1024), 0, time.perf_counter()
    conn.request('GET', f'{client.storage_path}/{CONTAINER}/{kind}',
                 headers={'X-Auth-Token': client.token})
    answer = conn.getresponse()
    while count := answer.readinto(buffer):
        size += count
    assert size == SEGMENTS * SEGMENT_BYTES, size
    return size / MIB / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('auth_url')
    parser.add_argument('--rounds', type=int, default=16)
    args = parser.parse_args()
    client = Client(args.auth_url)
    prepare(client)
    conn = http.client.HTTPConnection(urlsplit(args.auth_url).netloc)
    found = {kind: [] for kind in KINDS}
    for _ in range(args.rounds):
        for kind in KINDS:
            found[kind].append(speed(client, conn, kind))
    plain = statistics.median(found['plain'])
    for kind, speeds in found.items():
        median = statistics.median(speeds)
        print(f'{kind:6} {median:6.0f} MiB/s   {median / plain:.2f} of plain')
    conn.close()
    for name in (*KINDS, *(f'seg/{number}' for number in range(SEGMENTS))):
        client.delete(f'{CONTAINER}/{name}')
    client.delete(CONTAINER)


if __name__ == '__main__':
    main()
