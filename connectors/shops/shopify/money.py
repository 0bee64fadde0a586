"""Amounts as Shopify gives them: a bag with the shop's own currency in it (facts: C4)."""

from msgspec import Struct

from connectors.fields import Drift
from core.model.money import digits_of, parse_decimal


class Money(Struct, rename="camel"):
    """A decimal string in the major unit."""

    amount: str
    currency_code: str


class Bag(Struct, rename="camel"):
    """The buyer's own currency, which it also holds, is not asked for."""

    shop_money: Money


class Purse:
    """Amounts of one currency in minor units."""

    def __init__(self, currency: str) -> None:
        if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
            raise Drift("currencyCode", "not a currency code")
        self._currency, self._digits = currency, digits_of(currency)

    def of(self, bag: Bag, field: str) -> int:
        """Raises Drift for another currency, a negative amount and more digits than the currency has."""
        money = bag.shop_money
        if money.currency_code != self._currency:
            raise Drift(f"{field}.shopMoney.currencyCode", "not the shop's currency")
        try:
            amount = parse_decimal(money.amount, self._digits)
        except ValueError as exc:
            raise Drift(f"{field}.shopMoney.amount", str(exc)) from None
        if amount < 0:
            raise Drift(f"{field}.shopMoney.amount", "negative amount")
        return amount

    def maybe(self, bag: Bag | None, field: str) -> int:
        """0 for what the order does not have."""
        return self.of(bag, field) if bag is not None else 0
