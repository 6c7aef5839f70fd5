"""From a bare clone to a Python that can run the cluster (layer 4, standard library only).

Runs under the system's Python before anything is installed. It makes a virtual environment in
`.venv` of the clone, installs the project and its dependencies from PyPI into it, installs the
Debian packages that no wheel brings (as root; otherwise it names them), and hands over to
`swift.cli.saio.main` in that environment. A second run finds everything in place and costs
some milliseconds: what was installed is remembered by a digest of setup.py.
"""
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import time

# Debian package -> a program it brings.
PACKAGES = {'memcached': 'memcached', 'rsync': 'rsync'}
HANDY_PACKAGES = {'curl': 'curl'}       # for the first upload; nothing fails without it
XFS_PACKAGES = {'xfsprogs': 'mkfs.xfs'}
# For swift/common/_chain.c; without them small writes are slower.
COMPILER_PACKAGES = {'gcc': '/usr/bin/gcc', 'python3-dev': '/usr/bin/python3-config'}
SOURCES = ('setup.py', 'swift/common/_chain.c')
MINIMUM = (3, 11)
SYSTEM_PYTHON = '/usr/bin/python3'


class Trouble(Exception):
    """One sentence for the person at the terminal; the program ends with status 1."""


def main(clone: str, argv: list[str]) -> int:
    try:
        if sys.version_info < MINIMUM:
            raise Trouble('Python %d.%d or newer is needed, this is %s.'
                          % (*MINIMUM, sys.version.split()[0]))
        if needs_cluster_programs(argv):
            install_debian_packages(PACKAGES | (XFS_PACKAGES if '--xfs' in argv else {})
                                    | (HANDY_PACKAGES | COMPILER_PACKAGES
                                       if os.geteuid() == 0 else {}))
        python = ready_python(clone)
    except Trouble as trouble:
        print(f'saio: {trouble}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('saio: interrupted', file=sys.stderr)
        return 130
    return os.execv(python, [python, '-m', 'swift.cli.saio.main', *argv])


def needs_cluster_programs(argv: list[str]) -> bool:
    """Only starting needs memcached and its kin; `env` or `--help` must not install anything."""
    return bool({'up', 'reset'} & set(argv)) and not {'-h', '--help', '--config-only'} & set(argv)


def find_program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path='/usr/sbin:/sbin:/usr/bin:/bin')


def install_debian_packages(packages: dict[str, str]) -> None:
    """Install what is missing with apt when root; raise Trouble naming the command otherwise."""
    missing = [package for package, program in packages.items() if not find_program(program)]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which('apt-get'):
        raise Trouble('%s missing; install with: sudo apt-get install %s'
                      % (' and '.join(missing) + (' is' if len(missing) == 1 else ' are'),
                         ' '.join(missing)))
    env = dict(os.environ, DEBIAN_FRONTEND='noninteractive')
    quiet = ['apt-get', '-qq', '-o', 'Dpkg::Use-Pty=0']
    with step('installing %s from Debian' % ', '.join(missing)):
        run_quietly([*quiet, 'update'], env)
        run_quietly([*quiet, 'install', '-y', '--no-install-recommends', *missing], env)


def ready_python(clone: str) -> str:
    """Return an interpreter in which this clone is installed, making `.venv` if need be."""
    if clone_is_installed(sys.executable, clone):
        return sys.executable
    venv = os.path.join(clone, '.venv')
    python = os.path.join(venv, 'bin', 'python')
    stamp = os.path.join(venv, 'installed')
    digest = setup_digest(clone)
    if read_text(stamp) != digest:
        if not os.path.exists(python):
            make_environment(venv)
        with step('installing the cluster and its dependencies from PyPI'):
            run_quietly([python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check',
                         '-e', clone])
        if not glob.glob(os.path.join(clone, 'swift', 'common', '_chain.*.so')):
            print('saio: no C compiler (gcc, python3-dev): small writes will be slower',
                  file=sys.stderr)
        with open(stamp, 'w', encoding='ascii') as f:
            f.write(digest)
    return python


def make_environment(venv: str) -> None:
    python = best_python()
    with step('making a virtual environment in .venv'):
        run_quietly([python, '-m', 'venv', venv])


def best_python() -> str:
    """Return an interpreter that can make virtual environments; the distribution's if possible.

    Distributions build theirs with profile-guided optimisation; one built by hand mostly is not,
    and makes every server slower by a third. Raises Trouble if none will do.
    """
    if is_fit(SYSTEM_PYTHON):
        try:
            install_venv_module(SYSTEM_PYTHON)
            return SYSTEM_PYTHON
        except Trouble:
            if os.path.realpath(sys.executable) == os.path.realpath(SYSTEM_PYTHON):
                raise
    install_venv_module(sys.executable)
    return sys.executable


def is_fit(python: str) -> bool:
    """Is the interpreter there, and new enough?"""
    probe = f'import sys; sys.exit(sys.version_info < {MINIMUM})'
    return (os.path.exists(python)
            and subprocess.run([python, '-c', probe], check=False).returncode == 0)


def install_venv_module(python: str) -> None:
    """Debian splits the module off into a package of its own."""
    probe = subprocess.run([python, '-c', 'import ensurepip'], capture_output=True, check=False)
    if probe.returncode:
        install_debian_packages({'python3-venv': 'python3-venv-is-never-a-program'})


def clone_is_installed(python: str, clone: str) -> bool:
    """Does this interpreter have the distribution `swift`, and is it this clone?"""
    if os.path.dirname(python) == os.path.join(clone, '.venv', 'bin'):
        return False   # the stamp decides there
    probe = ('import importlib.metadata as m, json; d = m.distribution("swift");'
             'print(json.loads(d.read_text("direct_url.json"))["url"])')
    done = subprocess.run([python, '-P', '-c', probe], capture_output=True, text=True, cwd='/',
                          check=False)
    return done.returncode == 0 and done.stdout.strip() == 'file://' + clone


def setup_digest(clone: str) -> str:
    digest = hashlib.sha256()
    for name in SOURCES:
        with open(os.path.join(clone, name), 'rb') as f:
            digest.update(f.read())
    digest.update(','.join(sorted(os.listdir(os.path.join(clone, 'bin')))).encode())
    return digest.hexdigest()


def read_text(path: str) -> str:
    try:
        with open(path, encoding='ascii') as f:
            return f.read()
    except FileNotFoundError:
        return ''


class step:
    """Announce a step on stderr, then say how long it took."""

    def __init__(self, what: str):
        self.what = what

    def __enter__(self) -> 'step':
        print(f'saio: {self.what} ... ', end='', file=sys.stderr, flush=True)
        self.start = time.monotonic()
        return self

    def __exit__(self, kind, value, tb) -> None:
        took = time.monotonic() - self.start
        print('failed' if kind else f'done ({took:.1f} s)', file=sys.stderr, flush=True)


def run_quietly(argv: list[str], env: dict | None = None) -> None:
    """Run a program without its chatter; on failure raise Trouble with its last lines."""
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        tail = ' / '.join(line for line in done.stdout.strip().splitlines()[-3:])
        raise Trouble(f'`{" ".join(argv[:5])} …` failed: {tail}')
