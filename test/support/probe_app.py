"""A small WSGI app for tests of the process model; loaded by `use = call:`.

/pid            the worker's process id
/conf/NAME      an option as the app sees it
/wait/PATH      answers when somebody has written to the FIFO at PATH
/upload         the number of body bytes
/print          prints to standard output
"""
import os

from swift.common import green


class ProbeApp:
    def __init__(self, conf):
        self.options = conf

    def __call__(self, environ, start_response):
        word, _slash, rest = environ['PATH_INFO'].lstrip('/').partition('/')
        body = getattr(self, word)(rest, environ).encode()
        start_response('200 OK', [('Content-Length', str(len(body)))])
        return [body]

    def pid(self, rest, environ):
        return str(os.getpid())

    def user(self, rest, environ):
        return '%d %s' % (os.geteuid(), os.environ.get('NOTIFY_SOCKET'))

    def conf(self, rest, environ):
        return self.options[rest]

    def wait(self, rest, environ):
        fd = os.open('/' + rest, os.O_RDONLY | os.O_NONBLOCK)
        try:
            green.wait_readable(fd)
            return os.read(fd, 100).decode() or 'end'
        finally:
            os.close(fd)

    def upload(self, rest, environ):
        return str(len(environ['wsgi.input'].read()))

    def print(self, rest, environ):
        print('said ' + rest)
        return 'ok'


def app_factory(global_conf, **local_conf):
    conf = {**global_conf, **local_conf}
    if 'refuse' in conf:
        raise ValueError(conf['refuse'])
    marker = conf.get('break_when')
    if marker and os.path.exists(marker):
        raise ValueError('told to break')
    return ProbeApp(conf)
