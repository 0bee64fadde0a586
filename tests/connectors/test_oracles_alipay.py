"""Alipay's RSA2 against the usual SDK (python-alipay-sdk): requests that it signs, notices that it verifies."""

from functools import cache
from urllib.parse import parse_qsl

from alipay import AliPay  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from connectors.payments.alipay import sign as alipay
from tests.connectors.oracle_kit import FEW, TEXTS, WORDS, pair

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=12).filter(
    lambda name: name not in ("sign", "sign_type", "out_trade_no")
)
# Not empty: Alipay's rule leaves empty values out of the text, the SDK leaves them in (below, for notices).
FULL = st.dictionaries(NAMES, TEXTS.filter(bool), max_size=6)


@cache
def sdk() -> AliPay:
    """An app with one key pair and Alipay with another."""
    return AliPay(appid="2021", app_private_key_string=pair(1)[0], alipay_public_key_string=pair(2)[1])


@FEW
@given(content=st.dictionaries(WORDS, TEXTS, max_size=4), more=FULL, method=WORDS)
def test_a_request_is_signed_as_the_sdk_signs_it(content: dict[str, str], more: dict[str, str], method: str) -> None:
    sent = sdk().client_api(method, content, **{f"x_{name}": value for name, value in more.items()})
    params = dict(parse_qsl(sent, keep_blank_values=True, strict_parsing=True))
    given_ = params.pop("sign")
    assert alipay.sign(params, pair(1)[0]) == given_
    assert "sign_type=RSA2" in alipay.request_text(params)


@FEW
@given(params=FULL, order=WORDS, change=WORDS)
def test_a_notice_of_ours_is_taken_by_the_sdk_and_one_of_its_by_us(
    params: dict[str, str], order: str, change: str
) -> None:
    notice = {**params, "out_trade_no": order}
    alipays = AliPay(appid="2021", app_private_key_string=pair(2)[0], alipay_public_key_string=pair(2)[1])
    made = alipays._sign("&".join(f"{name}={value}" for name, value in sorted(notice.items())))
    assert made == alipay.sign(notice, pair(2)[0])  # a notice's text, for it holds no sign_type yet
    signed = {**notice, "sign_type": "RSA2", "sign": made}
    assert alipay.verify(signed, pair(2)[1], order)
    assert sdk().verify({**notice, "sign_type": "RSA2"}, made)

    forged = {**notice, "out_trade_no": order + change}
    assert not sdk().verify(dict(forged), made)
    assert not alipay.verify({**forged, "sign_type": "RSA2", "sign": made}, pair(2)[1])


@FEW
@given(params=FULL, empty=NAMES)
def test_a_notice_with_an_empty_value_is_taken_in_the_sdks_way_and_in_alipays(
    params: dict[str, str], empty: str
) -> None:
    notice = {**params, empty: ""}
    kept = AliPay(appid="1", app_private_key_string=pair(2)[0], alipay_public_key_string=pair(2)[1])._sign(
        "&".join(f"{name}={value}" for name, value in sorted(notice.items()))
    )
    dropped = alipay.sign(notice, pair(2)[0])
    assert kept != dropped
    assert sdk().verify(dict(notice), kept)
    for made in (kept, dropped):
        assert alipay.verify({**notice, "sign_type": "RSA2", "sign": made}, pair(2)[1])
    assert not alipay.verify({**notice, "sign_type": "RSA", "sign": kept}, pair(2)[1])
