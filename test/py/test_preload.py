"""The regress tests hold where the library is preloaded, as where it is not."""
import os
import re
import subprocess

from conftest import TOP, Database, wait_for


def names_that_may_differ():
    """Those whose sessions have not loaded the library at some point, and those of the launcher.
    The whole of them: ST_PRELOAD=pg_trickle ./dev check."""
    for file in sorted((TOP / "test" / "sql").glob("*.sql")):
        if re.search(r"^\\c\b|launcher_pid|shared_preload_libraries", file.read_text(), re.MULTILINE):
            yield file.stem


def test_installcheck_with_preload(make_server, tmp_path):
    server = make_server(preload="pg_trickle")
    names = list(names_that_may_differ())
    assert {"cat_unloaded", "obs_health"} <= set(names)
    done = subprocess.run(
        ["make", "--no-print-directory", "-s", "-C", str(tmp_path), "-f", str(TOP / "Makefile"), f"PG_CONFIG={os.environ['PG_CONFIG']}",
         f"REGRESS={' '.join(['setup', *(n for n in names if n != 'setup')])}", "ISOLATION=", "installcheck"],
        env=dict(os.environ, PGHOST=server.host, PGPORT=str(server.port), PGUSER="postgres"),
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    differences = tmp_path / "regression.diffs"
    assert done.returncode == 0, differences.read_text()[:5000] if differences.exists() else done.stdout + done.stderr


def test_upgrade_in_progress(make_server):
    """While pg_upgrade is at work nothing of ours runs, and nothing is defined (rule J25)."""
    server = make_server(preload="pg_trickle", conf={"pg_trickle.enabled": "on", "log_min_messages": "debug1"})

    def registered():
        return server.log.read_text(errors="replace").count('registering background worker "pg_trickle launcher"')

    before = registered()
    assert before > 0
    db = Database(server)
    db.execute("CREATE TABLE t (id int)")
    db.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT id FROM t', '1s')")
    wait_for(lambda: db.value("SELECT pgtrickle.scheduler_pid()"), "the scheduler")
    db.close()
    server.stop()
    server._pg_ctl("start", "-o", "-b")
    with server.connect(db.name) as conn:
        # nor will there be any: the postmaster starts what was registered before it serves
        assert registered() == before
        assert conn.execute("SELECT backend_type FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'").fetchall() == []
        conn.execute("INSERT INTO t VALUES (1)")
    server.stop()
    server.start()
    db.conn = server.connect(db.name)
    wait_for(lambda: db.value("SELECT count(*) FROM s") == 1, "what was written meanwhile")
    db.assert_fresh("s")
