"""curl, the client of every README: uploads from a pipe, ranges, formats, and keep-alive."""

import uuid

import pytest


@pytest.fixture
def base(client, run_client):
    """URL of a container of our own and the token header."""
    name = f'curl-{uuid.uuid4().hex[:8]}'
    url = client.auth_url.split('/auth/')[0] + f'{client.storage_path}/{name}'
    token = f'X-Auth-Token: {client.token}'
    run_client('curl', '-sfX', 'PUT', '-H', token, url)
    yield url, token
    for entry in client.get(name).lines:
        client.delete(f'{name}/{entry}')
    client.delete(name)


def test_curl_upload_from_pipe_is_chunked_and_comes_back(base, run_client):
    url, token = base
    text = 'line of text\n' * 20000
    run_client('curl', '-sfT', '-', '-H', token, f'{url}/piped', input=text)
    assert run_client('curl', '-sf', '-H', token, f'{url}/piped').stdout == text


def test_curl_several_requests_on_one_connection(base, run_client):
    url, token = base
    run_client('curl', '-sfT', '-', '-H', token, f'{url}/o', input='0123456789')
    done = run_client('curl', '-sfv', '-H', token, f'{url}/o', f'{url}/o', '-r', '2-4')
    assert done.stdout == '234234' and 'Re-using existing connection' in done.stderr


def test_curl_wrong_token_is_refused_in_words(base, run_client):
    url, _ = base
    done = run_client('curl', '-s', '-w', '%{http_code}', '-H', 'X-Auth-Token: nonsense', url)
    assert done.stdout.endswith('401') and 'Traceback' not in done.stdout


def test_curl_listing_formats(base, run_client):
    url, token = base
    run_client('curl', '-sfT', '-', '-H', token, f'{url}/o', input='x')
    assert run_client('curl', '-sf', '-H', token, url).stdout == 'o\n'
    assert '"name": "o"' in run_client('curl', '-sf', '-H', token, f'{url}?format=json').stdout
    assert '<name>o</name>' in run_client('curl', '-sf', '-H', token, f'{url}?format=xml').stdout
