"""What is declared in modules, here and in other distributions, by name."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Generic, Protocol, TypeVar

from shared.errors import ConfigurationError


class Named(Protocol):
    """Something with a name."""

    @property
    def name(self) -> str:
        """How configuration refers to it."""
        ...


Item = TypeVar("Item", bound=Named)


class Extensions(Generic[Item]):
    """Items of one kind that modules declare."""

    def __init__(self, kind: type[Item]) -> None:
        self._kind = kind
        self._by_name: dict[str, Item] = {}
        self._modules: set[str] = set()

    def add_module(self, module: ModuleType) -> None:
        """Add every item of a module; a module that was added before is passed over.

        Raises:
            ConfigurationError: A name is taken.
        """
        if module.__name__ in self._modules:
            return
        self._modules.add(module.__name__)
        for item in vars(module).values():
            if isinstance(item, self._kind):
                self._add(item, module)

    def add_entry_points(self, entry_points: Iterable[EntryPoint]) -> None:
        """Import the modules that installed distributions name, and add their items.

        Raises:
            ConfigurationError: A module cannot be imported, or a name is taken.
        """
        for entry_point in entry_points:
            try:
                module = entry_point.load()
            except Exception as error:  # another package's code, which may fail in any way
                fault = f"{type(error).__name__}: {error}"
                raise ConfigurationError(
                    [f"entry point {entry_point.name} = {entry_point.value}: {fault}"]
                ) from error
            self.add_module(module)

    def find(self, name: str) -> Item | None:
        """Return an item by name."""
        return self._by_name.get(name)

    def items(self) -> list[Item]:
        """Return every item, in the order in which they were added."""
        return list(self._by_name.values())

    def _add(self, item: Item, module: ModuleType) -> None:
        if self._by_name.setdefault(item.name, item) is not item:
            kind = self._kind.__name__.lower()
            raise ConfigurationError(
                [f"{kind} {item.name} of {module.__name__} is declared twice under that name"]
            )
