"""Long random days of a shop with several ways: refusals, doubts, pick-ups, new contacts; the audit is the judge."""

from pathlib import Path
from typing import Any

import pytest

from core.audit.run import audit
from core.desk.actions import ACTIONS
from core.desk.job_rows import NewJob, create
from core.model.clock import HOUR
from core.model.contact import EMAIL_ONLY, ContactKind
from core.model.effects import Effect, EffectClass, EffectSpec
from core.pipeline.pickup import Answer, PickUp
from core.pipeline.setup import ShopInfo, Way
from tests.rig import DUMMY, MAIL, Rig
from tests.store.test_desk_walk import _Day

WAYS = (
    Way("sms", EffectSpec(Effect.SEND, EffectClass.B, "test", askable=True), frozenset({ContactKind.PHONE})),
    Way("email", MAIL, EMAIL_ONLY),
    Way("ops", EffectSpec(Effect.SEND, EffectClass.C, "test")),
)
CONTACTS = ["13900139000", "late@example.com", "13900139000, late@example.com"]


class _LongDay(_Day):
    """The same, with pick-ups and contacts of both kinds."""

    picked = 0

    async def _effects(self) -> None:
        for _ in range(2):
            await super()._effects()
        rows = await self.rig.all("SELECT id FROM intent WHERE effect = 1 AND tries > 0")
        if rows and self.dice.random() < 0.3:
            answer = await self.rig.writer.do(PickUp(self.rig.setup, 24 * HOUR).apply, self.dice.choice(rows)[0])
            self.picked += answer.answer is Answer.KEYS
            for key in answer.keys:
                ((state,),) = await self.rig.all("SELECT state FROM key WHERE id = ?", key.id)
                assert state == 1, "only live keys are shown"

    async def _act(self) -> None:
        if self.dice.random() < 0.2:
            args: dict[str, Any] = ACTIONS["fix_contact"].parse({"contact": self.dice.choice(CONTACTS)})
            ids = [row[0] for row in await self.rig.all("SELECT id FROM orders ORDER BY id")]
            job = await self.rig.writer.do(
                create, NewJob("fix_contact", args, "wang", "supervisor", "r", self.dice.sample(ids, min(len(ids), 3)))
            )
            await self._finish(job, "fix_contact")
            self.undoable.append(job)
        else:
            await super()._act()


@pytest.mark.parametrize("seed", [4, 5, 6])
async def test_no_day_of_a_shop_with_several_ways_breaks_a_promise(tmp_path: Path, seed: int) -> None:
    async with Rig(tmp_path) as rig:
        for number, ways in ((1, WAYS), (2, WAYS[:2]), (3, WAYS[1:])):
            old = rig.setup.shops[number]
            rig.setup.shops[number] = ShopInfo(number, old.name, old.platform, ways[0].lane, ways[0].send, DUMMY, ways)
        await rig.stock("p1", 60)
        await rig.stock("p2", 10)
        day = _LongDay(rig, seed)
        for _ in range(20):
            await day._arrive()
        for _ in range(900):
            await day.hour()
        twice = await rig.all(
            "SELECT order_id FROM intent WHERE effect = 1 AND state IN (0, 1, 4, 5) GROUP BY order_id HAVING count(*) > 1"
        )
        assert twice == [], "two sends of one order are under way"
        report = audit(rig.path, rig.clock())
        assert [f for f in report.findings if f.severity == "violation"] == []
        went_on = await rig.all("SELECT 1 FROM event WHERE kind = 8 AND body ->> '$.then' IS NOT NULL")
        lanes = {row[0] for row in await rig.all("SELECT DISTINCT via FROM intent WHERE effect = 1 AND tries > 0")}
        assert went_on, "no refusal went on to a next way"
        assert lanes == {"sms", "email", "ops"}
        assert day.picked, "nobody picked anything up"
