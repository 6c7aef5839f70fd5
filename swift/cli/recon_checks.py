"""The checks of swift-recon: what each asks, and the lines it prints (layer 4).

A check is a function of a Session; the order of the table CHECKS is that of ``--all``.
Source: sheet 07 §10.2.
"""
from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from swift.cli.recon_scout import Host, Scout, Scouted
from swift.core import recon_stats
from swift.core.recon_stats import Disk

LINE = '=' * 79
TIME_FORMAT = '%Y-%m-%d %H:%M:%S'
Values = list[float | None]


@dataclass
class Session:
    """One server type on some hosts: what to ask, and where to print."""
    server_type: str
    hosts: Sequence[Host]
    options: Any
    scout: Scout
    out: TextIO
    clock: Callable[[], float] = time.time

    def say(self, text: str) -> None:
        print(text, file=self.out)

    def title(self, text: str) -> None:
        self.say('[%s] %s' % (self.time_text(self.clock()), text))

    def end(self) -> None:
        self.say(LINE)

    @staticmethod
    def time_text(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime(TIME_FORMAT)

    def ask(self, path: str, shape: type | tuple[type, ...],
            hosts: Sequence[Host] | None = None) -> list[Scouted]:
        """Ask all hosts; return the good answers of the right shape, print the others."""
        answers = self.scout.recon(self.hosts if hosts is None else hosts, path)
        return self._reported(answers, shape)

    def ask_types(self) -> list[Scouted]:
        return self._reported(self.scout.server_types(self.hosts), (str, type(None)))

    def _reported(self, answers: Any, shape: type | tuple[type, ...]) -> list[Scouted]:
        good = []
        for answer in answers:
            if answer.is_good and isinstance(answer.value, shape):
                good.append(answer)
                if self.options.verbose:
                    self.say('-> %s: %s' % (answer.url, answer.value))
            elif not self.options.suppress or self.options.verbose:
                self.say('-> %s: %s' % (answer.url, answer.value))
        return good

    def ask_dicts(self, path: str) -> list[tuple[Scouted, Mapping[str, Any]]]:
        """Ask for JSON objects."""
        return [(answer, answer.value) for answer in self.ask(path, dict)]

    def statistic(self, name: str, values: Values, short_name: str = '') -> None:
        self.say(recon_stats.line(name, values, short_name))

    def completions(self, last: Mapping[str, float]) -> None:
        """Print which host completed a pass longest ago, and which last."""
        found = recon_stats.extremes(last)
        if found is None:
            return
        for text, node in zip(('Oldest completion was %s by %s.',
                               'Most recent completion was %s by %s.'), found, strict=True):
            when = last[node]
            if not when:
                if text.startswith('Oldest'):
                    self.say('Oldest completion was NEVER by %s.' % node)
                continue
            ago = recon_stats.time_unit(max(0.0, self.clock() - when))
            self.say(text % ('%s (%d %s ago)' % (self.time_text(when), *ago), node))


# -- checks ----------------------------------------------------------------------------------------

def asyncs(session: Session) -> None:
    session.title('Checking async pendings')
    session.statistic('async_pending', [value.get('async_pending')
                                        for _answer, value in session.ask_dicts('async')])


def replication(session: Session) -> None:
    session.title('Checking on replication')
    times: Values = []
    stats: dict[str, Values] = {'failure': [], 'success': [], 'attempted': []}
    last = {}
    for answer, value in session.ask_dicts('replication/' + session.server_type):
        times.append(_either(value, 'replication_time', 'object_replication_time'))
        entry = value.get('replication_stats')
        if entry:
            for key, values in stats.items():
                values.append(entry.get(key))
        last[answer.node] = _either(value, 'replication_last', 'object_replication_last')
    session.statistic('replication_time', times)
    for key, values in stats.items():
        session.statistic('replication_' + key, values, key)
    session.completions(last)


def _either(value: Mapping[str, Any], name: str, other: str) -> float:
    found = value.get(name)
    return (value.get(other) if found is None else found) or 0


def reconstruction(session: Session) -> None:
    session.title('Checking on reconstructors')
    answers = session.ask_dicts('reconstruction/object')
    session.statistic('object_reconstruction_time',
                      [value.get('object_reconstruction_time') for _answer, value in answers])
    session.completions({answer.node: value.get('object_reconstruction_last') or 0
                         for answer, value in answers})


def sharding(session: Session) -> None:
    session.title('Checking on sharders')
    answers = session.ask_dicts('sharding')
    session.statistic('sharding_time', [value.get('sharding_time') for _a, value in answers])
    entries = [value['sharding_stats'] for _answer, value in answers
               if value.get('sharding_stats')]
    for key in ('attempted', 'failure', 'success'):
        session.statistic(key, [entry.get(key) for entry in entries])
    session.completions({answer.node: value.get('sharding_last') or 0
                         for answer, value in answers})


def auditor(session: Session) -> None:
    if session.server_type == 'object':
        _object_auditor(session)
        return
    session.title('Checking auditor stats')
    kind = session.server_type
    answers = session.ask_dicts('auditor/' + kind)
    if not answers:
        session.say('Error: No hosts available')
        return
    for key in ('_auditor_pass_completed', '_audits_failed', '_audits_passed'):
        session.statistic(kind + key, [value.get(kind + key) for _answer, value in answers])
    since = [value[kind + '_audits_since'] for _answer, value in answers
             if value.get(kind + '_audits_since') is not None]
    if since:
        session.say('[last_pass] oldest: %s, newest: %s, avg: %s' % tuple(
            map(session.time_text, (min(since), max(since), sum(since) / len(since)))))


def _object_auditor(session: Session) -> None:
    session.title('Checking auditor stats ')
    answers = session.ask_dicts('auditor/object')
    keys = ('audit_time', 'bytes_processed', 'passes', 'errors', 'quarantined')
    for kind, wanted in (('ALL', keys), ('ZBF', tuple(key for key in keys if key != 'passes'))):
        entries = [value['object_auditor_stats_' + kind] for _answer, value in answers
                   if value.get('object_auditor_stats_' + kind)]
        if not entries:
            session.say(recon_stats.NO_DATA % (kind + '_auditor'))
            continue
        for key in wanted:
            session.statistic('%s_%s_last_path' % (kind, key),
                              [recon_stats.nested_sum(entry, key) for entry in entries])


def updater(session: Session) -> None:
    session.title('Checking updater times')
    key = session.server_type + '_updater_sweep'
    session.statistic('updater_last_sweep', [
        value.get(key) for _answer, value in session.ask_dicts('updater/' + session.server_type)])


def expirer(session: Session) -> None:
    session.title('Checking on expirers')
    answers = session.ask_dicts('expirer/object')
    for key in ('object_expiration_pass', 'expired_last_pass'):
        session.statistic(key, [value.get(key) for _answer, value in answers])


def unmounted(session: Session) -> None:
    session.title('Getting unmounted drives from %s hosts...' % len(session.hosts))
    for answer in session.ask('unmounted', list):
        for entry in answer.value:
            if isinstance(entry['mounted'], bool):
                session.say('Not mounted: %s on %s' % (entry['device'], answer.node))
            else:
                session.say('Device errors: %s on %s' % (entry['device'], answer.node))


def load(session: Session) -> None:
    session.title('Checking load averages')
    answers = session.ask_dicts('load')
    for key in ('1m', '5m', '15m'):
        session.statistic(key + '_load_avg', [value.get(key) for _answer, value in answers])


def disk_usage(session: Session) -> None:
    session.title('Checking disk usage now')
    one_port = dict(sorted(session.hosts, reverse=True))
    disks: list[Disk] = []
    for answer in session.ask('diskusage', list, sorted(one_port.items())):
        found = 0
        for entry in answer.value:
            if not isinstance(entry['mounted'], bool):
                session.say('-> %s/%s: Error: %s' % (answer.url, entry['device'],
                                                     entry['mounted']))
            elif entry['mounted']:
                disks.append(Disk(answer.host[0], entry['device'], int(entry['used']),
                                  int(entry['avail'])))
                found += 1
        if not found:
            session.say('-> %s: Error. No drive info available.' % answer.url)
    for text in recon_stats.usage_lines(disks, session.options.human_readable):
        session.say(text)
    _extreme_disks(session, disks)


def _extreme_disks(session: Session, disks: list[Disk]) -> None:
    for word, count, choose in (('TOP', session.options.top, recon_stats.fullest),
                                ('LOWEST', session.options.lowest, recon_stats.emptiest)):
        if count and disks:
            session.end()
            session.say('%s %d' % (word, count))
            for disk in choose(disks, count):
                session.say(str(disk))


def ring_checksums(session: Session) -> None:
    session.title('Checking ring md5sums')
    rings = {}
    for name in os.listdir(session.options.swiftdir):
        if _is_ring_of(session.server_type, name):
            rings[name] = _checksum(os.path.join(session.options.swiftdir, name))

    def mismatches(value: Mapping[str, str]) -> list[tuple[str, Any]]:
        named = [(os.path.basename(path), digest) for path, digest in value.items()]
        return [(name, digest) for name, digest in named
                if _is_ring_of(session.server_type, name) and rings.get(name) != digest]
    _compare(session, 'ringmd5', mismatches)


def _is_ring_of(server_type: str, name: str) -> bool:
    base = name.removesuffix('.ring.gz')
    return base != name and (base == server_type or (
        server_type == 'object' and base.startswith('object-')))


def conf_checksum(session: Session) -> None:
    session.title('Checking swift.conf md5sum')
    local = _checksum(os.path.join(session.options.swiftdir, 'swift.conf'))
    if local is None:
        session.say('Error: cannot read swift.conf in %s' % session.options.swiftdir)
    _compare(session, 'swiftconfmd5', lambda value: [
        (path, digest) for path, digest in value.items() if digest != local])


def _checksum(path: str) -> str | None:
    try:
        with open(path, 'rb') as file:
            return hashlib.file_digest(
                file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError:
        return None


def _compare(session: Session, path: str,
             mismatches: Callable[[Mapping[str, str]], list[tuple[str, Any]]]) -> None:
    matches, good = 0, session.ask(path, dict)
    errors = len(session.hosts) - len(good)
    for answer in good:
        wrong = mismatches(answer.value)
        for name, digest in wrong:
            session.say("!! %s (%s => %s) doesn't match on disk md5sum" % (answer.url, name,
                                                                          digest))
        if wrong:
            errors += 1
        else:
            matches += 1
            if session.options.verbose:
                session.say('-> %s matches.' % answer.url)
    session.say('%s/%s hosts matched, %s error[s] while checking hosts.' % (
        matches, len(session.hosts), errors))


def quarantine(session: Session) -> None:
    session.title('Checking quarantine')
    answers = session.ask_dicts('quarantined')
    policies = sorted({int(index) for _answer, value in answers
                       for index in value.get('policies', {})})
    for index in policies:
        session.statistic('quarantined_objects_%d' % index, [
            value.get('policies', {}).get(str(index), {}).get('objects')
            for _answer, value in answers])
    for kind in ('objects', 'containers', 'accounts'):
        session.statistic('quarantined_' + kind, [value.get(kind) for _answer, value in answers])


def sockets(session: Session) -> None:
    session.title('Checking socket usage')
    answers = session.ask_dicts('sockstat')
    for key in ('tcp_in_use', 'tcp_mem_allocated_bytes', 'tcp6_in_use', 'time_wait', 'orphan'):
        session.statistic(key, [value.get(key) for _answer, value in answers])


def server_types(session: Session) -> None:
    session.title("Validating server type '%s' on %s hosts..." % (session.server_type,
                                                                  len(session.hosts)))
    good = session.ask_types()
    errors, matches, invalid = len(session.hosts) - len(good), 0, []
    for answer in good:
        name = (answer.value or '').partition('/')[0]
        if name == session.server_type + '-server':
            matches += 1
        else:
            errors += 1
            invalid.append('Invalid: %s is %s' % (answer.url, name or answer.value))
    session.say('%s/%s hosts ok, %s error[s] while checking hosts.' % (
        matches, len(session.hosts), errors))
    for text in invalid:
        session.say(text)


def drive_audit(session: Session) -> None:
    session.title('Checking drive-audit errors')
    session.statistic('drive_audit_errors', [
        value.get('drive_audit_errors') for _answer, value in session.ask_dicts('driveaudit')])


def time_sync(session: Session) -> None:
    session.title('Checking time-sync')
    matches, good = 0, session.ask('time', (int, float))
    errors = len(session.hosts) - len(good)
    for answer in good:
        remote = float(answer.value)
        if recon_stats.is_in_sync(remote, answer.sent, answer.received, session.options.jitter):
            matches += 1
            continue
        errors += 1
        session.say('!! %s current time is %s, but remote is %s, differs by %.4f sec' % (
            answer.url, session.time_text(answer.received), session.time_text(remote),
            abs(remote - answer.received)))
    session.say('%s/%s hosts matched, %s error[s] while checking hosts.' % (
        matches, len(session.hosts), errors))


def versions(session: Session) -> None:
    session.title('Checking versions')
    answers = session.ask_dicts('version')
    errors = len(session.hosts) - len(answers)
    found = sorted({str(value.get('version')) for _answer, value in answers})
    session.say('Versions %s (%s), %s error[s] while checking hosts.' % (
        'not matched' if len(found) > 1 else 'matched', ', '.join(found), errors))


@dataclass(frozen=True)
class Check:
    """A check: its option, the server types it is for, and what is said for others."""
    option: str
    run: Callable[[Session], None]
    types: tuple[str, ...] = ('account', 'container', 'object')
    refusal: str = ''


_OBJECT, _CONTAINER = ('object',), ('container',)
# In the order of --all, where a check that is not for a server type is left out.
CHECKS = (
    Check('async_check', asyncs, _OBJECT, "Error: Can't check asyncs on non object servers."),
    Check('auditor', auditor),
    Check('updater', updater, ('container', 'object'),
          "Error: Can't check updaters on account servers."),
    Check('expirer', expirer, _OBJECT, "Error: Can't check expirers on non object servers."),
    Check('reconstruction', reconstruction, _OBJECT,
          "Error: Can't check reconstruction on non object servers."),
    Check('sharding', sharding, _CONTAINER,
          "Error: Can't check sharding on non container servers."),
    Check('replication', replication),
    Check('unmounted', unmounted),
    Check('loadstats', load),
    Check('diskusage', disk_usage),
    Check('md5', ring_checksums),
    Check('md5', conf_checksum),
    Check('quarantined', quarantine),
    Check('sockstat', sockets),
    Check('validate_servers', server_types),
    Check('driveaudit', drive_audit),
    Check('time', time_sync),
    Check('swift_versions', versions),
)


def run_checks(session: Session) -> None:
    """Run what the options ask for."""
    options = session.options
    for check in CHECKS:
        is_for_type = session.server_type in check.types
        if options.all:
            wanted = is_for_type
        else:
            wanted = getattr(options, check.option)
        if not wanted:
            continue
        if is_for_type:
            check.run(session)
        else:
            session.say(check.refusal)
        session.end()
