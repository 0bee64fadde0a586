"""The doctor's findings in words: what was found, and what to do about it."""

from console.i18n import has, t
from core.model.checks import Check


def said(check: Check) -> str:
    """What was found, as a sentence."""
    return t(f"doctor.{check.code}", **check.facts)


def todo(check: Check) -> str:
    """What to do, or nothing where nothing is to be done."""
    key = f"doctor.todo.{check.code}"
    return t(key, **check.facts) if has(key) else ""
