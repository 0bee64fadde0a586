"""The box that a person types into. What is pasted may come from a stranger, so it is cleaned before it is drawn."""

from textual.widgets import Input

from core.model.text import clean

LONGEST = 4000


class Box(Input):
    """An input that holds printable text alone."""

    def validate_value(self, value: str) -> str:
        """Whatever way the text came: typed, pasted, brought back, completed."""
        return clean(value, LONGEST)
