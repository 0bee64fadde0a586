"""The mailbox reads what people's mail programs send, and notes the keys before it says yes."""

from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from connectors.practice.mailbox import body_text
from connectors.practice.mint import KEY
from tests.connectors.practice_client import plan, world

TEXT = "您好，您购买的卡密：\n1. {0}\n2. {1}\n重复消息请忽略。订单 3107000001759005277"


def mail(kind: str, *keys: str) -> EmailMessage | MIMEMultipart:
    text = TEXT.format(*keys)
    if kind == "alternative":
        both = MIMEMultipart("alternative")
        both.attach(MIMEText(text, "plain", "utf-8"))
        both.attach(MIMEText(f"<p>{text}</p>", "html", "utf-8"))
        return both
    message = EmailMessage()
    message.set_content(
        text, charset="gb18030" if kind == "gb18030" else "utf-8", cte="8bit" if kind == "gb18030" else kind
    )
    return message


@pytest.mark.parametrize("kind", ["quoted-printable", "base64", "8bit", "gb18030", "alternative"])
async def test_keys_are_found_in_every_dress(tmp_path: Path, kind: str) -> None:
    async with world(
        tmp_path, [plan(1, "taobao", qty=2, email="buyer@mail.example.com")], platforms=("taobao",)
    ) as desk:
        await desk.begin()
        (tid,) = desk.setting.world.shops["taobao-main"].orders
        keys = desk.keys("steam50")[:2]
        message: Any = mail(kind, *keys)
        message["From"], message["To"], message["Subject"] = "a@keydesk.example.com", "buyer@mail.example.com", "卡密"
        message["X-Order-Ref"], message["Message-ID"] = f"taobao-main/{tid}", "<ref-1@keydesk.example.com>"
        await aiosmtplib.send(message, hostname="127.0.0.1", port=desk.ready["smtp_port"])
        (record,) = desk.ledger("send")
        assert (record["shop"], record["ext_id"], record["keys"], record["slots"]) == ("taobao-main", tid, keys, 2)
        assert (record["recipient"], record["ref"]) == ("buyer@mail.example.com", "<ref-1@keydesk.example.com>")
        assert (record["net_paid"], record["due"], record["known"]) == (9780, 9780, True)


async def test_strays_and_repeats_are_noted(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "taobao", email="buyer@mail.example.com")], platforms=("taobao",)) as desk:
        await desk.begin()
        (tid,) = desk.setting.world.shops["taobao-main"].orders
        key, other = desk.keys("steam50")[:2]
        await desk.mail(f"taobao-main/{tid}", f"key {key}")
        await desk.mail(f"taobao-main/{tid}", f"key {key}")
        await desk.mail("nowhere/1", f"key {other}")
        await desk.mail("", "no key at all")
        assert [len(record["keys"]) for record in desk.ledger("send")] == [1, 1, 1, 0]
        report = await desk.control("GET", "report")
        assert (report["sends"], report["repeats"], report["oversold"], report["keys_sent_twice"]) == (4, 1, 1, 0)


def test_only_whole_keys_count() -> None:
    assert KEY.findall("ABCD-EFGH-JKLM-NPQR。") == ["ABCD-EFGH-JKLM-NPQR"]
    for text in ("ABCD-EFGH-JKLM", "XABCD-EFGH-JKLM-NPQR", "ABCD-EFGH-JKLM-NPQR-STUV", "abcd-efgh-jklm-npqr"):
        assert not KEY.findall(text)


def test_a_wrong_charset_is_read_as_far_as_it_goes() -> None:
    message = EmailMessage()
    message.set_content("ABCD-EFGH-JKLM-NPQR")
    message.set_param("charset", "klingon")
    assert "ABCD-EFGH-JKLM-NPQR" in body_text(message)
