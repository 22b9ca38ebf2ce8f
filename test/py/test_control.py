"""Telling the scheduler what not to refresh, and for how long."""
import json

from conftest import wait_for
from test_scheduler import running, scheduled  # noqa: F401


def skips(scheduled, name):
    return [row[0] for row in scheduled.rows(
        "SELECT error_message FROM pgtrickle.refresh_runs WHERE pgt_name = %s AND action = 'SKIP' AND status = 'SKIPPED' ORDER BY refresh_id",
        (name,))]


def test_gate(scheduled):
    """What reads the gated table waits, what reads that goes on; all come at once when it is opened."""
    scheduled.source()
    scheduled.execute("CREATE TABLE u (id int PRIMARY KEY)")
    scheduled.create("direct", "SELECT count(*) AS n FROM t")
    scheduled.create("above", "SELECT d.n, (SELECT count(*) FROM u) AS u FROM direct AS d")
    scheduled.create("other", "SELECT count(*) AS n FROM u")
    listener = scheduled.connect()
    listener.execute("LISTEN pgtrickle_source_gate")
    scheduled.execute("SELECT pgtrickle.gate_source('t')")
    oid = scheduled.value("SELECT 't'::regclass::oid::text")
    assert [n.payload for n in listener.notifies(timeout=10, stop_after=1)] == [oid]
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    wait_for(lambda: skips(scheduled, "direct"), "the skip")
    for i in range(3):
        scheduled.execute("INSERT INTO t VALUES (%s, 1)", (100 + i,))
        scheduled.execute("INSERT INTO u VALUES (%s)", (i,))
        wait_for(lambda: scheduled.rows("TABLE above") == [(10, i + 1)], "news from the other table")
        scheduled.follows("other")
    assert skips(scheduled, "direct") == ["source gated"], "one row for as long as it lasts"
    assert skips(scheduled, "above") == []
    assert scheduled.value("SELECT count(*) FROM direct WHERE n = 10") == 1
    # by hand it is refreshed
    scheduled.execute("SELECT pgtrickle.refresh_stream_table('direct')")
    assert scheduled.value("SELECT n FROM direct") == 14
    scheduled.execute("INSERT INTO t VALUES (200, 1)")
    scheduled.execute("SELECT pgtrickle.ungate_source('t')")
    scheduled.follows("direct")
    scheduled.follows("above")
    # another one begins another row
    scheduled.execute("SELECT pgtrickle.gate_source('t')")
    scheduled.execute("INSERT INTO t VALUES (201, 1)")
    wait_for(lambda: len(skips(scheduled, "direct")) == 2, "the second skip")
    scheduled.execute("SELECT pgtrickle.ungate_source('t')")
    scheduled.follows("direct")


def test_gate_is_read_with_the_sources(scheduled):
    """A load that closes, loads, and opens in one transaction is seen whole or not at all."""
    scheduled.source(0)
    scheduled.create("s", "SELECT n, count(*) AS rows FROM t GROUP BY n")
    for load in range(20):
        scheduled.execute("SELECT pgtrickle.gate_source('t')")
        for part in range(3):
            scheduled.execute("INSERT INTO t VALUES (%s, %s)", (load * 10 + part, load))
            assert scheduled.value("SELECT count(*) FROM s WHERE n = %s", (load,)) == 0, "part of a load is seen"
        scheduled.execute("SELECT pgtrickle.ungate_source('t')")
        wait_for(lambda: scheduled.value("SELECT rows FROM s WHERE n = %s", (load,)), "the load")
        assert scheduled.value("SELECT rows FROM s WHERE n = %s", (load,)) == 3
    scheduled.follows("s")


def test_filled_when_ungated(scheduled):
    scheduled.source()
    scheduled.execute("SELECT pgtrickle.gate_source('t')")
    scheduled.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT count(*) AS n FROM t', '1s', initialize => false)")
    wait_for(lambda: skips(scheduled, "s"), "the skip")
    assert scheduled.value("SELECT is_populated FROM pgtrickle.pgt_stream_tables") is False
    scheduled.execute("SELECT pgtrickle.ungate_source('t')")
    scheduled.follows("s")


def test_watermarks(scheduled):
    scheduled.source()
    scheduled.execute("CREATE TABLE u (id int PRIMARY KEY)")
    scheduled.create("only_t", "SELECT count(*) AS n FROM t")
    scheduled.create("only_u", "SELECT count(*) AS n FROM u")
    scheduled.create("joined", "SELECT (SELECT count(*) FROM t) AS t, (SELECT count(*) FROM u) AS u")
    # each has come through a stream table of its own
    scheduled.create("above", "SELECT t.n AS t, u.n AS u FROM only_t AS t, only_u AS u")
    scheduled.execute("SELECT pgtrickle.create_watermark_group('loads', ARRAY['t', 'u'], 10)")
    listener = scheduled.connect()
    listener.execute("LISTEN pgtrickle_watermark")

    def load(table, row, watermark):
        with scheduled.conn.transaction():
            scheduled.execute(f"INSERT INTO {table} (id) VALUES (%s)", (row,))
            scheduled.execute("SELECT pgtrickle.advance_watermark(%s, %s)", (table, watermark))

    # while one has none, nothing is held
    load("t", 100, "2026-01-01 00:00Z")
    assert [n.payload for n in listener.notifies(timeout=10, stop_after=1)] == ["wm:" + scheduled.value("SELECT 't'::regclass::oid::text")]
    for name in ("only_t", "joined", "above"):
        scheduled.follows(name)
    load("u", 1, "2026-01-01 00:00Z")
    for name in ("only_u", "joined", "above"):
        scheduled.follows(name)
    load("t", 101, "2026-01-01 00:01Z")
    scheduled.follows("only_t")
    for name in ("joined", "above"):
        wait_for(lambda: skips(scheduled, name), "the skip")
        assert skips(scheduled, name) == ['watermark group "loads" is not aligned: lag 60 s, tolerance 10 s']
        assert scheduled.value(f"SELECT t FROM {name}") == 11
    load("u", 2, "2026-01-01 00:00:51Z")
    for name in ("only_u", "joined", "above"):
        scheduled.follows(name)
    load("t", 102, "2026-01-01 00:02Z")
    wait_for(lambda: len(skips(scheduled, "joined")) == 2, "the second skip")
    scheduled.execute("SELECT pgtrickle.drop_watermark_group('loads')")
    for name in ("joined", "above"):
        scheduled.follows(name)


def test_stuck_watermark(scheduled):
    scheduled.source()
    scheduled.execute("CREATE TABLE u (id int PRIMARY KEY)")
    scheduled.create("joined", "SELECT (SELECT count(*) FROM t) AS t, (SELECT count(*) FROM u) AS u")
    scheduled.execute("SELECT pgtrickle.advance_watermark('t', '2026-01-01 00:00Z'), pgtrickle.advance_watermark('u', '2026-01-01 00:00Z')")
    scheduled.execute("SELECT pgtrickle.create_watermark_group('loads', ARRAY['t', 'u'], 1000)")
    scheduled.follows("joined")
    listener = scheduled.connect()
    listener.execute("LISTEN pgtrickle_alert")
    scheduled.execute("UPDATE pgtrickle.pgt_watermarks SET updated_at = updated_at - interval '1 hour' WHERE source_relid = 't'::regclass")
    scheduled.execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.watermark_holdback_timeout = 600")
    for _ in range(2):
        scheduled.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                          " WHERE backend_type LIKE 'pg_trickle %%' AND datname = current_database()")
    stuck = [json.loads(n.payload) for n in listener.notifies(timeout=60, stop_after=1)]
    assert [(e["event"], e["group"], e["source_oid"]) for e in stuck] == \
        [("watermark_stuck", "loads", scheduled.value("SELECT 't'::regclass::oid::bigint"))]
    assert 3600 <= stuck[0]["age_secs"] < 3700
    scheduled.execute("INSERT INTO u VALUES (1)")
    wait_for(lambda: skips(scheduled, "joined"), "the skip")
    assert "is stuck" in skips(scheduled, "joined")[0]
    assert scheduled.value("SELECT u FROM joined") == 0
    scheduled.execute("SELECT pgtrickle.advance_watermark('t', '2026-01-01 00:01Z')")
    scheduled.follows("joined")
    events = [json.loads(n.payload) for n in listener.notifies(timeout=60, stop_after=1)]
    assert [(e["event"], e["source_oid"]) for e in events] == [("watermark_resumed", stuck[0]["source_oid"])]
