"""The names that plug-ins import."""
import pytest

from swift.common import storage_policy


def test_policies_of_the_environment(tmp_path, monkeypatch):
    (tmp_path / 'swift.conf').write_text('[storage-policy:0]\nname = gold\n')
    monkeypatch.setenv('SWIFT_DIR', str(tmp_path))
    storage_policy._policies.cache_clear()
    try:
        assert storage_policy.POLICIES.default.name == 'gold'
        assert storage_policy.POLICIES is storage_policy.POLICIES
    finally:
        storage_policy._policies.cache_clear()
    with pytest.raises(AttributeError):
        assert storage_policy.nothing
    assert storage_policy.get_policy_string('objects', 1) == 'objects-1'
