"""What is shown of stream tables while a scheduler runs: freshness, health, errors.

The regress tests obs_* drive everything that needs none.
"""
import threading
import time

import psycopg
import pytest

from conftest import wait_for
from test_scheduler import LIBRARY, Scheduled, running, scheduled  # noqa: F401


def freshness(database, name):
    """pending, lag in seconds, stale"""
    return database.conn.execute("SELECT pending, extract(epoch FROM lag)::float8, stale FROM pgtrickle.freshness(pgtrickle.stream_table_id(%s))",
                                 (name,)).fetchone()


def age(database):
    """As if nothing had happened for an hour."""
    database.execute("UPDATE pgtrickle.pgt_stream_tables SET data_timestamp = data_timestamp - interval '1 hour',"
                     " last_refresh_at = last_refresh_at - interval '1 hour'")


def health(database):
    return {name: (severity, detail) for name, severity, detail in database.conn.execute("SELECT * FROM pgtrickle.health_check()")}


def test_idle_is_not_stale(scheduled):
    """Nothing has changed, and somebody would have noticed (rule K30)."""
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.create("above", "SELECT n + 1 AS n FROM s", "calculated")
    wait_for(scheduled.pid, "the scheduler")
    age(scheduled)
    for name in "s", "above":
        wait_for(lambda: freshness(scheduled, name) == (False, 0, False), "all to be done")
    assert scheduled.value("SELECT bool_and(staleness = '0') FROM pgtrickle.pgt_status()")
    assert scheduled.value("SELECT pgtrickle.get_staleness('s')") == 0
    assert scheduled.conn.execute("SELECT * FROM pgtrickle.quick_health").fetchone() == (2, 0, 0, True, "OK")
    assert scheduled.value("SELECT pgtrickle.scheduler_status()") == "ACTIVE"
    assert health(scheduled)["scheduler_running"] == ("OK", f"scheduler is process {scheduled.pid()}")
    assert all(severity == "OK" for severity, _ in health(scheduled).values())
    assert scheduled.conn.execute("SELECT max_staleness_seconds, scheduler_status FROM pgtrickle.health_summary()").fetchone() == (0, "ACTIVE")


def test_lag_counts_from_the_commit(scheduled):
    """However long nothing had happened before: of the table itself and of what reads it."""
    scheduled.source()
    scheduled.create("canary", "SELECT count(*) FROM t")
    scheduled.create("s", "SELECT count(*) AS n FROM t", "2h")
    scheduled.create("above", "SELECT n + 1 AS n FROM s", "2h")
    wait_for(scheduled.pid, "the scheduler")
    scheduled.follows("canary")
    # half of the schedule is over, nothing is due
    age(scheduled)
    for name in "s", "above":
        assert freshness(scheduled, name) == (False, 0, False)
    before = time.time()
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    after = time.time()
    scheduled.execute("INSERT INTO t VALUES (51, 1)")
    for name in "s", "above":
        pending, lag, stale = freshness(scheduled, name)
        assert (pending, stale) == (True, False)
        since = scheduled.value("SELECT extract(epoch FROM pending_since)::float8 FROM pgtrickle.freshness(pgtrickle.stream_table_id(%s))", (name,))
        assert before - 0.01 <= since <= after + 0.01
        assert 0 < lag < 60
    # of many writers it is the first, wherever its rows lie
    assert scheduled.value("SELECT pgtrickle.get_staleness('s') <= extract(epoch FROM clock_timestamp())::float8 - %s", (before - 0.01,))
    scheduled.execute("SELECT pgtrickle.refresh_stream_table('s')")
    assert freshness(scheduled, "s") == (False, 0, False)
    scheduled.execute("SELECT pgtrickle.refresh_stream_table('above')")
    assert freshness(scheduled, "above") == (False, 0, False)


def test_prepared_transaction_has_no_time(scheduled):
    """Then it is as old as the last refresh, at the most."""
    scheduled.source()
    scheduled.create("canary", "SELECT count(*) FROM t")
    scheduled.create("s", "SELECT count(*) AS n FROM t", "2h")
    wait_for(scheduled.pid, "the scheduler")
    age(scheduled)
    scheduled.execute("BEGIN")
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    scheduled.execute("PREPARE TRANSACTION 'p'")
    assert freshness(scheduled, "s") == (False, 0, False)
    scheduled.execute("COMMIT PREPARED 'p'")
    pending, lag, stale = freshness(scheduled, "s")
    assert pending and 3600 <= lag < 7200 and not stale


def test_stale_when_it_is_not_refreshed(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.execute("SELECT pgtrickle.pause_all()")
    scheduled.create("canary", "SELECT count(*) AS n FROM t")
    wait_for(scheduled.pid, "the scheduler")

    def stale():
        # what was handed to a worker before the pause may still come
        scheduled.execute("INSERT INTO t SELECT max(id) + 1, 1 FROM t")
        return freshness(scheduled, "s")[2]

    wait_for(stale, "staleness")
    assert freshness(scheduled, "s")[1] > 2
    wait_for(lambda: freshness(scheduled, "canary") == (False, 0, False), "the canary")
    assert health(scheduled)["stale_tables"] == ("WARN", "1 older than their schedules allow: public.s")
    assert scheduled.conn.execute("SELECT stale_tables, status FROM pgtrickle.quick_health").fetchone() == (1, "WARNING")
    scheduled.execute("SELECT pgtrickle.resume_all()")
    scheduled.follows("s")
    wait_for(lambda: freshness(scheduled, "s") == (False, 0, False), "freshness")


def test_uncaptured_is_as_old_as_its_last_refresh(scheduled):
    scheduled.source()
    scheduled.create("canary", "SELECT count(*) FROM t")
    scheduled.create("s", "SELECT count(*) AS n FROM t", "2h", "FULL")
    wait_for(scheduled.pid, "the scheduler")
    age(scheduled)
    pending, lag, stale = freshness(scheduled, "s")
    assert pending and 3600 <= lag < 7200 and not stale


def test_errors_are_diagnosed(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT 10 / n AS q FROM t")
    scheduled.execute("INSERT INTO t VALUES (50, 0)")
    wait_for(lambda: scheduled.status("s") == "ERROR", "the error")
    assert scheduled.conn.execute("SELECT error_type, error_message FROM pgtrickle.diagnose_errors('s')").fetchall() == \
        [("user", "division by zero")]
    assert scheduled.value("SELECT error_code FROM pgtrickle.refresh_runs WHERE status = 'FAILED'") == "22012"
    # what the scheduler counts is written every ten seconds
    wait_for(lambda: scheduled.conn.execute("SELECT failed_refreshes, last_status FROM pgtrickle.pg_stat_stream_tables").fetchone() == (1, "FAILED"),
             "the failure to be counted")
    assert health(scheduled)["error_tables"] == ("ERROR", "1 in status ERROR or SUSPENDED: public.s")


def test_failed_run_began_when_it_began(scheduled):
    scheduled.source()
    scheduled.execute("CREATE FUNCTION fails(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                      " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN 10 / $1; END $$")
    scheduled.create("s", "SELECT fails(n) AS n FROM t")
    wait_for(scheduled.pid, "the scheduler")
    holder = scheduled.connect(autocommit=False)
    holder.execute("SELECT pg_advisory_xact_lock(7)")
    scheduled.execute("INSERT INTO t VALUES (50, 0)")
    started = wait_for(lambda: scheduled.value("SELECT max(started_at) FROM pgtrickle.refresh_progress"), "the refresh")
    seen = scheduled.value("SELECT clock_timestamp()")
    holder.rollback()
    wait_for(lambda: scheduled.status("s") == "ERROR", "the error")
    ((start, end, data, action, initiated_by, milliseconds),) = scheduled.rows(
        "SELECT start_time, end_time, data_timestamp, action, initiated_by, duration_ms FROM pgtrickle.refresh_runs WHERE status = 'FAILED'")
    assert data == start <= started <= seen < end and (action, initiated_by) == ("DIFFERENTIAL", "SCHEDULER")
    assert abs(milliseconds - 1000 * (end - start).total_seconds()) < 0.01
    assert scheduled.rows("SELECT duration_ms, start_time FROM pgtrickle.refresh_timeline() WHERE status = 'FAILED'") == [(milliseconds, start)]
    assert scheduled.rows("SELECT event_time, error_type FROM pgtrickle.diagnose_errors('s')") == [(end, "user")]
    assert scheduled.rows("SELECT status, started_at, finished_at FROM pgtrickle.pgt_scheduler_jobs WHERE retryable IS NOT NULL") == \
        [("PERMANENT_FAILED", start, end)]
    assert seen < scheduled.value("SELECT last_error_at FROM pgtrickle.stream_tables_info") <= scheduled.value("SELECT clock_timestamp()")


def test_active_workers(scheduled):
    scheduled.source()
    scheduled.execute("CREATE FUNCTION waits(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                      " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN $1; END $$")
    scheduled.create("s", "SELECT waits(n) AS n FROM t")
    wait_for(scheduled.pid, "the scheduler")
    wait_for(lambda: scheduled.value("SELECT active_workers FROM pgtrickle.metrics_summary()") == 0, "rest")
    holder = scheduled.connect(autocommit=False)
    holder.execute("SELECT pg_advisory_xact_lock(7)")
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    wait_for(lambda: scheduled.value("SELECT active_workers FROM pgtrickle.worker_pool_status()") == 1, "a busy one")
    assert scheduled.value("SELECT active_workers FROM pgtrickle.metrics_summary()") >= 1
    # its activity is told a moment later
    wait_for(lambda: scheduled.value("SELECT count(*) FROM pgtrickle.parallel_job_status(0)") == 1, "its job")
    worker = scheduled.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker' AND state = 'active'")
    (job,) = scheduled.conn.execute("SELECT unit_key, status, scheduler_pid, worker_pid, finished_at, duration_ms > 0"
                                    " FROM pgtrickle.parallel_job_status(0)").fetchall()
    number = scheduled.value("SELECT pgtrickle.stream_table_id('s')")
    assert job == (f"s:{number}", "RUNNING", scheduled.pid(), worker, None, True)
    (job,) = scheduled.conn.execute("SELECT unit_key, unit_kind, member_pgt_ids, root_pgt_id, status, scheduler_pid, worker_pid, attempt_no,"
                                    " enqueued_at <= started_at, finished_at, retryable FROM pgtrickle.pgt_scheduler_jobs WHERE job_id IS NULL").fetchall()
    assert job == (f"s:{number}", "singleton", [number], number, "RUNNING", scheduled.pid(), worker, 1, True, None, None)
    assert health(scheduled)["worker_pool"] == ("OK", "1 of 4 workers are busy")
    scheduled.execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.max_dynamic_refresh_workers = 1")
    with scheduled.connect() as other:
        assert other.execute("SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'worker_pool'").fetchone() == \
            ("WARN", "1 of 1 workers are busy")
    holder.rollback()
    scheduled.follows("s")
    wait_for(lambda: scheduled.value("SELECT active_workers FROM pgtrickle.worker_pool_status()") == 0, "rest")
    assert scheduled.conn.execute("SELECT unit_key, status, worker_pid FROM pgtrickle.parallel_job_status()").fetchall() == \
        [(f"s:{number}", "SUCCEEDED", None)]


def test_service_level(scheduled):
    """It is refreshed often enough for what was promised, whatever its schedule says."""
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t", "1h")
    scheduled.create("above", "SELECT n + 1 AS n FROM s", "1h")
    scheduled.execute("SELECT pgtrickle.set_stream_table_sla('above', '3 s')")
    wait_for(scheduled.pid, "the scheduler")
    for i in range(3):
        scheduled.execute("INSERT INTO t VALUES (%s, 1)", (50 + i,))
        scheduled.follows("above")
    assert scheduled.conn.execute("SELECT deadline_ms, within_sla FROM pgtrickle.sla_summary() WHERE stream_table = 'public.above'").fetchone() == (3000, True)


def test_status_of_the_scheduler(make_server):
    """Not loaded, nothing to do, and no room for one."""
    server = make_server(conf={"pg_trickle.enabled": "on"})
    database = Scheduled(server)
    assert database.value("SELECT pgtrickle.scheduler_status()") == "NOT_LOADED"
    assert health(database)["scheduler_running"][0] == "ERROR"
    database.execute("SELECT pgtrickle.start_scheduler()")
    wait_for(lambda: database.value("SELECT pgtrickle.scheduler_status()") == "STOPPED", "the launcher")
    # one comes to look once
    wait_for(lambda: health(database)["scheduler_running"] == ("OK", "there is nothing to refresh"), "rest")
    database.source()
    database.create("s", "SELECT count(*) FROM t")
    wait_for(lambda: database.value("SELECT pgtrickle.scheduler_status()") == "ACTIVE", "the scheduler")


def test_no_room_for_a_scheduler(make_server):
    # PostgreSQL's own for logical replication takes none when there is nothing to replicate
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on", "max_worker_processes": "1",
                                                "max_logical_replication_workers": "0"})
    database = Scheduled(server)
    database.source()
    database.create("s", "SELECT count(*) FROM t")
    wait_for(lambda: "no background worker is free" in server.log.read_text(), "the try")
    assert database.value("SELECT pgtrickle.scheduler_status()") == "STARTING"
    assert health(database)["scheduler_running"] == ("WARN", "the launcher runs, but no scheduler in this database")
    assert database.conn.execute("SELECT scheduler_running, status FROM pgtrickle.quick_health").fetchone()[0] is False


def test_no_room_for_a_launcher(make_server):
    """The library is not preloaded, and what could start a launcher is taken by others."""
    server = make_server(conf={"pg_trickle.enabled": "on", "max_worker_processes": "0"})
    database = Scheduled(server)
    with pytest.raises(psycopg.errors.InsufficientResources, match="no background worker is free for the pg_trickle launcher"):
        database.execute("SELECT pgtrickle.start_scheduler()")


def test_commit_times_of_many_writers(scheduled):
    """What is asked for while commits come is never later than the first of them."""
    scheduled.source()
    scheduled.create("canary", "SELECT count(*) FROM t")
    scheduled.create("s", "SELECT count(*) AS n FROM t", "2h")
    wait_for(scheduled.pid, "the scheduler")
    age(scheduled)
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    first = scheduled.value("SELECT pending_since FROM pgtrickle.freshness(pgtrickle.stream_table_id('s'))")

    def write(number):
        with scheduled.server.connect(scheduled.name) as conn:
            for i in range(100):
                conn.execute("INSERT INTO t VALUES (%s, 1)", (1000 * number + i,))

    writers = [threading.Thread(target=write, args=(n,)) for n in range(1, 5)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert scheduled.value("SELECT pending_since FROM pgtrickle.freshness(pgtrickle.stream_table_id('s'))") == first
    for writer in writers:
        writer.join()
    scheduled.execute("SELECT pgtrickle.refresh_stream_table('s')")
    assert freshness(scheduled, "s") == (False, 0, False)
    scheduled.follows("canary")
