"""swift-container-info: shows what is in a container database (layer 4). See db_info."""
import sys
from collections.abc import Sequence

from swift.cli.broken_pipe import ends_quietly
from swift.cli.db_info import run


@ends_quietly
def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with arguments (without program name) and return its exit code."""
    return run('container', argv)


if __name__ == '__main__':
    sys.exit(main())
