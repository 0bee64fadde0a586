"""Who works on what in the small core: claims, skips, and what a person decided last."""

from typing import Any

from tests.console.fixture_orders import SECOND


class Refusal(Exception):
    """An answer of 4xx."""

    def __init__(self, status: int, code: str, message: str, hint: str = "", **extra: object) -> None:
        super().__init__(message)
        self.status, self.body = status, {"error": {"code": code, "message": message, "hint": hint, **extra}}


class Presence:
    """A part of ``fixture_core.Core``, which has the orders."""

    def skip(self, order_id: int, reason: str) -> dict[str, Any]:
        """Gives an order back and puts it aside."""
        row = self.rows[order_id]
        if row["claim"] and row["claim"]["by"] != self.operator:
            raise Refusal(409, "claimed", "taken", by=row["claim"]["by"], until=row["claim"]["until"])
        self.skipped.append((order_id, reason))
        self.change(order_id, claim=None)
        return {"until": self.now() + 900 * SECOND}

    def break_claim(self, order_id: int, reason: str) -> dict[str, Any]:
        """Ends a lease; its holder hears of it at the next beat."""
        claim = self.rows[order_id]["claim"]
        if claim is None:
            raise Refusal(409, "not_claimed", "nobody holds this order")
        self.broken[order_id] = (self.operator, reason)
        self.change(order_id, claim=None)
        return {"from": claim["by"]}

    def beat(self, orders: list[int]) -> dict[str, Any]:
        """Which of our leases are gone, and why."""
        lost = []
        for order_id in orders:
            claim = self.rows[order_id]["claim"]
            if claim is not None and claim["by"] == self.operator:
                continue
            by, reason = self.broken.get(order_id, (claim["by"] if claim else "", ""))
            why = "broken" if order_id in self.broken else "taken" if claim else "ended"
            lost.append(
                {"order": order_id, "ext_id": self.rows[order_id]["ext_id"], "why": why, "by": by, "reason": reason}
            )
        return {"until": self.now() + 60 * SECOND, "lost": lost}

    def recall(self, limit: int) -> list[dict[str, Any]]:
        """Our own jobs, newest first, with their first orders."""
        out = []
        for job in [j for j in reversed(self.jobs) if j["by"] == self.operator][:limit]:
            first = next(iter(job["_before"].values()), None)
            told = None if first is None else {"order_id": first["id"], "ext_id": first["ext_id"], "title": first["title"],
                                               "ok": True, "why": ""}  # fmt: skip
            out.append({**{k: v for k, v in job.items() if k[0] != "_" and k != "items"}, "first": told})
        return out

    def claim(self, body: dict[str, Any]) -> dict[str, Any]:
        """A lease on one order, or on the best that nobody holds."""
        until = self.now() + 60 * SECOND
        if "order" in body:
            row = self.rows[body["order"]]
            if row["claim"] and row["claim"]["by"] != self.operator:
                held = row["claim"]
                raise Refusal(409, "claimed", f"claimed by {held['by']}", by=held["by"], until=held["until"])
        else:
            wanted = self.matching(body["view"], body["filter"])
            free = (self.rows[k[2]] for k in self.order)
            aside = {order for order, _ in self.skipped}
            out = {*body["skip"], *aside}
            found = next((r for r in free if wanted(r) and r["id"] not in out and not r["claim"]), None)
            if found is None:
                return {"row": None, "until": None, "aside": len(aside)}
            row = found
        return {"row": self.change(row["id"], claim={"by": self.operator, "until": until}), "until": until}
