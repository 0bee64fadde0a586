"""Which branches of a tree are open, and the lines that show for it. The cursor's line is known by its node's key."""

from collections.abc import Iterator, Sequence
from typing import Protocol

DEEP = 12


class Branch(Protocol):
    """What folds look at."""

    @property
    def key(self) -> str:
        """Its name, the same after a new reading."""

    @property
    def shut(self) -> bool:
        """Whether it is folded before anybody has touched it."""

    @property
    def below(self) -> Sequence["Branch"]:
        """What hangs on it."""


class Folds:
    """Remembers what a person opened and shut; all else is as the nodes themselves say."""

    def __init__(self) -> None:
        self._told: dict[str, bool] = {}

    def is_open(self, node: Branch) -> bool:
        """Whether what hangs on it shows."""
        return bool(node.below) and self._told.get(node.key, not node.shut)

    def put(self, node: Branch, open: bool) -> None:
        """Opens or shuts one branch."""
        if node.below:
            self._told[node.key] = open

    def put_all(self, nodes: Sequence[Branch], open: bool) -> None:
        """Opens or shuts every branch; the outermost are then as they say themselves, so that something is to be seen."""
        for depth, node, _ in self.walk(nodes, everything=True):
            self.put(node, open or (depth == 0 and not node.shut))

    def all_open(self, nodes: Sequence[Branch]) -> bool:
        """Whether nothing is shut."""
        return all(self.is_open(node) for _, node, _ in self.walk(nodes, everything=True) if node.below)

    def walk(
        self, nodes: Sequence[Branch], everything: bool = False, depth: int = 0, above: str = ""
    ) -> Iterator[tuple[int, Branch, str]]:
        """(depth, node, key of the branch it hangs on), top to bottom, of what shows."""
        for node in nodes:
            yield depth, node, above
            if depth < DEEP and (everything or self.is_open(node)):
                yield from self.walk(node.below, everything, depth + 1, node.key)
