"""Verifiers at their edges, and round trips with texts of any kind. The vectors are tried in test_selftest."""

import base64
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import aes, rsa, signing
from connectors.payments.alipay import sign as alipay
from connectors.payments.epay import sign as epay
from connectors.payments.wechatpay import sign as wechatpay
from connectors.shops.acg_faka import sign as acg
from connectors.shops.agiso import sign as agiso
from connectors.shops.douyin import sign as douyin
from connectors.shops.dujiao_next import sign as dujiao
from connectors.shops.jd import sign as jd
from connectors.shops.kuaishou import sign as kuaishou
from connectors.shops.pinduoduo import sign as pinduoduo
from connectors.shops.shopify import sign as shopify
from connectors.shops.stripe_shop import webhook as stripe
from connectors.shops.taobao import sign as taobao
from connectors.shops.wechat_shop import sign as wechat
from connectors.shops.weidian import sign as weidian
from connectors.shops.woocommerce import sign as woocommerce
from connectors.shops.xianguanjia import sign as xianguanjia
from connectors.shops.xiaohongshu import sign as xiaohongshu
from connectors.shops.youzan import sign as youzan

NOW = 1_767_294_245
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=12).filter(
    lambda name: name not in ("sign", "sign_type", "timestamp", "out_trade_no")
)
PARAMS = st.dictionaries(NAMES, TEXTS, max_size=6)


@cache
def pair() -> tuple[str, str]:
    """A private key (PKCS #8) and its public key."""
    key = generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def bare(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def test_keys_may_come_as_bare_base64() -> None:
    private, public = pair()
    assert rsa.verify(bare(public), "text", rsa.sign(bare(private), "text"))


@pytest.mark.parametrize("key", ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "卡"])
def test_a_key_that_is_none_is_refused_without_being_quoted(key: str) -> None:
    for use in (lambda: rsa.sign(key, "t"), lambda: rsa.verify(key, "t", "s")):
        with pytest.raises(ValueError, match="not an RSA"):
            use()


def test_an_rsa_signature_has_one_spelling() -> None:
    private, public = pair()
    good = rsa.sign(private, "text")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = good[:-3] + last[last.index(good[-3]) + 1] + "=="
    assert base64.b64decode(twin) == base64.b64decode(good)
    assert rsa.verify(public, "text", good)
    for other in (twin, good + "\n", " " + good, good.rstrip("="), "", "é", "\ud800"):
        assert not rsa.verify(public, "text", other)


BLANKS: list[Callable[[str], Any]] = [
    lambda key: taobao.tmc("a", "g", 1, key),
    lambda key: pinduoduo.pmc("a", 1, key),
    lambda key: douyin.sign("a", "m", "{}", "1", key),
    lambda key: douyin.sign_push("a", b"", key),
    lambda key: jd.sign({}, key),
    lambda key: jd.sign_gamecard({}, key),
    lambda key: jd.sign_trade({}, key),
    lambda key: kuaishou.sign({"signMethod": "MD5"}, key),
    lambda key: xiaohongshu.sign("m", "a", "1", "2.0", key),
    lambda key: youzan.sign_push("a", b"", key),
    lambda key: agiso.sign({}, key),
    lambda key: xianguanjia.sign(b"{}", 1, "a", key),
    lambda key: xianguanjia.sign_supply(b"{}", 1, ("a", "s"), ("m", key)),
    lambda key: wechat.sign(key, "1", "n", "e"),
    lambda key: shopify.sign(b"", key),
    lambda key: woocommerce.sign(b"", key),
    lambda key: acg.sign({}, key),
    lambda key: dujiao.sign("GET", "/", 1, b"", key),
    lambda key: epay.sign({}, key),
    lambda key: stripe.sign(b"", key, 1),
]


@pytest.mark.parametrize("use", BLANKS)
def test_an_empty_secret_signs_nothing(use: Callable[[str], Any]) -> None:
    with pytest.raises(ValueError, match="empty"):
        use("")


@given(PARAMS)
def test_epay_binds_a_notice_to_its_order(params: dict[str, str]) -> None:
    notice = params | {"out_trade_no": "A1"}
    notice["sign"] = epay.sign(notice, "key")
    assert epay.verify(notice, "key", "A1")
    assert not epay.verify(notice, "key", "A2")
    assert not epay.verify(notice | {"out_trade_no": "A2"}, "key", "A2")
    assert not epay.verify(notice, "yek", "A1")


@settings(deadline=None)  # the first example makes a key pair
@given(PARAMS, st.integers(-400, 400))
def test_epay_v2_and_alipay_round_trips(params: dict[str, str], late: int) -> None:
    private, public = pair()
    notice = params | {"out_trade_no": "A1", "timestamp": str(NOW)}
    notice["sign"] = epay.sign_rsa(notice, private)
    assert epay.verify_rsa(notice, public, NOW + late, "A1") is (abs(late) <= 300)
    news = params | {"out_trade_no": "A1", "sign_type": "RSA2"}
    news["sign"] = rsa.sign(private, alipay.notice_text(news))
    assert alipay.verify(news, public, "A1")
    assert not alipay.verify(news, public, "A2")
    assert not alipay.verify(news | {"sign_type": "RSA"}, public, "A1")
    assert not alipay.verify(news | {"sign_type": ""}, public, "A1")


@settings(deadline=None)
@given(TEXTS, st.binary(min_size=12, max_size=12).map(bytes.hex))
def test_wechatpay_notices(text: str, nonce: str) -> None:
    private, public = pair()
    key = "0123456789abcdefghijABCDEFGHIJ12"
    inside = json.dumps({"out_trade_no": "A1", "attach": text})
    resource = {"algorithm": "AEAD_AES_256_GCM", "nonce": nonce[:12], "associated_data": "transaction"}
    resource["ciphertext"] = wechatpay.seal(inside, key, nonce[:12], "transaction")
    body = json.dumps({"resource": resource}).encode()
    signature = rsa.sign(private, f"{NOW}\n{nonce}\n{body.decode()}\n")
    headers = {
        "wechatpay-timestamp": str(NOW),
        "WECHATPAY-NONCE": nonce,
        "Wechatpay-Serial": "S1",
        "Wechatpay-Signature": signature,
    }
    assert wechatpay.verify(headers, body, {"S1": public}, NOW + 300)
    assert not wechatpay.verify(headers, body, {"S1": public}, NOW + 301)
    assert not wechatpay.verify(headers, body, {"S2": public}, NOW)
    assert not wechatpay.verify(headers, body, {"S1": public}, NOW, lambda mark: mark == nonce)
    assert wechatpay.open_notice(body, key, "A1") == inside
    with pytest.raises(ValueError, match="another order"):
        wechatpay.open_notice(body, key, "A2")
    resource["associated_data"] = "refund"
    with pytest.raises(aes.Unopened):
        wechatpay.open_notice(json.dumps({"resource": resource}).encode(), key)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"resource":7}', b'{"resource":{}}', b"\xff", b"[" * 100_000])
def test_a_wechatpay_notice_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"not one of|does not open"):
        wechatpay.open_notice(body, "0123456789abcdefghijABCDEFGHIJ12")


@given(TEXTS)
def test_ciphers_round_trip(text: str) -> None:
    assert jd.unseal(jd.seal(text, "k" * 32, lines=True), "k" * 32) == text
    message_key = base64.b64encode(b"k" * 16).decode()
    assert kuaishou.open_push(kuaishou.seal_push(text, message_key), message_key) == text
    assert weidian.unseal(weidian.seal(text, "0f" * 16), "0f" * 16) == text
    letters = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    assert wechat.unseal(wechat.seal(text, letters, "wx1"), letters, "wx1") == text
    with pytest.raises(aes.Unopened):
        wechat.unseal(wechat.seal(text, letters, "wx1"), letters, "wx2")


@given(st.text(max_size=80))
def test_what_is_no_cipher_text_is_refused_in_the_same_words(text: str) -> None:
    openers: list[Callable[[], str]] = [
        lambda: jd.unseal(text, "k" * 32),
        lambda: kuaishou.open_push(text, base64.b64encode(b"k" * 16).decode()),
        lambda: weidian.unseal(text, "0f" * 16),
        lambda: wechat.unseal(text, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx1"),
    ]
    for opener in openers:
        with pytest.raises(aes.Unopened, match="the cipher text does not open with this key"):
            opener()


NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
JSONS = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=12,
)


@given(JSONS)
def test_douyin_canonical_text_says_the_same_and_is_stable(value: Any) -> None:
    text = douyin.canonical(json.dumps(value))
    assert json.loads(text) == value
    assert douyin.canonical(text) == text
    assert douyin.canonical(json.dumps(value, indent=2, ensure_ascii=False)) == text


def test_douyin_canonical_keeps_numbers_as_written_and_escapes_nothing_for_html() -> None:
    assert douyin.canonical('{"b": 1.0, "a": {"z":1e3, "y":"<&>卡"}}') == '{"a":{"y":"<&>卡","z":1e3},"b":1.0}'
    assert douyin.canonical("") == "{}"


@pytest.mark.parametrize("stamp", ["", "-1", "1e9", " 5", "٣", "9" * 13, "1767294245.0", "now"])
def test_a_time_that_is_no_whole_number_is_not_fresh(stamp: str) -> None:
    assert not signing.fresh(stamp, 5, 10**12)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=12), st.text(st.characters(), max_size=20), max_size=5), st.binary(max_size=40))
def test_verifiers_answer_no_to_anything_and_never_break(params: dict[str, str], body: bytes) -> None:
    signs = ("sign", "msg_signature", "event-sign", "x-shopify-hmac-sha256", "x-wc-webhook-signature")
    params = params | dict.fromkeys(signs, next(iter(params.values()), "x")) | {"timestamp": str(NOW)}
    params |= {"app-id": "a", "app-key": "a", "mch_id": "m", "sign_type": "RSA2"}
    answers = [
        epay.verify(params, "k"),
        epay.verify_rsa(params, pair()[1], NOW),
        alipay.verify(params, pair()[1]),
        jd.verify_gamecard(params, "k"),
        jd.verify_trade(params, "k"),
        douyin.verify_spi(params, params["sign"], "k", NOW),
        douyin.verify_push(params, body, "a", "k"),
        xiaohongshu.verify_push(params, "/" + params["sign"], "a", "k", NOW),
        youzan.verify_push(params, body, "c", "k"),
        agiso.verify_push(params, params["sign"], "k", NOW),
        xianguanjia.verify(params, body, "a", "k", NOW),
        xianguanjia.verify_supply(params, body, ("a", "k"), ("m", "k"), NOW),
        wechat.verify(params, params["sign"], "k", NOW),
        shopify.verify(params, body, "k"),
        woocommerce.verify(params, body, "k"),
        acg.verify(params, "k"),
        dujiao.verify(params | {"dujiao-next-timestamp": str(NOW)}, "GET", "/", body, "k", NOW),
        stripe.verify(params | {"stripe-signature": f"t={NOW},v1={params['sign']}"}, body, "k", NOW),
    ]
    assert not any(answers)


def test_acg_writes_parameters_as_php_does() -> None:
    text = "a=1&b=0&list[0]=x&list[1]=y&no=0&sku[color]=red&yes=1&key=K"
    params = {"yes": True, "no": False, "b": "0", "a": 1, "drop": "", "none": None, "list": ["x", "y"],
              "sku": {"color": "red"}, "sign": "s"}  # fmt: skip
    assert acg.sign(params, "K") == signing.md5(text)


def test_woocommerce_frees_its_secret_of_entities_once() -> None:
    key = "a&lt;b'&copy;"  # &copy; is none that WordPress knows
    wanted = base64.b64encode(signing.hmac_sha256(key, b"x")).decode()
    assert woocommerce.sign(b"x", "a&amp;lt;b&#039;&copy;") == wanted
    assert woocommerce.sign(b"x", "a&amp;amp;lt;b&#039;&copy;") != wanted


def test_woocommerce_covers_each_value_of_a_repeated_name() -> None:
    urls = [f"http://s.example/wp-json/wc/v3/orders?include[]={n}&include[]=2&search=a/b c" for n in (1, 3)]
    made = [woocommerce.signed_url(url, "get", "ck", "cs", NOW, "n") for url in urls]
    assert len({url.rpartition("=")[2] for url in made}) == 2
    assert all("include%5B%5D=2" in url and "search=a%2Fb+c" in url for url in made)
