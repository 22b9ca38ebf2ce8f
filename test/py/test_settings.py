"""Each setting changes what it names.  Those of a session are in the regression test api_settings and its like."""
import pathlib
import re
import time

import pytest
from conftest import Database, wait_for
from test_control import Listener, insert, restart_scheduler
from test_scheduler import running, scheduled  # noqa: F401

TESTS = pathlib.Path(__file__).resolve().parents[1]

# Where a setting's effect is seen.
SEEN = {
    "allow_circular": "q_cycle.sql",
    "auto_backoff": "test_settings.py",
    "block_source_ddl": "cat_alter.sql",
    "cdc_capture_mode": "cat_capture_info.sql",
    "cdc_paused": "cat_capture_info.sql",
    "change_buffer_durability": "cat_rotation.sql",
    "cost_model_safety_margin": "auto_cost.sql",
    "default_schedule_seconds": "api_settings.sql",
    "delta_work_mem": "api_settings.sql",
    "differential_max_change_ratio": "api_settings.sql",
    "drain_timeout": "test_settings.py",
    "enabled": "test_scheduler.py",
    "force_full_refresh": "auto_cost.sql",
    "foreign_table_polling": "test_polling.py",
    "fuse_default_ceiling": "test_control.py",
    "history_retention_days": "test_soak.py",
    "log_refresh": "test_log_refresh.py",
    "matview_polling": "cat_polling.sql",
    "max_concurrent_refreshes": "test_scheduler_crash.py",
    "max_consecutive_errors": "test_scheduler.py",
    "max_dynamic_refresh_workers": "test_observe.py",
    "max_fixpoint_iterations": "q_cycle.sql",
    "max_grouping_set_branches": "q_limits.sql",
    "max_log_age": "mutants_capture.py",
    "max_log_bytes": "test_operations.py",
    "max_parallel_workers": "test_settings.py",
    "max_parse_depth": "q_limits.sql",
    "max_parse_nodes": "q_limits.sql",
    "min_delta_budget_ms": "q_fallback.sql",
    "min_schedule_seconds": "api_schedule.sql",
    "notify_refresh": "test_control.py",
    "parallel_refresh_mode": "test_settings.py",
    "per_database_worker_quota": "test_control.py",
    "refresh_strategy": "auto_cost.sql",
    "schedule_alert_cooldown_seconds": "test_settings.py",
    "schedule_recommendation_min_samples": "obs_recommend.sql",
    "scheduler_interval_ms": "test_scheduler.py",
    "session_memory_limit": "api_memory.sql",
    "sla_window_hours": "obs_figures.sql",
    "tiered_scheduling": "obs_health.sql",
    "unlogged_buffers": "cat_rotation.sql",
    "volatile_function_policy": "sec_refuse.sql",
    "wake_debounce_ms": "test_settings.py",
    "watermark_holdback_timeout": "test_control.py",
}


def names(conn):
    conn.execute("SELECT pgtrickle.version()")
    return {row[0].removeprefix("pg_trickle.") for row in conn.execute(
        r"SELECT name FROM pg_settings WHERE name LIKE 'pg\_trickle.%' AND name <> 'pg_trickle.fault'")}


def test_each_has_a_test(db):
    assert names(db.conn) == set(SEEN)
    for name, file in SEEN.items():
        path = next(TESTS.glob(f"*/{file}"))
        text = path.read_text(encoding="utf8")
        # here, by setting() below
        assert f"pg_trickle.{name}" in text or f'(scheduled, "{name}", ' in text, f"{file} does not set {name}"


def test_retired_in_the_configuration_file(make_server):
    """One line in the server log for each when the file is read, none when somebody comes (rule J33)."""
    server = make_server(preload="pg_trickle", conf={"pg_trickle.merge_strategy": "merge", "pg_trickle.compact_threshold": "7"})
    line = re.compile(r'WARNING: .*setting "pg_trickle\.(\w+)" has no effect')

    def told():
        return sorted(line.findall(server.log.read_text(errors="replace")))

    assert told() == ["compact_threshold", "merge_strategy"]
    db = Database(server)
    db.execute("SELECT pgtrickle.version()")
    assert told() == ["compact_threshold", "merge_strategy"]
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.write("\npg_trickle.merge_strategy = 'auto'\n")
    server.reload()
    wait_for(lambda: told() == 2 * ["compact_threshold"] + 2 * ["merge_strategy"], "the reload")
    # nor when it is set for who comes, but when it is being set
    db.execute(f"ALTER DATABASE {db.name} SET pg_trickle.compact_threshold = '8'")
    db.execute("ALTER ROLE postgres SET pg_trickle.merge_strategy = 'merge'")
    before = told()
    assert before == 3 * ["compact_threshold"] + 3 * ["merge_strategy"]
    with db.connect() as conn:
        assert conn.execute("SHOW pg_trickle.compact_threshold").fetchone() == ("8",)
        conn.execute("SELECT pgtrickle.version()")
    assert told() == before
    # a name that never was is one that was mistyped
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.write("\npg_trickle.mistyped = 'auto'\n")
    server.reload()
    wait_for(lambda: "pg_trickle.mistyped" in server.log.read_text(errors="replace"), "the reload")


def setting(scheduled, name, value):  # noqa: F811
    scheduled.execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.{name} = '{value}'")


WAIT = ("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN WHILE NOT pg_try_advisory_xact_lock_shared(4711) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NULL; END $$")


def slow(scheduled, name):  # noqa: F811
    """Refreshes of it last as long as somebody holds the lock."""
    scheduled.execute(f"CREATE TRIGGER wait AFTER INSERT OR UPDATE OR DELETE ON {name} FOR EACH STATEMENT EXECUTE FUNCTION wait()")


def working(scheduled):  # noqa: F811
    return scheduled.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker'"
                           " AND datname = current_database() AND state = 'active'")


def test_max_parallel_workers_and_drain_timeout(scheduled):  # noqa: F811
    setting(scheduled, "max_parallel_workers", 1)
    scheduled.source()
    scheduled.execute(WAIT)
    for i in range(3):
        scheduled.create(f"s{i}", "SELECT count(*) AS n FROM t")
        slow(scheduled, f"s{i}")
    restart_scheduler(scheduled)
    holder = scheduled.connect(autocommit=False)
    holder.execute("SELECT pg_advisory_xact_lock(4711)")
    insert(scheduled, 100, 1)
    wait_for(lambda: scheduled.value("SELECT workers_queued FROM pgtrickle.worker_allocation_status()") == 2, "the queue")
    wait_for(lambda: working(scheduled) == 1, "the worker")
    # drain() without a time of its own waits so long for it
    for seconds in 1, 2:
        scheduled.execute(f"SET pg_trickle.drain_timeout = {seconds}")
        began = time.monotonic()
        assert scheduled.value("SELECT pgtrickle.drain(0)") is False
        assert seconds - 0.1 <= time.monotonic() - began < seconds + 30
    setting(scheduled, "max_parallel_workers", 2)
    holder.rollback()
    for i in range(3):
        scheduled.follows(f"s{i}")
    restart_scheduler(scheduled)
    holder.execute("SELECT pg_advisory_xact_lock(4711)")
    insert(scheduled, 200, 1)
    wait_for(lambda: scheduled.value("SELECT workers_queued FROM pgtrickle.worker_allocation_status()") == 1, "the queue")
    wait_for(lambda: working(scheduled) == 2, "the workers")
    holder.rollback()
    for i in range(3):
        scheduled.follows(f"s{i}")


def test_parallel_refresh_mode(scheduled, running):  # noqa: F811
    """dry_run: the scheduler refreshes, and tells what it would have handed on."""
    setting(scheduled, "parallel_refresh_mode", "dry_run")
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    restart_scheduler(scheduled)
    insert(scheduled, 100, 1)
    scheduled.follows("s")
    assert scheduled.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker' AND datname = current_database()") == 0
    oid = scheduled.value("SELECT 's'::regclass::oid::text")
    assert f"pg_trickle would refresh relation {oid} and 0 others in a worker" in running.log.read_text(errors="replace")
    setting(scheduled, "parallel_refresh_mode", "on")
    restart_scheduler(scheduled)
    insert(scheduled, 101, 1)
    scheduled.follows("s")
    assert scheduled.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker' AND datname = current_database()") > 0


def runs(scheduled):  # noqa: F811
    return scheduled.value("SELECT count(*) FROM pgtrickle.refresh_runs WHERE initiated_by = 'SCHEDULER'")


@pytest.mark.parametrize("milliseconds", [1, 5000])
def test_wake_debounce(scheduled, milliseconds):  # noqa: F811
    """Commits come one after another, refreshes no more often than they may."""
    setting(scheduled, "wake_debounce_ms", milliseconds)
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    restart_scheduler(scheduled)
    insert(scheduled, 100, 1)
    scheduled.follows("s")
    before, began = runs(scheduled), time.monotonic()
    for i in range(10):
        insert(scheduled, 200 + i, 1)
        if milliseconds == 1:
            wait_for(lambda: scheduled.value("SELECT n FROM s") == 12 + i, "the row")
    scheduled.follows("s")
    made = runs(scheduled) - before
    if milliseconds == 1:
        assert made >= 10
    else:
        assert made <= 2 + (time.monotonic() - began) / 5


@pytest.mark.parametrize("wanted", ["on", "off"])
def test_auto_backoff(scheduled, running, wanted):  # noqa: F811
    """A refresh that takes longer than its schedule comes less often, if that is wanted."""
    setting(scheduled, "auto_backoff", wanted)
    start = running.log.stat().st_size

    def told():
        return 'stream table "public.s" is refreshed every 4 s' in running.log.read_bytes()[start:].decode(errors="replace")

    scheduled.source()
    scheduled.execute("CREATE FUNCTION slow(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 FROM pg_catalog.pg_sleep(2.2)'")
    scheduled.execute("SET client_min_messages = error")
    scheduled.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT public.slow(count(*)::int) AS n FROM t', '2s', 'FULL', initialize => false)")
    restart_scheduler(scheduled)
    # what a run took is judged before the next
    for i in range(1, 4):
        wait_for(lambda: runs(scheduled) >= i, f"run {i}")
        insert(scheduled, 100 + i, 1)
    assert told() == (wanted == "on")


@pytest.mark.parametrize("seconds", [0, 86400])
def test_schedule_alert_cooldown(scheduled, seconds):  # noqa: F811
    """A service level in danger is told again after so many seconds."""
    setting(scheduled, "schedule_alert_cooldown_seconds", seconds)
    scheduled.source()
    scheduled.execute(WAIT)
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.execute("SELECT pgtrickle.set_stream_table_sla('s', '100 milliseconds')")
    slow(scheduled, "s")
    restart_scheduler(scheduled)
    listener = Listener(scheduled.connect())
    holder = scheduled.connect(autocommit=False)
    for i in range(3):
        holder.execute("SELECT pg_advisory_xact_lock(4711)")
        insert(scheduled, 100 + i, 1)
        wait_for(lambda: scheduled.value("SELECT count(*) FROM pgtrickle.refresh_progress WHERE elapsed > '0.5 seconds'"), "a refresh that takes long")
        holder.rollback()
        scheduled.follows("s")
        if i == 0 or seconds == 0:
            assert listener.next("predicted_sla_breach")["st"] == "public.s"
    # what follows is not lost: a marker behind the last one
    scheduled.execute("SELECT pg_notify('pg_trickle_alert', '{\"event\": \"end\"}')")
    listener.next("end")
    assert not [e for e in listener.backlog if e["event"] == "predicted_sla_breach"]
