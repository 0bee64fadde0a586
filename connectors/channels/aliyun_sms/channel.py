"""Aliyun SMS: an approved template with the pick-up link or code (SendSms), asked by our own id (QuerySendDetails)."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from connectors.channels.aliyun_sms.codes import meaning_of
from connectors.channels.aliyun_sms.sign import query_text, sign
from connectors.channels.base import (
    Evidence,
    HttpChannel,
    Kind,
    base_url,
    by_status,
    confirmed,
    read,
    rejected,
    said,
    sends,
    unknown,
)
from connectors.channels.fields import Fields
from connectors.channels.message import Unsendable
from connectors.channels.phone import e164
from connectors.http import Http, Reply
from connectors.options import Options, http_of
from core.model.clock import Clock
from core.model.contact import ContactKind
from core.model.effects import Call, EffectClass, Outcome

_BEIJING: Final = timezone(timedelta(hours=8))
_VERSION: Final = "2017-05-25"
_WAITING, _FAILED, _ARRIVED = 1, 2, 3  # SendStatus of QuerySendDetails


class _Sent(Struct, rename="pascal"):
    code: str
    message: str = ""
    biz_id: str = ""


class _Detail(Struct, rename="pascal"):
    send_status: int
    out_id: str = ""
    err_code: str = ""


class _Details(Struct):
    details: list[_Detail] = msgspec.field(name="SmsSendDetailDTO", default_factory=list)


class _Told(Struct):
    code: str = msgspec.field(name="Code")
    message: str = msgspec.field(name="Message", default="")
    found: _Details = msgspec.field(name="SmsSendDetailDTOs", default_factory=_Details)


class AliyunSms(HttpChannel):
    """``fields``: the template's variables by name, for example ``code={code}``. Keys never go by SMS."""

    kind = "aliyun-sms"
    reaches = frozenset({ContactKind.PHONE})
    specs = sends(
        EffectClass.B,
        "Aliyun SendSms takes no idempotency key (its documentation says so); QuerySendDetails shows the OutId we gave",
        askable=True,
    )

    def __init__(
        self,
        name: str,
        clock: Clock,
        http: Http,
        url: str,
        key_id: str,
        key_secret: str,
        sign_name: str,
        template: str,
        fields: Fields,
    ) -> None:
        super().__init__(name, clock, http)
        self._url, self._host = url, urlsplit(url).netloc
        self._key_id, self._key_secret = key_id, key_secret
        self._sign_name, self._template, self._fields = sign_name, template, fields

    async def _send(self, call: Call) -> Outcome:
        query = {
            "PhoneNumbers": _local(e164(call.recipient)),
            "SignName": self._sign_name,
            "TemplateCode": self._template,
            "TemplateParam": msgspec.json.encode(self._fields.named(call)).decode(),
            "OutId": _out_id(call, call.attempt),
        }
        reply = await self._call("SendSms", query)
        if isinstance(reply, Outcome):
            return reply
        answer = read(reply, _Sent)
        if answer is None:
            return by_status(reply, "SendSms")
        if answer.code == "OK":
            if reply.status != 200 or not answer.biz_id:
                return unknown("OK without a BizId", {"status": reply.status})
            return confirmed(answer.biz_id)
        return meaning_of(answer.code, said(call, answer.message), reply, "SendSms")

    async def ask(self, call: Call) -> Outcome:
        """Whether a message with our id is among those of today and yesterday to this number.

        Absence proves nothing: a message shows up there some time after it was taken.
        """
        try:
            phone = _local(e164(call.recipient))
        except Unsendable as lack:
            return unknown(str(lack))
        now = datetime.fromtimestamp(self._now(), UTC).astimezone(_BEIJING)
        mine: Outcome | None = None
        for day in (now, now - timedelta(days=1)):
            query = {"PhoneNumber": phone, "SendDate": day.strftime("%Y%m%d"), "PageSize": "50", "CurrentPage": "1"}
            reply = await self._call("QuerySendDetails", query)
            if isinstance(reply, Outcome):
                return unknown(f"could not ask: {reply.why}", reply.evidence)
            told = read(reply, _Told)
            if told is None or told.code != "OK":
                return unknown("could not ask", {"status": reply.status, "code": said(call, told.code) if told else ""})
            mine = _verdict(call, told.found.details) or mine
            if mine is not None:
                break
        return mine or unknown("not among the messages that Aliyun shows yet")

    async def _call(self, action: str, query: Mapping[str, str]) -> Reply | Outcome:
        body = b""
        headers = {
            "host": self._host,
            "x-acs-action": action,
            "x-acs-version": _VERSION,
            "x-acs-date": datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        }
        headers["authorization"] = sign("POST", "/", query, headers, body, self._key_id, self._key_secret)
        return await self._post(action, f"{self._url}/?{query_text(query)}", body, headers, kind="")


def _verdict(call: Call, details: list[_Detail]) -> Outcome | None:
    """What is told of this call: taken if any attempt of it was; failed only if the one asked about is shown as failed.

    The failure of an earlier attempt says nothing, for the one asked about may be on its way.
    """
    ids = {_out_id(call, n) for n in range(1, call.attempt + 1)}
    found = [one for one in details if one.out_id in ids]
    for one in found:
        if one.send_status in (_ARRIVED, _WAITING):
            evidence: Evidence = {"arrived": one.send_status == _ARRIVED, "report": said(call, one.err_code, 40)}
            return confirmed("", evidence)
    for one in found:
        if one.out_id == _out_id(call, call.attempt) and one.send_status == _FAILED:
            return rejected(f"the carrier did not deliver it: {said(call, one.err_code, 40)}")
    return None


def _out_id(call: Call, attempt: int) -> str:
    """Our id of one attempt, so that a question about the second is not answered with the first."""
    return f"{call.reference}:{attempt}"


def _local(number: str) -> str:
    """As Aliyun takes it: mainland numbers bare, others with their country code and no +."""
    return number.removeprefix("+86") if number.startswith("+86") else number.removeprefix("+")


def _build(name: str, options: Options, clock: Clock) -> AliyunSms:
    fields = Fields.read(options["fields"])
    if not fields.tells_pickup:
        raise ValueError("fields must hold {code} or {link}: without it the buyer finds nothing")
    return AliyunSms(
        name,
        clock,
        http_of(options),
        base_url(options, "https://dysmsapi.aliyuncs.com"),
        options["access_key_id"],
        options["access_key_secret"],
        options["sign_name"],
        options["template_code"],
        fields,
    )


KIND = Kind(
    frozenset({"access_key_id", "access_key_secret", "sign_name", "template_code", "fields"}),
    frozenset({"url", "connections"}),
    _build,
)
