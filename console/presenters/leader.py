"""The box of a leader: which keys may follow and what each does, in as few lines as the width allows."""

from collections.abc import Mapping

from textual.content import Content

from console.actions import BY_ID, key_sign
from console.i18n import t
from console.keymap import Keymap

GAP = 2  # cells between two columns


def box_lines(keymap: Keymap, leader: str, refused: Mapping[str, str], width: int) -> list[Content]:
    """A heading, then keys by columns from the top down. ``refused``: what is not available now, by action.

    Those are dimmed, and marked with ``-`` since colour may be missing; their key says why.
    """
    cells = []
    for key, action_id in keymap.after(leader).items():
        label, sign, off = BY_ID[action_id].label, key_sign(key), action_id in refused
        looks = ("$text-disabled", "$text-disabled") if off else ("bold $accent", "$text")
        cells.append(Content.assemble((sign, looks[0]), (("-" if off else " ") + label, looks[1])))
    rows = next((n for n in range(1, len(cells)) if _width(cells, n) <= width), max(len(cells), 1))
    columns = [cells[at : at + rows] for at in range(0, len(cells), rows)]
    wide = [max(one.cell_length for one in column) for column in columns]
    lines = [_heading(keymap, leader, bool(refused)).truncate(width, ellipsis=False)]
    for row in range(rows):
        line = Content(" ")
        for column, cell_width in zip(columns, wide, strict=True):
            if row < len(column):
                line += column[row].pad_right(cell_width - column[row].cell_length + GAP)
        lines.append(line.truncate(width, ellipsis=False))
    return lines


def _width(cells: list[Content], rows: int) -> int:
    """Cells that the columns take, without the gap behind the last."""
    columns = [cells[at : at + rows] for at in range(0, len(cells), rows)]
    return 1 + sum(max(one.cell_length for one in column) + GAP for column in columns) - GAP


def _heading(keymap: Keymap, leader: str, some_off: bool) -> Content:
    sign = keymap.sign(leader)
    hint = t("leader.hint", esc=keymap.sign("back")) + (t("leader.off") if some_off else "")
    head = f" {sign} {BY_ID[leader].label}  "
    return Content.assemble((head, "bold $accent"), (hint, "$text-muted"))
