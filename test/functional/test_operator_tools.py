"""Tools that look at a whole cluster, as an operator runs them."""
import json
import re

import pytest

TIME = r'\d+[smh]'


@pytest.fixture(scope='module')
def populated(saio):
    done = saio.program('swift-dispersion-populate')
    assert done.returncode == 0 and done.stderr == ''
    return done.stdout


def test_populate_covers_one_percent(populated):
    assert re.fullmatch(
        'Using storage policy: gold \n'
        rf'Created 10 containers for dispersion reporting, {TIME}, \d+ retries\n'
        r'Total container coverage is now 0\.98%\.' '\n'
        rf'Created 10 objects for dispersion reporting, {TIME}, \d+ retries\n'
        r'Total object coverage is now 0\.98%\.' '\n', populated)


def test_report_finds_every_copy(saio, populated):
    done = saio.program('swift-dispersion-report')
    assert done.returncode == 0 and done.stderr == ''
    assert '100.00% of container copies found (30 of 30)\n' in done.stdout
    assert '100.00% of object copies found (30 of 30)\n' in done.stdout
    report = json.loads(saio.program('swift-dispersion-report', '-j').stdout)
    assert report['object']['missing_0'] == 10 and report['container']['pct_found'] == 100.0


def test_report_of_an_empty_policy(saio):
    done = saio.program('swift-dispersion-report', '-P', 'silver', '--object-only')
    assert (done.returncode, done.stdout, done.stderr) == (
        0, '', 'No objects to query. Has swift-dispersion-populate been run?\n')


def test_account_audit_finds_nothing_wrong_and_a_container_that_is_not_there(saio, populated):
    done = saio.program('swift-account-audit', '-d', 'AUTH_admin/dispersion_objects_0')
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == ('Auditing container "dispersion_objects_0"\n  Accounts checked: 0\n'
                           'Containers checked: 1\n   Objects checked: 10\n')
    missing = saio.program('swift-account-audit', 'AUTH_admin/nix')
    assert missing.returncode == 1 and '  Missing Replicas: 3\n' in missing.stdout


def test_a_running_cluster_has_no_orphans(saio):
    # Never with -k here: the servers of another cluster of this machine are orphans to this one.
    done = saio.program('swift-orphans', '-a', '0')
    assert (done.returncode, done.stderr) == (0, '')
    ours = {str(pid) for server in ('proxy-server', 'object-server', 'container-updater')
            for pid in saio.pids(server)}
    assert ours and not ours & set(done.stdout.split())


def test_oldies_knows_the_servers(saio):
    done = saio.program('swift-oldies', '-a', '0', '-p')
    assert done.returncode == 0
    assert {str(pid) for pid in saio.pids('object-server')} <= set(done.stdout.split())
