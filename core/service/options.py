"""What the service is told about itself: names, limits and who owns the core. Made from the settings, or by tests."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from core.desk.jobs import Limits
from core.model.clock import SECOND
from core.service.roles import SharedPerson
from core.settings import Settings
from core.vault.keyring import DEFAULT_NAME


def _viewer(_: str, owner: bool) -> str:
    return "admin" if owner else "viewer"


@dataclass(frozen=True)
class Options:
    """Times in microseconds. ``owner``: the uid that owns a private core, None for a system core."""

    version: str
    language: str = "zh_CN"
    owner: int | None = None
    role_of: Callable[[str, bool], str] = _viewer
    shared: Mapping[str, Sequence[SharedPerson]] = field(default_factory=dict)
    lease: int = 90 * SECOND
    limits: Limits = field(default_factory=Limits)
    big_from: int = 50_000  # minor units
    keys_per_import: int = 200_000
    reveals_per_hour: int = 20
    key_at: str = ""  # where the master key is, for whoever makes a backup; never the key

    @classmethod
    def from_settings(cls, settings: Settings, version: str) -> "Options":
        """As the merchant set it."""
        desk, limits = settings.desk, settings.limits
        return cls(
            version=version,
            language=settings.core.language,
            owner=None if settings.core.system else os.getuid(),
            role_of=settings.role_of,
            shared={
                user: [SharedPerson(name, person.role, person.pin) for name, person in people.items()]
                for user, people in settings.operators.items()
            },
            lease=desk.claim_seconds * SECOND,
            limits=Limits(desk.undo_seconds * SECOND, desk.confirm_number_above, limits.orders_per_action),
            keys_per_import=limits.keys_per_import,
            reveals_per_hour=limits.reveals_per_hour,
            key_at=settings.core.master_key or str(settings.core.data_dir / DEFAULT_NAME),
        )
