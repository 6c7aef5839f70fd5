"""Web sites, upload forms and signed downloads, in a real browser on a phone and on a desk."""

import time
from urllib.parse import urlsplit

import pytest

from test.functional.conftest import empty
from test.support.browser import missing_programs, running_browser
from test.support.client import Client
from test.support.service import eventually

PHONE = (390, 844)
DESK = (1280, 800)
KEY = 'browser-key'
TEXT = 'text/plain; charset=utf-8'
LONG = 'a-name-that-is-too-long-for-a-phone-' * 4 + '.txt'
PNG = bytes.fromhex(
    '89504e470d0a1a0a0000000d4948445200000001000000010806000000'
    '1f15c4890000000d49444154789c63f8cfc0f01f0005000201d2d3a0930000000049454e44ae426082'
)

pytestmark = [
    pytest.mark.skipif(bool(missing_programs()), reason=f'needs {missing_programs()} (Debian)'),
    pytest.mark.slow,
]


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    with running_browser(tmp_path_factory.mktemp('browser')) as running:
        yield running


@pytest.fixture
def site(client, container):
    """A container that anyone may read; site(**meta) turns it into one that is shown."""

    def make(**meta: str) -> str:
        headers = {
            f'X-Container-Meta-{name.replace("_", "-")}': text for name, text in meta.items()
        }
        headers['X-Container-Read'] = '.r:*,.rlistings'
        assert client.post(container, headers=headers).status == 204
        return url_of(client, container)

    return make


def url_of(client: Client, path: str) -> str:
    return f'http://{urlsplit(client.auth_url).netloc}{client.storage_path}/{path}'


def store(client: Client, path: str, data: bytes = b'x', content_type: str = TEXT) -> None:
    assert client.put(path, data, headers={'Content-Type': content_type}).status == 201


@pytest.mark.parametrize(
    ('size', 'is_phone', 'is_dark'),
    [(PHONE, True, False), (PHONE, True, True), (DESK, False, False)],
)
def test_listing_fits_the_window_and_leads_everywhere(
    browser, client, container, site, size, is_phone, is_dark
):
    url = site(Web_Listings='true')
    for name in ('dir/sub/x', 'dir/a.txt', LONG, '<b>&é ☃?#%.txt'):
        store(client, f'{container}/{name}', name.encode())
    store(client, f'{container}/dir/image.png', PNG, 'image/png')
    with browser.window(*size, is_phone=is_phone, is_dark=is_dark) as window:
        window.open(url)
        assert window.url == f'{url}/' and window.title.startswith('Listing of ')
        assert window.texts('#listing a') == ['dir/', '<b>&é ☃?#%.txt', LONG]
        assert window.run('return document.documentElement.scrollWidth <= innerWidth')
        light, dark = 'rgb(244, 245, 247)', 'rgb(20, 23, 28)'
        colour = window.run('return getComputedStyle(document.body).backgroundColor')
        assert colour == (dark if is_dark else light)
        assert window.is_shown('#heading') == (not is_phone)
        window.click('.subdir a')
        assert window.url == f'{url}/dir/'
        assert window.texts('#listing a') == ['../', 'sub/', 'a.txt', 'image.png']
        window.click('.type-image a')
        assert window.run('return document.images[0].naturalWidth') == 1
        window.open(f'{url}/dir/')
        window.click('#parent a')
        window.click('tr:nth-of-type(3) a')
        assert window.texts('body') == ['<b>&é ☃?#%.txt']


def test_index_images_and_error_page_of_a_site(browser, client, container, site):
    url = site(Web_Index='index.html', Web_Error='.html')
    page = '<title>Home</title><img src="i/pixel.png"><a id="gone" href="nowhere/at/all">x</a>'
    store(client, f'{container}/index.html', page.encode(), 'text/html')
    store(client, f'{container}/i/pixel.png', PNG, 'image/png')
    store(client, f'{container}/404.html', b'<title>Lost</title>', 'text/html')
    with browser.window(*DESK) as window:
        window.open(url)
        assert (window.url, window.title) == (f'{url}/', 'Home')
        assert window.run('return document.images[0].naturalWidth') == 1
        window.click('#gone')
        assert (window.url, window.title) == (f'{url}/nowhere/at/all', 'Lost')


def test_signed_link_saves_or_shows_and_expires(browser, client, container, run_tempurl, tmp_path):
    client.post(container, headers={'X-Container-Meta-Temp-URL-Key': KEY})
    store(client, f'{container}/report', b'the report')
    link = run_tempurl(f'{client.storage_path}/{container}/report', 60)
    with browser.window(*DESK) as window:
        window.devtools('Browser.setDownloadBehavior', behavior='allow', downloadPath=str(tmp_path))
        window.open(f'{link}&filename=r%C3%A9sum%C3%A9%20%E2%98%83.txt')
        saved = tmp_path / 'résumé ☃.txt'
        eventually(saved.exists, 'the download')
        assert saved.read_bytes() == b'the report'
        window.open(f'{link}&inline')
        assert window.texts('body') == ['the report']
        window.open(link.replace('report?', 'other?'))
        assert window.texts('body') == ['401 Unauthorized: Temp URL invalid']


@pytest.fixture
def run_tempurl(client):
    """run_tempurl(path, seconds) -> URL, signed as a web application would."""
    from swift.core.tempurl_sig import sign, url_message

    def make(path: str, seconds: int) -> str:
        expires = int(time.time()) + seconds
        digest = sign(KEY, url_message('GET', expires, path.encode()), 'sha256')
        host = urlsplit(client.auth_url).netloc
        return f'http://{host}{path}?temp_url_sig={digest}&temp_url_expires={expires}'

    return make


@pytest.fixture
def form_page(form_client, saio):
    """form_page(max_size, redirect) -> URL of a page with a form that the program has made."""
    form_client.put('form')
    form_client.post('form', headers={'X-Container-Read': '.r:*',
                                      'X-Container-Meta-Temp-URL-Key': KEY,
                                      'X-Container-Meta-Web-Index': 'form.html'})

    def make(max_size: int, redirect: str = '') -> str:
        path = f'{form_client.storage_path}/form/in/'
        done = saio.program('swift-form-signature', '--digest', 'sha256', path, redirect,
                            str(max_size), '2', '600', KEY)
        assert done.returncode == 0, done.stderr
        page = '<title>Form</title>' + done.stdout.partition('\n\n')[2]
        store(form_client, 'form/form.html', page.encode(), 'text/html')
        return url_of(form_client, 'form/form.html')

    yield make
    empty(form_client, 'form')


def test_form_uploads_files_and_comes_back(browser, form_client, form_page, tmp_path):
    small, large = tmp_path / 'é "☃".txt', tmp_path / 'large.bin'
    small.write_bytes(b'small')
    large.write_bytes(b'--\r\n' * 300_000)
    store(form_client, 'form/thanks.html', b'<title>Thanks</title>', 'text/html')
    url = form_page(2_000_000, url_of(form_client, 'form/thanks.html'))
    with browser.window(*PHONE, is_phone=True) as window:
        window.open(url)
        window.type('[name=file1]', str(small))
        window.type('[name=file2]', str(large))
        window.click('[type=submit]')
        eventually(lambda: window.title == 'Thanks', 'the redirect')
        assert window.url.endswith('thanks.html?status=201&message=')
    stored = form_client.get('form/in/é %22☃%22.txt')
    assert (stored.status, stored.body, stored.header('Content-Type')) == (
        200, b'small', 'text/plain')
    assert form_client.get('form/in/large.bin').body == large.read_bytes()


def test_form_says_what_is_too_large_and_keeps_nothing_of_it(
    browser, form_client, form_page, tmp_path
):
    large = tmp_path / 'large.bin'
    large.write_bytes(b'x' * 300_000)
    url = form_page(100_000)
    with browser.window(*DESK) as window:
        window.open(url)
        window.type('[name=file1]', str(large))
        window.click('[type=submit]')
        eventually(lambda: window.texts('body') == ['FormPost: max_file_size exceeded'], 'the text')
    assert form_client.get('form/in/large.bin').status == 404
