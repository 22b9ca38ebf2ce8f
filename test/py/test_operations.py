"""The runbooks of docs/operations.md, carried out."""
from conftest import wait_for
from test_control import insert, listener, restart_scheduler  # noqa: F401
from test_scheduler import running, scheduled  # noqa: F401


def severity(scheduled, check):
    return scheduled.value("SELECT severity FROM pgtrickle.health_check() WHERE check_name = %s", (check,))


def test_scheduler_not_running(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.follows("s")
    scheduled.execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.enabled = off")
    restart_scheduler(scheduled)
    insert(scheduled, 100, 1)
    with scheduled.connect() as other:
        assert other.execute("SHOW pg_trickle.enabled").fetchone()[0] == "off"
        assert other.execute("SELECT pgtrickle.scheduler_status()").fetchone()[0] == "STOPPED"
        assert other.execute("SELECT severity FROM pgtrickle.health_check() WHERE check_name = 'scheduler_running'").fetchone()[0] == "ERROR"
    scheduled.execute(f"ALTER DATABASE {scheduled.name} RESET pg_trickle.enabled")
    restart_scheduler(scheduled)
    scheduled.follows("s")
    assert severity(scheduled, "scheduler_running") == "OK"
    assert scheduled.value("SELECT pgtrickle.scheduler_status()") == "ACTIVE"


def test_stream_table_in_error(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT sum(10 / n) AS n FROM t")
    scheduled.execute("INSERT INTO t VALUES (100, 0)")
    wait_for(lambda: scheduled.status("s") == "ERROR", "the error")
    assert severity(scheduled, "error_tables") == "ERROR"
    kind, message = scheduled.rows("SELECT error_type, error_message FROM pgtrickle.diagnose_errors('s')")[0]
    assert (kind, message) == ("user", "division by zero")
    scheduled.execute("DELETE FROM t WHERE n = 0")
    assert scheduled.rows("SELECT fuse_state FROM pgtrickle.fuse_status()") == [("armed",)]
    scheduled.execute("SELECT pgtrickle.resume_stream_table('s')")
    scheduled.follows("s")
    assert severity(scheduled, "error_tables") == "OK"
    assert "recomputed" in scheduled.value("SELECT pgtrickle.repair_stream_table('s')")
    scheduled.assert_fresh("s")


def test_log_growing(scheduled, listener):  # noqa: F811
    scheduled.source(0)
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('s', tier => 'frozen')")
    scheduled.create("other", "SELECT sum(n) AS n FROM t")
    scheduled.execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.max_log_bytes = '4MB'")
    insert(scheduled, 1, 60000)
    restart_scheduler(scheduled)
    assert "public.s (frozen)" in listener.next("buffer_growth_warning")["held_by"]
    assert severity(scheduled, "buffer_growth") == "WARN"
    scheduled.execute("SELECT pgtrickle.alter_stream_table('s', tier => 'hot')")
    scheduled.follows("s")
    wait_for(lambda: severity(scheduled, "buffer_growth") == "OK", "the log to be consumed")
