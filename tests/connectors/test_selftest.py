"""`keydesk connect selftest`: every vector holds, and a vector with anything changed does not.

tests/data/signatures.json: each entry names the published SDK, document or code that made it.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from connectors import selftest
from connectors.selftest.alter import turned

FILE = Path(__file__).parent.parent / "data" / "signatures.json"
ENTRIES: list[dict[str, Any]] = json.loads(FILE.read_text())
NAMED = [pytest.param(entry, id=f"{index}-{entry['scheme']}") for index, entry in enumerate(ENTRIES)]

# What a scheme leaves open by the platform's own rule, or what a vector tells beside the message. All else is covered.
OPEN = {
    "douyin": {"sign_method"},  # chooses the digest; changed to another word it is refused
    "wechat_callback_aes": {"query.encrypt_type"},
    "agiso_push": {"query.aopic", "query.fromPlatform"},
    "shopify_webhook": {"headers.*"},
    "epay_v1_md5": {"params.sign_type"},
    "epay_v2_rsa": {"sign_type"},
    "jd-vtp": {"signType"},
    "stripe_webhook": {"signed_payload"},
    "alipay_notify_rsa2": {"sign_type"},
    "wechatpay_v3_notify": {"sign_message", "headers.Wechatpay-Serial"},  # the serial only chooses the key
    "tencent_tc3": {"action", "version", "region", "date"},  # the date is that of the time
}


def verdict(entry: Any) -> selftest.Verdict:
    return next(selftest.run([entry]))


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path


def changed(entry: dict[str, Any], *path: str, at: int = 0) -> dict[str, Any]:
    other = deepcopy(entry)
    holder = other
    for step in path[:-1]:
        holder = holder[step]
    old = holder[path[-1]]
    if isinstance(old, int):
        holder[path[-1]] = old + 1
    else:
        holder[path[-1]] = turned(old, at % len(old)) if old else "x"
    return other


@pytest.mark.parametrize("entry", NAMED)
def test_each_vector_holds(entry: dict[str, Any]) -> None:
    found = verdict(entry)
    assert found.ok, found.why
    assert {"signed", "sealed"} & set(found.did), "nothing was made"
    assert found.tries > 0, "nothing was refused"


@pytest.mark.parametrize("entry", NAMED)
@pytest.mark.parametrize("at", [0, 7, -1], ids=["first", "inside", "last"])
def test_a_vector_with_one_byte_of_its_inputs_changed_does_not_hold(entry: dict[str, Any], at: int) -> None:
    for path in leaves(entry["inputs"]):
        name = ".".join(path)
        if name in OPEN.get(entry["scheme"], ()) or f"{path[0]}.*" in OPEN.get(entry["scheme"], ()):
            continue
        found = verdict(changed(entry, "inputs", *path, at=at))
        assert not found.ok, f"{name} changed and nothing noticed"
        assert found.why


@pytest.mark.parametrize("entry", NAMED)
def test_a_vector_with_another_secret_or_signature_does_not_hold(entry: dict[str, Any]) -> None:
    for part in ("secret", "expected"):
        for path in [()] if isinstance(entry[part], str) else leaves(entry[part]):
            if path == ("secret_id",) and not entry["expected"].startswith("TC3-"):
                continue  # the signature alone does not name it
            found = verdict(changed(entry, part, *path, at=40 if "-----" in str(entry[part]) else 0))
            assert not found.ok, f"{part} {path} changed and nothing noticed"


def test_verifiers_are_tried_with_stale_repeated_and_misplaced_messages() -> None:
    did: dict[str, set[str]] = {}
    for found in selftest.run(ENTRIES):
        did.setdefault(found.scheme, set()).update(found.did)
    signed_time = {scheme for scheme, steps in did.items() if "stale refused" in steps}
    one_order = {scheme for scheme, steps in did.items() if "other order refused" in steps}
    assert signed_time == {
        "agiso_push", "douyin-spi", "dujiao_next_upstream", "epay_v2_rsa", "jd-gamecard", "jd-vtp", "jd_general_trade",
        "stripe_webhook", "wechat_callback_aes", "wechatpay_v3_notify", "xianguanjia_open", "xianguanjia_open_business",
        "xianguanjia_virtual_supply", "xiaohongshu-push",
    }  # fmt: skip
    assert one_order >= {
        "alipay_notify_rsa2", "epay_v1_md5", "epay_v2_rsa", "wechatpay_v3_notify", "stripe_webhook", "jd_general_trade",
        "jd-vtp", "agiso_push", "youzan_push", "douyin-spi", "douyin-push", "dujiao_next_upstream",
    }  # fmt: skip


def lax(scheme: str, **change: Any) -> selftest.Verdict:
    """The verdict on a scheme whose verifier is broken in one way."""
    entry = next(entry for entry in ENTRIES if entry["scheme"] == scheme)
    whole, accepts = selftest.SCHEMES[scheme], selftest.SCHEMES[scheme].accepts
    assert accepts is not None

    def forgetful(case: Any, given: str, asked: Any) -> bool:
        return accepts(case, given, replace(asked, **{name: value(case) for name, value in change.items()}))

    trial = selftest.Trial(replace(whole, accepts=forgetful if change else lambda case, given, asked: True))
    case = selftest.case_of(entry)
    try:
        trial.walk(case)
    except selftest.Wrong as exc:
        return selftest.Verdict(0, scheme, False, why=str(exc))
    return selftest.Verdict(0, scheme, True)


def test_a_verifier_that_takes_everything_is_found_out() -> None:
    for scheme, whole in selftest.SCHEMES.items():
        if whole.accepts:
            found = lax(scheme)
            assert not found.ok, scheme
            assert "accepted although wrong" in found.why


@pytest.mark.parametrize("scheme", ["stripe_webhook", "wechatpay_v3_notify", "epay_v2_rsa", "xianguanjia_open"])
def test_a_verifier_without_a_clock_is_found_out(scheme: str) -> None:
    assert "301 s off" in lax(scheme, now=selftest.SCHEMES[scheme].stamp).why


@pytest.mark.parametrize("scheme", ["alipay_notify_rsa2", "epay_v1_md5", "wechatpay_v3_notify", "jd_general_trade"])
def test_a_verifier_that_forgets_the_order_or_what_it_saw_is_found_out(scheme: str) -> None:
    assert "another order" in lax(scheme, order=lambda case: None).why
    assert "the same message again" in lax(scheme, seen=lambda case: lambda mark: False).why


def test_verdicts_show_no_secret_and_no_signature() -> None:
    for entry in ENTRIES:
        for other in (entry, changed(entry, "inputs", *next(leaves(entry["inputs"])))):
            said = msgspec.json.encode(verdict(other)).decode()
            for part in ("secret", "expected"):
                values = [entry[part]] if isinstance(entry[part], str) else entry[part].values()
                for value in values:
                    assert str(value) not in said


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (7, "malformed: not an object with a scheme"),
        ({}, "malformed: not an object with a scheme"),
        ({"scheme": "rot13", "inputs": {}, "secret": "", "expected": ""}, "scheme is not supported"),
        ({"scheme": "jd"}, "malformed: inputs is missing"),
        ({"scheme": "jd", "inputs": [], "secret": "s", "expected": "x"}, "malformed: inputs is not an object"),
        ({"scheme": "jd", "inputs": {}, "secret": 1, "expected": "x"}, "malformed: secret is not text or an object"),
        ({"scheme": "jd", "inputs": {"a": "b"}, "secret": " ", "expected": "x"}, "the app secret is empty"),
        ({"scheme": "feishu_bot", "inputs": {}, "secret": "s", "expected": "x"}, "inputs.timestamp_s is missing"),
        ({"scheme": "jd", "inputs": {"a": "b"}, "secret": "s", "expected": "x"}, "expected 1 characters, made 32"),
        ({"scheme": "taobao", "inputs": {"a": "\ud800"}, "secret": "s", "expected": "x"}, "UnicodeEncodeError"),
    ],
)
def test_what_cannot_be_tried_is_a_failure_with_a_reason_and_the_others_go_on(entry: Any, why: str) -> None:
    first, second = selftest.run([entry, ENTRIES[0]])
    assert not first.ok
    assert why in first.why
    assert second.ok
    assert second.index == 1


def test_a_difference_is_told_by_place_alone() -> None:
    assert selftest.difference("abcd", "abXd") == "first difference at character 3 of 4"
    assert selftest.difference("abcd", "ABCD") == "differs in upper and lower case alone"
    assert selftest.difference("abcd", "abc") == "expected 4 characters, made 3"
