"""Content types by file name: the system's, the cluster's own, and the default."""
from swift.common.mime_types import MimeTypes


def test_types_of_the_system_and_of_the_cluster(tmp_path):
    (tmp_path / 'mime.types').write_text('x-thing/special  special\ntext/own html\n')
    own, system = MimeTypes(str(tmp_path)), MimeTypes('/nonexistent')
    assert own.guess('a.special') == 'x-thing/special' and own.guess('a.html') == 'text/own'
    assert system.guess('a.html') == 'text/html'
    assert system.guess('a.special') == system.guess('nothing') == 'application/octet-stream'
    assert own.guess('ü/é.tar.gz') == system.guess('x.tar')
    assert MimeTypes('/nonexistent').guess('a.txt') == 'text/plain'
