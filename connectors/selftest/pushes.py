"""Schemes that others sign and we verify: pushes of shops, and calls made to the merchant."""

from typing import Final

from connectors.selftest.case import Asked, Case, Checks, Scheme
from connectors.shops.acg_faka import sign as acg
from connectors.shops.agiso import sign as agiso
from connectors.shops.douyin import sign as douyin
from connectors.shops.dujiao_next import sign as dujiao
from connectors.shops.jd import sign as jd
from connectors.shops.shopify import sign as shopify
from connectors.shops.wechat_shop import sign as wechat
from connectors.shops.woocommerce import sign as woocommerce
from connectors.shops.xianguanjia import sign as xianguanjia
from connectors.shops.xiaohongshu import sign as xiaohongshu
from connectors.shops.youzan import sign as youzan
from connectors.signing import beijing


def _compact(case: Case) -> int | None:
    return beijing(case.flat().get("timestamp", ""), "%Y%m%d%H%M%S")


def _spi(case: Case, given: str, asked: Asked) -> bool:
    query = {name: case.text(name) for name in ("app_key", "timestamp", "sign_method")}
    return douyin.verify_spi(query | {"sign": given}, case.text("param_json"), case.key(), asked.at(), asked.seen)


def _spi_stamp(case: Case) -> int:
    text = case.text("timestamp")
    at = beijing(text, "%Y-%m-%d %H:%M:%S")
    return case.stamp() if at is None else at


def _spi_made(case: Case) -> str:
    app, text, stamp = case.text("app_key"), case.text("param_json"), case.text("timestamp")
    made = [douyin.sign_spi(app, text, stamp, case.key(), case.text("sign_method"), exact) for exact in (False, True)]
    return made[1] if made[1] == case.want() else made[0]


def _douyin_push(case: Case, given: str, asked: Asked) -> bool:
    app = case.text("header app-id")
    return douyin.verify_push({"App-Id": app, "Event-Sign": given}, case.body("body"), app, case.key())


def _gamecard(case: Case, given: str, asked: Asked) -> bool:
    return jd.verify_gamecard(case.flat() | {"sign": given}, case.key(), asked.now, asked.seen)


def _trade(case: Case, given: str, asked: Asked) -> bool:
    return jd.verify_trade(case.flat() | {"sign": given}, case.key(), asked.now, asked.order, asked.seen)


_TRADE: Final = Scheme(
    lambda case: jd.sign_trade(case.flat(), case.key()),
    _trade,
    covers=("*", "!sign", "!signType"),
    stamp=_compact,
    window=jd.WINDOW,
    repeats=True,
    orders=("jdOrderNo",),
    binds=True,
)


def _xhs_made(case: Case) -> str:
    return xiaohongshu.sign_push(
        case.text("url"), case.text("header app-key"), case.text("header timestamp"), case.key()
    )


def _xhs(case: Case, given: str, asked: Asked) -> bool:
    app, stamp = case.text("header app-key"), case.text("header timestamp")
    headers = {"App-Key": app, "Timestamp": stamp, "Sign": given}
    return xiaohongshu.verify_push(headers, case.text("url"), app, case.key(), asked.at(), asked.seen)


def _youzan(case: Case, given: str, asked: Asked) -> bool:
    return youzan.verify_push({"Event-Sign": given}, case.body("raw_body"), case.text("client_id"), case.key())


def _agiso(case: Case, given: str, asked: Asked) -> bool:
    query = case.params("query") | {"sign": given}
    return agiso.verify_push(query, case.text("form", "json"), case.key(), asked.now, asked.seen)


def _agiso_more(case: Case) -> Checks:
    upper = case.params("query") | {"sign": case.want().upper()}
    yield "either case", agiso.verify_push(upper, case.text("form", "json"), case.key())


def _goofish(case: Case, given: str, asked: Asked) -> bool:
    query = {"appid": case.text("appid"), "timestamp": case.text("timestamp"), "sign": given}
    query["seller_id"] = case.text("seller_id", default="")
    return xianguanjia.verify(query, case.body("body"), query["appid"], case.key(), asked.at(), asked.seen)


def _goofish_made(case: Case) -> str:
    seller = case.text("seller_id", default="")
    return xianguanjia.sign(case.body("body"), case.text("timestamp"), case.text("appid"), case.key(), seller)


_GOOFISH: Final = Scheme(
    _goofish_made,
    _goofish,
    covers=("body", "timestamp", "appid", "seller_id"),
    stamp=Case.stamp,
    window=xianguanjia.WINDOW,
    repeats=True,
    orders=("order_no",),
)


def _pairs(case: Case) -> tuple[tuple[str, str], tuple[str, str]]:
    return (case.text("app_id"), case.key("app_secret")), (case.text("mch_id"), case.key("mch_secret"))


def _supply(case: Case, given: str, asked: Asked) -> bool:
    query = {"mch_id": case.text("mch_id"), "timestamp": case.text("timestamp"), "sign": given}
    return xianguanjia.verify_supply(query, case.body("body"), *_pairs(case), asked.at(), asked.seen)


def _wechat_made(case: Case) -> str:
    query = case.params("query")
    encrypted = case.text("body", "Encrypt")
    return wechat.sign(case.key("token"), query.get("timestamp", ""), query.get("nonce", ""), encrypted)


def _wechat(case: Case, given: str, asked: Asked) -> bool:
    encrypted = case.text("body", "Encrypt")
    query = case.params("query") | {"msg_signature": given}
    return wechat.verify(query, encrypted, case.key("token"), asked.now, asked.seen)


def _wechat_more(case: Case) -> Checks:
    key, app, plain = case.key("EncodingAESKey"), case.key("appid"), case.want("plaintext")
    yield "opened", wechat.unseal(case.text("body", "Encrypt"), key, app) == plain
    yield "sealed and opened again", wechat.unseal(wechat.seal(plain, key, app), key, app) == plain
    yield "not opened for another app", not _opens(wechat.seal(plain, key, app + "0"), key, app)


def _opens(encrypted: str, key: str, app: str) -> bool:
    try:
        wechat.unseal(encrypted, key, app)
    except ValueError:
        return False
    return True


def _dujiao(case: Case, given: str, asked: Asked) -> bool:
    headers = {"Dujiao-Next-Timestamp": case.text("timestamp"), "Dujiao-Next-Signature": given}
    method, path, body = case.text("method"), case.text("path"), case.body("body")
    return dujiao.verify(headers, method, path, body, case.key(), asked.at(), asked.seen)


def _dujiao_made(case: Case) -> str:
    return dujiao.sign(case.text("method"), case.text("path"), case.text("timestamp"), case.body("body"), case.key())


def _acg(case: Case, given: str, asked: Asked) -> bool:
    return acg.verify(case.mapping("params") | {"sign": given}, case.key())


PUSHES: Final[dict[str, Scheme]] = {
    "douyin-spi": Scheme(
        _spi_made,
        _spi,
        covers=("app_key", "timestamp", "param_json"),
        stamp=_spi_stamp,
        window=douyin.WINDOW,
        repeats=True,
        orders=("trade_order_no", "order_id", "p_id"),
    ),
    "douyin-push": Scheme(
        lambda case: douyin.sign_push(case.text("header app-id"), case.body("body"), case.key()),
        _douyin_push,
        covers=("header app-id", "body"),
        orders=("p_id",),
    ),
    "jd-gamecard": Scheme(
        lambda case: jd.sign_gamecard(case.flat(), case.key()),
        _gamecard,
        stamp=_compact,
        window=jd.WINDOW,
        repeats=True,
    ),
    "jd-vtp": _TRADE,
    "jd_general_trade": _TRADE,
    "xiaohongshu-push": Scheme(
        _xhs_made,
        _xhs,
        covers=("url", "header app-key", "header timestamp"),
        stamp=lambda case: case.number("header timestamp"),
        window=xiaohongshu.WINDOW,
        repeats=True,
    ),
    "youzan_push": Scheme(
        lambda case: youzan.sign_push(case.text("client_id"), case.body("raw_body"), case.key()),
        _youzan,
        covers=("raw_body", "client_id"),
        orders=("tid", "id"),
    ),
    "agiso_push": Scheme(
        lambda case: agiso.sign_push(case.text("form", "json"), case.text("query", "timestamp"), case.key()),
        _agiso,
        covers=("query.timestamp", "form.json"),
        stamp=lambda case: case.number("query", "timestamp"),
        window=agiso.WINDOW,
        repeats=True,
        orders=("Tid", "tid"),
        more=_agiso_more,
    ),
    "xianguanjia_open": _GOOFISH,
    "xianguanjia_open_business": _GOOFISH,
    "xianguanjia_virtual_supply": Scheme(
        lambda case: xianguanjia.sign_supply(case.body("body"), case.text("timestamp"), *_pairs(case)),
        _supply,
        covers=("body", "timestamp", "mch_id", "app_id"),
        stamp=Case.stamp,
        window=xianguanjia.WINDOW,
        repeats=True,
        orders=("order_no",),
    ),
    "wechat_callback_aes": Scheme(
        _wechat_made,
        _wechat,
        want=lambda case: case.want("msg_signature"),
        covers=("query.timestamp", "query.nonce", "body.Encrypt"),
        stamp=lambda case: case.number("query", "timestamp"),
        window=wechat.WINDOW,
        repeats=True,
        more=_wechat_more,
    ),
    "shopify_webhook": Scheme(
        lambda case: shopify.sign(case.body("raw_body"), case.key()),
        lambda case, given, asked: shopify.verify({"X-Shopify-Hmac-Sha256": given}, case.body("raw_body"), case.key()),
        covers=("raw_body",),
        orders=("id",),
    ),
    "woocommerce_webhook": Scheme(
        lambda case: woocommerce.sign(case.body("raw_body"), case.key()),
        lambda case, given, asked: woocommerce.verify(
            {"X-WC-Webhook-Signature": given}, case.body("raw_body"), case.key()
        ),
        covers=("raw_body",),
        orders=("id",),
    ),
    "acg_faka_shared": Scheme(
        lambda case: acg.sign(case.mapping("params"), case.key()), _acg, orders=("request_no", "trade_no")
    ),
    "dujiao_next_upstream": Scheme(
        _dujiao_made,
        _dujiao,
        covers=("method", "path", "timestamp", "body"),
        stamp=Case.stamp,
        window=dujiao.WINDOW,
        repeats=True,
        orders=("downstream_order_no", "order_no"),
    ),
}
