"""`swift capabilities`. Source: sheet 08, section 5.2."""
import json
from typing import Any

from swiftclient.shell.parsing import CommandLine
from swiftclient.shell.running import WrongUsage, service_for


def run(line: CommandLine, output: Any) -> None:
    if len(line.words) > 1:
        raise WrongUsage
    url = line.words[0] if line.words else None
    with service_for(line) as service:
        found = dict(service.capabilities(url)['capabilities'])
    if line.options['json']:
        output.print_msg('%s', json.dumps(found, sort_keys=True, indent=2))
        return
    _show('Core: swift', found.pop('swift', {}), output)
    for name in sorted(found):
        _show(f'Additional middleware: {name}', found[name], output)


def _show(title: str, settings: dict, output: Any) -> None:
    output.print_msg('%s', title)
    if settings:
        output.print_msg(' Options:')
    for key in sorted(settings):
        output.print_msg('  %s: %s', key, settings[key])
