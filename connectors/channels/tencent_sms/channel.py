"""Tencent SMS: an approved template with the pick-up code (SendSms), asked by number and our own id.

An account of today gets six characters a variable and no links in them, so the page's address stands in the template's
fixed text and the variable is the code alone.
"""

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from connectors.channels.base import (
    JSON,
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
from connectors.channels.tencent_sms.codes import meaning_of
from connectors.channels.tencent_sms.sign import sign
from connectors.http import Http, Reply
from connectors.options import Options, http_of, number
from core.model.clock import Clock
from core.model.contact import ContactKind
from core.model.effects import Call, EffectClass, Outcome

_VERSION: Final = "2021-01-11"
_BACK_S: Final = 2 * 86_400  # how far back to ask; Tencent keeps seven days


class _Error(Struct, rename="pascal"):
    code: str
    message: str = ""


class _Status(Struct, rename="pascal"):
    code: str
    message: str = ""
    serial_no: str = ""


class _Report(Struct, rename="pascal"):
    report_status: str
    description: str = ""
    serial_no: str = ""
    session_context: str = ""


class _Body(Struct, rename="pascal"):
    error: _Error | None = None
    send_status_set: list[_Status] = []
    pull_sms_send_status_set: list[_Report] | None = None


class _Answer(Struct, rename="pascal"):
    response: _Body


class TencentSms(HttpChannel):
    """``fields``: the template's variables in order, for example ``{code}``. Keys never go by SMS.

    ``variable_max``: characters that a variable may have.
    """

    kind = "tencent-sms"
    reaches = frozenset({ContactKind.PHONE})
    specs = sends(
        EffectClass.B,
        "Tencent SendSms takes no idempotency key; PullSmsSendStatusByPhoneNumber shows the SessionContext we gave",
        askable=True,
    )

    def __init__(
        self,
        name: str,
        clock: Clock,
        http: Http,
        url: str,
        secret_id: str,
        secret: str,
        app_id: str,
        sign_name: str,
        template: str,
        fields: Fields,
        region: str = "ap-guangzhou",
        variable_max: int = 6,
    ) -> None:
        super().__init__(name, clock, http)
        self._url, self._host = url, urlsplit(url).netloc
        self._secret_id, self._secret, self._region = secret_id, secret, region
        self._app_id, self._sign_name, self._template = app_id, sign_name, template
        self._fields, self._variable_max = fields, variable_max

    async def _send(self, call: Call) -> Outcome:
        phone, values = e164(call.recipient), self._fields.values(call)
        for value in values:
            if len(value) > self._variable_max:
                raise Unsendable(f"a variable has {len(value)} characters; variable_max is {self._variable_max}")
        reply = await self._call(
            "SendSms",
            {
                "PhoneNumberSet": [phone],
                "SmsSdkAppId": self._app_id,
                "SignName": self._sign_name,
                "TemplateId": self._template,
                "TemplateParamSet": values,
                "SessionContext": _context(call, call.attempt),
            },
        )
        if isinstance(reply, Outcome):
            return reply
        answer = read(reply, _Answer)
        if answer is None or reply.status != 200:
            return by_status(reply, "SendSms")
        if answer.response.error is not None:
            return meaning_of(answer.response.error.code, said(call, answer.response.error.message))
        if len(answer.response.send_status_set) != 1:
            return unknown("an answer without the status of the one number")
        status = answer.response.send_status_set[0]
        if status.code != "Ok":
            return meaning_of(status.code, said(call, status.message))
        return confirmed(status.serial_no) if status.serial_no else unknown("Ok without a SerialNo")

    async def ask(self, call: Call) -> Outcome:
        """Whether the carrier has reported on a message with our id to this number.

        Absence proves nothing: there is a report only once the carrier has answered.
        """
        try:
            phone = e164(call.recipient)
        except Unsendable as lack:
            return unknown(str(lack))
        now = self._now()
        asked = {"SendDateTime": now - _BACK_S, "EndDateTime": now + 60, "Offset": 0, "Limit": 100}
        reply = await self._call(
            "PullSmsSendStatusByPhoneNumber", {**asked, "PhoneNumber": phone, "SmsSdkAppId": self._app_id}
        )
        if isinstance(reply, Outcome):
            return unknown(f"could not ask: {reply.why}", reply.evidence)
        answer = read(reply, _Answer)
        if answer is None or answer.response.pull_sms_send_status_set is None:
            code = answer.response.error.code if answer is not None and answer.response.error is not None else ""
            return unknown("could not ask", {"status": reply.status, "code": said(call, code)})
        return _verdict(call, answer.response.pull_sms_send_status_set)

    async def _call(self, action: str, body: dict[str, Any]) -> Reply | Outcome:
        content, now = msgspec.json.encode(body), self._now()
        headers = {
            "host": self._host,
            "x-tc-action": action,
            "x-tc-version": _VERSION,
            "x-tc-region": self._region,
            "x-tc-timestamp": str(now),
            "authorization": sign("POST", self._host, JSON, content, now, self._secret_id, self._secret, "sms"),
        }
        return await self._post(action, f"{self._url}/", content, headers)


def _verdict(call: Call, reports: list[_Report]) -> Outcome:
    """Taken if any attempt of the call arrived; failed only if the attempt asked about is reported as failed."""
    contexts = {_context(call, n) for n in range(1, call.attempt + 1)}
    mine = [one for one in reports if one.session_context in contexts]
    for one in mine:
        if one.report_status == "SUCCESS":
            return confirmed(one.serial_no, {"arrived": True, "report": said(call, one.description, 40)})
    for one in mine:
        if one.session_context == _context(call, call.attempt) and one.report_status == "FAIL":
            return rejected(f"the carrier did not deliver it: {said(call, one.description, 60)}")
    return unknown("no report of the carrier yet")


def _context(call: Call, attempt: int) -> str:
    """Our id of one attempt, so that a question about the second is not answered with the first."""
    return f"{call.reference}:{attempt}"


def _build(name: str, options: Options, clock: Clock) -> TencentSms:
    fields = Fields.read(options["fields"], names=False)
    if not fields.tells_pickup:
        raise ValueError("fields must hold {code} or {link}: without it the buyer finds nothing")
    return TencentSms(
        name,
        clock,
        http_of(options),
        base_url(options, "https://sms.tencentcloudapi.com"),
        options["secret_id"],
        options["secret"],
        options["sdk_app_id"],
        options["sign_name"],
        options["template_id"],
        fields,
        options.get("region") or "ap-guangzhou",
        int(number(options, "variable_max", 6, 1, 500)),
    )


KIND = Kind(
    frozenset({"secret_id", "secret", "sdk_app_id", "sign_name", "template_id", "fields"}),
    frozenset({"url", "region", "variable_max", "connections"}),
    _build,
)
