"""Notices of payment providers: verified, opened, and tied to one order."""

from typing import Final
from urllib.parse import parse_qsl

from connectors import rsa
from connectors.payments.alipay import sign as alipay
from connectors.payments.epay import sign as epay
from connectors.payments.wechatpay import sign as wechatpay
from connectors.selftest.case import Asked, Case, Checks, Malformed, Scheme
from connectors.shops.stripe_shop import webhook as stripe
from connectors.signing import header


def _epay(case: Case, given: str, asked: Asked) -> bool:
    return epay.verify(case.flat() | {"sign": given}, case.key(), asked.order, asked.seen)


def _epay_rsa(case: Case, given: str, asked: Asked) -> bool:
    params, key = case.flat() | {"sign": given}, case.key("platform_public_key")
    return epay.verify_rsa(params, key, asked.at(), asked.order, asked.seen)


def _epay_rsa_made(case: Case) -> str | None:
    held = case.has_key("platform_private_key")
    return epay.sign_rsa(case.flat(), case.key("platform_private_key")) if held else None


def _stripe(case: Case, given: str, asked: Asked) -> bool:
    value = f"t={case.text('timestamp')},v1={given}"
    return stripe.verify({"Stripe-Signature": value}, case.body("raw_body"), case.key(), asked.at())


def _stripe_made(case: Case) -> str:
    return stripe.sign(case.body("raw_body"), case.key(), case.text("timestamp")).partition("v1=")[2]


def _stripe_want(case: Case) -> str:
    text = case.want("v1" if case.tells("v1") else "header")
    return text.rpartition("v1=")[2]


def _stripe_more(case: Case) -> Checks:
    body, at = case.body("raw_body"), case.number("timestamp")
    if case.tells("header"):
        value = case.want("header")
        yield "header", value == stripe.sign(body, case.key(), at)
    value = f"t={at},v0={_stripe_made(case)}"
    yield "v0 ignored", not stripe.verify({"Stripe-Signature": value}, body, case.key(), at)


def _alipay(case: Case, given: str, asked: Asked) -> bool:
    params = case.params("form_params") | {"sign": given, "sign_type": case.text("sign_type", default="RSA2")}
    return alipay.verify(params, case.key("alipay_public_key"), asked.order, asked.seen)


def _alipay_made(case: Case) -> str | None:
    if not case.has_key("alipay_private_key_pkcs8"):
        return None
    key, params = case.key("alipay_private_key_pkcs8"), case.params("form_params")
    made = [rsa.sign(key, alipay.notice_text(params, empty)) for empty in (False, True)]
    return made[1] if made[1] == case.want() else made[0]


def _alipay_more(case: Case) -> Checks:
    if "sign_content" in case.inputs:
        params = case.params("form_params")
        yield "text", case.text("sign_content") in [alipay.notice_text(params, empty) for empty in (False, True)]
    if "form_body" in case.inputs:
        params = dict(parse_qsl(case.text("form_body"), keep_blank_values=True))
        yield "form read", alipay.verify(params, case.key("alipay_public_key"))


def _epay_more(case: Case) -> Checks:
    if "sign_string" in case.inputs:
        yield "text", epay.text(case.flat()) == case.text("sign_string")


def _wechatpay(case: Case, given: str, asked: Asked) -> bool:
    headers = case.params("headers") | {"Wechatpay-Signature": given}
    keys, body = {header(headers, "wechatpay-serial"): case.key("platform_public_key")}, case.body("raw_body")
    if not wechatpay.verify(headers, body, keys, asked.at(), asked.seen):
        return False
    told = wechatpay.open_notice(body, case.key("apiv3_key"), asked.order)
    return told == case.want("decrypted_resource") if case.tells("decrypted_resource") else True


def _wechatpay_stamp(case: Case) -> int:
    text = header(case.params("headers"), "wechatpay-timestamp")
    if not (text.isascii() and text.isdigit()):
        raise Malformed("inputs.headers has no Wechatpay-Timestamp")
    return int(text)


def _wechatpay_made(case: Case) -> str | None:
    if not case.has_key("platform_private_key_pkcs8"):
        return None
    headers = case.params("headers")
    stamp, nonce = header(headers, "wechatpay-timestamp"), header(headers, "wechatpay-nonce")
    return rsa.sign(case.key("platform_private_key_pkcs8"), f"{stamp}\n{nonce}\n{case.text('raw_body')}\n")


def _wechatpay_more(case: Case) -> Checks:
    headers = case.params("headers") | {"Wechatpay-Signature": case.want("Wechatpay-Signature")}
    body, at = case.body("raw_body"), _wechatpay_stamp(case)
    yield "unknown serial refused", not wechatpay.verify(headers, body, {}, at)
    probe = headers | {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + case.want("Wechatpay-Signature")}
    keys = {header(headers, "wechatpay-serial"): case.key("platform_public_key")}
    yield "probe refused", not wechatpay.verify(probe, body, keys, at)


NOTICES: Final[dict[str, Scheme]] = {
    "epay_v1_md5": Scheme(
        lambda case: epay.sign(case.flat(), case.key()),
        _epay,
        covers=("*", "!sign", "!sign_type"),
        repeats=True,
        orders=("out_trade_no",),
        binds=True,
        more=_epay_more,
    ),
    "epay_v2_rsa": Scheme(
        _epay_rsa_made,
        _epay_rsa,
        covers=("*", "!sign", "!sign_type"),
        stamp=lambda case: case.number("params", "timestamp"),
        window=epay.WINDOW,
        repeats=True,
        orders=("out_trade_no",),
        binds=True,
        more=_epay_more,
    ),
    "stripe_webhook": Scheme(
        _stripe_made,
        _stripe,
        want=_stripe_want,
        covers=("timestamp", "raw_body"),
        stamp=Case.stamp,
        window=stripe.TOLERANCE,
        orders=("order_id",),
        more=_stripe_more,
    ),
    "alipay_notify_rsa2": Scheme(
        _alipay_made,
        _alipay,
        covers=("form_params.*", "!form_params.sign", "!form_params.sign_type"),
        repeats=True,
        orders=("out_trade_no",),
        binds=True,
        more=_alipay_more,
    ),
    "wechatpay_v3_notify": Scheme(
        _wechatpay_made,
        _wechatpay,
        want=lambda case: case.want("Wechatpay-Signature"),
        covers=("headers.Wechatpay-Timestamp", "headers.Wechatpay-Nonce", "raw_body"),
        stamp=_wechatpay_stamp,
        window=wechatpay.WINDOW,
        repeats=True,
        orders=("out_trade_no",),
        binds=True,
        more=_wechatpay_more,
    ),
}
