"""Who stands in the event log as the actor when no person acted."""

from typing import Final

# ``buyer``: looked at the pick-up page, which costs the merchant's people nothing. A test holds this to the sources.
MACHINE: Final = frozenset(
    {"buyer", "catalogue", "clock", "core", "desk", "effects", "gate", "intake", "platform", "rules", "stock"}
)
MACHINE_SQL: Final = "(" + ", ".join(f"'{name}'" for name in sorted(MACHINE)) + ")"
