"""Names, groups, configuration discovery and pid file names."""
import pytest

from swift.common import services
from swift.common.services import ALL, MAIN, Places, Service, parse_services


def names(*words):
    found, explicit = parse_services(words)
    return [service.name + ('.' + service.instance if service.instance else '')
            for service in found], explicit


@pytest.fixture
def places(tmp_path):
    return Places(str(tmp_path / 'etc'), str(tmp_path / 'run'))


@pytest.fixture
def make(tmp_path):
    def make(*paths, text=''):
        for path in paths:
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    return make


def found(service, places):
    return [path[len(places.swift_dir) + 1:]
            for path in services.configurations(service, places)[0]]


@pytest.mark.parametrize('words, expected, explicit', [
    (['object'], ['object-server'], True),
    (['object-server', 'object'], ['object-server'], True),
    (['proxy', 'object-updater'], ['proxy-server', 'object-updater'], True),
    (['object.1', 'object.2', 'object.1'], ['object-server.1', 'object-server.2'], True),
    (['object-server.replication'], ['object-server.replication'], True),
    (['main'], list(MAIN), False), (['all'], list(ALL), False),
    (['*-replicator'], ['account-replicator', 'container-replicator', 'object-replicator'],
     False),
    (['obj*r', 'main'], ['object-server', 'object-auditor', 'object-expirer',
                         'object-reconstructor', 'object-replicator', 'object-updater',
                         'proxy-server', 'account-server', 'container-server'], False),
    (['nosuch'], ['nosuch-server'], True), (['x*'], [], False)])
def test_words_become_services_in_order(words, expected, explicit):
    assert names(*words) == (expected, explicit)


def test_eighteen_services():
    assert len(ALL) == len(set(ALL)) == 18


def test_places_follow_one_rule():
    environ = {'SWIFT_DIR': '/e', 'SWIFT_RUN_DIR': '/r'}
    assert Places.choose(None, None, {}) == Places('/etc/swift', '/var/run/swift')
    assert Places.choose(None, None, environ) == Places('/e', '/r')
    assert Places.choose('/o', '/p', environ) == Places('/o', '/p')


def test_configurations_of_all_shapes(places, make):
    make('etc/object-server.conf', 'etc/object-server.conf.d/a.conf', 'etc/object-server/2.conf',
         'etc/object-server/1.conf', 'etc/object-server/3.conf.d/x.conf',
         'etc/object-server/notes.txt', 'etc/object-server.conf-sample',
         'etc/account-server.conf', 'etc/object-expirer.conf')
    expected = ['object-server.conf', 'object-server.conf.d', 'object-server/1.conf',
                'object-server/2.conf', 'object-server/3.conf.d']
    assert found(Service('object-server'), places) == expected
    assert found(Service('object-replicator'), places) == expected
    assert found(Service('object-server', '3'), places) == ['object-server/3.conf.d']
    assert found(Service('account-auditor'), places) == ['account-server.conf']


def test_instance_names_match_exactly(places, make):
    make('etc/object-server/1.conf', 'etc/object-server/11.conf')
    assert found(Service('object-server', '1'), places) == ['object-server/1.conf']


def test_no_directory_means_no_configuration(places):
    assert found(Service('object-server'), places) == []
    assert services.pid_files(Service('object-server'), places) == []


def test_reconciler_has_its_own(places, make):
    make('etc/container-server.conf', 'etc/container-reconciler/1.conf')
    assert found(Service('container-reconciler'), places) == ['container-reconciler/1.conf']


def test_expirer_lives_with_the_object_server_or_alone(places, make):
    make('etc/object-server/1.conf', 'etc/object-expirer.conf')
    alone = services.configurations(Service('object-expirer'), places)
    assert alone == ([places.swift_dir + '/object-expirer.conf'], services.EXPIRER_WARNING)
    make('etc/object-server/2.conf', text='[object-expirer]\n')
    make('etc/object-server/3.conf', text='broken')
    assert services.configurations(Service('object-expirer'), places) == (
        [places.swift_dir + '/object-server/2.conf'], '')


@pytest.mark.parametrize('name, conf, pid', [
    ('object-server', 'object-server/1.conf', 'object-server/1.pid'),
    ('object-replicator', 'object-server/1.conf', 'object-replicator/1.pid'),
    ('object-server', 'object-server.conf.d', 'object-server.pid.d'),
    ('proxy-server', 'proxy-server.conf', 'proxy-server.pid'),
    ('object-updater', 'object-server/3.conf.d', 'object-updater/3.pid.d'),
    ('container-reconciler', 'container-reconciler/2.conf', 'container-reconciler/2.pid')])
def test_pid_files_and_configurations_are_one_to_one(places, name, conf, pid):
    service = Service(name)
    conf, pid = '%s/%s' % (places.swift_dir, conf), '%s/%s' % (places.run_dir, pid)
    assert services.pid_path(service, conf, places) == pid
    assert services.conf_path(service, pid, places) == conf


def test_legacy_expirer_pid_leads_to_its_own_configuration(places, make):
    make('etc/object-expirer.conf')
    pid = places.run_dir + '/object-expirer.pid'
    assert services.conf_path(Service('object-expirer'), pid, places) == (
        places.swift_dir + '/object-expirer.conf')


def test_pid_files_of_a_service_and_of_an_instance(places, make):
    make('run/object-server.pid', 'run/object-server/1.pid', 'run/object-server/2.pid.d',
         'run/object-auditor/1.pid')
    strip = len(places.run_dir) + 1
    assert [path[strip:] for path in services.pid_files(Service('object-server'), places)] == [
        'object-server.pid', 'object-server/1.pid', 'object-server/2.pid.d']
    assert [path[strip:] for path in services.pid_files(Service('object-server', '1'),
                                                        places)] == ['object-server/1.pid']
