"""Tokens: renewed once, kept privately, and forgotten when the settings bring new ones."""

import asyncio
import stat
from pathlib import Path

import pytest

from connectors.options import tokens_of
from connectors.tokens import Pair, Tokens, no_renewal
from core.ports import ConnectorError


async def renew(tokens: Tokens, pair: Pair) -> None:
    async def exchange(refresh: str) -> Pair:
        return pair

    await tokens.renew(tokens.access, exchange)


async def test_all_callers_share_one_exchange() -> None:
    tokens, calls = Tokens("a1", "r1"), []
    used = tokens.access

    async def exchange(refresh: str) -> Pair:
        calls.append(refresh)
        await asyncio.sleep(0)
        return Pair("a2")

    await asyncio.gather(*(tokens.renew(used, exchange) for _ in range(10)))
    assert (calls, tokens.access) == (["r1"], "a2")
    await tokens.renew("a2", exchange)
    assert calls == ["r1", "r1"]  # no new refresh token came, so the old one stays


async def test_a_failed_exchange_changes_nothing(tmp_path: Path) -> None:
    tokens = Tokens("a1", "r1", tmp_path / "tokens")

    async def exchange(refresh: str) -> Pair:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        await tokens.renew("a1", exchange)
    assert tokens.access == "a1"
    assert not (tmp_path / "tokens").exists()
    await renew(tokens, Pair("a2", "r2"))  # and the lock is free
    assert tokens.access == "a2"


async def test_the_latest_pair_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    await renew(Tokens("a1", "r1", path), Pair("a2", "r2"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = Tokens("a1", "r1", path)
    assert again.access == "a2"
    used: list[str] = []

    async def exchange(refresh: str) -> Pair:
        used.append(refresh)
        return Pair("a3", "r3")

    await again.renew("a2", exchange)
    assert used == ["r2"]
    assert Tokens("a1", "r1", path).access == "a3"


async def test_new_settings_win_over_what_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    await renew(Tokens("a1", "r1", path), Pair("a2", "r2"))
    assert Tokens("b1", "s1", path).access == "b1"


async def test_trouble_with_the_file_does_not_stop_the_shop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "tokens"
    path.write_text("not json")
    tokens = Tokens("a1", "r1", path)
    assert tokens.access == "a1"
    lost = Tokens("a1", "r1", tmp_path / "absent" / "tokens")
    await renew(lost, Pair("sesame-2", "sesame-3"))
    assert lost.access == "sesame-2"
    assert "not kept" in caplog.text
    assert "sesame" not in caplog.text + repr(lost) + repr(Pair("sesame", "sesame"))


async def test_a_mere_look_never_spends_a_refresh_token(tmp_path: Path) -> None:
    """Platforms may void a refresh token as it is used: one that a test spent would be missing to the running core."""
    options = {"session": "a1", "refresh_token": "r1", "token_file": str(tmp_path / "tokens")}
    await renew(tokens_of(options, "session"), Pair("a2", "r2"))
    kept = (tmp_path / "tokens").read_bytes()
    with no_renewal():
        looking = tokens_of(options, "session")
    assert looking.access == "a2", "what the core has kept is used"
    assert not looking.renewable
    with pytest.raises(ConnectorError, match="renews no token"):
        await renew(looking, Pair("a3", "r3"))
    assert (looking.access, (tmp_path / "tokens").read_bytes()) == ("a2", kept)
    assert tokens_of(options, "session").renewable
