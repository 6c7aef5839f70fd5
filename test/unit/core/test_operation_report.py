"""The document at the end of a long operation."""
import json

from swift.core.operation_report import render_report

FACTS = {'Response Status': '400 Bad Request', 'Response Body': '', 'Number Deleted': 1,
         'Number Not Found': 0}
ERRORS = [['/c2', '409 Conflict']]


def test_text():
    assert render_report('text/plain', FACTS, ERRORS, 'delete') == (
        b'Number Deleted: 1\nNumber Not Found: 0\nResponse Body: \n'
        b'Response Status: 400 Bad Request\nErrors:\n/c2, 409 Conflict\n')


def test_json():
    document = json.loads(render_report('application/json', FACTS, [tuple(ERRORS[0])], 'delete'))
    assert document == {**FACTS, 'Errors': ERRORS}


def test_xml():
    assert render_report('text/xml', {'Response Body': 'a<b', 'Number Deleted': 1},
                         [('/c&d', '409 <')], 'delete') == (
        b'<delete>\n<number_deleted>1</number_deleted>\n<response_body>a&lt;b</response_body>\n'
        b'<errors>\n<object><name>/c&amp;d</name><status>409 &lt;</status></object>\n</errors>\n'
        b'</delete>\n')
