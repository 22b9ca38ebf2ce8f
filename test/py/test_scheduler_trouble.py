"""What holds up a refresh for a while: the status tells it, nothing spins, and it
recovers by itself once the cause is gone. And how fast the server stops meanwhile.
"""
import os
import pathlib
import select
import signal
import time

import psycopg
import pytest

from conftest import _as_pg, wait_for
from test_scheduler import LIBRARY, Scheduled, at_work

# what a scheduler may use of a core while it can do nothing, and a worker too
SPINNING = 0.2


def cpu_seconds(database):
    """Of all our processes of this database."""
    total = 0
    for (pid,) in database.rows("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'"):
        try:
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0]) / 1e9
        except FileNotFoundError:
            pass
    return total


def failures(database):
    return database.server.log.read_text().count("scheduled refresh of stream table")


@pytest.fixture
def troubled(make_server):
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on"})
    database = Scheduled(server)
    database.source()
    database.create("s", "SELECT id, n FROM t")
    database.create("canary", "SELECT count(*) AS n FROM t")
    database.follows("s")
    database.follows("canary")
    return database


def held_up(database, sqlstate, name="s", tries=2):
    """It fails again and again, tells so once, goes on with the others and is not stopped."""
    began, used, before = time.monotonic(), cpu_seconds(database), failures(database)
    wait_for(lambda: failures(database) >= before + tries, "some tries", 90)
    used, took = cpu_seconds(database) - used, time.monotonic() - began
    assert used < took * SPINNING + 0.2, f"{used} s of processor time in {took} s"
    assert database.status(name) == "ACTIVE"
    runs = database.rows("SELECT h.error_code FROM pgtrickle.pgt_refresh_history AS h JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
                         " WHERE h.status = 'FAILED' AND pgt_name = %s", (name,))
    assert runs == [(sqlstate,)], runs
    (told,) = database.rows("SELECT error_type FROM pgtrickle.diagnose_errors(%s)", (name,))
    return told[0]


def test_lock(troubled):
    holder = troubled.connect(autocommit=False)
    holder.execute("LOCK TABLE s IN ACCESS EXCLUSIVE MODE")
    troubled.execute("INSERT INTO t VALUES (50, 1)")
    wait_for(lambda: troubled.value("SELECT n FROM canary") == 11, "the canary")
    held_up(troubled, "55P03")
    holder.rollback()
    troubled.follows("s", 90)


def test_prepared_transaction_that_holds_a_row_of_the_catalog(troubled):
    """Nobody ends it, and it is no session: the scheduler must not wait for it."""
    other = troubled.connect()
    other.execute("BEGIN")
    other.execute("SELECT pgtrickle.alter_stream_table('s', schedule => '1s')")
    try:
        other.execute("PREPARE TRANSACTION 'p'")
    except psycopg.Error:
        other.execute("ROLLBACK")
        other.execute("BEGIN; SELECT FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 's' FOR UPDATE")
        other.execute("PREPARE TRANSACTION 'p'")
    for i in range(3):
        troubled.execute("INSERT INTO t VALUES (%s, 1)", (50 + i,))
        wait_for(lambda: troubled.value("SELECT n FROM canary") == 11 + i, "the canary")
    troubled.execute("COMMIT PREPARED 'p'")
    troubled.follows("s", 90)


def test_full_disk(make_server, tmp_path_factory):
    """A tablespace on a file system of 8 MB."""
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on"})
    small = server.dir / "small"
    _as_pg(["mkdir", str(small)])
    if os.system(f"mount -t tmpfs -o size=8m,mode=700,uid=postgres tmpfs {small} 2>/dev/null"):
        pytest.skip("no right to mount a file system")
    try:
        database = Scheduled(server)
        database.source()
        database.execute(f"CREATE TABLESPACE small LOCATION '{small}'")
        database.create("s", "SELECT id, n, repeat('x', 500) AS pad FROM t")
        database.create("canary", "SELECT count(*) AS n FROM t")
        database.follows("s")
        database.execute("ALTER TABLE s SET TABLESPACE small")
        database.execute("CREATE TABLE filler TABLESPACE small AS SELECT repeat('x', 1000) AS pad FROM generate_series(1, 6000)")
        database.execute("INSERT INTO t SELECT x, x FROM generate_series(101, 5000) AS x")
        wait_for(lambda: database.value("SELECT n FROM canary") == 4910, "the canary")
        assert held_up(database, "53100") == "infrastructure"
        database.execute("DROP TABLE filler")
        database.follows("s", 90)
        database.close()
    finally:
        server.stop("immediate")
        os.system(f"umount {small}")


def compiles(pid):
    """Whether it has loaded what compiles statements."""
    return "llvmjit" in pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


def test_compiles_no_statements(make_server):
    """What the scheduler and its workers run is small, whatever a database says of compiling."""
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on", "pg_trickle.scheduler_interval_ms": "200"})
    database = Scheduled(server)
    for part in ("", "_inline", "_optimize"):
        database.execute(f"ALTER DATABASE {database.name} SET jit{part}_above_cost = 0")
    with server.connect(database.name) as other:
        other.execute("SELECT count(*) FROM pg_class")
        if not compiles(other.info.backend_pid):
            pytest.skip("this server was built without LLVM")
    database.execute("SELECT pg_terminate_backend(%s)", (database.pid(),))
    database.source()
    database.create("s", "SELECT id, n FROM t")
    database.create("slow", "SELECT count(*) FROM s, pg_sleep(0.3)")
    for i in range(3):
        database.execute("INSERT INTO t VALUES (%s, 1)", (50 + i,))
        database.follows("s")
        database.follows("slow")
    for (pid,) in database.rows("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'"):
        assert not compiles(pid)


def test_start_while_a_source_is_locked(troubled):
    """A scheduler that begins waits for nobody who alters a table."""
    troubled.execute("CREATE TABLE u (n int)")
    troubled.create("other", "SELECT count(*) AS n FROM u")
    troubled.follows("other")
    before = troubled.pid()
    holder = troubled.connect(autocommit=False)
    holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
    troubled.execute("SELECT pg_terminate_backend(%s)", (before,))
    wait_for(lambda: troubled.pid() not in (None, before), "the next scheduler")
    number = troubled.pid()
    # it looks at all sources once a second
    written = 0
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        troubled.execute("INSERT INTO u VALUES (1)")
        written += 1
        wait_for(lambda: troubled.value("SELECT n FROM other") == written, "the row")
    assert troubled.pid() == number, "it has ended"
    holder.rollback()
    troubled.follows("other")
    troubled.follows("s")


def test_no_worker_slot(make_server):
    """What is quick the scheduler refreshes by itself; what is not waits until there is a worker."""
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on", "max_worker_processes": "3",
                                                "max_logical_replication_workers": "0"})
    other = Scheduled(server)
    with server.connect() as conn:
        conn.execute(f"ALTER DATABASE {other.name} SET pg_trickle.parallel_refresh_mode = off")
    other.source()
    other.create("s", "SELECT count(*) AS n FROM t")
    other.follows("s")
    database = Scheduled(server)
    database.source()
    database.execute("CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN $1; END $$")
    database.create("canary", "SELECT count(*) AS n FROM t")
    database.create("s", "SELECT public.slow(max(n)) AS n FROM t")
    pool = "SELECT severity, split_part(detail, ':', 1) FROM pgtrickle.health_check() WHERE check_name = 'worker_pool'"
    for i in range(5):
        database.execute("INSERT INTO t VALUES (%s, %s)", (50 + i, 100 + i))
        wait_for(lambda: database.value("SELECT n FROM canary") == 11 + i, "the canary")
    assert database.rows(pool) == [("WARN", "no worker slot")]
    began, used = time.monotonic(), cpu_seconds(database)
    time.sleep(3)
    assert cpu_seconds(database) - used < (time.monotonic() - began) * SPINNING + 0.2
    assert database.value("SELECT n FROM s") == 10, "in 100 ms"
    assert database.status("s") == "ACTIVE"
    assert database.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'") == 0
    other.drop()
    wait_for(lambda: database.value("SELECT n FROM s") == 104, "a worker")
    assert database.rows(pool)[0][0] == "OK"
    database.follows("canary")
    database.assert_fresh("s")


def test_out_of_memory_cancel_and_timeout(troubled):
    """An error of class 53; cancelled in the middle; a statement_timeout of database and role, which are not for it."""
    troubled.execute("CREATE TABLE moods (mood text)")
    troubled.execute("CREATE FUNCTION moody(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                     " $$ BEGIN IF EXISTS (SELECT FROM public.moods WHERE mood = 'full') THEN RAISE 'out of memory' USING ERRCODE = '53200'; END IF;"
                     " IF $1 = 77 AND EXISTS (SELECT FROM public.moods WHERE mood = 'slow') THEN PERFORM pg_sleep(3); END IF; RETURN $1; END $$")
    troubled.create("m", "SELECT moody(n) AS n FROM t")
    troubled.follows("m")
    troubled.execute("INSERT INTO moods VALUES ('full')")
    troubled.execute("INSERT INTO t VALUES (50, 1)")
    assert held_up(troubled, "53200", "m") == "performance"
    troubled.execute("TRUNCATE moods")
    troubled.follows("m", 90)

    troubled.execute("INSERT INTO moods VALUES ('slow')")
    troubled.execute(f"ALTER DATABASE {troubled.name} SET statement_timeout = '200ms'")
    troubled.execute("ALTER ROLE postgres SET statement_timeout = '200ms'")
    troubled.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker'")
    troubled.execute("INSERT INTO t VALUES (51, 77)")
    wait_for(lambda: "m" in at_work(troubled), "the refresh")
    troubled.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'")
    # cancelled once, it runs for three seconds
    wait_for(lambda: troubled.value("SELECT count(*) FROM m") == 12, "the rest", 90)
    troubled.execute("TRUNCATE moods")
    troubled.execute("ALTER ROLE postgres RESET statement_timeout")
    troubled.execute(f"ALTER DATABASE {troubled.name} RESET statement_timeout")
    troubled.follows("m", 90)
    assert troubled.status("m") == "ACTIVE"


BUSY = {
    "sort": "SELECT id, row_number() OVER (ORDER BY md5(x::text)) AS r FROM t, generate_series(1, n) AS x",
    "index insert": "SELECT id, x, md5(x::text) AS pad FROM t, generate_series(1, n) AS x",
    "foreign scan": "SELECT t.id, f.a FROM t, far AS f WHERE f.a <= t.n",
    "sleep": "SELECT id, waits(n) AS n FROM t",
    "lock wait": "SELECT id, waits(-n) AS n FROM t",
}


def worker_is_at_it(database, work):
    """Processor time tells that what is at work has come to the long part."""
    if "s" not in at_work(database):
        return False
    return work in ("foreign scan", "sleep", "lock wait") or cpu_seconds(database) > 1


@pytest.mark.parametrize("work", list(BUSY))
def test_stops_at_once(make_server, work):
    """In the middle of a refresh: from the signal to the end of all our processes. A call of a function in C that
    looks at no signal is not ended by one; nothing of ours is such a call."""
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on", "maintenance_work_mem": "64MB", "work_mem": "64MB"})
    database = Scheduled(server)
    database.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    database.execute("CREATE FUNCTION waits(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                     " $$ BEGIN IF $1 > 100 THEN PERFORM pg_sleep(60); ELSIF $1 < -100 THEN PERFORM pg_advisory_xact_lock(7); END IF;"
                     " RETURN $1; END $$")
    holder = database.connect()
    holder.execute("SELECT pg_advisory_lock(7)")
    slow = "CREATE OR REPLACE VIEW slow AS SELECT x AS a, pg_sleep({}) IS NULL AS b FROM generate_series(1, 10) AS x"
    if work == "foreign scan":
        database.execute("CREATE EXTENSION postgres_fdw")
        database.execute(f"CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{server.host}', port '{server.port}',"
                         f" dbname '{database.name}')")
        database.execute("CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'postgres')")
        database.execute(slow.format(0))
        database.execute("CREATE FOREIGN TABLE far (a int, b bool) SERVER far OPTIONS (table_name 'slow')")
        BUSY[work] = "SELECT t.id, f.a, f.b FROM t, far AS f WHERE f.a <= t.n"
    database.create("s", BUSY[work], "1s", "FULL" if work == "foreign scan" else "AUTO")
    if work == "index insert":
        database.execute("CREATE INDEX ON s (pad)")
    if work == "foreign scan":
        database.execute(slow.format(60))
    database.execute("INSERT INTO t VALUES (1, 20000000)")
    wait_for(lambda: worker_is_at_it(database, work), "the refresh")
    pids = [row[0] for row in database.rows("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'")]
    assert len(pids) >= 3
    processes = [os.pidfd_open(pid) for pid in pids]
    began = time.monotonic()
    os.kill(server.postmaster_pid(), signal.SIGINT)
    for process in processes:
        select.select([process], [], [], 30)
    took = time.monotonic() - began
    for process in processes:
        os.close(process)
    wait_for(lambda: not server.running(), "the end of the server")
    print(f"{work}: {took:.2f} s")
    # a second, and more for a machine that does other things; what looks at no signal takes far longer
    assert took < 5, f"{took} s"
