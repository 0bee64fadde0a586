"""``keydesk connect test`` looks at a shop: it leaves nothing behind, whatever the settings name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.processes import environment, keydesk, place
from tests.end_to_end.test_core_process import SHOP


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place with settings whose data folder is not there yet."""
    with place() as made:
        text = f'[core]\ndata_dir = "{made / "data"}"\nlanguage = "en"\n{SHOP}'
        (made / "settings.toml").write_text(text)
        (made / "products.toml").write_text("")
        yield made


def test_no_data_folder_and_no_master_key_are_made(folder: Path) -> None:
    env = environment(folder, SHOP_SECRET="not-a-secret")
    ran = keydesk("connect", "test", "closed", "--settings", folder / "settings.toml", env=env)
    assert ran.returncode == 1, ran.stderr
    assert "ok   settings" in ran.stdout
    assert "FAIL pull: network" in ran.stdout
    assert not (folder / "data").exists()
    assert list(folder.rglob("master.key")) == []
    unknown = keydesk("connect", "test", "clsed", "--settings", folder / "settings.toml", env=env)
    assert unknown.returncode != 0
    assert "known: closed" in unknown.stderr
