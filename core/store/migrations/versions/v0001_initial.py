"""The first schema.

Orders are narrow; raw payloads lie beside them. Ids are ours (63-bit, ascending). ``nprio = -priority`` so that one
ascending tuple pages the queue. Uniqueness that money depends on stands here, whatever the code does:
one order per (shop, ext_id), one payment per (account, txn), one key row per secret, one live key per slot,
one open intent per order and effect, one open case per order and kind.

An attempt under way is its intent in state 1 with ``tries``, ``opened_at`` and ``epoch``; it becomes a row of its own
when its outcome is known.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE leader(id INTEGER PRIMARY KEY CHECK(id = 1), holder TEXT NOT NULL, epoch INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE TABLE shop(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, platform TEXT NOT NULL);
CREATE TABLE cursor(shop INTEGER PRIMARY KEY, value TEXT, at INTEGER NOT NULL);
CREATE TABLE orders(
 id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, ext_id TEXT NOT NULL, rev INTEGER NOT NULL, seen_at INTEGER NOT NULL,
 version INTEGER NOT NULL DEFAULT 1, stage INTEGER NOT NULL, pstate INTEGER NOT NULL, nprio INTEGER NOT NULL, due_at INTEGER NOT NULL,
 blocks INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL, paid INTEGER NOT NULL, refunded INTEGER NOT NULL,
 refund_open INTEGER NOT NULL, currency TEXT NOT NULL, qty INTEGER NOT NULL, product TEXT NOT NULL, title TEXT NOT NULL,
 buyer TEXT NOT NULL, buyer_name TEXT NOT NULL, contact TEXT NOT NULL, message TEXT NOT NULL, tag TEXT NOT NULL,
 writeback INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, paid_at INTEGER, deadline INTEGER, received_at INTEGER NOT NULL,
 delivered_at INTEGER, changed_at INTEGER NOT NULL, note TEXT NOT NULL DEFAULT '',
 CHECK(paid >= 0 AND refunded >= 0 AND blocks >= 0));
CREATE UNIQUE INDEX ux_orders_ext ON orders(shop, ext_id);
CREATE INDEX ix_orders_queue ON orders(nprio, due_at, id) WHERE stage < 4;
CREATE INDEX ix_orders_ready ON orders(nprio, due_at, id)
 WHERE stage = 1 AND blocks = 0 AND refund_open = 0 AND due <= paid - refunded;
CREATE TABLE order_raw(order_id INTEGER PRIMARY KEY, raw BLOB NOT NULL);
CREATE TABLE line(order_id INTEGER NOT NULL, line TEXT NOT NULL, sku TEXT NOT NULL, product TEXT NOT NULL,
 title TEXT NOT NULL, qty INTEGER NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY(order_id, line)) WITHOUT ROWID;
CREATE INDEX ix_line_unmapped ON line(sku) WHERE product = '';
CREATE TABLE payment(id INTEGER PRIMARY KEY, account TEXT NOT NULL, txn_id TEXT NOT NULL, shop INTEGER NOT NULL,
 ext_id TEXT NOT NULL, order_id INTEGER, kind INTEGER NOT NULL, amount INTEGER NOT NULL CHECK(amount > 0),
 currency TEXT NOT NULL, at INTEGER NOT NULL, seen_at INTEGER NOT NULL);
CREATE UNIQUE INDEX ux_payment_txn ON payment(account, txn_id);
CREATE INDEX ix_payment_order ON payment(order_id) WHERE order_id IS NOT NULL;
CREATE INDEX ix_payment_loose ON payment(shop, ext_id) WHERE order_id IS NULL;
CREATE TABLE refund(shop INTEGER NOT NULL, refund_id TEXT NOT NULL, ext_id TEXT NOT NULL, order_id INTEGER,
 state INTEGER NOT NULL, amount INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, deadline INTEGER,
 PRIMARY KEY(shop, refund_id)) WITHOUT ROWID;
CREATE INDEX ix_refund_order ON refund(order_id) WHERE order_id IS NOT NULL;
CREATE INDEX ix_refund_loose ON refund(shop, ext_id) WHERE order_id IS NULL;
CREATE TABLE product(id TEXT PRIMARY KEY, title TEXT NOT NULL, kind TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE stock(product TEXT PRIMARY KEY, free INTEGER NOT NULL, sold INTEGER NOT NULL, suspect INTEGER NOT NULL,
 burnt INTEGER NOT NULL, withdrawn INTEGER NOT NULL, CHECK(free >= 0 AND sold >= 0)) WITHOUT ROWID;
CREATE TABLE batch(id INTEGER PRIMARY KEY, product TEXT NOT NULL, source TEXT NOT NULL, by TEXT NOT NULL,
 at INTEGER NOT NULL, size INTEGER NOT NULL, dek BLOB NOT NULL, undone_at INTEGER);
CREATE TABLE key(id INTEGER PRIMARY KEY, product TEXT NOT NULL, batch INTEGER NOT NULL, state INTEGER NOT NULL,
 sealed BLOB NOT NULL, print BLOB NOT NULL, order_id INTEGER, line TEXT, slot INTEGER, gone INTEGER NOT NULL DEFAULT 0,
 taken_at INTEGER, CHECK((order_id IS NULL) = (state IN (0, 4))));
CREATE UNIQUE INDEX ux_key_print ON key(product, print);
CREATE INDEX ix_key_free ON key(product, id) WHERE state = 0;
CREATE UNIQUE INDEX ux_key_slot ON key(order_id, line, slot, gone) WHERE order_id IS NOT NULL;
CREATE TABLE intent(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, shop INTEGER NOT NULL, effect INTEGER NOT NULL,
 via TEXT NOT NULL, cls TEXT NOT NULL, state INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, gen INTEGER NOT NULL,
 recipient TEXT NOT NULL, next_at INTEGER NOT NULL, epoch INTEGER NOT NULL, created_at INTEGER NOT NULL,
 changed_at INTEGER NOT NULL, opened_at INTEGER);
CREATE UNIQUE INDEX ux_intent_order ON intent(order_id, effect, gen);
CREATE INDEX ix_intent_due ON intent(via, next_at, id) WHERE state IN (0, 4);
CREATE INDEX ix_intent_blocked ON intent(order_id) WHERE state = 5;
CREATE TABLE attempt(intent_id INTEGER NOT NULL, n INTEGER NOT NULL, order_id INTEGER NOT NULL, opened_at INTEGER NOT NULL,
 epoch INTEGER NOT NULL, closed_at INTEGER NOT NULL, result TEXT NOT NULL, why TEXT NOT NULL, evidence TEXT NOT NULL, PRIMARY KEY(intent_id, n)) WITHOUT ROWID;
CREATE TABLE hold(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, reason TEXT NOT NULL, by TEXT NOT NULL,
 note TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER, lifted_at INTEGER, lifted_by TEXT);
CREATE UNIQUE INDEX ux_hold_open ON hold(order_id, reason) WHERE lifted_at IS NULL;
CREATE INDEX ix_hold_order ON hold(order_id);
CREATE INDEX ix_hold_until ON hold(until) WHERE lifted_at IS NULL AND until IS NOT NULL;
CREATE TABLE case_(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, shop INTEGER NOT NULL, kind TEXT NOT NULL,
 subject TEXT NOT NULL, fact TEXT NOT NULL, blocking INTEGER NOT NULL, opened_at INTEGER NOT NULL, deadline INTEGER,
 closed_at INTEGER, verdict TEXT, by TEXT);
CREATE UNIQUE INDEX ux_case_open ON case_(order_id, kind, subject) WHERE closed_at IS NULL;
CREATE INDEX ix_case_open ON case_(kind, opened_at, id) WHERE closed_at IS NULL;
CREATE INDEX ix_case_order ON case_(order_id);
CREATE TABLE quarantine(id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, ext_id TEXT NOT NULL, field TEXT NOT NULL,
 why TEXT NOT NULL, raw BLOB NOT NULL, print BLOB NOT NULL, at INTEGER NOT NULL, seen INTEGER NOT NULL, resolved_at INTEGER);
CREATE UNIQUE INDEX ux_quarantine ON quarantine(shop, ext_id, field, print);
CREATE INDEX ix_quarantine_open ON quarantine(shop, at) WHERE resolved_at IS NULL;
CREATE TABLE drift(shop INTEGER NOT NULL, field TEXT NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL,
 PRIMARY KEY(shop, field)) WITHOUT ROWID;
CREATE TABLE buyer(id TEXT PRIMARY KEY, orders INTEGER NOT NULL, spent INTEGER NOT NULL, first_at INTEGER NOT NULL,
 vip INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE claim(order_id INTEGER PRIMARY KEY, operator TEXT NOT NULL, until INTEGER NOT NULL);
CREATE TABLE tally(shop INTEGER NOT NULL, stage INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(shop, stage)) WITHOUT ROWID;
CREATE TABLE case_tally(kind TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE minute(at INTEGER NOT NULL, shop INTEGER NOT NULL, received INTEGER NOT NULL, delivered INTEGER NOT NULL,
 failed INTEGER NOT NULL, PRIMARY KEY(at, shop)) WITHOUT ROWID;
CREATE TABLE job(id INTEGER PRIMARY KEY, action TEXT NOT NULL, args TEXT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL,
 at INTEGER NOT NULL, state TEXT NOT NULL, total INTEGER NOT NULL, done INTEGER NOT NULL, failed INTEGER NOT NULL,
 stop INTEGER NOT NULL, finished_at INTEGER, undo_of INTEGER, undone_by INTEGER);
CREATE TABLE job_item(job_id INTEGER NOT NULL, n INTEGER NOT NULL, order_id INTEGER NOT NULL, ok INTEGER, why TEXT,
 before TEXT, PRIMARY KEY(job_id, n)) WITHOUT ROWID;
CREATE TABLE event(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, order_id INTEGER NOT NULL, kind INTEGER NOT NULL,
 actor TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX ix_event_order ON event(order_id);
CREATE TABLE block(n INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE TRIGGER key_never_rebinds BEFORE UPDATE OF order_id ON key
 WHEN OLD.order_id IS NOT NULL AND NEW.order_id IS NOT OLD.order_id
  AND (NEW.order_id IS NOT NULL OR EXISTS(SELECT 1 FROM intent i WHERE i.order_id = OLD.order_id AND i.effect = 1
       AND i.tries > 0))
 BEGIN SELECT RAISE(ABORT, 'a key that was bound to an order never moves to another'); END;
CREATE TRIGGER event_append_only_u BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER event_append_only_d BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
"""


def statements() -> list[str]:
    """The DDL, one statement an item (a trigger's body stands on its last line, so a line end closes each)."""
    return [piece.strip() for piece in TABLES.split(";\n") if piece.strip()]


def upgrade() -> None:
    """Create everything."""
    for statement in statements():
        op.execute(statement)


def downgrade() -> None:
    """Not offered: a database is rolled back by restoring the copy that `keydesk migrate` keeps."""
    raise RuntimeError("restore the copy that was made before the migration")
