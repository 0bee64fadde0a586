"""Stripe-Signature against Stripe's own SDK: made alike, and taken and refused by the same judgement."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe import SignatureVerificationError, Webhook, WebhookSignature

from connectors.shops.stripe_shop import webhook
from tests.connectors.oracle_kit import FEW, STAMPS, TEXTS, WORDS


def theirs(body: str, header: str, secret: str) -> bool:
    """The SDK's verdict, whatever the age."""
    try:
        return bool(WebhookSignature.verify_header(body, header, secret, tolerance=None))
    except SignatureVerificationError:
        return False


def ours(body: str, header: str, secret: str, now: int) -> bool:
    return webhook.verify({"Stripe-Signature": header}, body.encode(), secret, now)


@FEW
@given(body=TEXTS, secret=WORDS, stamp=STAMPS)
def test_the_header_is_the_sdks(body: str, secret: str, stamp: int) -> None:
    made = webhook.sign(body.encode(), secret, stamp)
    assert made == WebhookSignature.generate_signature_header(body, secret, stamp)
    assert theirs(body, made, secret)
    assert ours(body, WebhookSignature.generate_signature_header(body, secret, stamp), secret, stamp)


@FEW
@given(
    body=TEXTS, other=TEXTS, secret=WORDS, wrong=WORDS, stamp=STAMPS, order=st.permutations(["t", "v0", "v1", "bad"])
)
def test_verdicts_are_the_sdks(body: str, other: str, secret: str, wrong: str, stamp: int, order: list[str]) -> None:
    good = webhook.sign(body.encode(), secret, stamp).partition(",v1=")[2]
    parts = {"t": f"t={stamp}", "v1": f"v1={good}", "v0": f"v0={good}", "bad": f"v1={'0' * 64}"}
    whole = ",".join(parts[name] for name in order)
    lacking = ",".join(parts[name] for name in order if name != "v1")
    for text, key, header in (
        (body, secret, whole),  # an old and a new secret sign at the same time while one is rolled
        (other, secret, whole),
        (body, wrong, whole),
        (body, secret, lacking),
        (body, secret, f"t={stamp}"),
        (body, secret, ""),
    ):
        assert ours(text, header, key, stamp) is theirs(text, header, key)
    assert theirs(body, whole, secret)
    assert not theirs(body, lacking, secret)


@pytest.mark.parametrize("age", [0, 299, 301, 86_400])
def test_the_age_that_is_taken_is_the_sdks(age: int) -> None:
    """Both refuse what is older than five minutes; ours also what is from the future (see test_signing)."""
    now = int(time.time())
    body = '{"id": "evt_1", "object": "event"}'
    header = webhook.sign(body.encode(), "whsec_of_a_test", now - age)
    if age < webhook.TOLERANCE:
        event = Webhook.construct_event(body, header, "whsec_of_a_test")
        assert event.id == "evt_1"
    else:
        with pytest.raises(SignatureVerificationError):
            Webhook.construct_event(body, header, "whsec_of_a_test")
    assert ours(body, header, "whsec_of_a_test", now) is (age < webhook.TOLERANCE)
