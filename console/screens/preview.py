"""What an action would do, before it does it: how many, how much money, what is blocked and why."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from console.i18n import t, word
from console.presenters.cells import count, fit
from console.presenters.claims import hand_words, held_words
from console.presenters.facts import fact_text
from console.presenters.words import blocked_words, money_text, subject
from console.screens.modal import DeskModal
from console.widgets.box import Box
from console.widgets.plain import Plain
from console.wire import Blocked, Facts, Preview, Row
from core.model.text import clean

if TYPE_CHECKING:
    from console.screens.desk import DeskScreen


@dataclass(frozen=True, slots=True)
class Agreed:
    """The person's yes, with what the core wants beside it."""

    reason: str
    number: int | None


class PreviewScreen(DeskModal[Agreed | None]):
    """Enter applies. An input appears only when a reason or a number is needed."""

    AUTO_FOCUS: ClassVar[str | None] = "Input"

    def __init__(
        self,
        desk: "DeskScreen",
        action: str,
        args: Facts,
        preview: Preview,
        needs_reason: bool,
        row: Row | None = None,
    ) -> None:
        """``row``: the order, when it is only one."""
        super().__init__(desk)
        self.row = row
        self._action, self._args, self.preview = action, args, preview
        self._needs_reason = needs_reason

    @property
    def agreed_act(self) -> tuple[str, Facts, bool]:
        """What is agreed to: action, arguments, whether it needs a reason."""
        return self._action, dict(self._args), self._needs_reason

    def compose(self) -> ComposeResult:
        """The facts and, where needed, the inputs."""
        with Vertical(id="preview"):
            yield Plain(id="preview-facts")
            if self._needs_reason and self.preview["allowed"]:
                yield Box(placeholder=t("do.reason"), id="preview-reason", compact=True)
            if self.preview["confirm_number"] is not None and self.preview["allowed"]:
                yield Box(
                    placeholder=t("do.number", n=self.preview["confirm_number"]), id="preview-number", compact=True
                )
            yield Plain(id="preview-error")
            yield Plain(id="preview-keys")

    def on_mount(self) -> None:
        """Fills the facts. Nothing that was typed before they could be read applies them."""
        self.desk.typeahead.end()
        self.query_one("#preview-facts", Plain).show(self._facts(), layout=True)
        self.query_one("#preview-keys", Plain).show(Content.styled(t("do.keys"), "$text-muted"))
        if not self.preview["allowed"]:
            self._say(t("do.nothing"))

    def _facts(self) -> Content:
        preview = self.preview
        name = clean(word("act", self._action), 60)
        lines = [Content.styled(t("do.ask", action=name, n=preview["total"]), "bold")]
        if self.row is not None:
            lines.append(Content(subject(self.row)))
        held = held_words(self.row, self.desk.standing.me, self.desk.clock())
        if not held and (others := preview.get("held")):
            held = t("claim.held_some", n=others)
        if held:
            lines.append(Content.styled(held, "bold $warning"))
        for key, value in self._args.items():
            lines.append(
                Content(f"{word('ask', key) if key != 'priority' else t('act.priority')}: {fact_text(key, value)}")
            )
        lines += [
            Content(""),
            Content.assemble((fit(t("do.allowed"), 12), "$success"), (fit(count(preview["allowed"]), 8, True), "bold")),
        ]
        lines += [self._blocked(one) for one in preview["blocked"]]
        lines.append(Content.assemble(fit(t("do.money"), 12), ("  " + money_text(preview["money"]), "bold")))
        lines += [Content(""), self._undo()]
        if preview["confirm_number"] is not None:
            lines.append(Content.styled(t("do.number", n=preview["confirm_number"]), "bold $warning"))
        return Content("\n").join(lines)

    def _undo(self) -> Content:
        final, allowed = self.preview["final"], self.preview["allowed"]
        if not self.preview["undoable"]:
            return Content.styled(t("do.undo_gone" if final else "do.undo_no"), "bold $warning")
        if final:
            return Content.styled(t("do.undo_some", n=final, all=allowed), "bold $warning")
        return Content.styled(t("do.undo_yes"), "$success")

    def _blocked(self, one: Blocked) -> Content:
        hand = hand_words(one.get("last"), self.desk.clock())
        return Content.assemble(
            (fit(t("do.blocked"), 12), "$error"),
            f"{fit(count(one['count']), 8, True)}  ",
            (blocked_words(one["why"]), "$error"),
            (f"  {hand}" if hand else "", "$text-muted"),
        )

    def _say(self, text: str) -> None:
        self.query_one("#preview-error", Plain).show(Content.styled(text, "bold $error"), layout=True)

    def desk_key(self, key: str) -> bool:
        """Enter agrees; from the reason it goes on to the number first."""
        if key != "enter":
            return super().desk_key(key)
        if not self.preview["allowed"]:
            self.dismiss(None)
            return True
        wanted = self.preview["confirm_number"]
        reason = self._text("#preview-reason")
        if self._needs_reason and not reason.strip():
            self._say(t("do.reason_needed"))
        elif wanted is None:
            self.dismiss(Agreed(reason.strip(), None))
        elif self._text("#preview-number").strip() == str(wanted):
            self.dismiss(Agreed(reason.strip(), wanted))
        else:
            box = self.query_one("#preview-number", Box)
            if box.has_focus or box.value:
                self._say(t("do.number_wrong"))
            box.focus()
        return True

    def _text(self, selector: str) -> str:
        boxes = self.query(selector).results(Box)
        return "".join(clean(box.value, 300) for box in boxes)
