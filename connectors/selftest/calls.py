"""Schemes that sign our own calls, and ciphers: what is made must be what the vector says."""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from connectors import rsa
from connectors.channels.aliyun_sms import sign as aliyun
from connectors.channels.dingtalk import sign as dingtalk
from connectors.channels.feishu import sign as feishu
from connectors.channels.tencent_sms import sign as tencent
from connectors.payments.alipay import sign as alipay
from connectors.payments.wechatpay import sign as wechatpay
from connectors.selftest.case import Asked, Case, Checks, Scheme
from connectors.shops.agiso import sign as agiso
from connectors.shops.douyin import sign as douyin
from connectors.shops.jd import sign as jd
from connectors.shops.kuaishou import sign as kuaishou
from connectors.shops.pinduoduo import sign as pinduoduo
from connectors.shops.taobao import sign as taobao
from connectors.shops.weidian import sign as weidian
from connectors.shops.woocommerce import sign as woocommerce
from connectors.shops.xiaohongshu import sign as xiaohongshu
from connectors.shops.youzan import sign as youzan
from connectors.suppliers.kashangwl import sign as kashangwl


def _taobao(case: Case) -> str:
    params = case.flat()
    return taobao.sign(params, case.key(), params.get("sign_method", "md5"))


def _tmc(case: Case) -> str:
    return taobao.tmc(case.text("app_key"), case.text("group_name"), case.text("timestamp"), case.key())


def _pmc(case: Case) -> str:
    return pinduoduo.pmc(case.text("client_id"), case.text("timestamp_ms"), case.key())


def _pmc_path(case: Case) -> Checks:
    path = pinduoduo.pmc_path(case.text("client_id"), case.text("timestamp_ms"), case.key())
    yield "path", path.endswith("/" + quote(case.want(), safe="")) and path.count("/") == 4


def _douyin(case: Case) -> str:
    params = case.flat()
    how, v, text = params.get("sign_method", "hmac-sha256"), params.get("v", "2"), params.get("param_json", "")
    app, method, at = case.text("app_key"), case.text("method"), case.text("timestamp")
    made = [douyin.sign(app, method, text, at, case.key(), v, how, exact) for exact in (False, True)]
    return made[1] if made[1] == case.want() else made[0]


def _xiaohongshu(case: Case) -> str:
    app, stamp, version = case.text("appId"), case.text("timestamp"), case.text("version", default="2.0")
    return xiaohongshu.sign(case.text("method"), app, stamp, version, case.key())


def _oauth(case: Case) -> str:
    return woocommerce.signed_url(
        case.text("url"),
        case.text("method"),
        case.key("consumer_key"),
        case.key("consumer_secret"),
        case.text("timestamp"),
        case.text("nonce"),
    )


def _authorization(case: Case) -> str:
    return wechatpay.authorization(
        case.text("method"),
        case.text("path_with_query"),
        case.text("body", default=""),
        case.text("timestamp"),
        case.text("nonce"),
        case.text("mchid"),
        case.text("serial_no"),
        case.key("merchant_private_key_pkcs8"),
    )


def _authorization_more(case: Case) -> Checks:
    if case.has_key("merchant_public_key"):
        parts = [case.text(name, default="") for name in ("method", "path_with_query", "body", "timestamp", "nonce")]
        signature = case.want().partition('signature="')[2].partition('"')[0]
        text = wechatpay.request_text(*parts)
        yield "verified with the public key", rsa.verify(case.key("merchant_public_key"), text, signature)


def _alipay_more(case: Case) -> Checks:
    text = alipay.request_text(case.flat())
    if "sign_content" in case.inputs:
        yield "text", text == case.text("sign_content")
    if case.has_key("app_public_key"):
        yield "verified with the public key", rsa.verify(case.key("app_public_key"), text, case.want())


def _alipay(case: Case) -> str:
    return alipay.sign(case.flat(), case.key("app_private_key_pkcs8"))


def _acs3(case: Case) -> str:
    return aliyun.sign(
        case.text("method"),
        case.text("pathname", default="/"),
        case.params("query") if "query" in case.inputs else {},
        case.params("headers"),
        case.body("body", default=""),
        case.key("access_key_id"),
        case.key("access_key_secret"),
    )


def _tc3(case: Case) -> str:
    host, kind, at = case.text("host"), case.text("content_type"), case.number("timestamp")
    service, method = case.text("service", default=host.partition(".")[0]), case.text("method")
    query, body, secret = case.text("query", default=""), case.body("body", default=""), case.key("secret_key")
    if not case.want().startswith(tencent.KIND):  # the signature alone
        return tencent.signature(method, host, kind, body, at, service, secret, query)
    return tencent.sign(method, host, kind, body, at, case.key("secret_id"), secret, service, query)


def _dingtalk(case: Case) -> str:
    made = dingtalk.sign(case.text("timestamp_ms"), case.key())
    return quote(made, safe="") if "%" in case.want("sign_urlencoded") else made


def _dingtalk_more(case: Case) -> Checks:
    if case.tells("timestamp"):
        yield "time", case.want("timestamp") == case.text("timestamp_ms")


def _cipher(field: str, seal: Callable[[str, str], str], unseal: Callable[[str, str], str]) -> Scheme:
    def opens(case: Case, given: str, asked: Asked) -> bool:
        return unseal(given, case.key()) == case.text(field)

    return Scheme(lambda case: seal(case.text(field), case.key()), opens, covers=(field,), cipher=True)


_LINES: Final = "broken into lines"


def _jd_lines(case: Case) -> Checks:
    broken = jd.seal(case.text("plain"), case.key(), lines=True)
    yield _LINES, max(map(len, broken.split("\n"))) <= 76 and jd.unseal(broken, case.key()) == case.text("plain")


def _jd_aes() -> Scheme:
    plain = _cipher("plain", jd.seal, jd.unseal)
    # JD's own text is the same with line breaks.
    return Scheme(
        plain.make,
        plain.accepts,
        lambda case: "".join(case.want().split()),
        covers=plain.covers,
        cipher=True,
        more=_jd_lines,
    )


CALLS: Final[dict[str, Scheme]] = {
    "taobao": Scheme(_taobao),
    "taobao-tmc": Scheme(_tmc, covers=("app_key", "group_name", "timestamp")),
    "pinduoduo": Scheme(lambda case: pinduoduo.sign(case.flat(), case.key())),
    "pinduoduo-pmc": Scheme(_pmc, covers=("client_id", "timestamp_ms"), more=_pmc_path),
    "douyin": Scheme(_douyin, covers=("app_key", "method", "param_json", "timestamp", "v")),
    "jd": Scheme(lambda case: jd.sign(case.flat(), case.key())),
    "jd-vtp-aes": _jd_aes(),
    "kuaishou": Scheme(lambda case: kuaishou.sign(case.flat(), case.key()), covers=kuaishou.COVERED),
    "kuaishou-push": _cipher("plain", kuaishou.seal_push, kuaishou.open_push),
    "xiaohongshu": Scheme(_xiaohongshu, covers=("method", "appId", "timestamp", "version")),
    "youzan_legacy_api": Scheme(lambda case: youzan.sign_legacy(case.flat(), case.key())),
    "weidian_aes": _cipher("plaintext", weidian.seal, weidian.unseal),
    "agiso_api": Scheme(lambda case: agiso.sign(case.flat(), case.key())),
    "woocommerce_oauth1": Scheme(_oauth, covers=("url", "nonce", "timestamp", "method")),
    "kashangwl_upstream": Scheme(lambda case: kashangwl.sign(case.flat(), case.key())),
    "alipay_request_rsa2": Scheme(_alipay, more=_alipay_more),
    "wechatpay_v3_request": Scheme(
        _authorization,
        covers=("method", "path_with_query", "body", "timestamp", "nonce", "mchid", "serial_no"),
        more=_authorization_more,
    ),
    "aliyun_acs3": Scheme(
        _acs3,
        covers=("method", "pathname", "query.*", "headers.host", "headers.content-type", "headers.x-acs-*", "body"),
    ),
    "tencent_tc3": Scheme(_tc3, covers=("method", "host", "content_type", "timestamp", "body")),
    "dingtalk_bot": Scheme(
        _dingtalk, want=lambda case: case.want("sign_urlencoded"), covers=("timestamp_ms",), more=_dingtalk_more
    ),
    "feishu_bot": Scheme(lambda case: feishu.sign(case.text("timestamp_s"), case.key()), covers=("timestamp_s",)),
}
