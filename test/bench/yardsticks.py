"""What this machine can do right now: the yardsticks that speed is stated in.

  hello      requests/s of a one-process eventlet.wsgi server that says hello, wrk with 16
             connections beside it
  fsync_put  durable 4 KiB files/s by 16 threads: temporary file, attribute, fsync, link, fsync of
             the directory
  md5        MB/s of one core
"""
import concurrent.futures
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HELLO = '''
import warnings; warnings.simplefilter('ignore')
import eventlet; eventlet.monkey_patch()
from eventlet import wsgi
sock = eventlet.listen(('127.0.0.1', 0)); print(sock.getsockname()[1], flush=True)
def app(env, start_response):
    start_response('200 OK', [('Content-Length', '5')]); return [b'hello']
wsgi.server(sock, app, log_output=False)
'''
FILES, THREADS, MD5_BYTES = 800, 16, 64 << 20


def hello(seconds: int = 4) -> float:
    """Requests per second of the plainest eventlet server."""
    server = subprocess.Popen([sys.executable, '-W', 'ignore', '-c', HELLO],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = f'http://127.0.0.1:{int(server.stdout.readline())}/'
        out = subprocess.run(['wrk', '-t1', '-c16', f'-d{seconds}s', url], capture_output=True,
                             text=True, check=True).stdout
        return float(re.search(r'Requests/sec:\s+([\d.]+)', out).group(1))
    finally:
        server.terminate()
        server.wait()


def fsync_put(folder: str) -> float:
    """Durable small files per second on the disk of a folder."""
    where = tempfile.mkdtemp(dir=folder)
    anchor = os.open('/', os.O_RDONLY)

    def put(number: int) -> None:
        path = f'{where}/{number % 256:02x}/{number}'
        os.makedirs(path)
        fd = os.open(path, os.O_TMPFILE | os.O_WRONLY)
        os.write(fd, b'x' * 4096)
        os.setxattr(fd, 'user.swift.metadata', b'm' * 400)
        os.fsync(fd)
        os.link(f'/proc/self/fd/{fd}', path + '/1.data', src_dir_fd=anchor)
        os.close(fd)
        directory = os.open(path, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    try:
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            start = time.perf_counter()
            list(pool.map(put, range(FILES)))
            return FILES / (time.perf_counter() - start)
    finally:
        os.close(anchor)
        shutil.rmtree(where)


def md5() -> float:
    """MB/s that one core digests."""
    data = b'x' * MD5_BYTES
    start = time.perf_counter()
    hashlib.md5(data, usedforsecurity=False).digest()
    return MD5_BYTES / 1e6 / (time.perf_counter() - start)


def measure(folder: str) -> dict[str, float]:
    return {'hello': hello(), 'fsync_put': fsync_put(folder), 'md5': md5()}
