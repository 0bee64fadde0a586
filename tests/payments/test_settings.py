"""Gateways in the settings: each pays one shop, each shop names its own, secrets come by reference."""

import os
from pathlib import Path

import pytest

from connectors.registry import build_shop
from console.commands.compose import engine_of, refused
from console.commands.gateways import gateways_of, shop_options
from core.engine import Engine
from core.model.clock import now_us
from core.pipeline.paid_via import PaidVia
from core.ports import Receiver
from core.settings import Settings, SettingsError, load
from tests.payments.providers import private, public

SHOP = """
[shops.{name}]
platform = "taobao"
app_key = "12345678"
secret = "env:SECRET"
session = "env:SECRET"
url = "https://eco.taobao.com/router/rest"
deliver = "mail"
"""
MAIL = '[channels.mail]\nkind = "smtp"\nhost = "127.0.0.1"\nport = 25\nfrom = "a@example.com"\n'
EPAY = '[payments.{name}]\nkind = "epay"\nurl = "https://{host}"\npid = "1001"\nkey = "env:SECRET"\n'


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "canary-of-a-key")


def loaded(folder: Path, *parts: str) -> Settings:
    """These settings, in a place of their own."""
    file = folder / "settings.toml"
    file.write_text(f'[core]\ndata_dir = "{folder}"\n' + "".join(parts), "utf-8")
    for name in ("rules", "products"):
        (folder / f"{name}.toml").write_text("", "utf-8")
    return load(file=file)


def tied(settings: Settings) -> dict[str, str]:
    shops = {name: build_shop(name, shop_options(end), now_us) for name, end in settings.shops.items()}
    return {shop: gateway.name for shop, gateway in gateways_of(settings, shops).items()}


async def test_a_shop_and_the_gateway_that_pays_it(tmp_path: Path) -> None:
    (tmp_path / "app.pem").write_text(private("merchant"))
    os.chmod(tmp_path / "app.pem", 0o600)
    (tmp_path / "alipay.pem").write_text(public("provider"))
    cash = (
        '[payments.cash]\nkind = "alipay"\napp_id = "2021"\nseller_id = "2088"\nprivate_key = "file:app.pem"\n'
        'alipay_public_key = "file:alipay.pem"\nqueries_per_minute = 30\n'
    )
    settings = loaded(tmp_path, SHOP.format(name="one"), 'pay_via = "cash"\n', SHOP.format(name="two"), MAIL, cash)
    assert refused(settings) == {}
    assert tied(settings) == {"one": "cash"}
    rows = {key: value for key, value, _ in settings.origins()}
    assert (rows["payments.cash.kind"], rows["payments.cash.private_key"], rows["shops.one.pay_via"]) == (
        "alipay",
        "***",
        "cash",
    )
    engine = engine_of(settings)
    assert isinstance(engine.shops["one"], PaidVia)
    assert not isinstance(engine.shops["one"], Receiver)  # a shop that takes hints takes them still
    assert not isinstance(engine.shops["two"], PaidVia)
    assert (engine.gateways["one"].account, engine.gateways["one"].per_minute) == ("alipay:2021:2088", 30)
    # As `keydesk connect test` uses it: nothing is started, so nothing is booked.
    assert await engine._booked("one", "A1") == 0
    for way in (*engine.shops.values(), *engine.channels.values()):
        await way.close()


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((SHOP.format(name="one"), 'pay_via = "cash"\n'), "there is no [payments.cash]"),
        ((SHOP.format(name="one"), EPAY.format(name="cash", host="a")), "payment gateway cash pays no shop"),
        (
            (SHOP.format(name="one"), 'pay_via = "c"\n', SHOP.format(name="two"), 'pay_via = "c"\n')
            + (EPAY.format(name="c", host="a"),),
            "would be paid by one payment account",
        ),
        (
            (SHOP.format(name="one"), 'pay_via = "c"\n', SHOP.format(name="two"), 'pay_via = "d"\n')
            + (EPAY.format(name="c", host="a"), EPAY.format(name="d", host="a")),
            "would be paid by one payment account",
        ),
        (
            (SHOP.format(name="one"), 'pay_via = "one"\n', EPAY.format(name="one", host="a")),
            "both called one",
        ),
        ((SHOP.format(name="one"), EPAY.format(name="c", host="a"), 'kye = "x"\n'), "did you mean 'key'"),
        ((SHOP.format(name="one"), '[payments.c]\nkind = "epey"\n'), "did you mean 'epay'"),
    ],
)
def test_what_does_not_fit_together(tmp_path: Path, parts: tuple[str, ...], why: str) -> None:
    settings = loaded(tmp_path, *parts, MAIL)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the reason is looked at below)
        tied(settings)
    assert why in str(caught.value)
    assert any(why in text for text in refused(settings).values())
    assert "canary" not in str(caught.value)


def test_two_gateways_of_two_accounts(tmp_path: Path) -> None:
    parts = (SHOP.format(name="one"), 'pay_via = "c"\n', SHOP.format(name="two"), 'pay_via = "d"\n')
    settings = loaded(tmp_path, *parts, MAIL, EPAY.format(name="c", host="a"), EPAY.format(name="d", host="b"))
    assert tied(settings) == {"one": "c", "two": "d"}


def test_a_secret_of_a_gateway_does_not_stand_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"payments\.c\.key") as caught:
        loaded(tmp_path, '[payments.c]\nkind = "epay"\nurl = "https://a"\npid = "1"\nkey = "canary-in-the-file"\n')
    assert "canary" not in str(caught.value)


def test_the_engine_itself_refuses_a_shared_account(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SHOP.format(name="one"), 'pay_via = "c"\n', MAIL, EPAY.format(name="c", host="a"))
    shop = build_shop("one", shop_options(settings.shops["one"]), now_us)
    (gateway,) = gateways_of(settings, {"one": shop}).values()
    with pytest.raises(ValueError, match="one payment account"):
        Engine(tmp_path / "x.db", None, None, {"one": shop, "two": shop}, {}, gateways={"one": gateway, "two": gateway})  # type: ignore[arg-type]
