"""Roles: the OS user decides; behind a shared user only a right PIN makes more than a viewer."""

import os
import pwd

import pytest

from core.service.peer import Peer
from core.service.roles import Roles, SharedPerson, pin_hash

_USER = pwd.getpwuid(os.getuid()).pw_name
_ME = Peer(1, os.getuid(), os.getgid())
_NOBODY = Peer(1, 65534, 65534)


def _listed(user: str, owner: bool) -> str:
    return {"nobody": "supervisor"}.get(user) or ("admin" if owner else "viewer")


def test_owner_listed_unlisted_and_unknown() -> None:
    roles = Roles(_listed, os.getuid(), lambda: 0)
    assert roles.of(_ME) == (_USER, "admin")
    assert roles.of(_NOBODY) == ("nobody", "supervisor")
    assert roles.of(Peer(1, 4_000_000, 1)) == ("uid 4000000", "viewer")
    assert roles.of(None).role == "viewer"
    assert Roles(_listed, None, lambda: 0).of(_ME).role == "viewer"


@pytest.fixture
def clock() -> list[int]:
    return [0]


def test_a_shared_user_is_a_viewer_without_the_right_pin(clock: list[int]) -> None:
    people = (SharedPerson("wang", "operator", pin_hash("4711")), SharedPerson("li", "supervisor", pin_hash("0815")))
    roles = Roles(lambda user, owner: "admin", None, lambda: clock[0], {_USER: people})
    assert roles.of(_ME) == (_USER, "viewer")
    assert roles.of(_ME, "wang", "0815").role == "viewer"
    assert roles.of(_ME, "wang", "4711") == ("wang", "operator")
    assert roles.of(_ME, "li", "0815") == ("li", "supervisor")
    assert roles.of(_ME, "zhao", "4711").role == "viewer"


def test_guessing_pins_is_stopped_for_a_minute(clock: list[int]) -> None:
    roles = Roles(
        lambda user, owner: "viewer", None, lambda: clock[0], {_USER: [SharedPerson("li", "admin", pin_hash("1"))]}
    )
    for guess in ("2", "3", "4", "5", "6"):
        assert roles.of(_ME, "li", guess).role == "viewer"
    assert roles.of(_ME, "li", "1").role == "viewer"
    clock[0] += 61_000_000
    assert roles.of(_ME, "li", "1").role == "admin"


def test_a_hash_is_salted_and_does_not_show_the_pin() -> None:
    assert pin_hash("4711") != pin_hash("4711")
    assert "4711" not in pin_hash("4711")[:8]
