"""A real browser for tests: Debian's chromium, driven by chromedriver.

    with running_browser(folder) as browser, browser.window(390, 844, is_phone=True) as window:
        window.open(url)
        window.click('a')
        window.texts('#listing a')

Speaks the WebDriver protocol (JSON over HTTP) itself. Everything the browser writes is in `folder`;
what it downloads in `folder/downloads`. It talks to nothing but loopback.
"""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 60
COMMAND_TIMEOUT_S = 120
ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'
ARGUMENTS = (
    'headless', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run',
    'disable-background-networking', 'disable-component-update', 'disable-sync',
    'disable-dev-shm-usage', 'hide-scrollbars',
    'host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1')


def missing_programs() -> str:
    """Name what has to be installed first; '' when everything is there."""
    return ', '.join(name for name in ('chromium', 'chromedriver') if not shutil.which(name))


class WebDriverError(Exception):
    """The browser could not do what was asked."""


class Browser:
    """A running chromedriver."""

    def __init__(self, url: str, folder: Path):
        self._url = url
        self._folder = folder

    def call(self, method: str, path: str, body: dict | None = None) -> Any:
        """Send one command and return its value. Raises WebDriverError."""
        request = urllib.request.Request(
            self._url + path, method=method,
            data=None if method != 'POST' else json.dumps(body or {}).encode())
        try:
            with urllib.request.urlopen(request, timeout=COMMAND_TIMEOUT_S) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            raise WebDriverError(json.load(error)['value']['message']) from None

    @contextlib.contextmanager
    def window(self, width: int, height: int, is_phone: bool = False,
               is_dark: bool = False) -> Iterator['Window']:
        """Open a window of that size, on a phone with its way of fitting pages."""
        profile = self._folder / 'profile'
        downloads = self._folder / 'downloads'
        arguments = [*ARGUMENTS, f'user-data-dir={profile}', f'window-size={width},{height}']
        session = self.call('POST', '/session', {'capabilities': {'alwaysMatch': {
            'browserName': 'chrome', 'goog:chromeOptions': {
                'args': [f'--{word}' for word in arguments]}}}})
        window = Window(self, f'/session/{session["sessionId"]}')
        try:
            window.devtools('Emulation.setDeviceMetricsOverride', width=width, height=height,
                            deviceScaleFactor=2 if is_phone else 1, mobile=is_phone)
            window.devtools('Emulation.setEmulatedMedia', features=[
                {'name': 'prefers-color-scheme', 'value': 'dark' if is_dark else 'light'}])
            window.devtools('Browser.setDownloadBehavior', behavior='allow',
                            downloadPath=str(downloads))
            yield window
        finally:
            self.call('DELETE', window.path)
            shutil.rmtree(profile, ignore_errors=True)


class Window:
    """One window. Elements are named by CSS selectors."""

    def __init__(self, browser: Browser, path: str):
        self._browser = browser
        self.path = path

    def open(self, url: str) -> None:
        self._browser.call('POST', f'{self.path}/url', {'url': url})

    @property
    def url(self) -> str:
        return self._browser.call('GET', f'{self.path}/url')

    @property
    def title(self) -> str:
        return self._browser.call('GET', f'{self.path}/title')

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a function's body in the page and return its value."""
        return self._browser.call('POST', f'{self.path}/execute/sync', {
            'script': script, 'args': list(arguments)})

    def devtools(self, command: str, **params: Any) -> Any:
        """Send a command of the browser's own protocol."""
        return self._browser.call('POST', f'{self.path}/goog/cdp/execute', {
            'cmd': command, 'params': params})

    def texts(self, selector: str) -> list[str]:
        """Return the texts, as they are shown, of all elements."""
        return self.run('return [...document.querySelectorAll(arguments[0])]'
                        '.map(element => element.innerText)', selector)

    def is_shown(self, selector: str) -> bool:
        """Tell whether the first such element takes any place in the page."""
        return self.run('return document.querySelector(arguments[0]).getClientRects().length > 0',
                        selector)

    def click(self, selector: str) -> None:
        self._act(selector, 'click')

    def type(self, selector: str, text: str) -> None:
        """Type into a field; into one for files, their paths, a line each."""
        self._act(selector, 'value', text=text)

    def _act(self, selector: str, action: str, **body: Any) -> None:
        found = self._browser.call('POST', f'{self.path}/element', {
            'using': 'css selector', 'value': selector})
        self._browser.call('POST', f'{self.path}/element/{found[ELEMENT]}/{action}', body)

    def screenshot(self) -> bytes:
        """Return a picture of what is shown, as PNG."""
        return base64.b64decode(self._browser.call('GET', f'{self.path}/screenshot'))


@contextlib.contextmanager
def running_browser(folder: Path) -> Iterator[Browser]:
    """Start chromedriver on a port that the kernel picks; stop it whatever happens."""
    log = folder / 'chromedriver.log'
    with open(log, 'wb') as output:
        process = subprocess.Popen(['chromedriver', '--port=0'], stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Browser(f'http://127.0.0.1:{_port(process, log)}', folder)
    finally:
        process.terminate()
        process.wait(START_TIMEOUT_S)


def _port(process: subprocess.Popen, log: Path) -> str:
    """Wait until chromedriver says where it listens."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        said = log.read_text(errors='replace')
        if found := re.search(r'started successfully on port (\d+)', said):
            return found[1]
        assert process.poll() is None and time.monotonic() < deadline, said
        time.sleep(0.05)
