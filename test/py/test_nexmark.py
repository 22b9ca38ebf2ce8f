"""Nexmark Q0 to Q9, small: exact and by their deltas under new events, corrections and withdrawals.

The tables, queries and batches are those of the benchmark (bench/nexmark.py).
"""
import sys

import pytest

from conftest import TOP

sys.path.insert(0, str(TOP / "bench"))
from nexmark_data import BATCHES, QUERIES, Events, Nexmark  # noqa: E402

EVENTS = 3000
ROUNDS = 4


def test_events_follow_the_seed():
    """However the stream is cut, and another seed is another stream."""
    whole, cut, other = Events(7), Events(7), Events(8)
    events = whole.take(500)
    parts = [cut.take(n) for n in (1, 99, 400)]
    assert events == {name: sum((part[name] for part in parts), []) for name in events}
    assert other.take(500) != events
    # skewed: few of the auctions have most of the bids
    counts = sorted((sum(bid[0] == auction[0] for bid in events["bid"]) for auction in events["auction"]), reverse=True)
    assert sum(counts[:len(counts) // 3]) > len(events["bid"]) / 2


@pytest.mark.parametrize("seed", [1, 2])
def test_nexmark(db, seed):
    nexmark = Nexmark(db.conn, seed)
    nexmark.load(EVENTS)
    for name, query in QUERIES.items():
        db.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')", (name, query))
    last = db.value("SELECT max(refresh_id) FROM pgtrickle.pgt_refresh_history")
    for number in range(ROUNDS):
        for kind in BATCHES:
            changed = nexmark.batch(kind, EVENTS // 20)
            assert changed["bid"] > 10 and changed["auction"], changed
            for name in QUERIES:
                db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
                db.assert_fresh(name)
    runs = db.rows("SELECT pgt_name, action, refresh_reason, sum(rows_inserted + rows_updated + rows_deleted)::int"
                   "  FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
                   " WHERE refresh_id > %s GROUP BY 1, 2, 3", (last,))
    assert {run[1:3] for run in runs} == {("DIFFERENTIAL", None)}, [r for r in runs if r[1:3] != ("DIFFERENTIAL", None)]
    unchanged = set(QUERIES) - {name for name, _, _, rows in runs if rows}
    assert not unchanged, f"no batch changes the result of {unchanged}"
