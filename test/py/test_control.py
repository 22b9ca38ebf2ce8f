"""Telling the scheduler what not to refresh, and for how long."""
import json
import threading
import time

import pytest

from conftest import wait_for
from test_scheduler import running, scheduled  # noqa: F401

# a trigger that waits while somebody has the lock; the lock_timeout of workers is not for it
WAIT = ("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS"
        " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END $$")


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


# -- fuses

def fuse(scheduled, name="s"):
    return scheduled.rows("SELECT fuse_state, blow_reason, t.status FROM pgtrickle.fuse_status() AS f JOIN pgtrickle.pgt_stream_tables AS t"
                          " USING (fuse_state, blow_reason) WHERE f.stream_table = 'public.' || %s AND t.pgt_name = %s", (name, name))


def blown(scheduled, name="s"):
    return scheduled.value("SELECT blow_reason FROM pgtrickle.pgt_stream_tables WHERE pgt_name = %s AND fuse_state = 'blown'"
                           " AND status = 'SUSPENDED' AND blown_at > now() - interval '1 minute'", (name,))


def insert(scheduled, first, count):
    scheduled.execute("INSERT INTO t SELECT x, 1 FROM generate_series(%s::int, %s) AS x", (first, first + count - 1))


def test_fuse(scheduled):
    scheduled.source(0)
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.create("above", "SELECT n + 1 AS n FROM s", "calculated")
    scheduled.create("other", "SELECT sum(n) AS n FROM t")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('s', fuse => 'on', fuse_ceiling => 5)")
    listener = scheduled.connect()
    listener.execute("LISTEN pgtrickle_alert")
    insert(scheduled, 1, 5)
    scheduled.follows("s")
    scheduled.follows("above")
    insert(scheduled, 11, 6)
    assert wait_for(lambda: blown(scheduled), "the fuse to blow") == "change buffer count (6) exceeded ceiling (5)"
    event, = [json.loads(n.payload) for n in listener.notifies(timeout=60, stop_after=1)]
    assert event == {"event": "fuse_blown", "pgt_schema": "public", "pgt_name": "s", "st": "public.s",
                     "stream_table": "public.s", "pending": 6, "ceiling": 5}
    scheduled.follows("other")
    insert(scheduled, 21, 1)
    scheduled.follows("other")
    assert scheduled.rows("SELECT s.n, above.n FROM s, above") == [(5, 6)]
    assert skips(scheduled, "s") == [], "the history is not written"
    assert scheduled.value("SELECT status FROM pgtrickle.quick_health") == "CRITICAL"
    # what is pending may come through, and the next lot may not
    scheduled.execute("SELECT pgtrickle.reset_fuse('s')")
    scheduled.follows("s")
    scheduled.follows("above")
    insert(scheduled, 31, 6)
    wait_for(lambda: blown(scheduled), "the fuse to blow again")
    scheduled.execute("SELECT pgtrickle.reset_fuse('s', 'reinitialize')")
    scheduled.follows("s")
    assert scheduled.value("SELECT action FROM pgtrickle.refresh_runs WHERE pgt_name = 's' ORDER BY refresh_id DESC LIMIT 1") == "REINITIALIZE"
    insert(scheduled, 41, 6)
    wait_for(lambda: blown(scheduled), "the fuse to blow a third time")
    have = scheduled.value("SELECT n FROM s")
    scheduled.execute("SELECT pgtrickle.reset_fuse('s', 'skip_changes')")
    insert(scheduled, 51, 1)
    wait_for(lambda: scheduled.value("SELECT n FROM s") == have + 1, "the row after those that are forgotten")
    scheduled.follows("other")
    scheduled.execute("SELECT pgtrickle.repair_stream_table('s')")
    scheduled.follows("s")


def test_fuse_reminder(scheduled):
    """A scheduler that begins tells of a fuse that has blown, and stays for that although there is nothing to refresh."""
    scheduled.source(0)
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('s', fuse => 'on', fuse_ceiling => 5)")
    insert(scheduled, 11, 6)
    wait_for(lambda: blown(scheduled), "the fuse to blow")
    listener = scheduled.connect()
    listener.execute("LISTEN pg_trickle_alert")
    first = scheduled.pid()
    scheduled.execute("SELECT pg_terminate_backend(%s)", (first,))
    wait_for(lambda: scheduled.pid() not in (None, first), "another scheduler")
    event, = [json.loads(n.payload) for n in listener.notifies(timeout=60, stop_after=1)]
    assert event["event"] == "fuse_blown_reminder" and event["st"] == "public.s" and 0 <= event["blown_seconds"] < 60
    assert event["reason"] == "change buffer count (6) exceeded ceiling (5)"


def test_fuse_sensitivity_and_default_ceiling(scheduled):
    """Two lots in a row that are too large blow it; one in between does not count on."""
    scheduled.execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.fuse_default_ceiling = 5")
    scheduled.source(0)
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('s', fuse => 'on', fuse_sensitivity => 2)")
    insert(scheduled, 1, 6)
    scheduled.follows("s")
    insert(scheduled, 11, 1)
    scheduled.follows("s")
    insert(scheduled, 21, 6)
    scheduled.follows("s")
    insert(scheduled, 31, 6)
    wait_for(lambda: blown(scheduled), "the fuse to blow")
    assert scheduled.value("SELECT n FROM s") == 13


def test_fuse_auto(scheduled):
    """It blows only if a recompute is cheaper, by what is known."""
    scheduled.source(0)
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('s', fuse => 'auto', fuse_ceiling => 5)")
    insert(scheduled, 1, 1)
    scheduled.follows("s")
    scheduled.execute("UPDATE pgtrickle.pgt_stream_tables SET last_full_ms = 1e9")
    insert(scheduled, 11, 6)
    scheduled.follows("s")
    scheduled.execute("UPDATE pgtrickle.pgt_stream_tables SET last_full_ms = 0")
    insert(scheduled, 21, 5)
    scheduled.follows("s")
    insert(scheduled, 31, 6)
    wait_for(lambda: blown(scheduled), "the fuse to blow")
    assert scheduled.value("SELECT n FROM s") == 12


# -- draining

def test_drain(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.follows("s")
    assert scheduled.value("SELECT pgtrickle.is_drained()") is False
    assert scheduled.value("SELECT pgtrickle.drain(30)") is True
    assert scheduled.value("SELECT pgtrickle.is_drained()") is True
    insert(scheduled, 100, 3)
    first = scheduled.pid()
    scheduled.execute("SELECT pg_terminate_backend(%s)", (first,))
    wait_for(lambda: scheduled.pid() not in (None, first), "another scheduler")
    # it has looked: the canary was created after the rows, and is filled by nobody
    scheduled.execute("SELECT pgtrickle.create_stream_table('canary', 'SELECT count(*) AS n FROM t', '1s', initialize => false)")
    wait_for(lambda: scheduled.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker'"
                                     " AND datname = current_database()"), "a worker that finds out")
    assert scheduled.value("SELECT pgtrickle.is_drained()") is True
    assert scheduled.value("SELECT n FROM s") == 10 and scheduled.value("SELECT count(*) FROM canary") == 0
    assert skips(scheduled, "s") == []
    scheduled.execute("SELECT pgtrickle.undrain()")
    scheduled.follows("s")
    scheduled.follows("canary")


def test_drain_waits(scheduled):
    """For what is running, and not longer than it is told to."""
    scheduled.source()
    scheduled.execute("CREATE TABLE gate (open bool)")
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.create("other", "SELECT sum(n) AS n FROM t")
    scheduled.execute(WAIT)
    scheduled.execute("CREATE TRIGGER wait AFTER INSERT OR UPDATE OR DELETE ON s FOR EACH STATEMENT EXECUTE FUNCTION wait()")
    holder = scheduled.connect(autocommit=False)
    holder.execute("SELECT pg_advisory_xact_lock(4711)")
    insert(scheduled, 100, 1)
    wait_for(lambda: scheduled.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker'"
                                     " AND datname = current_database() AND state = 'active' AND query LIKE '%%public.s'"), "the refresh")
    assert scheduled.value("SELECT pgtrickle.drain(1)") is False
    assert scheduled.value("SELECT pgtrickle.is_drained()") is False
    insert(scheduled, 101, 1)
    scheduled.follows("other")
    drainer = scheduled.connect()
    answer = []
    thread = threading.Thread(target=lambda: answer.append(drainer.execute("SELECT pgtrickle.drain(60)").fetchone()[0]))
    thread.start()
    wait_for(lambda: scheduled.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 7714 AND NOT granted"), "drain()")
    assert not answer
    holder.rollback()
    thread.join(60)
    assert answer == [True]
    assert scheduled.value("SELECT pgtrickle.is_drained()") is True
    insert(scheduled, 102, 1)
    scheduled.execute("SELECT pgtrickle.resume_all()")
    scheduled.follows("s")


def test_refresh_gives_way_to_drain(scheduled):
    """A refresh that needs what the draining transaction has locked gives up; nobody waits for nobody."""
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.follows("s")
    drainer = scheduled.connect(autocommit=False)
    drainer.execute("LOCK TABLE s IN ACCESS EXCLUSIVE MODE")
    insert(scheduled, 100, 1)
    wait_for(lambda: scheduled.value("SELECT count(*) FROM pg_locks WHERE relation = 's'::regclass AND NOT granted"), "the refresh")
    assert drainer.execute("SELECT pgtrickle.drain(60)").fetchone()[0] is True
    drainer.commit()
    assert scheduled.value("SELECT pgtrickle.is_drained()") is True
    scheduled.execute("SELECT pgtrickle.undrain()")
    scheduled.follows("s")


# -- quotas

def test_worker_quota(scheduled):
    """A database has its share of the workers; half as many again while they are idle elsewhere."""
    scheduled.execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.per_database_worker_quota = 2")
    scheduled.source()
    scheduled.execute(WAIT)
    for i in range(5):
        scheduled.create(f"s{i}", "SELECT count(*) AS n FROM t")
        scheduled.execute(f"CREATE TRIGGER wait AFTER INSERT OR UPDATE OR DELETE ON s{i} FOR EACH STATEMENT EXECUTE FUNCTION wait()")
    holder = scheduled.connect(autocommit=False)
    holder.execute("SELECT pg_advisory_xact_lock(4711)")
    first = scheduled.pid()
    scheduled.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker' AND datname = current_database()")
    scheduled.execute("SELECT pg_terminate_backend(%s)", (first,))
    wait_for(lambda: scheduled.pid() not in (None, first), "a scheduler with the quota")
    insert(scheduled, 100, 1)

    def waiting():
        return scheduled.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker'"
                               " AND datname = current_database() AND state = 'active'")

    # the server has four: with three of them the fifth that is unused is left
    wait_for(lambda: waiting() == 3, "the workers")
    wait_for(lambda: scheduled.value("SELECT workers_queued FROM pgtrickle.worker_allocation_status()") == 2, "the queue")
    with scheduled.connect() as other:
        assert other.execute("SELECT db_name = current_database(), workers_used, workers_quota, workers_queued, cluster_active, cluster_max"
                             " FROM pgtrickle.worker_allocation_status()").fetchall() == [(True, 3, 2, 2, 3, 4)]
    jobs = scheduled.rows("SELECT status, count(*), count(DISTINCT unit_key), bool_and(member_count = 1 AND attempt_no = 1 AND scheduler_pid ="
                          " pgtrickle.scheduler_pid() AND enqueued_at <= clock_timestamp() AND finished_at IS NULL), count(DISTINCT worker_pid),"
                          " count(started_at), count(duration_ms) FROM pgtrickle.parallel_job_status() WHERE job_id IS NULL GROUP BY 1 ORDER BY 1")
    assert jobs == [("QUEUED", 2, 2, True, 0, 0, 0), ("RUNNING", 3, 3, True, 3, 3, 3)]
    assert scheduled.rows("SELECT active_workers, scheduler_pid = pgtrickle.scheduler_pid(), scheduler_running, total_active_workers,"
                          " db_oid = (SELECT oid::bigint FROM pg_database WHERE datname = db_name)"
                          " FROM pgtrickle.cluster_worker_summary() WHERE db_name = current_database()") == [(3, True, True, 3, True)]
    assert waiting() == 3
    holder.rollback()
    for i in range(5):
        scheduled.follows(f"s{i}")
    wait_for(lambda: scheduled.value("SELECT workers_queued FROM pgtrickle.worker_allocation_status()") == 0, "the end of the queue")
    assert scheduled.value("SELECT count(*) FROM pgtrickle.parallel_job_status() WHERE status IN ('QUEUED', 'RUNNING')") == 0
    assert scheduled.value("SELECT count(DISTINCT unit_key) FROM pgtrickle.parallel_job_status() WHERE status = 'SUCCEEDED'") == 5
    scheduled.execute("SELECT pgtrickle.gate_source('t')")
    insert(scheduled, 200, 1)
    wait_for(lambda: scheduled.value("SELECT count(DISTINCT unit_key) FROM pgtrickle.parallel_job_status() WHERE status = 'CANCELLED'") == 5, "what is left out")


# -- alerts and progress

class Listener:
    """Alerts, as they come."""

    def __init__(self, conn):
        self.conn = conn
        self.backlog = []
        conn.execute("LISTEN pg_trickle_alert")

    def next(self, wanted, seconds=150):
        """The first alert of this name that was not asked for yet, whatever else comes."""
        deadline = time.monotonic() + seconds
        while True:
            for event in self.backlog:
                if event["event"] == wanted:
                    self.backlog.remove(event)
                    return event
            assert time.monotonic() < deadline, f"waited {seconds} s for {wanted}, have {self.backlog}"
            self.backlog += [json.loads(n.payload) for n in self.conn.notifies(timeout=1)]


def restart_scheduler(scheduled):
    """One that knows the settings of the database, and so do its workers."""
    first = wait_for(scheduled.pid, "the scheduler")
    scheduled.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker' AND datname = current_database()")
    scheduled.execute("SELECT pg_terminate_backend(%s)", (first,))
    wait_for(lambda: scheduled.pid() not in (None, first), "another scheduler")


@pytest.fixture
def listener(scheduled):
    return Listener(scheduled.connect())


def test_refreshes_are_told_if_asked_for(scheduled, listener):
    scheduled.source(0)
    scheduled.create("s", "SELECT n, count(*) AS rows FROM t GROUP BY n")
    scheduled.execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.notify_refresh = on")
    restart_scheduler(scheduled)
    other = scheduled.connect()
    other.execute("LISTEN pg_trickle_refresh")
    insert(scheduled, 1, 3)
    event = listener.next("refresh_completed")
    assert (event["st"], event["action"], event["rows_inserted"], event["rows_deleted"]) == ("public.s", "DIFFERENTIAL", 1, 0)
    assert event["duration_ms"] >= 0
    refresh, = [json.loads(n.payload) for n in other.notifies(timeout=60, stop_after=1)]
    assert refresh == {"stream_table": "s", "schema": "public", "mode": "DIFFERENTIAL", "rows": 1}
    scheduled.execute("TRUNCATE t")
    event = listener.next("reinitialize_needed")
    assert (event["st"], event["reason"]) == ("public.s", "truncated")
    assert listener.next("refresh_completed")["action"] == "FULL"


def test_alert_of_an_error_holds_no_values(scheduled, listener):
    scheduled.source(0)
    scheduled.create("s", "SELECT id, (n::text || ' secret')::int AS n FROM t")
    insert(scheduled, 1, 1)
    event = listener.next("refresh_failed")
    assert (event["st"], event["error"]) == ("public.s", "22P02") and "secret" not in json.dumps(event)


def test_late_refreshes_are_told(scheduled, listener):
    """Slow ones once in a row, a service level in danger, and what has not come at all."""
    scheduled.source()
    scheduled.execute(WAIT)
    scheduled.create("s", "SELECT count(*) AS n FROM t", "2s")
    scheduled.execute("CREATE TRIGGER wait AFTER INSERT OR UPDATE OR DELETE ON s FOR EACH STATEMENT EXECUTE FUNCTION wait()")
    scheduled.create("sla", "SELECT n, (SELECT sum(id) FROM t) AS id FROM s", "calculated")
    scheduled.execute("SELECT pgtrickle.set_stream_table_sla('sla', '1 second')")
    holder = scheduled.connect(autocommit=False)
    holder.execute("SELECT pg_advisory_xact_lock(4711)")
    insert(scheduled, 100, 1)
    running = wait_for(lambda: scheduled.rows("SELECT pgt_schema, phase, initiated_by, members, current_member, rows_read, elapsed > '2 seconds', pid"
                                              " FROM pgtrickle.refresh_progress WHERE elapsed > '2 seconds'"), "a refresh that takes long")[0]
    assert running[:2] == ("public", "following changes") and running[2] == "SCHEDULER" and running[4] == "public.s"
    assert running[3] in (1, 2) and running[5] >= 1
    assert scheduled.value("SELECT count(*) FROM pgtrickle.refresh_timeline() WHERE status = 'RUNNING' AND action = 'DIFFERENTIAL'") == 1
    assert scheduled.value("SELECT backend_type FROM pg_stat_activity WHERE pid = %s", (running[7],)) == "pg_trickle worker"
    insert(scheduled, 101, 1)
    stale = listener.next("stale_data")
    assert stale["st"] in ("public.s", "public.sla") and stale["ratio"] > 2 and stale["staleness_seconds"] >= 2 * stale["schedule_seconds"]
    holder.rollback()
    slow = listener.next("predicted_sla_breach" if running[3] == 2 else "scheduler_falling_behind")
    if running[3] == 1:
        assert slow["st"] == "public.s" and slow["schedule_ms"] <= 2000 and slow["ratio"] >= 1 and slow["elapsed_ms"] > 2000
    else:
        assert slow["st"] == "public.sla" and slow["sla_ms"] == 1000 and slow["predicted_ms"] > 2000 and slow["pct_over"] > 20
    scheduled.follows("sla")
    wait_for(lambda: scheduled.value("SELECT count(*) FROM pgtrickle.refresh_progress") == 0, "the end of it")


def test_log_growth_is_told_with_who_holds_it(scheduled, listener):
    scheduled.source(0)
    scheduled.create("frozen", "SELECT count(*) AS n FROM t")
    scheduled.create("other", "SELECT sum(n) AS n FROM t")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('frozen', tier => 'frozen')")
    scheduled.execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.max_log_bytes = '200kB'")
    restart_scheduler(scheduled)
    insert(scheduled, 1, 4000)
    event = listener.next("frozen_tier_skip")
    assert event["st"] == "public.frozen" and event["frozen_seconds"] >= 0
    event = listener.next("buffer_growth_warning")
    assert event["source_oid"] == scheduled.value("SELECT 't'::regclass::oid::bigint") and event["pending_bytes"] > 100 * 1024
    assert "public.frozen (frozen)" in event["held_by"]
