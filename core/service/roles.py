"""Who may do what: the OS user of the peer, the core's own settings, and a PIN where several people share a user."""

import hashlib
import hmac
import os
import pwd
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from core.desk.jobs import Person
from core.service.peer import Peer

_TRIES = 5  # wrong PINs of one user in a minute before all of them are refused
_MINUTE = 60_000_000


class SharedPerson(Struct, frozen=True):
    """One of several people behind one OS user. ``pin``: what ``pin_hash`` made, never the PIN itself."""

    name: str
    role: str
    pin: str


def pin_hash(pin: str) -> str:
    """A salted scrypt hash of a PIN, as settings keep it."""
    salt = os.urandom(16)
    return f"{salt.hex()}:{_scrypt(pin, salt).hex()}"


def _scrypt(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode("utf-8", "surrogatepass"), salt=salt, n=2**14, r=8, p=1, dklen=32)


class Roles:
    """``of`` names the person behind a request. Unknown users are viewers; no peer at all is nobody's right."""

    def __init__(
        self,
        role_of: Callable[[str, bool], str],
        owner: int | None,
        clock: Callable[[], int],
        shared: Mapping[str, Sequence[SharedPerson]] = {},
    ) -> None:
        self._role_of, self._owner, self._clock, self._shared = role_of, owner, clock, shared
        self._names: dict[int, str] = {}
        self._good: dict[tuple[str, str], bytes] = {}
        self._bad: dict[str, list[int]] = {}

    def of(self, peer: Peer | None, name: str = "", pin: str = "") -> Person:
        """The person and the role. ``name`` and ``pin`` matter only where an OS user stands for several people."""
        if peer is None:
            return Person("unknown", "viewer")
        user = self._user(peer.uid)
        people = self._shared.get(user)
        if people is None:
            return Person(user, self._role_of(user, self._owner is not None and peer.uid == self._owner))
        for person in people:
            if person.name == name and self._proves(user, person, pin):
                return Person(person.name, person.role)
        return Person(user, "viewer")

    def people(self, peer: Peer | None) -> list[str]:
        """The people among whom the peer is one, if its OS user stands for several; else nobody."""
        return [person.name for person in self._shared.get(self._user(peer.uid), ())] if peer is not None else []

    def _user(self, uid: int) -> str:
        if uid not in self._names:
            try:
                self._names[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._names[uid] = f"uid {uid}"  # never the name of a settings entry: those have no spaces
        return self._names[uid]

    def _proves(self, user: str, person: SharedPerson, pin: str) -> bool:
        now = self._clock()
        recent = [at for at in self._bad.get(user, []) if now - at < _MINUTE]
        if len(recent) >= _TRIES:
            return False
        # scrypt is slow on purpose; a PIN that was right is remembered by a plain digest in memory.
        digest = hashlib.sha256(pin.encode("utf-8", "surrogatepass")).digest()
        known = self._good.get((user, person.name))
        if known is not None and hmac.compare_digest(known, digest):
            return True
        salt, _, wanted = person.pin.partition(":")
        if hmac.compare_digest(_scrypt(pin, bytes.fromhex(salt)), bytes.fromhex(wanted)):
            self._good[(user, person.name)] = digest
            return True
        self._bad[user] = [*recent, now]
        return False
