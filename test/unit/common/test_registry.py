import pytest

from swift.common.registry import (
    InfoRegistry,
    get_sensitive_headers,
    get_sensitive_params,
    get_swift_info,
    register_sensitive_header,
    register_sensitive_param,
    register_swift_info,
)


@pytest.fixture
def registry():
    info = InfoRegistry()
    info.register(version='3', strict_cors_mode=True)
    info.register('slo', max_manifest_segments=1000, limits={'a': 1})
    info.register('staticweb')
    info.register('encryption', admin=True, enabled=True)
    return info


def test_document_has_all_public_sections(registry):
    assert registry.document() == {
        'swift': {'version': '3', 'strict_cors_mode': True},
        'slo': {'max_manifest_segments': 1000, 'limits': {'a': 1}}, 'staticweb': {}}


def test_later_values_win_and_documents_are_copies(registry):
    registry.document()['slo']['limits']['a'] = 9
    registry.register('slo', max_manifest_segments=5)
    assert registry.document()['slo'] == {'max_manifest_segments': 5, 'limits': {'a': 1}}


def test_withheld_paths_are_left_out(registry):
    withheld = ['staticweb', 'slo.limits.a', 'swift.version', 'none', 'slo.none.x', 'none.x']
    assert registry.document(withheld=withheld) == {
        'swift': {'strict_cors_mode': True}, 'slo': {'max_manifest_segments': 1000, 'limits': {}}}


def test_admin_sees_more_but_not_what_is_withheld(registry):
    document = registry.document(admin=True, withheld=['swift', 'slo', 'staticweb'])
    assert document == {'admin': {'encryption': {'enabled': True},
                                  'disallowed_sections': ['swift', 'slo', 'staticweb']}}


@pytest.mark.parametrize('name, keys', [
    ('admin', {}), ('disallowed_sections', {}), ('a.b', {}), ('a', {'b.c': 1})])
def test_bad_names(registry, name, keys):
    with pytest.raises(ValueError):
        registry.register(name, **keys)


def test_the_registry_of_the_process():
    register_swift_info('test_registry_section', key=1)
    assert get_swift_info()['test_registry_section'] == {'key': 1}
    assert 'test_registry_section' not in get_swift_info(
        disallowed_sections=['test_registry_section'])
    assert 'admin' in get_swift_info(admin=True)


def test_sensitive_names():
    register_sensitive_header('X-Test-Secret')
    register_sensitive_param('Test_Sig')
    assert 'x-test-secret' in get_sensitive_headers()
    assert 'test_sig' in get_sensitive_params()
    for register in (register_sensitive_header, register_sensitive_param):
        with pytest.raises(ValueError):
            register('caf\xe9')
