"""Calls that carry a lent access token: one fetch for all, and one more try when the token alone was refused."""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from connectors.channels.access import AccessToken, Lent, NoToken
from connectors.channels.base import Evidence, by_status, dead, later, outcome_of, read, said
from connectors.channels.errcode import DEAD, TOKEN, Meaning
from connectors.http import Http, HttpFailure, Reply
from core.model.effects import Outcome, Result

FETCH_S: Final = 5.0  # seconds: two fetches and a message must fit into the core's patience with one call


class LentAnswer(Struct):
    """What WeChat and WeCom answer to a request for a token; ``expires_in`` in seconds."""

    access_token: str = ""
    expires_in: int = 0
    errcode: int = 0
    errmsg: str = ""

    def __repr__(self) -> str:
        return f"LentAnswer(errcode={self.errcode})"


async def fetch(http: Http, label: str, method: str, url: str, body: bytes | None, codes: dict[int, Meaning]) -> Lent:
    """One request for a token. Raises NoToken; its outcome is never unknown: no message has been sent yet."""
    try:
        reply = await http.call(method, url, {"content-type": "application/json"}, body, FETCH_S)
    except HttpFailure as failure:
        raise NoToken(_not_done(outcome_of(failure, label))) from None
    answer = read(reply, LentAnswer)
    if answer is not None and answer.errcode == 0 and answer.access_token:
        return Lent(answer.access_token, answer.expires_in)
    if answer is None or answer.errcode == 0:
        raise NoToken(_not_done(by_status(reply, label)))
    evidence: Evidence = {"code": answer.errcode, "said": said(None, answer.errmsg), "path": label}
    meaning = codes.get(answer.errcode)
    if meaning is not None and meaning.wait:
        raise NoToken(later(meaning.why, meaning.wait, evidence))
    if meaning is not None and meaning.why in (DEAD, TOKEN):
        raise NoToken(dead(evidence))
    raise NoToken(later(f"no access token: error {answer.errcode}", 15.0, evidence))


def _not_done(outcome: Outcome) -> Outcome:
    if outcome.result in (Result.LATER, Result.NOT_SENT):
        return outcome
    return later(f"no access token: {outcome.why}", 5.0, outcome.evidence)


async def with_token(
    access: AccessToken,
    post: Callable[[str], Awaitable[Reply | Outcome]],
    meaning: Callable[[Reply], Outcome | None],
) -> Outcome:
    """``post`` with a token; ``meaning`` is None when the answer refuses the token, which proves that nothing was done."""
    evidence: Evidence = {}
    for _ in range(2):
        try:
            token = await access.get()
        except NoToken as lack:
            return lack.outcome
        reply = await post(token)
        if isinstance(reply, Outcome):
            return reply
        outcome = meaning(reply)
        if outcome is not None:
            return outcome
        access.drop(token)
        evidence = {"status": reply.status}
    return dead(evidence)
