"""Asks who sits here before the console starts, where the core says that several people share this OS user."""

import getpass
import sys
from pathlib import Path

from console import i18n, identity

TRIES = 3


def sign_in(path: Path, language: str | None) -> str:
    """Ask for name and PIN if the core wants them; an empty name goes on as a viewer. Returns "" or what went wrong.

    The PIN is typed unseen, and is in no argument, variable of the environment, file or log.
    """
    try:
        people = identity.health(path).get("people") or []
    except OSError as error:
        return f"No core answers at {path} ({error})."
    if not people:
        return ""
    i18n.use(i18n.pick(language))
    for _ in range(TRIES):
        try:
            name = _ask(f"{i18n.t('pin.who', names=', '.join(map(str, people)))}: ")
            if not name:
                return ""
            identity.become(name, getpass.getpass(f"{i18n.t('pin.ask')}: "))
            known = identity.health(path)
        except (EOFError, KeyboardInterrupt):
            return i18n.t("pin.left")
        except OSError as error:
            return f"No core answers at {path} ({error})."
        if known.get("operator") == name and not known.get("people"):
            return ""
        identity.become("", "")
        sys.stderr.write(i18n.t("pin.wrong") + "\n")
    return i18n.t("pin.left")


def _ask(prompt: str) -> str:
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()
