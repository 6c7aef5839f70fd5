"""Accounts: listing, metadata, management by a reseller."""

import uuid

import pytest


def test_account_counts_follow_containers(client):
    name = f'a-{uuid.uuid4().hex[:8]}'
    assert client.put(name).status == 201
    listed = client.get(query=f'?format=json&prefix={name}').json()
    assert [(row['name'], row['count'], row['bytes']) for row in listed] == [(name, 0, 0)]
    assert set(listed[0]) == {'name', 'count', 'bytes', 'last_modified', 'storage_policy'}
    assert client.head().status == 204
    client.delete(name)
    assert client.get(query=f'?format=json&prefix={name}').json() == []


@pytest.mark.parametrize(
    ('query', 'status', 'body'),
    [('?limit=10001', 412, b'Maximum limit is 10000'), ('?prefix=%ff', 400, None)],
)
def test_account_listing_parameters(client, query, status, body):
    answer = client.get(query=query)
    assert answer.status == status and body in (None, answer.body)


def test_account_metadata_is_set_kept_and_removed(client):
    key = f'X-Account-Meta-T{uuid.uuid4().hex[:8]}'
    assert client.post(headers={key: 'wert ü'.encode().decode('latin-1')}).status == 204
    assert client.head().header(key).encode('latin-1').decode() == 'wert ü'
    assert client.post(headers={'X-Account-Meta-Unrelated': '1'}).status == 204
    assert client.head().header(key) is not None
    remove = key.replace('X-Account', 'X-Remove-Account')
    assert client.post(headers={remove: 'x', 'X-Account-Meta-Unrelated': ''}).status == 204
    assert client.head().header(key) is None


def test_reseller_makes_and_removes_accounts(admin):
    path = f'/v1/AUTH_new-{uuid.uuid4().hex[:8]}'
    token = {'X-Auth-Token': admin.token}
    assert admin.raw('PUT', path, headers=token).status == 201
    assert admin.raw('PUT', path, headers=token).status == 202
    assert admin.raw('DELETE', path + '?x=1', headers=token).status == 400
    assert admin.raw('DELETE', path, headers=token).status == 204
    assert admin.raw('GET', path, headers=token).status == 410
    again = admin.raw('PUT', path, headers=token)
    assert (again.status, again.body) == (403, b'Recently deleted')


def test_owner_may_not_manage_his_account(client):
    assert client.request('PUT').status == 403
    assert client.request('DELETE').status == 403


def test_account_acl_gives_rights_by_level(client, other):
    import json

    path = client.storage_path
    acl = {'X-Account-Access-Control': json.dumps({'read-only': ['test:tester3']})}
    try:
        assert client.post(headers=acl).status == 204
        assert other.raw('GET', path, headers={'X-Auth-Token': other.token}).status in (200, 204)
        assert other.put('never-made').status == 403
        bad = client.post(headers={'X-Account-Access-Control': '{"read-only": 1}'})
        assert bad.status == 400 and b'X-Account-Access-Control invalid' in bad.body
    finally:
        client.post(headers={'X-Account-Access-Control': ''})
    assert other.raw('GET', path, headers={'X-Auth-Token': other.token}).status == 403
