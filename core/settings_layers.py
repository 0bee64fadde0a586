"""How flags, environment and file become one tree, with each leaf's origin; and how mistakes in it are worded."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from core.secret_refs import SecretError, is_reference, is_secret_name, resolve
from core.settings_files import SettingsError, line_of, nearest

Keys = tuple[str, ...]
ENDPOINTS = ("shops", "channels", "payments", "suppliers")


def from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """``{"core.socket": "x"}`` as a tree; None means that the flag was not given."""
    tree: dict[str, Any] = {}
    for dotted, value in flags.items():
        if value is None:
            continue
        *path, last = dotted.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = value
    return tree


def with_secrets(layer: dict[str, Any], path: Path, from_file: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    """The layer with the references of shops, channels and gateways resolved. Raises SettingsError.

    A secret written out in the file is refused: files get copied, mailed and committed. The environment may carry one.
    """
    out = dict(layer)
    for section in ENDPOINTS:
        table = layer.get(section)
        if not isinstance(table, Mapping):
            continue
        out[section] = {
            name: {
                key: _secret(value, (section, str(name), str(key)), path, from_file, warn) for key, value in end.items()
            }
            if isinstance(end, Mapping)
            else end
            for name, end in table.items()
        }
    return out


def _secret(value: Any, keys: Keys, path: Path, from_file: bool, warn: Callable[[str], None]) -> Any:
    where = f"{path}: {'.'.join(keys)}"
    if is_reference(value):
        try:
            return resolve(value, path.parent, lambda text: warn(f"{where}: {text}"))
        except SecretError as error:
            raise SettingsError(f"{where}: {error}") from None
    if not is_secret_name(keys[-1]) or value == "":
        return value
    if from_file:
        raise SettingsError(
            f'{where}: a secret does not stand in the file; write "file:PATH", "env:NAME" or "credential:NAME"'
        )
    # Through the environment it is allowed; wrapped, it cannot be printed by mistake from here on.
    return SecretStr(str(value))


def merge(into: dict[str, Any], layer: Mapping[str, Any], keys: Keys, origin: str, origins: dict[Keys, str]) -> None:
    """Lay one tree over another; the later wins leaf by leaf."""
    for key, value in layer.items():
        here = (*keys, str(key))
        if isinstance(value, Mapping):
            branch = into.get(key)
            if not isinstance(branch, dict):
                branch = into[key] = {}
            merge(branch, value, here, origin, origins)
        else:
            into[key] = value
            origins[here] = origin


def explain(error: ValidationError, model: type[BaseModel], path: Path, text: str, origins: Mapping[Keys, str]) -> str:
    """Every mistake on a line: place, key, what is wrong, the nearest valid key. Never a value."""
    lines = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        keys = tuple(str(part) for part in item["loc"] if part != "[key]")
        origin = origins.get(keys) or next((o for k, o in origins.items() if k[: len(keys)] == keys), str(path))
        place = origin
        if origin == str(path):
            number = line_of(text, keys)
            place = f"{path}:{number}" if number else str(path)
        lines.append(f"{place}: {'.'.join(keys)}: {_reason(item, keys, model)}")
    return "\n".join(lines)


def _reason(item: ErrorDetails, keys: Keys, model: type[BaseModel]) -> str:
    if item["type"] == "extra_forbidden":
        return "no such setting" + nearest(keys[-1], _fields_at(keys[:-1], model))
    return item["msg"].removeprefix("Value error, ")


def _fields_at(keys: Keys, model: type[BaseModel]) -> list[str]:
    for key in keys:
        field = model.model_fields.get(key)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
