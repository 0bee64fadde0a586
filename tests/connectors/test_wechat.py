"""The WeChat official account against a local server that lends stable tokens and answers as WeChat does."""

import json
from typing import Any

import pytest

from core.model.effects import Effect, EffectClass, Result
from tests.connectors.channel_kit import CODE, LINK, OPENID, SESAME, build, call_for, hurried, provider
from tests.connectors.server import Act, Answer, Request, Scripted

OK = {"errcode": 0, "errmsg": "ok", "msgid": 200163836}
TEMPLATE = {"template_id": "TPL-1", "fields": "character_string1={order},thing2={count} keys,thing3={code}"}


class Wechat:
    """Stable tokens: the same one until it is forced; template messages once for each client_msg_id."""

    def __init__(self) -> None:
        self.number, self.valid, self.forced = 1, "s1", 0
        self.inbox: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        self._once: set[str] = set()

    def __call__(self, request: Request) -> Answer:
        body = json.loads(request.body)
        if request.path == "/cgi-bin/stable_token":
            if (body["grant_type"], body["appid"], body["secret"]) != ("client_credential", "wx1", SESAME):
                return 200, {"errcode": 40125, "errmsg": "invalid appsecret"}
            if body["force_refresh"]:
                self.forced += 1
                self.number += 1
                self.valid = f"s{self.number}"
            return 200, {"access_token": f"s{self.number}", "expires_in": 7200}
        if request.query["access_token"] != [self.valid]:
            return 200, {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest"}
        if body.get("client_msg_id", "") not in self._once or "client_msg_id" not in body:
            self._once.add(body.get("client_msg_id", ""))
            self.inbox.append({"path": request.path, **body})
        return self.answers.pop(0) if self.answers else (200, OK)


async def test_a_template_message_links_to_the_pickup_and_repeats_arrive_once() -> None:
    wechat = Wechat()
    wechat.answers = [Act.RESET]
    async with Scripted(wechat) as server:
        channel = hurried(build("wechat", server.url, None, **TEMPLATE))
        assert channel.specs[Effect.SEND].cls is EffectClass.B
        assert (await channel.perform(call_for("wechat"))).result is Result.UNKNOWN
        outcome = await channel.perform(call_for("wechat", attempt=2))
        assert (outcome.result, outcome.remote_ref) == (Result.CONFIRMED, "200163836")
        (message,) = wechat.inbox
        assert message["path"] == "/cgi-bin/message/template/send"
        assert (message["touser"], message["template_id"], message["url"]) == (OPENID, "TPL-1", LINK)
        assert message["data"] == {
            "character_string1": {"value": "2001-77"},
            "thing2": {"value": "2 keys"},
            "thing3": {"value": CODE},
        }
        assert (await channel.perform(call_for("wechat", reference="shop-a:72"))).result is Result.CONFIRMED
        assert len(wechat.inbox) == 2
        await channel.close()


async def test_without_a_template_a_customer_service_text_goes_out_and_is_class_c() -> None:
    wechat = Wechat()
    async with Scripted(wechat) as server:
        channel = hurried(build("wechat", server.url))
        assert channel.specs[Effect.SEND].cls is EffectClass.C
        call = call_for("wechat", subject='<a href="weixin://x">1</a>\x07')
        assert (await channel.perform(call)).result is Result.CONFIRMED
        (message,) = wechat.inbox
        assert message["path"] == "/cgi-bin/message/custom/send"
        assert message["text"]["content"] == f'＜a href="weixin://x">1＜/a>\ufffd\n{LINK}'
        await channel.close()


async def test_a_voided_stable_token_is_forced_once() -> None:
    wechat = Wechat()
    async with Scripted(wechat) as server:
        channel = hurried(build("wechat", server.url))
        assert (await channel.perform(call_for("wechat"))).result is Result.CONFIRMED
        wechat.valid = "voided"
        assert (await channel.perform(call_for("wechat"))).result is Result.CONFIRMED
        assert wechat.forced == 1
        # Somebody else has forced a new one: asking is enough.
        wechat.number, wechat.valid = 9, "s9"
        assert (await channel.perform(call_for("wechat"))).result is Result.CONFIRMED
        assert (wechat.forced, len(wechat.inbox)) == (1, 3)
        await channel.close()


async def test_a_wrong_secret_waits_for_a_person() -> None:
    async with Scripted(Wechat()) as server:
        channel = hurried(build("wechat", server.url, None, secret="another"))
        outcome = await channel.perform(call_for("wechat"))
        assert (outcome.result, outcome.why, outcome.evidence["code"]) == (Result.LATER, "token_dead", 40125)
        await channel.close()


@pytest.mark.parametrize(
    ("code", "result", "words"),
    [
        (40003, Result.REJECTED, "recipient_invalid"),
        (43004, Result.REJECTED, "does not follow"),
        (43019, Result.REJECTED, "blocked the buyer"),
        (43101, Result.REJECTED, "refused such messages"),
        (40037, Result.REJECTED, "not among those approved"),
        (47003, Result.REJECTED, "does not fit the template"),
        (48001, Result.REJECTED, "no right"),
        (45015, Result.REJECTED, "48 hours"),
        (40164, Result.LATER, "token_dead"),
        (45009, Result.LATER, "quota"),
        (45011, Result.LATER, "rate limit"),
        (-1, Result.UNKNOWN, "-1"),
        (61000, Result.UNKNOWN, "61000"),
    ],
)
async def test_what_wechat_refuses(code: int, result: Result, words: str) -> None:
    answer = (200, {"errcode": code, "errmsg": "m rid: 1"})
    async with provider("wechat", lambda request: answer) as (channel, _):
        outcome = await channel.perform(call_for("wechat"))
        assert outcome.result is result
        assert words in outcome.why


@pytest.mark.parametrize("recipient", ["", "short", "a@example.com", OPENID + "\n", "o" * 41, "13800138000"])
async def test_only_an_openid_is_written_to(recipient: str) -> None:
    async with provider("wechat", lambda request: (200, OK)) as (channel, server):
        outcome = await channel.perform(call_for("wechat", recipient=recipient))
        assert outcome.why.startswith("recipient_invalid")
        assert server.requests == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"template_id": "T"}, "go together"),
        ({"fields": "a={order}"}, "go together"),
        ({"template_id": "T", "fields": "a={key}"}, "{key} is not known"),
        ({"template_id": "T", "fields": "{order}"}, "name={order}"),
        ({"template_id": "T", "fields": "a={order},a={code}"}, "named twice"),
    ],
)
def test_settings_that_cannot_be_right(more: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match="channel way") as caught:
        build("wechat", "https://api.weixin.qq.com", None, **more)
    assert words in str(caught.value)
