"""Content types as containers keep them: `type;key=value;...`, with the size of large objects.

Layer 0. A container row's content type may carry a parameter `swift_bytes=N`: the size that
clients should see of an object whose own body is only a manifest. Listings take it out, merges
carry it along with the object's data. Every content type that passes through here comes out
re-serialised without blanks (`text/plain; charset=utf8` becomes `text/plain;charset=utf8`), which
clients can see in listings. Quoted values stay as they are, semicolons inside included.
Source: sheet 03 §13, errata on 03 §9.2.
"""

SWIFT_BYTES = 'swift_bytes'
SWIFT_PARAMETER = 'Invalid Content-Type, swift_* is not a valid parameter name.'


def split_parameters(content_type: str) -> tuple[str, list[str]]:
    """Return the media type and its parameters as `key=value` texts without outer blanks."""
    if '"' not in content_type:
        pieces = content_type.split(';')
    else:
        pieces = _split_quoted(content_type)
    parameters = []
    for piece in pieces[1:]:
        key, mark, value = piece.partition('=')
        key = key.strip()
        if key or mark:
            parameters.append(f'{key}={value.strip()}' if mark else key)
    return pieces[0].strip(), parameters


def _split_quoted(text: str) -> list[str]:
    """Cut at semicolons outside of quoted strings; a backslash protects the next character."""
    pieces, start, quoted, index = [], 0, False, 0
    while index < len(text):
        char = text[index]
        if quoted and char == '\\':
            index += 1
        elif char == '"':
            quoted = not quoted
        elif char == ';' and not quoted:
            pieces.append(text[start:index])
            start = index + 1
        index += 1
    pieces.append(text[start:])
    return pieces


def extract_swift_bytes(content_type: str) -> tuple[str, str | None]:
    """Return the re-serialised type without `swift_bytes`, and that parameter's value or None."""
    if ';' not in content_type:
        return content_type, None
    media_type, parameters = split_parameters(content_type)
    kept, swift_bytes = [media_type], None
    for parameter in parameters:
        key, mark, value = parameter.partition('=')
        if mark and key == SWIFT_BYTES:
            swift_bytes = value
        else:
            kept.append(parameter)
    return ';'.join(kept), swift_bytes


def without_swift_bytes(content_type: str) -> str:
    """Return the type without `swift_bytes`, the rest as it is written."""
    kind, *parameters = content_type.split(';')
    kept = [p for p in parameters if not p.strip().lower().startswith(f'{SWIFT_BYTES}=')]
    return ';'.join([kind, *kept])


def listed(content_type: str, size: int) -> tuple[str, int]:
    """Return content type and size as a listing shows them (a damaged `swift_bytes` is ignored)."""
    shown, swift_bytes = extract_swift_bytes(content_type)
    if swift_bytes is None:
        return shown, size
    try:
        return shown, int(swift_bytes)
    except ValueError:
        return shown, size


def has_swift_parameter(content_type: str) -> bool:
    """Tell whether a content type has a parameter that only the cluster itself may set."""
    return any(parameter.lstrip().startswith('swift_')
               for parameter in content_type.split(';')[1:])
