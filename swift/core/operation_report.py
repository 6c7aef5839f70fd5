"""The document that reports a long operation whose status line was sent long before its end.

Pure (layer 0). Bulk operations, large-object manifests and copies start their answer early, keep
the connection alive with white space and end with this document. Source: sheet 05 section 1.8.

    application/json    {..., "Errors": [["<quoted name>", "<status>"], ...]}
    */xml               <root>\\n<key_in_snake>...</key_in_snake>\\n...<errors>\\n
                        <object><name>..</name><status>..</status></object>\\n</errors>\\n</root>\\n
    anything else       Key: value\\n sorted, Errors:\\n, name, status\\n
"""
import json
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

JSON = 'application/json'


def render_report(media_type: str, facts: Mapping[str, object],
                  errors: Sequence[Sequence[str]], root: str) -> bytes:
    """Return the document; `root` names the outermost XML element."""
    if media_type == JSON:
        return json.dumps({**facts, 'Errors': [list(error) for error in errors]}).encode('ascii')
    if media_type.endswith('/xml'):
        return _xml(facts, errors, root).encode('utf-8', 'surrogateescape')
    lines = [f'{key}: {facts[key]}\n' for key in sorted(facts)]
    lines.append('Errors:\n')
    lines += [f'{name}, {status}\n' for name, status in errors]
    return ''.join(lines).encode('utf-8', 'surrogateescape')


def _xml(facts: Mapping[str, object], errors: Sequence[Sequence[str]], root: str) -> str:
    lines = [f'<{root}>\n']
    for key in sorted(facts):
        tag = key.replace(' ', '_').lower()
        lines.append(f'<{tag}>{escape(str(facts[key]))}</{tag}>\n')
    lines.append('<errors>\n')
    for name, status in errors:
        lines.append(f'<object><name>{escape(name)}</name><status>{escape(status)}</status>'
                     '</object>\n')
    lines.append(f'</errors>\n</{root}>\n')
    return ''.join(lines)
