"""Shops and channels out of options: what is missing or misspelt is named, and secrets are not."""

from importlib.metadata import EntryPoint

import pytest

from connectors import registry
from connectors.registry import Platform, build_channel, build_shop
from core.ports import Channel, Shop
from tests.connectors.kit import ManualClock

OPTIONS = {
    "taobao": {"url": "https://eco.taobao.com/router/rest", "app_key": "1", "secret": "sesame", "session": "sesame"},
    "pinduoduo": {
        "url": "https://gw-api.pinduoduo.com/api/router",
        "client_id": "1",
        "secret": "sesame",
        "access_token": "sesame",
        "refresh_token": "sesame",
    },
    "stripe-shop": {
        "url": "https://api.stripe.com",
        "api_key": "sesame",
        "webhook_secret": "sesame",
        "account": "main",
    },
}
SMTP = {"kind": "smtp", "host": "127.0.0.1", "port": "2525", "from": "keys@shop.example.com"}


def options(platform: str) -> dict[str, str]:
    return {"platform": platform, **OPTIONS[platform]}


@pytest.mark.parametrize("platform", OPTIONS)
def test_each_platform_builds(platform: str) -> None:
    shop = build_shop("s", options(platform), ManualClock())
    assert isinstance(shop, Shop)
    assert (shop.name, shop.platform, shop.poll_seconds) == ("s", platform, 1.0)
    assert "sesame" not in repr(shop)
    tuned = build_shop("s", options(platform) | {"poll_seconds": "0.2", "start_days": "7"}, ManualClock())
    assert tuned.poll_seconds == 0.2


@pytest.mark.parametrize("platform", ["taobao", "stripe-shop"])
def test_the_channel_of_the_keys_is_an_option(platform: str) -> None:
    assert build_shop("s", options(platform), ManualClock()).send_via == "email"
    assert build_shop("s", options(platform) | {"deliver": "mail-2"}, ManualClock()).send_via == "mail-2"


@pytest.mark.parametrize(
    ("platform", "change", "words"),
    [
        ("taobao", {"sesion": "sesame"}, ["shop s", "'sesion'", "'session'"]),
        ("taobao", {"session": " "}, ["shop s", "'session'", "missing"]),
        ("taobao", {"secret": ""}, ["'secret'"]),
        ("taobao", {"sign_method": "sha"}, ["sign_method", "md5"]),
        ("taobao", {"poll_seconds": "soon"}, ["poll_seconds"]),
        ("taobao", {"poll_seconds": "0"}, ["poll_seconds"]),
        ("taobao", {"poll_seconds": "nan"}, ["poll_seconds"]),
        ("taobao", {"url": "http://eco.taobao.com/router/rest"}, ["https"]),
        ("taobao", {"url": "http://127.0.0.1.evil.example/"}, ["https"]),
        ("taobao", {"url": "https://u:p@eco.taobao.com/"}, ["credentials"]),
        ("pinduoduo", {"deliver": "email"}, ["'deliver'"]),
        ("stripe-shop", {"account": ""}, ["'account'"]),
    ],
)
def test_mistakes_are_named(platform: str, change: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ValueError, match="shop s") as caught:
        build_shop("s", options(platform) | change, ManualClock())
    assert all(word in str(caught.value) for word in words)
    assert "sesame" not in str(caught.value)


def test_an_unknown_platform_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'pinduoduo'"):
        build_shop("s", {"platform": "pinduodou"}, ManualClock())
    with pytest.raises(ValueError, match="valid are") as caught:
        build_shop("s", {}, ManualClock())
    assert all(platform in str(caught.value) for platform in ("pinduoduo", "stripe-shop", "taobao"))


def test_a_channel_builds_and_names_mistakes() -> None:
    assert isinstance(build_channel("email", SMTP, ManualClock()), Channel)
    for change, word in (
        ({"kind": "pigeon"}, "pigeon"),
        ({"hots": "x"}, "'host'"),
        ({"port": "x"}, "port"),
        ({"port": "70000"}, "port"),
        ({"from": "Keydesk <keys@shop.example.com>"}, "from"),
        ({"from": ""}, "'from'"),
    ):
        with pytest.raises(ValueError, match="channel email") as caught:
            build_channel("email", SMTP | change, ManualClock())
        assert word in str(caught.value)


def test_other_packages_add_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("corner-shop", "tests.connectors.test_registry:CORNER", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.GROUP else [])
    shop = build_shop("s", {"platform": "corner-shop", "street": "x"}, ManualClock())
    assert shop.platform == "taobao"
    with pytest.raises(ValueError, match="'street'"):
        build_shop("s", {"platform": "corner-shop"}, ManualClock())
    bad = EntryPoint("odd", "tests.connectors.test_registry:SMTP", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [bad])
    with pytest.raises(ValueError, match="not a Platform"):
        build_shop("s", {"platform": "odd"}, ManualClock())


CORNER = Platform(
    frozenset({"street"}), frozenset(), lambda name, given, clock: build_shop(name, options("taobao"), clock)
)
