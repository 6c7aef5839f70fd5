"""What swift-init does: start, stop, reload and watch the services of a node.

Layer 1. A `Control` knows the places and the wishes of one call; each command is a method that
prints what it does and returns how many things went wrong. Texts and counting are known to
scripts of operators and stay as they are.

    start:  read pid files -> spawn per configuration -> wait until the child closes stdout
    stop:   signal -> watch pids -> report, or give up, or kill the process groups

A service without a pid file is searched among the processes before it is started: a second one
would bind the same port successfully (SO_REUSEPORT) and share its traffic.

Source: sheet 07 sections 7.2, 7.4, 28.2 to 28.7.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from swift.common import processes
from swift.common.clock import SYSTEM, Clock
from swift.common.green import sleep
from swift.common.privileges import raise_limits
from swift.common.processes import Verdict
from swift.common.services import Places, Service, conf_path, configurations, pid_files, pid_path

DEFAULT_KILL_WAIT_S = 15
WARNING_WAIT_S = 3
POLL_S = 0.05


@dataclass(frozen=True)
class Wishes:
    """The options of one call."""

    verbose: bool = False
    wait: bool = True
    once: bool = False
    daemon: bool = True
    graceful: bool = False
    config_num: int = 0
    kill_wait: float = DEFAULT_KILL_WAIT_S
    strict: bool = True
    kill_after_timeout: bool = False
    share_memory: bool = False


@dataclass
class Running:
    """A service found running."""

    pid: int
    pid_file: str
    conf: str


@dataclass
class State:
    """A configuration of a service and the process that runs with it, if one does."""

    server: str
    config: str
    pid: int | None
    running: bool


class Control:
    """Commands over some services. `show` prints; `spawned` children are owned by this object."""

    def __init__(self, services: Iterable[Service], places: Places, wishes: Wishes,
                 show: Callable[[str], Any] = print, clock: Clock = SYSTEM):
        self.services = list(services)
        self.places = places
        self.wishes = wishes
        self._show = show
        self._clock = clock
        self._children: dict[Service, list[subprocess.Popen]] = {}
        self._siblings: dict[subprocess.Popen, list[int]] = {}

    # -- commands -------------------------------------------------------------------------------

    def status(self) -> int:
        """Show what runs; 0 only if everything does."""
        failures = 0
        for service in self.services:
            failures += self._status_of(service)
        return failures

    def start(self) -> int:
        """Start and wait until the services are ready."""
        return self._start(self.wishes)

    def no_wait(self) -> int:
        """Start without waiting."""
        return self._start(replace(self.wishes, wait=False))

    def no_daemon(self) -> int:
        """Start in the foreground and stay until the services end."""
        return self._start(replace(self.wishes, daemon=False))

    def once(self) -> int:
        """Run one pass of each daemon and wait for its end."""
        return self._start(replace(self.wishes, once=True))

    def stop(self) -> int:
        """Stop; 0 only if everything that was signalled died in time and something was."""
        return self._stop(self.wishes, self.services)

    def shutdown(self) -> int:
        """Stop main servers gracefully."""
        return self._stop(replace(self.wishes, graceful=True), self.services)

    def kill(self) -> int:
        """Stop; what does not run is no failure."""
        return self._stop(self.wishes, self.services, missing_is_failure=False)

    def restart(self) -> int:
        """Stop, then start."""
        return self.stop() + self.start()

    def reload(self) -> int:
        """Shut down gracefully and start, one service after the other."""
        failures = 0
        for service in self.services:
            alone = Control([service], self.places, self.wishes, self._show, self._clock)
            failures += alone.shutdown() + alone.start()
        return failures

    force_reload = reload

    def reload_seamless(self) -> int:
        """Ask main servers to replace themselves; returns at once."""
        failures = 0
        for service in self.services:
            number = signal.SIGUSR1 if service.is_main else signal.SIGTERM
            failures += not self._signal(service, number)
        return failures

    # -- looking --------------------------------------------------------------------------------

    def survey(self) -> list[State]:
        """Return every chosen configuration, and what runs without one; says nothing."""
        found = []
        silent = Control(self.services, self.places, self.wishes, lambda text: None, self._clock)
        number = self.wishes.config_num
        for service in self.services:
            pids = {running.conf: running.pid for running in silent._running(service)}
            confs, _warning = configurations(service, self.places)
            confs = confs[number - 1:number] if number else confs
            found += [State(str(service), conf, pids.get(conf), conf in pids)
                      for conf in sorted({*confs, *pids})]
        return found

    def _status_of(self, service: Service) -> int:
        running = self._running(service)
        for found in running:
            self._show('%s running (%d - %s)' % (service, found.pid, found.conf))
        if running:
            return 0
        number = self.wishes.config_num
        if not number:
            self._show('No %s running' % service)
        else:
            confs, _warning = configurations(service, self.places)
            if len(confs) >= number:
                self._show('%s #%d not running (%s)' % (service, number, confs[number - 1]))
        return 1

    def _running(self, service: Service) -> list[Running]:
        """Return the running instances by their pid files; removes those that are wrong."""
        found = []
        for pid_file in self._selected_pid_files(service):
            conf = conf_path(service, pid_file, self.places)
            pid = self._believable(service, pid_file, conf)
            if pid is not None:
                found.append(Running(pid, pid_file, conf))
        return found

    def _selected_pid_files(self, service: Service) -> list[str]:
        found = pid_files(service, self.places)
        number = self.wishes.config_num
        if not number:
            return found
        confs, _warning = configurations(service, self.places)
        if len(confs) < number:
            self._locate_failed(service, confs)
        wanted = {pid_path(service, conf, self.places) for conf in confs[number - 1:number]}
        return [path for path in found if path in wanted]

    def _believable(self, service: Service, pid_file: str, conf: str) -> int | None:
        pid = processes.read_pid(pid_file)
        if pid is None:
            self._show('Removing pid file %s with invalid pid' % pid_file)
            processes.remove_pid(pid_file)
            return None
        what = processes.verdict(pid, service.program, conf)
        if what is Verdict.RUNNING:
            return pid
        if self.wishes.verbose:
            if what is Verdict.GONE:
                self._show('Removing stale pid file %s' % pid_file)
            else:
                self._show('Removing pid file %s with wrong pid %d' % (pid_file, pid))
        processes.remove_pid(pid_file)
        return None

    def _configurations(self, service: Service) -> list[str]:
        """Return the configurations to start, showing what is missing."""
        confs, warning = configurations(service, self.places)
        if warning:
            self._show(warning)
        number = self.wishes.config_num
        chosen = confs[number - 1:number] if number else confs
        if not chosen:
            self._locate_failed(service, confs)
        return chosen

    def _locate_failed(self, service: Service, confs: list[str]) -> None:
        number = self.wishes.config_num
        if not number:
            self._show('Unable to locate config for %s' % service)
            return
        self._show('Unable to locate config number %d for %s' % (number, service))
        if self.wishes.verbose:
            self._show('Found configs:')
            for index, conf in enumerate(confs, 1):
                self._show('  %d) %s' % (index, conf))

    # -- starting -------------------------------------------------------------------------------

    def _start(self, wishes: Wishes) -> int:
        raise_limits(self._show)
        os.environ.setdefault('PYTHON_EGG_CACHE', tempfile.gettempdir())
        failures = 0
        for service in self.services:
            failures += not self._launch(service, wishes)
        if not wishes.strict:
            failures = 0
        if not wishes.daemon:
            return failures + self._stay(list(self._children), wishes)
        if wishes.once:
            failures += self._stay([service for service in self._children
                                    if not service.is_main], wishes)
        if wishes.wait:
            failures += sum(self._await_ready(child) for children in self._children.values()
                            for child in children if child.stdout)
        return failures

    def _launch(self, service: Service, wishes: Wishes) -> bool:
        """Start all chosen configurations of a service; False when nothing was started."""
        confs = self._configurations(service)
        if not confs or self._already_started(service, confs, wishes):
            return False
        once = wishes.once and not service.is_main
        children = self._children.setdefault(service, [])
        if wishes.share_memory and len(confs) > 1 and wishes.daemon and wishes.wait and not once:
            return self._launch_siblings(service, confs)
        for conf in confs:
            self._show('%s...(%s)' % (
                'Running %s once' % service if once else 'Starting %s' % service, conf))
            try:
                child = self._spawn(service, [conf], once, wishes)
                children.append(child)
                processes.write_pid(pid_path(service, conf, self.places), child.pid)
            except FileNotFoundError:
                self._show('%s does not exist' % service.program)
                break
            except PermissionError as err:
                self._show(str(err))
        return bool(children)

    def _launch_siblings(self, service: Service, confs: list[str]) -> bool:
        """Start a process per configuration from a common parent (swift/cli/siblings.py)."""
        for conf in confs:
            self._show('Starting %s...(%s)' % (service, conf))
        try:
            parent = self._spawn(service, confs, False, self.wishes)
        except FileNotFoundError:
            self._show('%s does not exist' % service.program)
            return False
        except PermissionError as err:
            self._show(str(err))
            return False
        self._children[service].append(parent)
        pids = self._siblings[parent] = self._read_pids(parent, len(confs))
        for conf, pid in zip(confs, pids, strict=False):
            processes.write_pid(pid_path(service, conf, self.places), pid)
        return bool(pids)

    def _read_pids(self, parent: subprocess.Popen, count: int) -> list[int]:
        """Return the pids that a parent prints, none if it ends without; show what else it says."""
        for line in iter(parent.stdout.readline, b''):
            words = line.split()
            if len(words) == count and all(word.isdigit() for word in words):
                return [int(word) for word in words]
            self._show(line.decode('utf-8', 'replace').rstrip('\n'))
        return []

    def _already_started(self, service: Service, confs: list[str], wishes: Wishes) -> bool:
        running = self._running(service)
        known = {found.conf for found in running}
        for conf in confs:
            pid_file = pid_path(service, conf, self.places)
            pid = None if conf in known else processes.find_main(
                service.program, conf, os.path.dirname(pid_file))
            if pid is not None:
                processes.write_pid(pid_file, pid)
                running.append(Running(pid, pid_file, conf))
        # Compat: one that runs keeps the others from being started, unless one was chosen.
        blocking = [found for found in running if found.conf in confs or not wishes.config_num]
        for found in blocking:
            self._show('%s running (%d - %s)' % (service, found.pid, found.conf))
        if blocking:
            self._show('%s already started...' % service)
        return bool(blocking)

    def _spawn(self, service: Service, confs: list[str], once: bool,
               wishes: Wishes) -> subprocess.Popen:
        program = find_program(service)
        if program is None:
            raise FileNotFoundError(service.program)
        words = [program, *confs] + ['once'] * once + ['verbose'] * (not wishes.daemon)
        stdout: int | None = subprocess.PIPE
        if not wishes.daemon:
            stdout = None
        elif once or not wishes.wait:
            stdout = subprocess.DEVNULL
        return subprocess.Popen(
            words, stdout=stdout, stdin=subprocess.DEVNULL,
            env={**os.environ, 'SWIFT_DIR': self.places.swift_dir,
                 'SWIFT_RUN_DIR': self.places.run_dir},
            stderr=None if stdout is None else subprocess.STDOUT)

    def _await_ready(self, child: subprocess.Popen) -> int:
        """Wait until a child closes its stdout; show what it said, and watch it if it did."""
        with child.stdout:
            output = child.stdout.read().decode('utf-8', 'replace')
        if not output:
            return 0
        self._show(output.rstrip('\n'))
        deadline = self._clock.monotonic() + WARNING_WAIT_S
        siblings = self._siblings.get(child)
        while self._clock.monotonic() < deadline:
            if siblings is not None:
                gone = sum(processes.look_up(pid) is None for pid in siblings)
                if gone:
                    return gone
            elif child.poll() is not None:
                return child.returncode
            sleep(POLL_S)
        return 0

    def _stay(self, services: list[Service], wishes: Wishes) -> int:
        """Wait for the end of the children of some services; ^C stops all."""
        failures = 0
        try:
            for service in services:
                for child in self._children[service]:
                    failures += child.wait() != 0
        except KeyboardInterrupt:
            self._show('\nuser quit')
            self._stop(wishes, self.services)
        return failures

    # -- stopping -------------------------------------------------------------------------------

    def _stop(self, wishes: Wishes, services: list[Service],
              missing_is_failure: bool = True) -> int:
        failures = 0
        waiting: dict[Service, list[Running]] = {}
        for service in services:
            number = signal.SIGHUP if wishes.graceful and service.is_main else signal.SIGTERM
            signalled = self._signal(service, number)
            if signalled:
                waiting[service] = signalled
            elif missing_is_failure:
                failures += 1
        return failures + self._watch(waiting, wishes)

    def _signal(self, service: Service, number: int) -> list[Running]:
        """Signal all running instances; return those that got it."""
        got_it = []
        running = self._running(service)
        for found in running:
            self._show('Signal %s  pid: %d  signal: %d' % (service, found.pid, number))
            outcome = processes.send(found.pid, number)
            if outcome is Verdict.FORBIDDEN:
                self._show('No permission to signal PID %d' % found.pid)
            elif outcome is Verdict.RUNNING:
                got_it.append(found)
        if not running:
            self._show('No %s running' % service)
        return got_it

    def _watch(self, waiting: dict[Service, list[Running]], wishes: Wishes) -> int:
        """Wait for deaths; return 1 if somebody was left after the kill-wait time."""
        deadline = self._clock.monotonic() + wishes.kill_wait
        while True:
            for service in list(waiting):
                waiting[service] = [found for found in waiting[service]
                                    if not self._died(service, found)]
                if not waiting[service]:
                    del waiting[service]
            if not waiting:
                return 0
            if self._clock.monotonic() >= deadline:
                break
            sleep(POLL_S)
        for service, left in waiting.items():
            self._show('Waited %g seconds for %s to die; %s' % (
                wishes.kill_wait, service, 'killing' if wishes.kill_after_timeout
                else 'giving up'))
            for found in left if wishes.kill_after_timeout else ():
                self._show('Signal %s  pid: %d  signal: %d'
                           % (service, found.pid, signal.SIGKILL))
                processes.kill_group(found.pid)
        return 1

    def _died(self, service: Service, found: Running) -> bool:
        if processes.verdict(found.pid, service.program, found.conf) is Verdict.RUNNING:
            return False
        self._show('%s (%d) appears to have stopped' % (service, found.pid))
        processes.remove_pid(found.pid_file)
        return True


def find_program(service: Service) -> str | None:
    """Return the path of a service's program: on PATH, or next to the running one."""
    return (shutil.which(service.program)
            or shutil.which(service.program, path=os.path.dirname(os.path.abspath(sys.argv[0]))))
