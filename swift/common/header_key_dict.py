"""HeaderKeyDict under the module name that third-party filters import it from (layer 1)."""
from swift.common.response import HeaderKeyDict

__all__ = ['HeaderKeyDict']
