"""The places beside the queue: each opens over the desk and is left by escape."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen
    from console.screens.pane import PaneScreen


class Places:
    """Opened at once, not by a worker: the next key is the place's already."""

    def __init__(self, desk: "DeskScreen") -> None:
        self._desk = desk

    def _open(self, place: "PaneScreen") -> None:
        self._desk.app.push_screen(place)

    def do_stock(self) -> None:
        """Stock and imports of keys."""
        from console.screens.stock import StockScreen

        self._open(StockScreen(self._desk))

    def do_rules(self) -> None:
        """The rules in force."""
        from console.screens.rules import RulesScreen

        self._open(RulesScreen(self._desk))

    def do_connections(self) -> None:
        """Shops and gateways."""
        from console.screens.connections import ConnectionsScreen

        self._open(ConnectionsScreen(self._desk))

    def do_doctor(self) -> None:
        """What is right and wrong with terminal, database and settings."""
        from console.screens.doctor import DoctorScreen

        self._open(DoctorScreen(self._desk))

    def do_log(self) -> None:
        """What was said."""
        from console.screens.log import LogScreen

        self._open(LogScreen(self._desk))
