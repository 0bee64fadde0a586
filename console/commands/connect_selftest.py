"""``keydesk connect selftest``: signatures and ciphers against vectors, without a network and without a shop."""

import json
import sys
from collections import Counter
from pathlib import Path

import click
import msgspec

from connectors import selftest
from connectors.selftest import Verdict
from console.commands.look import json_option
from core.model.text import clean

_LARGEST = 64 * 1024 * 1024  # bytes of a file of vectors


def _schemes(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo("\n".join(sorted(selftest.SCHEMES)))
        ctx.exit()


@click.command(
    "selftest",
    epilog="Exit code: 0 all hold, 1 one does not or is not supported, 2 the file cannot be read or is empty.",
)
@click.argument("file")
@click.option("--failed", is_flag=True, help="Show only what does not hold.")
@click.option(
    "--schemes", is_flag=True, is_eager=True, expose_value=False, callback=_schemes, help="Name all schemes and leave."
)
@json_option
def selftest_command(file: str, failed: bool, as_json: bool) -> int:
    """Check Keydesk's signatures against known answers.

    FILE is a JSON list ("-" reads it from standard input). Each entry is one vector:

    \b
      {"scheme": "epay_v1_md5",
       "inputs": {"params": {"pid": "1001", "money": "1.00"}},
       "secret": "the key that signed it",
       "expected": "the signature"}

    For each vector the signature or cipher text is made and compared. Where Keydesk is the one who receives, its own
    verifier must accept it, and refuse it with any byte of message or signature changed, too old or too new, seen
    before, or played to another order. Nothing is sent anywhere, and no secret is printed.

    Use it after an update, or with a signature from your platform's own tool when calls come back as "bad sign".
    """
    try:
        entries = selftest.read(_read(file))
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        click.echo(f"{clean(file)}: cannot be read: {clean(why)}", err=True)
        return 2
    verdicts = list(selftest.run(entries))
    shown = [verdict for verdict in verdicts if not (failed and verdict.ok)]
    bad = sum(not verdict.ok for verdict in verdicts)
    if as_json:
        whole = {"file": clean(file), "entries": len(verdicts), "failed": bad, "results": msgspec.to_builtins(shown)}
        click.echo(json.dumps(whole, ensure_ascii=False))
    else:
        _table(shown, verdicts, bad)
    return 1 if bad else 0


def _read(file: str) -> bytes:
    if file == "-":
        data = sys.stdin.buffer.read(_LARGEST + 1)
    else:
        with Path(file).open("rb") as source:
            data = source.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"larger than {_LARGEST // 1024 // 1024} MB")
    return data


def _table(shown: list[Verdict], verdicts: list[Verdict], bad: int) -> None:
    width = max([len("scheme"), *(len(verdict.scheme) for verdict in shown)])
    if shown:
        click.echo(f"     {'#':>4}  {'scheme':<{width}}  {'refused':>7}  done")
    for verdict in shown:
        said = ", ".join(verdict.did) if verdict.ok else clean(verdict.why)
        mark = "ok  " if verdict.ok else "FAIL"
        click.echo(f"{mark} {verdict.index:>4}  {verdict.scheme:<{width}}  {verdict.tries:>7}  {said}")
    schemes, tries = len(Counter(verdict.scheme for verdict in verdicts)), sum(verdict.tries for verdict in verdicts)
    click.echo(
        f"{len(verdicts)} vectors of {schemes} schemes: {len(verdicts) - bad} hold, {bad} do not; "
        f"{tries} changed, stale, repeated or misplaced messages refused"
    )
