"""What cannot be undone is said in the preview and after the act."""

import pytest

from console.screens.preview import PreviewScreen
from tests.console.conftest import desk_app, ready
from tests.console.fixture_server import Served
from tests.console.test_desk_keys import SIZE, on_screen, shown


@pytest.mark.parametrize(
    ("final", "undoable", "said"), [(1, True, "1 个不能撤销"), (1, False, "不能撤销：卡密会立即发出")]
)
async def test_the_preview_says_what_cannot_be_undone(served: Served, final: int, undoable: bool, said: str) -> None:
    served.core.final, served.core.undoable = final, undoable
    async with desk_app(served).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("space", "space", "c")
        await on_screen(pilot, PreviewScreen)
        assert said in shown(pilot, "#preview-facts")
        assert "可以撤销" not in shown(pilot, "#preview-facts")
