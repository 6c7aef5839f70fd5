"""From a section of a configuration file to what a paste factory needs (layer 1).

    def filter_factory(global_conf, **local_conf):
        section = read_section(NameCheckOptions, global_conf, local_conf, 'name_check')
        return lambda app: NameCheckMiddleware(app, section.options)

Names of the section win over those of [DEFAULT]. What the options have to warn about is logged
here, so that no factory forgets it.
"""
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swift.common.config.options import Options
from swift.common.log import Logger, get_logger


@dataclass(frozen=True)
class Section:
    """A parsed section: its names as written, its options, the logger of its log_* options."""

    conf: dict[str, Any]
    options: Any
    logger: Logger


def read_section(kind: type[Options], global_conf: Mapping[str, str],
                 local_conf: Mapping[str, str], name: str, route: str | None = None) -> Section:
    """Parse a section; ``name`` and ``route`` are those of get_logger().

    Raises ConfigError.
    """
    conf = {**global_conf, **local_conf}
    # What is no text is a section within the section.
    options = kind.parse({key: value for key, value in conf.items() if isinstance(value, str)})
    logger = get_logger(conf, name, route)
    options.report_to(logger)
    return Section(conf, options, logger)
