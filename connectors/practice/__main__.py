"""`python -P -m connectors.practice`: builds the world, listens, prints one line of JSON, and plays until it is stopped."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvloop

from connectors.practice import markets
from connectors.practice.plans import Plan, plans
from connectors.practice.replay import demand, replay
from connectors.practice.setting import Setting, build, ready_line
from connectors.practice.stock import Supply, endless, shop_for


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    seed: int
    orders: int
    rate: float
    late: float
    faults: str
    folder: Path
    platforms: tuple[str, ...]
    replay: Path | None
    shortage: bool
    pdd_lag: float


def parse(argv: list[str]) -> Options:
    """The options; exits with 2 and a sentence when they make no sense."""
    parser = argparse.ArgumentParser(prog="python -P -m connectors.practice", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--orders", type=int, default=5000, help="0 with a rate: without end")
    parser.add_argument("--rate", type=float, default=0.0, help="orders a second; 0: as fast as buyers can")
    parser.add_argument("--late", type=float, default=20.0, help="seconds within which each buyer is done")
    parser.add_argument("--faults", choices=("none", "chaos"), default="none")
    parser.add_argument("--dir", type=Path, required=True, help="where ledger, keys and secrets go")
    parser.add_argument("--platforms", default="", help="comma-separated words, or all")
    parser.add_argument("--replay", type=Path, help="a table of purchases: customer date items dollars")
    parser.add_argument("--shortage", action=argparse.BooleanOptionalAction, default=None, help="default: with chaos")
    parser.add_argument("--pdd-lag", type=float, default=0.0, help="seconds until Pinduoduo lists show a change")
    args = parser.parse_args(argv)
    names = _platforms(args.platforms)
    if not names:
        parser.error(f"--platforms takes all, or some of {', '.join(markets.by_word())}")
    if args.orders < 0 or args.rate < 0 or args.late <= 0 or args.pdd_lag < 0:
        parser.error("--orders, --rate and --pdd-lag must not be negative, --late must be above 0")
    if not args.orders and not args.rate and args.replay is None:
        parser.error("--orders 0 is a stream without end and needs --rate")
    shortage = args.faults == "chaos" if args.shortage is None else bool(args.shortage)
    return Options(
        args.seed, args.orders, args.rate, args.late, args.faults, args.dir, names, args.replay,
        shortage and args.replay is None and args.orders > 0, args.pdd_lag,
    )  # fmt: skip


def _platforms(text: str) -> tuple[str, ...]:
    """The words meant by ``text``; none when one of them is unknown."""
    known = markets.by_word()
    if not text.strip():
        return tuple(word for word, market in known.items() if market.by_default)
    words = tuple(known) if text.strip() == "all" else tuple(w.strip() for w in text.split(",") if w.strip())
    return () if any(word not in known for word in words) else words


def script(options: Options) -> tuple[Iterator[Plan], Supply]:
    """The buyers' plans, and how many keys they will need."""
    platforms = tuple(markets.by_word()[word].platform for word in options.platforms)
    if options.replay is not None:
        return replay(options.replay, platforms), Supply.replay(demand(options.replay))
    if not options.orders:
        supply = endless()
    else:
        supply = shop_for(
            plans(options.seed, options.orders, options.late, platforms, Supply.products()), options.shortage
        )
    return plans(options.seed, options.orders, options.late, platforms, Supply.products()), supply


async def play(options: Options) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code."""
    source, supply = script(options)
    setting: Setting = build(
        folder=options.folder, seed=options.seed, platforms=options.platforms, faults=options.faults,
        pdd_lag=options.pdd_lag, source=source, supply=supply, rate=options.rate, late=options.late,
    )  # fmt: skip
    stop = asyncio.Event()
    for which in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(which, stop.set)
    http, smtp = await setting.start()
    print(msgspec.json.encode(ready_line(setting, http, smtp)).decode(), flush=True)  # noqa: T201 - the ready line
    await stop.wait()
    await setting.stop()
    return 1 if setting.front.failures or setting.buyers.failure() is not None else 0


if __name__ == "__main__":
    sys.exit(uvloop.run(play(parse(sys.argv[1:]))))
