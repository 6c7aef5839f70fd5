"""`python -m swiftclient.shell` is the `swift` command."""
import sys

from swiftclient.shell.main import main

sys.exit(main())
