"""WeChat Pay API v3 against the usual SDK (wechatpayv3): requests, the platform's signature, notices."""

import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpayv3 import utils  # type: ignore[import-untyped]
from wechatpayv3.core import Core  # type: ignore[import-untyped]

from connectors.aes import Unopened
from connectors.payments.wechatpay import sign as wechatpay
from tests.connectors.oracle_kit import FEW, STAMPS, TEXTS, WORDS, pair

API_KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=32, max_size=32)
NONCES = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=12, max_size=12)
SERIAL = "PUB_KEY_ID_0000000000000024101100397200000006"


@cache
def merchant(api_key: str = "k" * 32) -> Core:
    """A merchant that knows WeChat Pay by its public key: so the SDK fetches nothing."""
    return Core(
        "1900000001",
        "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
        pair(1)[0],
        api_key,
        None,
        None,
        None,
        None,
        pair(2)[1],
        SERIAL,
    )


def signed(body: str, stamp: int, nonce: str) -> dict[str, str]:
    """Headers as WeChat Pay sends them, signed by the SDK."""
    made = utils.rsa_sign(utils.load_private_key(pair(2)[0]), f"{stamp}\n{nonce}\n{body}\n")
    return {
        "Wechatpay-Timestamp": str(stamp),
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": SERIAL,
        "Wechatpay-Signature": made,
        "Wechatpay-Signature-Type": wechatpay.KIND,
    }


@FEW
@given(
    method=st.sampled_from(["GET", "POST"]),
    path=WORDS.map(lambda word: f"/v3/pay/{word}?mchid=1"),
    body=TEXTS,
    nonce=WORDS,
    serial=WORDS,
)
def test_a_request_is_signed_as_the_sdk_signs_it(method: str, path: str, body: str, nonce: str, serial: str) -> None:
    theirs = utils.build_authorization(
        path, method, "1900000001", serial, utils.load_private_key(pair(1)[0]), body, nonce
    )
    stamp = re.search(r'timestamp="(\d+)"', theirs)
    assert stamp is not None
    assert theirs == wechatpay.authorization(method, path, body, stamp[1], nonce, "1900000001", serial, pair(1)[0])


@FEW
@given(body=TEXTS, other=TEXTS, stamp=STAMPS, nonce=WORDS)
def test_the_platforms_signature_is_judged_as_the_sdk_judges_it(body: str, other: str, stamp: int, nonce: str) -> None:
    headers = signed(body, stamp, nonce)
    for text, mark in ((body, nonce), (other, nonce), (body, nonce + "x")):
        tried = {**headers, "Wechatpay-Nonce": mark}
        theirs = merchant()._verify_signature(tried, text)
        assert wechatpay.verify(tried, text.encode(), {SERIAL: pair(2)[1]}, stamp) is theirs
        assert theirs is (text == body and mark == nonce)
    lower = {name.lower(): value for name, value in headers.items()}
    assert wechatpay.verify(lower, body.encode(), {SERIAL: pair(2)[1]}, stamp)
    assert not wechatpay.verify(headers, body.encode(), {SERIAL: pair(1)[1]}, stamp)
    assert not wechatpay.verify(headers, body.encode(), {"another": pair(2)[1]}, stamp)


@FEW
@given(text=TEXTS, api_key=API_KEYS, wrong=API_KEYS, nonce=NONCES, bound=TEXTS)
def test_what_ours_seals_the_sdk_opens(text: str, api_key: str, wrong: str, nonce: str, bound: str) -> None:
    sealed = wechatpay.seal(text, api_key, nonce, bound)
    assert utils.aes_decrypt(nonce, sealed, bound, api_key) == text
    resource = {"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "ciphertext": sealed, "associated_data": bound}
    assert wechatpay.unseal(resource, api_key) == text
    if wrong != api_key:
        assert utils.aes_decrypt(nonce, sealed, bound, wrong) is None
        with pytest.raises(Unopened):
            wechatpay.unseal(resource, wrong)


@FEW
@given(order=WORDS, total=st.integers(1, 10**9), api_key=API_KEYS, nonce=NONCES, stamp=STAMPS)
def test_a_whole_notice_is_read_as_the_sdk_reads_it(
    order: str, total: int, api_key: str, nonce: str, stamp: int
) -> None:
    inner = json.dumps({"out_trade_no": order, "trade_state": "SUCCESS", "amount": {"total": total}})
    body = json.dumps(
        {
            "id": "n1",
            "resource_type": "encrypt-resource",
            "resource": {
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": wechatpay.seal(inner, api_key, nonce, "transaction"),
                "associated_data": "transaction",
                "nonce": nonce,
            },
        }
    )
    headers = signed(body, stamp, nonce)
    read: dict[str, Any] = merchant(api_key).callback(headers, body)
    assert wechatpay.verify(headers, body.encode(), {SERIAL: pair(2)[1]}, stamp)
    assert json.loads(wechatpay.open_notice(body.encode(), api_key, order)) == read["resource"]
    assert read["resource"]["amount"]["total"] == total
