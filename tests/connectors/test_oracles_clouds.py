"""ACS3 and TC3 against the SDKs of Alibaba Cloud and Tencent Cloud."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from alibabacloud_tea_openapi.utils import Utils  # type: ignore[import-untyped]
from darabonba.request import DaraRequest  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.abstract_client import AbstractClient  # type: ignore[import-untyped]
from tencentcloud.common.credential import Credential  # type: ignore[import-untyped]
from tencentcloud.common.http.request import RequestInternal  # type: ignore[import-untyped]
from tencentcloud.common.profile.client_profile import ClientProfile  # type: ignore[import-untyped]
from tencentcloud.common.sign import Sign  # type: ignore[import-untyped]

from connectors.channels.aliyun_sms import sign as aliyun
from connectors.channels.tencent_sms import sign as tencent
from tests.connectors.oracle_kit import FEW, TEXTS, WORDS


@FEW
@given(
    method=st.sampled_from(["GET", "POST"]),
    path=TEXTS.map(lambda text: "/" + text),
    # Names as Alibaba Cloud has them: the documentation encodes names too, the SDK does not, and none needs it.
    query=st.dictionaries(WORDS, TEXTS, max_size=6),
    extra=st.dictionaries(WORDS.map(lambda word: f"x-acs-{word.lower()}"), WORDS, max_size=3),
    kind=st.sampled_from([None, "application/json", "application/x-www-form-urlencoded"]),
    body=st.binary(max_size=60),
    key_id=WORDS,
    secret=WORDS,
)
def test_acs3_is_the_sdks(
    method: str,
    path: str,
    query: dict[str, str],
    extra: dict[str, str],
    kind: str | None,
    body: bytes,
    key_id: str,
    secret: str,
) -> None:
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": "dysmsapi.aliyuncs.com", **extra, "x-acs-content-sha256": digest}
    if kind is not None:
        headers["content-type"] = kind
    request = DaraRequest()
    request.method, request.pathname = method, Utils.get_encode_path(path)
    request.query, request.headers = query, headers
    theirs = Utils.get_authorization(request, aliyun.KIND, digest, key_id, secret)
    assert aliyun.sign(method, path, query, headers, body, key_id, secret) == theirs
    # What is not covered by the signature may be sent along; what is covered may not be of another body.
    assert aliyun.sign(method, path, query, {**headers, "accept": "*/*"}, body, key_id, secret) == theirs
    with pytest.raises(ValueError, match="digest"):
        aliyun.sign(method, path, query, headers, body + b"x", key_id, secret)


def tc3(method: str, endpoint: str, service: str, params: dict[str, Any], ids: tuple[str, str]) -> Any:
    """A request as Tencent's client builds it, to the last byte before it goes out."""
    profile = ClientProfile()
    profile.httpProfile.endpoint = endpoint
    client = AbstractClient(Credential(*ids), "ap-guangzhou", profile)
    client._service, client._apiVersion = service, "2021-01-11"
    request = RequestInternal(endpoint, method, "/")
    client._build_req_with_tc3_signature("SendSms", params, request, {})
    return request


@FEW
@given(
    params=st.dictionaries(WORDS, TEXTS | st.lists(TEXTS, max_size=3), max_size=5),
    service=st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=8),
    key_id=WORDS,
    secret=WORDS,
)
def test_tc3_of_a_post_is_the_sdks(params: dict[str, Any], service: str, key_id: str, secret: str) -> None:
    host = f"{service}.tencentcloudapi.com"
    request = tc3("POST", host, service, params, (key_id, secret))
    stamp = int(request.header["X-TC-Timestamp"])
    body, kind = request.data.encode(), request.header["Content-Type"]
    assert json.loads(body) == params
    theirs = request.header["Authorization"]
    assert tencent.sign("POST", host, kind, body, stamp, key_id, secret, service) == theirs
    assert tencent.sign("POST", host, kind, body, stamp, key_id, secret) == theirs  # the host names the service
    assert tencent.sign("POST", host, kind, body + b" ", stamp, key_id, secret) != theirs


@FEW
@given(params=st.dictionaries(WORDS, TEXTS, max_size=5), key_id=WORDS, secret=WORDS)
def test_tc3_of_a_get_is_the_sdks(params: dict[str, Any], key_id: str, secret: str) -> None:
    host = "sms.tencentcloudapi.com"
    request = tc3("GET", host, "sms", params, (key_id, secret))
    stamp = int(request.header["X-TC-Timestamp"])
    ours = tencent.sign(
        "GET", host, request.header["Content-Type"], b"", stamp, key_id, secret, "sms", query=request.data
    )
    assert ours == request.header["Authorization"]


@FEW
@given(stamp=st.integers(0, 2**32), secret=WORDS, text=TEXTS)
def test_tc3_keys_of_every_day_are_the_sdks(stamp: int, secret: str, text: str) -> None:
    """The day is UTC's: near midnight in China it is another than on the wall."""
    day = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")
    body = text.encode()
    request = "\n".join(
        ("POST", "/", "", "content-type:a\nhost:sms.x\n", "content-type;host", hashlib.sha256(body).hexdigest())
    )
    over = "\n".join((tencent.KIND, str(stamp), f"{day}/sms/tc3_request", hashlib.sha256(request.encode()).hexdigest()))
    assert tencent.signature("POST", "sms.x", "a", body, stamp, "sms", secret) == Sign.sign_tc3(
        secret, day, "sms", over
    )
