"""What a request to a container or object is about, as object versioning sees it (layer 2)."""
from dataclasses import dataclass

from swift.core.versions import hidden_container


@dataclass(frozen=True, slots=True)
class Names:
    """What a path names; WSGI strings."""

    version: str
    account: str
    container: str

    @property
    def base(self) -> str:
        return f'/{self.version}/{self.account}'

    @property
    def path(self) -> str:
        return f'{self.base}/{self.container}'

    @property
    def hidden(self) -> str:
        """The path of the hidden container."""
        return f'{self.base}/{hidden_container(self.container)}'
