"""Settings: flags over environment (``KEYDESK_*``) over the file over defaults. Each value knows its origin."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SettingsSourceError

from core import settings_files, settings_layers
from core.settings_files import SettingsError

Role = Literal["viewer", "operator", "supervisor", "admin"]
RANK: dict[str, int] = {"viewer": 0, "operator": 1, "supervisor": 2, "admin": 3}
Reference = Annotated[str, Field(pattern=r"^(|(file|env|credential):.+)$")]
Name = Annotated[str, Field(pattern=r"^[\w][\w.-]{0,63}$")]
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.\-_~:/\[\]%]+\Z")

PAY_VIA = "pay_via"  # the one option of a shop that the core reads, not the connector

__all__ = ["RANK", "Endpoint", "Role", "Settings", "SettingsError", "load"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _data_dir() -> Path:
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "share") / "keydesk"


class CoreSettings(_Section):
    """The engine. Durations in seconds; an empty path means the usual place."""

    data_dir: Path = Field(default_factory=_data_dir)
    database: str = ""  # "" = data_dir/keydesk.db
    socket: str = ""  # "" = the system socket or the user's runtime directory
    master_key: Reference = ""  # "" = data_dir/master.key, made at first start
    rules: str = ""  # "" = rules.toml beside this file, else as shipped
    products: str = ""
    system: bool = False  # true: one core for many users; its settings must not be writable by others
    fresh_seconds: int = Field(default=30, ge=1, le=86_400)
    attempts_max: int = Field(default=3, ge=1, le=20)
    silence_minutes: int = Field(default=30, ge=0, le=1440)  # 0 = off
    language: Literal["zh_CN", "en"] = "zh_CN"
    webhook_port: int = Field(default=0, ge=0, le=65_535)


class Pickup(_Section):
    """The buyers' pick-up page. Both or none of ``port`` (on loopback) and ``public_url`` (what buyers open)."""

    port: int = Field(default=0, ge=0, le=65_535)
    public_url: str = Field(default="", max_length=200)
    days: int = Field(default=30, ge=1, le=3650)  # how long after the last message a link works

    @model_validator(mode="after")
    def _whole(self) -> "Pickup":
        if bool(self.port) != bool(self.public_url):
            raise ValueError("needs both port and public_url, or neither")
        parts = urlsplit(self.public_url)
        local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
        plain = _PLAIN_URL.match(self.public_url) and parts.hostname and parts.username is None
        if self.public_url and not (plain and (parts.scheme == "https" or local)):
            raise ValueError("public_url is an https address without user, query or fragment")
        return self


class Alerts(_Section):
    """What the merchant is told, and by which channels. Nothing without ``via``."""

    via: tuple[Name, ...] = ()
    quiet_minutes: int = Field(default=10, ge=1, le=1440)  # between two alerts of one kind
    shop_minutes: int = Field(default=5, ge=1, le=1440)  # how long a shop may fail before it is told
    unknown_minutes: int = Field(default=15, ge=1, le=1440)  # how long an unknown outcome may wait for a person


class Limits(_Section):
    """Caps that keep one action from doing too much."""

    keys_per_import: int = Field(default=200_000, ge=1, le=200_000)
    orders_per_action: int = Field(default=10_000, ge=1, le=100_000)
    reveals_per_hour: int = Field(default=20, ge=0, le=10_000)


class Desk(_Section):
    """What operators feel. Seconds; ``confirm_number_above`` is a count of orders."""

    undo_seconds: int = Field(default=30, ge=0, le=3600)
    claim_seconds: int = Field(default=120, ge=10, le=3600)
    confirm_number_above: int = Field(default=50, ge=1, le=100_000)


class Endpoint(BaseModel):
    """A shop (``kind`` = its platform), a channel or a payment gateway (``kind``) with its connector's options."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    kind: str = Field(min_length=1)
    options: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, SecretStr] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _fold(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError("is a table, for example [shops.my-shop]")
        word = next((w for w in ("platform", "kind") if w in value), None)
        if word is None:
            raise ValueError("lacks platform (a shop) or kind (a channel, a payment gateway)")
        options: dict[str, str] = {}
        secrets: dict[str, Any] = {}
        for key, item in value.items():
            if key == word:
                continue
            if isinstance(item, SecretStr):
                secrets[key] = item
            elif isinstance(item, bool):
                options[key] = "true" if item else "false"
            elif isinstance(item, str | int | float):
                options[key] = str(item)
            else:
                raise ValueError(f"option {key} must be a string, a number or true/false")
        return {"kind": value[word], "options": options, "secrets": secrets}

    def plain(self) -> dict[str, str]:
        """All options with the secrets in plain text: for the connector's constructor alone, never for a log."""
        return self.options | {key: secret.get_secret_value() for key, secret in self.secrets.items()}

    @property
    def pay_via(self) -> str:
        """The payment gateway that a shop's buyers pay through; "" where the platform itself tells of money."""
        return self.options.get(PAY_VIA, "")


class Operator(_Section):
    """One of several people who share an OS user. ``pin``: what ``keydesk pin`` prints, never the PIN itself."""

    role: Role
    pin: Annotated[str, Field(pattern=r"^[0-9a-f]{32}:[0-9a-f]{64}$", repr=False)]


class Settings(BaseSettings):
    """All settings of one core. Made by ``load``; immutable."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, env_prefix="KEYDESK_", env_nested_delimiter="__"
    )
    core: CoreSettings = Field(default_factory=CoreSettings)
    roles: dict[str, Role] = {}
    operators: dict[Name, dict[Name, Operator]] = {}  # OS user -> the people behind it
    shops: dict[Name, Endpoint] = {}
    channels: dict[Name, Endpoint] = {}
    payments: dict[Name, Endpoint] = {}
    suppliers: dict[Name, Endpoint] = {}  # whom keys are bought from, see restock in products.toml
    pickup: Pickup = Pickup()
    alerts: Alerts = Alerts()
    limits: Limits = Limits()
    desk: Desk = Desk()
    _file: Path = PrivateAttr(default=Path())
    _origins: dict[tuple[str, ...], str] = PrivateAttr(default_factory=dict)
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @field_validator("operators")
    @classmethod
    def _one_name_one_person(
        cls, found: dict[str, dict[str, Operator]], info: ValidationInfo
    ) -> dict[str, dict[str, Operator]]:
        names = [name for people in found.values() for name in people]
        for name in names:
            if name in info.data.get("roles", {}) or names.count(name) > 1:
                raise ValueError(f"{name}: two people cannot have one name; the log and claims go by it")
        return found

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what ``load`` merged: it keeps each value's origin, which merging inside would lose."""
        return (init_settings,)

    @property
    def file(self) -> Path:
        """The settings file in use."""
        return self._file

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works but should be put right, such as a secret that others can read."""
        return self._warnings

    @property
    def database(self) -> Path:
        """The database file; relative paths count from the data directory."""
        return self.core.data_dir / (self.core.database or "keydesk.db")

    def companion(self, name: Literal["rules", "products"]) -> Path:
        """rules.toml or products.toml: as set, else beside the settings file, else found as that was."""
        chosen = self.core.rules if name == "rules" else self.core.products
        if chosen:
            return settings_files.find(f"{name}.toml", self._file.parent / Path(chosen).expanduser())
        beside = self._file.parent / f"{name}.toml"
        return beside if beside.is_file() else settings_files.find(f"{name}.toml")

    def role_of(self, user: str, owner: bool = False) -> Role:
        """The role of an OS user; unlisted users are viewers, the owner of a private core its admin."""
        listed = self.roles.get(user)
        return listed or ("admin" if owner and not self.core.system else "viewer")

    def origins(self) -> list[tuple[str, str, str]]:
        """(key, value as text, origin) of every setting, for ``doctor``; secrets are shown as ``***``."""
        rows: list[tuple[str, str, str]] = []
        for section, value in self:
            if isinstance(value, BaseModel):
                pairs: list[tuple[tuple[str, ...], str]] = [((section, key), str(item)) for key, item in value]
            elif section == "operators":
                pairs = [
                    ((section, user, name, key), "***" if key == "pin" else str(item))
                    for user, people in value.items()
                    for name, person in people.items()
                    for key, item in person
                ]
            elif section == "roles":
                pairs = [((section, key), str(item)) for key, item in value.items()]
            else:
                pairs = []
                for name, end in value.items():
                    word = "platform" if section == "shops" else "kind"
                    pairs.append(((section, name, word), end.kind))
                    pairs += [((section, name, key), item) for key, item in end.options.items()]
                    pairs += [((section, name, key), "***") for key in end.secrets]
            rows += [(".".join(keys), text, self._origins.get(keys, "default")) for keys, text in pairs]
        return rows


def load(flags: Mapping[str, Any] | None = None, file: Path | None = None) -> Settings:
    """Settings from ``flags`` (dotted keys, such as ``core.data_dir``; None values are skipped), environment and file.

    Raises SettingsError naming file, key and the nearest valid key, never a value.
    """
    path = settings_files.find("settings.toml", file, "KEYDESK_SETTINGS")
    text = settings_files.read_text(path)
    layers = (
        (str(path), settings_files.parse(text, path)),
        ("environment", _environment()),
        ("flag", settings_layers.from_flags(flags or {})),
    )
    warnings: list[str] = []
    merged: dict[str, Any] = {}
    origins: dict[tuple[str, ...], str] = {}
    for origin, layer in layers:
        resolved = settings_layers.with_secrets(layer, path, origin == str(path), warnings.append)
        settings_layers.merge(merged, resolved, (), origin, origins)
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        raise SettingsError(settings_layers.explain(error, Settings, path, text, origins)) from None
    if settings.core.system:
        settings_files.require_own(path)
    settings._file, settings._origins, settings._warnings = path, origins, tuple(warnings)
    return settings


def _environment() -> dict[str, Any]:
    try:
        tree: dict[str, Any] = EnvSettingsSource(Settings)()
    except (SettingsSourceError, ValueError):
        raise SettingsError("environment: a KEYDESK_ variable is not what its setting takes") from None
    socket = os.environ.get("KEYDESK_SOCKET")
    if socket:
        tree.setdefault("core", {}).setdefault("socket", socket)
    return tree
