"""Aliyun and Tencent SMS as local clouds: each signature checked with code of its own, what was taken shown when asked."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from core.model.effects import Call
from tests.connectors.channel_kit import PHONE, SESAME
from tests.connectors.kit import NOW
from tests.connectors.server import Answer, Request

KINDS = ("aliyun-sms", "tencent-sms")


def mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Aliyun:
    """ACS3-HMAC-SHA256 checked from what came over the wire; QuerySendDetails shows what was taken."""

    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []
        self.answers: list[Answer] = []
        self.status = 3
        self.visible = True

    def __call__(self, request: Request) -> Answer:
        head, parts = request.headers, urlsplit(request.target)
        given = re.fullmatch(
            r"ACS3-HMAC-SHA256 Credential=LTAI1,SignedHeaders=([a-z0-9;\-]+),Signature=([0-9a-f]{64})",
            head["authorization"],
        )
        assert given is not None
        names = given[1].split(";")
        assert {"host", *(name for name in head if name.startswith("x-acs-"))} <= set(names)
        assert "content-type" not in head or "content-type" in names
        pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
        query = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in pairs)
        lines = "".join(f"{name}:{head[name].strip()}\n" for name in names)
        digest = hashlib.sha256(request.body).hexdigest()
        canonical = "\n".join([request.method, parts.path, query, lines, given[1], digest])
        to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        if mac(SESAME.encode(), to_sign).hex() != given[2] or head["x-acs-content-sha256"] != digest:
            return 400, {"Code": "SignatureDoesNotMatch", "Message": "Specified signature does not match"}
        assert head["x-acs-version"] == "2017-05-25"
        asked = dict(pairs)
        if head["x-acs-action"] == "QuerySendDetails":
            return 200, {"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": self._shown(asked)}}
        assert head["x-acs-action"] == "SendSms"
        answer = self.answers.pop(0) if self.answers else (200, {"Code": "OK", "Message": "OK", "BizId": "9^0"})
        if not isinstance(answer, tuple) or answer[1].get("Code") == "OK":
            self.sent.append(asked)
        return answer

    def _shown(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        if not self.visible or asked["SendDate"] != "20260102":
            return []
        return [
            {"OutId": one["OutId"], "SendStatus": self.status, "ErrCode": "DELIVERED", "PhoneNum": PHONE}
            for one in self.sent
            if one["PhoneNumbers"] == asked["PhoneNumber"]
        ]

    def refuse(self, code: str) -> Answer:
        return 200, {"Code": code, "Message": "m", "RequestId": "r"}


class Tencent:
    """TC3-HMAC-SHA256 checked from what came over the wire; reports by number show what arrived."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        self.status = "SUCCESS"
        self.visible = True

    def __call__(self, request: Request) -> Answer:
        head = request.headers
        given = re.fullmatch(
            r"TC3-HMAC-SHA256 Credential=AKID1/(\d{4}-\d\d-\d\d)/sms/tc3_request, "
            r"SignedHeaders=content-type;host, Signature=([0-9a-f]{64})",
            head["authorization"],
        )
        assert given is not None
        assert given[1] == "2026-01-01"  # the day of UTC, not of Beijing
        digest = hashlib.sha256(request.body).hexdigest()
        lines = f"content-type:{head['content-type']}\nhost:{head['host']}\n"
        canonical = f"POST\n/\n\n{lines}\ncontent-type;host\n{digest}"
        scope = f"{given[1]}/sms/tc3_request"
        text = f"TC3-HMAC-SHA256\n{head['x-tc-timestamp']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = b"TC3" + SESAME.encode()
        for part in (given[1], "sms", "tc3_request", text):
            key = mac(key, part)
        if key.hex() != given[2]:
            return self.error("AuthFailure.SignatureFailure")
        assert head["x-tc-version"] == "2021-01-11"
        body = json.loads(request.body)
        if head["x-tc-action"] == "PullSmsSendStatusByPhoneNumber":
            assert body["SendDateTime"] < NOW <= body["EndDateTime"]
            return 200, {"Response": {"PullSmsSendStatusSet": self._shown(body), "RequestId": "r"}}
        assert head["x-tc-action"] == "SendSms"
        answer = self.answers.pop(0) if self.answers else self.status_of("Ok", "5000:1")
        if not isinstance(answer, tuple) or "Ok" in str(answer[1]):
            self.sent.append(body)
        return answer

    def _shown(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        found = [one for one in self.sent if self.visible and one["PhoneNumberSet"] == [asked["PhoneNumber"]]]
        return [
            {"ReportStatus": self.status, "SessionContext": one["SessionContext"], "SerialNo": "5000:1"}
            for one in found
        ]

    def error(self, code: str) -> Answer:
        return 200, {"Response": {"Error": {"Code": code, "Message": "m"}, "RequestId": "r"}}

    def status_of(self, code: str, serial: str = "") -> Answer:
        return 200, {"Response": {"SendStatusSet": [{"Code": code, "Message": "m", "SerialNo": serial}]}}

    refuse = status_of


SERVERS: dict[str, Callable[[], Any]] = {"aliyun-sms": Aliyun, "tencent-sms": Tencent}


def as_asked(call: Call) -> Call:
    """The call as the core has it when it asks: without text, keys and link."""
    return Call(
        reference=call.reference, effect=call.effect, attempt=call.attempt, ext_id=call.ext_id, recipient=call.recipient
    )
