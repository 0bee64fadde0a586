"""The e-mail channel against a real SMTP server, and against raw ones that break at each step."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from connectors.registry import build_channel
from core.model.effects import Call, Effect, EffectClass, Outcome, Result
from core.ports import Channel
from tests.connectors.kit import ManualClock, send, ship
from tests.connectors.server import closed_port

TO = "buyer@example.com"
Verdict = Callable[[Envelope], str]


class Mailbox:
    """A real aiosmtpd server in this loop; ``verdicts`` say how each message is answered."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.envelopes: list[Envelope] = []
        self.rcpt = "250 OK"
        self.verdicts: list[str] = []
        self.connections = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        verdict = self.verdicts.pop(0) if self.verdicts else "250 taken"
        if verdict == "abort":
            assert server.transport is not None
            server.transport.abort()
        if verdict.startswith(("250", "abort")):
            self.envelopes.append(envelope)
            assert isinstance(envelope.content, bytes)
            self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return verdict

    def factory(self) -> SMTP:
        self.connections += 1
        return SMTP(self, hostname="mail.test")


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def port(box: Mailbox) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(box.factory, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def channel(port: int, **more: str) -> Channel:
    options = {"kind": "smtp", "host": "127.0.0.1", "port": str(port), "from": "keys@shop.example.com", **more}
    return build_channel("email", options, ManualClock())


@pytest.fixture
async def mail(port: int) -> AsyncIterator[Channel]:
    built = channel(port)
    yield built
    await built.close()


def test_what_it_says_of_itself() -> None:
    built = channel(25, user="u", password="sesame")
    assert isinstance(built, Channel)
    assert built.specs[Effect.SEND].cls is EffectClass.A
    assert "sesame" not in repr(built)


async def test_a_mail_arrives_whole(mail: Channel, box: Mailbox) -> None:
    outcome = await mail.perform(send("T-1", recipient=TO))
    assert outcome.result is Result.CONFIRMED
    (message,) = box.mails
    assert message.get_content().split() == ["您好", "KEY-1", "KEY-2", ".", "谢谢"]
    assert message["subject"] == "您的卡密"
    assert message["x-order-ref"] == "shop-a/T-1"
    assert message["to"] == TO
    assert box.envelopes[0].rcpt_tos == [TO]
    assert box.envelopes[0].mail_from == "keys@shop.example.com"
    assert "KEY" not in repr(outcome)


async def test_repeats_carry_the_same_number_and_others_do_not(mail: Channel, box: Mailbox) -> None:
    await mail.perform(send("T-1", recipient=TO))
    await mail.perform(send("T-1", attempt=2, recipient=TO))
    await mail.perform(send("T-1", recipient="other@example.com"))
    numbers = [message["message-id"] for message in box.mails]
    assert numbers[0] == numbers[1] != numbers[2]
    assert numbers[0].endswith("@shop.example.com>")


async def test_long_keys_survive_the_lines_of_a_mail(mail: Channel, box: Mailbox) -> None:
    key = "ABCD-" * 60 + "=20=E4" + "卡密"
    await mail.perform(send("T-1", recipient=TO, keys=(key, ".", "From here")))
    assert box.mails[0].get_content().splitlines()[1:4] == [key, ".", "From here"]


async def test_connections_are_kept(mail: Channel, box: Mailbox) -> None:
    for _ in range(3):
        assert (await mail.perform(send("T-1", recipient=TO))).result is Result.CONFIRMED
    assert box.connections == 1
    await asyncio.gather(*(mail.perform(send(f"T-{n}", recipient=TO)) for n in range(40)))
    assert box.connections <= 8
    assert len(box.mails) == 43


@pytest.mark.parametrize(
    "recipient", ["", "nobody", "a@b.com, c@d.com", "a@b.com\r\nBcc: c@d.com", "<a@b.com>", "a@b..com"]
)
async def test_a_recipient_is_one_plain_address(mail: Channel, box: Mailbox, recipient: str) -> None:
    outcome = await mail.perform(send("T-1", recipient=recipient))
    assert (outcome.result, outcome.why) == (Result.REJECTED, "recipient_invalid")
    assert box.connections == 0


async def test_subject_and_order_number_cannot_add_headers(mail: Channel, box: Mailbox) -> None:
    call = Call(
        reference="shop-a:1",
        effect=Effect.SEND,
        attempt=1,
        ext_id="T-1\r\nBcc: evil@example.com",
        recipient=TO,
        subject="hi\r\nBcc: evil@example.com",
        text="k",
    )
    assert (await mail.perform(call)).result is Result.CONFIRMED
    assert box.mails[0]["bcc"] is None
    assert box.envelopes[0].rcpt_tos == [TO]


@pytest.mark.parametrize(
    ("answer", "result"),
    [("451 4.7.1 greylisted", Result.LATER), ("452 full", Result.LATER), ("550 no such user", Result.REJECTED)],
)
async def test_refusals_are_definite(mail: Channel, box: Mailbox, answer: str, result: Result) -> None:
    box.verdicts = [answer]
    outcome = await mail.perform(send("T-1", recipient=TO))
    assert outcome.result is result
    assert outcome.evidence["phase"] == "data"
    box.rcpt = answer
    outcome = await mail.perform(send("T-1", recipient=TO))
    assert outcome.result is result
    assert outcome.evidence["phase"] == "envelope"
    assert box.mails == []
    box.rcpt = "250 OK"
    assert (await mail.perform(send("T-1", recipient=TO))).result is Result.CONFIRMED


async def test_a_connection_lost_after_the_data_is_unknown(mail: Channel, box: Mailbox) -> None:
    box.verdicts = ["abort"]
    outcome = await mail.perform(send("T-1", recipient=TO))
    assert outcome.result is Result.UNKNOWN
    assert len(box.mails) == 1  # it had been taken indeed
    again = await mail.perform(send("T-1", attempt=2, recipient=TO))
    assert again.result is Result.CONFIRMED
    assert box.mails[0]["message-id"] == box.mails[1]["message-id"]


async def test_a_closed_port_is_not_sent() -> None:
    outcome = await channel(closed_port()).perform(send("T-1", recipient=TO))
    assert outcome.result is Result.NOT_SENT
    assert outcome.evidence["phase"] == "connect"


async def test_other_effects_are_refused(mail: Channel) -> None:
    assert (await mail.perform(ship("T-1"))).result is Result.REJECTED
    assert (await mail.ask(send("T-1", recipient=TO))).result is Result.UNKNOWN


class Breaking:
    """A raw server that speaks just enough SMTP and drops the connection at the command ``at``."""

    def __init__(self, at: str) -> None:
        self.at, self.body = at, b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.at == "greeting":
            return
        writer.write(b"220 hello\r\n")
        while True:
            verb = (await reader.readuntil(b"\r\n"))[:4].decode().upper().strip()
            if verb == self.at:
                return
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.body = await reader.readuntil(b"\r\n.\r\n")
                if self.at == "body":
                    return
                if self.at == "hang":
                    await reader.read()
                    return
            writer.write(b"421 closing\r\n" if self.at == "421" and verb == "MAIL" else b"250 ok\r\n")


async def broken(at: str, **more: str) -> tuple[Outcome, Breaking]:
    server = Breaking(at)
    running = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    built = channel(running.sockets[0].getsockname()[1], **more)
    built._timeout = 0.3  # type: ignore[attr-defined]
    outcome = await built.perform(send("T-1", recipient=TO))
    await built.close()
    running.close()
    return outcome, server


@pytest.mark.parametrize(
    ("at", "result"),
    [
        ("greeting", Result.NOT_SENT),
        ("EHLO", Result.NOT_SENT),
        ("MAIL", Result.NOT_SENT),
        ("RCPT", Result.NOT_SENT),
        ("421", Result.LATER),
        ("DATA", Result.UNKNOWN),
        ("body", Result.UNKNOWN),
        ("hang", Result.UNKNOWN),
    ],
)
async def test_where_the_connection_breaks_decides(at: str, result: Result) -> None:
    outcome, server = await broken(at)
    assert outcome.result is result
    body = message_from_bytes(server.body).get_payload(decode=True) if server.body else b""
    assert (b"KEY-1" in body) is (at in ("body", "hang"))


async def test_an_idle_connection_that_the_server_closed_costs_nothing(mail: Channel, box: Mailbox) -> None:
    await mail.perform(send("T-1", recipient=TO))
    (client,) = mail._idle  # type: ignore[attr-defined]
    client.transport.abort()  # as if the server had dropped it, unseen until the next use
    outcome = await mail.perform(send("T-2", recipient=TO))
    assert outcome.result is Result.CONFIRMED
    assert box.connections == 2


async def test_a_cancelled_sending_leaves_no_half_used_connection(box: Mailbox) -> None:
    server = Breaking("hang")
    running = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    built = channel(running.sockets[0].getsockname()[1])
    task = asyncio.create_task(built.perform(send("T-1", recipient=TO)))
    async with asyncio.timeout(5):
        while not server.body:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert built._idle == []  # type: ignore[attr-defined]
    await built.close()
    running.close()


async def test_keys_need_tls_beyond_this_machine() -> None:
    options = {"host": "mail.example.com", "port": "587", "from": "keys@shop.example.com"}
    assert build_channel("email", options, ManualClock())._mode == "yes"  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="clear text"):
        build_channel("email", options | {"starttls": "no"}, ManualClock())
    with pytest.raises(ValueError, match="starttls"):
        build_channel("email", options | {"starttls": "maybe"}, ManualClock())


async def test_a_server_without_tls_gets_no_mail_when_tls_is_asked_for(port: int, box: Mailbox) -> None:
    built = channel(port, starttls="yes")
    outcome = await built.perform(send("T-1", recipient=TO))
    await built.close()
    assert outcome.result is Result.NOT_SENT
    assert box.mails == []
