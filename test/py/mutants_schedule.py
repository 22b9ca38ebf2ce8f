"""Mutants of what refreshes stream tables by itself.

test/py/mutants.py runs them, see there.
"""
import concurrent.futures
import json
import os
import signal
import time

import psycopg

from mutants_capture import wait_for

MUTANTS = {}


def mutant(fault):
    def register(function):
        MUTANTS[fault] = function
        return function
    return register


def scheduled(db, query="SELECT count(*) AS n FROM t", schedule="1s"):
    db.schedule()
    db.run("CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, n int)")
    db.conn.execute("SELECT pgtrickle.create_stream_table('s', %s, %s)", (query, schedule))


def pid(db):
    return db.value("SELECT pgtrickle.scheduler_pid()")


def patience(db, seconds):
    """So long it is waited for what a fault prevents; without one the machine may be slow."""
    return seconds if db.fault else 60


def follow(db, expected, name="s"):
    """Is the stream table's only value this, before long?"""
    wait_for(lambda: db.value(f"SELECT n FROM {name}") == expected, f"{name} to hold {expected}", patience(db, 10))


def follow_three(db):
    """It holds three rows and nothing is on its way that would find more: what its creation has asked for neither."""
    for i in range(1, 4):
        db.run(f"INSERT INTO t VALUES ({i}, 1)")
        follow(db, i)
        rest(db)


def end(db, process="%"):
    """Of that kind, or all of the extension's processes of the database."""
    ended = [row[0] for row in db.conn.execute(
        "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle ' || %s AND datname = current_database()"
        " AND pg_terminate_backend(pid)", (process,))]
    wait_for(lambda: db.conn.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (%s)", (ended,)).fetchone()[0] == 0, "their end")


def rest(db):
    wait_for(lambda: db.value("SELECT count(*) FROM pgtrickle.scheduler_jobs()") == 0, "the scheduler to rest")


def stopped(db, process):
    """The processes of that kind that a stop point has stopped."""
    lines = os.popen(f"ps --ppid {db.server.postmaster_pid()} -o pid,stat,args").read().splitlines()
    return [int(line.split()[0]) for line in lines if line.split()[1].startswith("T") and f"pg_trickle {process}" in line]


def stop_at(db, place, then, process="scheduler", cause=None):
    """Do something while a process, which "place" stops, stands there; a new one that this insert brings there, if it is given."""
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = '{db.fault};once;stop {place}'")
    if cause:
        end(db, process)
        db.run(cause)
    found = wait_for(lambda: stopped(db, process), f"the {process} to come to {place}")
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = '{db.fault}'")
    try:
        then()
    finally:
        for number in found:
            os.kill(number, signal.SIGCONT)


@mutant("H1")
def commits_wake(db):
    """Ten commits, each waited for, in the time of four looks; on a busy machine not always at once."""
    scheduled(db)
    wait_for(lambda: pid(db), "the scheduler")
    follow(db, 0)
    for attempt in range(3):
        began = time.monotonic()
        for i in range(10 * attempt, 10 * attempt + 10):
            db.run(f"INSERT INTO t VALUES ({i}, 1)")
            follow(db, i + 1)
        if time.monotonic() - began < 4:
            return
    raise AssertionError("the scheduler was not woken")


@mutant("E15 scheduler")
def time_needs_no_commit(db):
    db.run("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)", "INSERT INTO t VALUES (1, now() + interval '1 s'), (2, 'infinity')")
    scheduled(db, "SELECT count(*) AS n FROM t WHERE at > now()")
    follow(db, 1)


@mutant("H2")
def pending_until_it_is_done(db):
    scheduled(db)
    db.run("INSERT INTO t VALUES (1, 1)")
    follow(db, 1)
    with db.session(autocommit=False) as holder:
        holder.execute("LOCK TABLE s IN ACCESS EXCLUSIVE MODE")
        db.run("INSERT INTO t VALUES (2, 1)")
        wait_for(lambda: db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'"), "the failure")
        holder.rollback()
    follow(db, 2)


@mutant("H2 readers")
def readers_of_a_recompute(db):
    """No commit tells of it: only its refresh does."""
    db.schedule()
    db.run("CREATE TABLE t (id int PRIMARY KEY, n int)")
    db.run("SELECT pgtrickle.create_stream_table('recomputed', 'SELECT count(*) AS n FROM t', '1s', 'FULL')",
           "SELECT pgtrickle.create_stream_table('s', 'SELECT n FROM recomputed', '1s')")
    for i in range(1, 4):
        db.run(f"INSERT INTO t VALUES ({i}, 1)")
        follow(db, i)


@mutant("H3")
def created_while_the_catalog_is_read(db):
    scheduled(db)
    wait_for(lambda: pid(db), "the scheduler")
    other = db.session()

    def create():
        other.execute("SELECT pgtrickle.create_stream_table('s2', 'SELECT sum(n) AS n FROM t', '1s')")

    first = pid(db)
    db.run("SELECT set_config('pg_trickle.fault', '', false)")
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = '{db.fault};once;stop scheduler has read'")
    db.run(f"SELECT pg_terminate_backend({first})")
    stop_at(db, "scheduler has read", create)
    db.run("INSERT INTO t VALUES (1, 5)")
    follow(db, 1)
    follow(db, 5, "s2")


@mutant("H3 altered")
def looked_at_before_the_invalidations(db):
    """A commit tells the scheduler first, and all others later that a function is another one."""
    db.run("CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'")
    scheduled(db, "SELECT sum(public.f(n)) AS n FROM t")
    db.run("CREATE TABLE u (n int)", "SELECT pgtrickle.create_stream_table('later', 'SELECT count(*) AS n FROM u, s', '1s')")
    # who refreshes it next knows the function
    follow_three(db)
    other = db.session()
    number = other.info.backend_pid
    other.execute("SELECT set_config('pg_trickle.fault', %s, false)", (f"{db.fault};stop committed",))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        done = pool.submit(other.execute, "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 10 * $1'")
        try:
            wait_for(lambda: open(f"/proc/{number}/stat").read().rsplit(")", 1)[1].split()[0] == "T", "the commit")
            # what is refreshed after another commit looks at what it reads first, which was told before
            db.run("INSERT INTO u VALUES (1)")
            follow(db, 1, "later")
            rest(db)
        finally:
            os.kill(number, signal.SIGCONT)
        done.result(60)
    follow(db, 30)


def another_scheduler(db, faults):
    """One that has these faults from its start."""
    first = wait_for(lambda: pid(db), "the scheduler")
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = '{db.fault};{faults}'")
    db.run(f"SELECT pg_terminate_backend({first})")
    wait_for(lambda: pid(db) not in (None, first), "another scheduler")


@mutant("H4")
def created_while_it_goes_to_rest(db):
    scheduled(db)
    another_scheduler(db, "once;stop scheduler rests")

    def create():
        db.run("SELECT pgtrickle.create_stream_table('s', 'SELECT count(*) AS n FROM t', '1s')",
               "INSERT INTO t VALUES (1, 1)")

    db.run("SELECT pgtrickle.drop_stream_table('s')")
    stop_at(db, "scheduler rests", create)
    follow(db, 1)


@mutant("K17 told")
def commit_while_it_goes_idle(db):
    scheduled(db)
    # by then it has looked at everything once
    another_scheduler(db, "K17 soon;once;stop scheduler goes idle")
    stop_at(db, "scheduler goes idle", lambda: db.run("INSERT INTO t VALUES (1, 1)"))
    follow(db, 1)


@mutant("H5")
def prepared_transaction(db):
    scheduled(db)
    # by then it has looked at those of before its start
    follow_three(db)
    with db.session() as writer:
        writer.execute("BEGIN; INSERT INTO t VALUES (4, 1)")
        writer.execute("PREPARE TRANSACTION 'p'")
    with db.server.connect(db.name) as other:
        other.execute("COMMIT PREPARED 'p'")
    follow(db, 4)


@mutant("H6")
def attached_partition(db):
    """ATTACH calls no capture, and no event trigger tells of it."""
    db.run("CREATE TABLE t (id int, n int) PARTITION BY RANGE (id)", "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)",
           "CREATE TABLE t2 (id int, n int)", "INSERT INTO t2 VALUES (11, 1)")
    scheduled(db)
    follow_three(db)
    db.run("SET session_replication_role = replica", "ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (10) TO (20)",
           "RESET session_replication_role")
    follow(db, 4)


@mutant("H6 first")
def dropped_partition_before_the_first_look(db):
    """The scheduler looks at the table for the first time only when all is refreshed and the partition is gone since."""
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = '{db.fault};H6 late;once;stop scheduler looks'")
    db.schedule()
    db.run("CREATE TABLE q (id int, k int) PARTITION BY LIST (k)", "CREATE TABLE q1 PARTITION OF q FOR VALUES IN (1)",
           "INSERT INTO q VALUES (1, 1), (2, 1)",
           "SELECT pgtrickle.create_stream_table('s', 'SELECT count(*) AS n FROM q', '1s')")
    wait_for(lambda: pid(db), "the scheduler")
    follow(db, 2)
    stop_at(db, "scheduler looks", lambda: db.run("DROP TABLE q1"))
    follow(db, 0)


@mutant("H6 triggers")
def trigger_disabled_behind_our_back(db):
    """UPDATE of the catalog sends no invalidation, and what is inserted then wakes nobody."""
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = '{db.fault};H6 soon'")
    scheduled(db)
    follow_three(db)
    db.run("UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 't'::regclass")
    db.session().execute("INSERT INTO t VALUES (4, 1)")
    follow(db, 4)


@mutant("H7")
def writers_need_no_shared_memory(db):
    db.run("CREATE TABLE t (id int)")
    db.create("s", "SELECT count(*) AS n FROM t")
    other = db.session()
    other.execute("SELECT set_config('pg_trickle.fault', %s, false)", (f"{db.fault};no shared memory",))
    other.execute("INSERT INTO t VALUES (1)")
    db.refresh()
    db.fresh()


@mutant("K2")
def lock_of_a_user(db):
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.max_consecutive_errors = 1")
    scheduled(db)
    with db.session(autocommit=False) as holder:
        holder.execute("LOCK TABLE s IN ACCESS EXCLUSIVE MODE")
        db.run("INSERT INTO t VALUES (1, 1)")
        wait_for(lambda: db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'"), "the failure")
        holder.rollback()
    assert db.value("SELECT status FROM pgtrickle.pgt_stream_tables") == "ACTIVE", "a lock suspended it"
    follow(db, 1)


@mutant("K13")
def database_copied(db):
    scheduled(db)
    wait_for(lambda: pid(db), "the scheduler")
    for conn in db.sessions:
        conn.close()
    copy = f"{db.name}_copy"
    db.server.admin.execute(f"CREATE DATABASE {copy} TEMPLATE {db.name}")
    db.server.admin.execute(f"DROP DATABASE {copy} WITH (FORCE)")


@mutant("K1")
def table_that_crashes_the_server(db):
    """Every refresh of it ends in a crash: after the third it is left alone."""
    scheduled(db)
    db.run("INSERT INTO t VALUES (1, 1)")
    follow(db, 1)
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = '{db.fault};stop delta applied'")
    end(db)
    db.run("INSERT INTO t VALUES (2, 1)")

    def answer():
        """Whether the server answers, and the stream table is suspended."""
        try:
            with db.server.connect(db.name) as conn:
                return [conn.execute("SELECT status = 'SUSPENDED' FROM pgtrickle.pgt_stream_tables").fetchone()[0]]
        except psycopg.OperationalError:
            return None

    for _ in range(5):
        wait_for(lambda: stopped(db, "worker") or (answer() or [False])[0], "the next refresh")
        if not stopped(db, "worker"):
            break
        os.kill(stopped(db, "worker")[0], signal.SIGKILL)
        wait_for(lambda: not stopped(db, "worker"), "its end")
        wait_for(lambda: answer() is not None, "the server")
    suspended = answer()[0]
    db.sessions.clear()
    db.server.admin.close()
    db.server.admin = db.server.connect()
    # no more of it: whoever stands goes on
    db.server.admin.execute(f"ALTER DATABASE {db.name} RESET pg_trickle.fault")
    with db.server.connect(db.name) as conn:
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle %' AND datname = current_database()")
    for number in stopped(db, "worker"):
        os.kill(number, signal.SIGCONT)
    assert suspended, "it may crash the server for ever"


def fires(db, schedule, after, expected):
    have = db.conn.execute("SELECT pgtrickle.next_fire_time(%s, %s) = %s", (schedule, after, expected)).fetchone()[0]
    assert have, f"\"{schedule}\" after {after} does not fire at {expected}"


@mutant("K24 gap")
def clocks_put_forward(db):
    fires(db, "CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28 12:00:00Z", "2026-03-29 01:00:00Z")


@mutant("K24 repeated")
def clocks_put_back(db):
    fires(db, "CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-25 00:30:00Z", "2026-10-26 01:30:00Z")


@mutant("K30")
def lag_counts_from_the_commit(db):
    """Not from the last refresh, which was long ago because nothing had changed."""
    scheduled(db, schedule="2h")
    db.conn.execute("SELECT pgtrickle.create_stream_table('canary', 'SELECT sum(n) AS n FROM t', '1s')")
    wait_for(lambda: pid(db), "the scheduler")
    db.run("UPDATE pgtrickle.pgt_stream_tables SET data_timestamp = data_timestamp - interval '1 hour' WHERE pgt_name = 's'")
    assert db.value("SELECT pgtrickle.get_staleness('s')") == 0
    db.run("INSERT INTO t VALUES (1, 1)")
    assert 0 < db.value("SELECT pgtrickle.get_staleness('s')") < 60


@mutant("K10")
def gated_load(db):
    scheduled(db)
    db.run("INSERT INTO t VALUES (1, 1)")
    follow(db, 1)
    db.run("SELECT pgtrickle.create_stream_table('canary', 'SELECT 1 + sum(n) AS n FROM s', '1s')", "CREATE TABLE u (id int)",
           "SELECT pgtrickle.create_stream_table('other', 'SELECT count(*) AS n FROM u', '1s')",
           "SELECT pgtrickle.gate_source('t')", "INSERT INTO t VALUES (2, 1)", "INSERT INTO u VALUES (1)")
    follow(db, 1, "other")
    wait_for(lambda: db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'SKIPPED'") or
             db.value("SELECT n FROM s") == 2, "the refresh that leaves it as it is")
    assert db.value("SELECT n FROM s") == 1, "part of a load was seen"
    db.run("SELECT pgtrickle.ungate_source('t')")
    follow(db, 2)


@mutant("K10 generation")
def gate_opened_while_it_is_found_closed(db):
    """The refresh has read the gate, and its end is not collected yet."""
    scheduled(db)
    db.run("INSERT INTO t VALUES (1, 1)")
    follow(db, 1)
    db.run("SELECT pgtrickle.gate_source('t')")

    def open_it():
        db.run("SELECT pgtrickle.ungate_source('t')")
        # the scheduler has read the catalog since
        db.run("SELECT pgtrickle.create_stream_table('canary', 'SELECT 2 * count(*) AS n FROM t', '2h', initialize => false)")
        wait_for(lambda: db.value("SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'canary'"), "the canary")

    stop_at(db, "node done", open_it, "worker", "INSERT INTO t VALUES (2, 1)")
    follow(db, 2)


@mutant("K27")
def drained(db):
    scheduled(db)
    db.run("INSERT INTO t VALUES (1, 1)")
    follow(db, 1)
    assert db.value("SELECT pgtrickle.drain(30)")
    # over the end of the scheduler, too
    end(db)
    stop_at(db, "node done", lambda: None, "worker", "INSERT INTO t VALUES (2, 1)")
    rest(db)
    assert db.value("SELECT pgtrickle.is_drained()") and db.value("SELECT n FROM s") == 1, "it was refreshed"
    db.run("SELECT pgtrickle.undrain()")
    follow(db, 2)


def written_together(db, *names):
    return db.conn.execute("SELECT count(DISTINCT xmin::text) = 1 FROM pgtrickle.pgt_stream_tables WHERE pgt_name = ANY (%s)",
                           (list(names),)).fetchone()[0]


@mutant("K8")
def slow_part_by_itself(db):
    db.run("CREATE FUNCTION slowly(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 FROM pg_sleep(0.1)'")
    scheduled(db, "SELECT slowly(id) AS id FROM t", "calculated")
    db.run("SELECT pgtrickle.create_stream_table('last', 'SELECT count(*) AS n FROM s', '1s')")
    for i in range(3):
        db.run(f"INSERT INTO t VALUES ({i}, 1)")
        follow(db, i + 1, "last")
    assert not written_together(db, "s", "last"), "what is fast has waited for what is slow in one transaction"


@mutant("K8 unit")
def diamond_as_a_whole(db):
    """One way is due at once, the other in an hour."""
    scheduled(db)
    db.run("SELECT pgtrickle.create_stream_table('other', 'SELECT 1 + count(*) AS n FROM t', '1h')",
           "SELECT pgtrickle.create_stream_table('joint', 'SELECT s.n + other.n AS n FROM s, other', '1h')")
    for i in range(3):
        db.run(f"INSERT INTO t VALUES ({i}, 1)")
        follow(db, 2 * i + 3, "joint")
    assert written_together(db, "s", "other", "joint"), "it was refreshed in parts"


@mutant("K9")
def rows_that_only_support_each_other(db):
    db.run("SET pg_trickle.allow_circular = on", "CREATE TABLE base (n int)", "INSERT INTO base VALUES (1), (2)",
           "SELECT pgtrickle.create_stream_table('a', 'SELECT n FROM base UNION SELECT n FROM base', '1h')",
           "SELECT pgtrickle.create_stream_table('b', 'SELECT n FROM a', '1h')",
           "SELECT pgtrickle.alter_stream_table('a', query => 'SELECT n FROM base UNION SELECT n FROM b')",
           "DELETE FROM base WHERE n = 1", "SELECT pgtrickle.refresh_stream_table('b')")
    assert db.value("SELECT array_agg(n) FROM b") == [2], "each row is there because of the other one"


@mutant("K18")
def cancel_that_comes_too_late(db):
    """It is meant for a refresh that has ended: the worker goes on."""
    idle = ("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker' AND datname = current_database()"
            " AND state = 'idle'")
    scheduled(db)
    db.run("INSERT INTO t VALUES (1, 1)")
    follow(db, 1)
    wait_for(lambda: db.value(idle), "the worker to rest")
    worker = db.value(idle)
    for i in range(2, 5):
        db.run(f"SELECT pg_cancel_backend({worker})", f"INSERT INTO t VALUES ({i}, 1)")
        follow(db, i)
    wait_for(lambda: db.value(idle), "the worker to rest again")
    assert db.value(idle) == worker, "it has ended"
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'") == 0


def stop_wal_writer(db):
    """Not in the middle of writing, when everybody would wait for it."""
    idle = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter' AND wait_event_type = 'Activity'"
    writer = db.value(idle)
    if writer is None:
        return None
    os.kill(writer, signal.SIGSTOP)
    wait_for(lambda: open(f"/proc/{writer}/stat").read().rsplit(")", 1)[1].split()[0] == "T", "it to stop")
    if db.value(idle):
        return writer
    os.kill(writer, signal.SIGCONT)
    return None


@mutant("K19")
def status_survives_a_crash(db):
    """What they were told who watch is true after a crash, though nothing has been flushed but by ourselves."""
    status = "SELECT status, last_error_at FROM pgtrickle.pgt_stream_tables"
    scheduled(db, "SELECT id, 1 / n AS n FROM t")
    db.run("INSERT INTO t VALUES (1, 1)")
    wait_for(lambda: db.value("SELECT count(*) FROM s") == 1, "the row")
    writer = wait_for(lambda: stop_wal_writer(db), "the WAL writer to stop where it waits")
    db.run("INSERT INTO t VALUES (2, 0)")
    wait_for(lambda: db.conn.execute(status).fetchone()[0] == "ERROR", "the error")
    before = db.conn.execute(status).fetchone()
    os.kill(db.conn.info.backend_pid, signal.SIGKILL)

    def after():
        # the last process that the server ends before it starts again
        if os.path.exists(f"/proc/{writer}"):
            return None
        try:
            with db.server.connect(db.name) as conn:
                row = conn.execute(status).fetchone()
                # lost, it comes again, at another time
                return row if row[0] == "ERROR" else None
        except psycopg.OperationalError:
            return None

    try:
        found = wait_for(after, "the server to come back, and the status", 120)
    finally:
        db.sessions.clear()
        db.server.admin.close()
        db.server.admin = db.server.connect()
    assert found == before, "it was lost"


@mutant("K16")
def turns(db):
    """One worker, and more to do than it can: everything has its turn."""
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.max_concurrent_refreshes = 1")
    db.run("CREATE FUNCTION slowly(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1 FROM pg_sleep(0.3)'")
    scheduled(db)
    for i in range(4):
        db.run(f"CREATE TABLE t{i} (id int)", f"SELECT pgtrickle.create_stream_table('first{i}', 'SELECT id FROM t{i}', 'calculated')",
               f"SELECT pgtrickle.create_stream_table('slow{i}', 'SELECT slowly(count(*)) AS n FROM first{i}', '1s')")
    wait_for(lambda: pid(db), "the scheduler")
    began = time.monotonic()
    count = 0
    while (seen := db.value("SELECT n FROM s")) < 2:
        assert time.monotonic() - began < patience(db, 15), f"its turn never comes: {seen}"
        count += 1
        for i in range(4):
            db.run(f"INSERT INTO t{i} VALUES (1)")
        if count == 20:
            db.run("INSERT INTO t VALUES (1, 1), (2, 1)")


def told(listener, event, key, value):
    """Whether an alert has come that says this."""
    alerts = [json.loads(n.payload) for n in listener.notifies(timeout=0.2)]
    return any(a["event"] == event and a["st"] == "public.s" and a[key] == value for a in alerts)


@mutant("K12")
def refresh_that_runs_through(db):
    """One that was cancelled three times for others is not again, and whom it keeps waiting is told."""
    scheduled(db)
    follow(db, 0)
    db.run("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
           " $$ BEGIN WHILE NOT pg_try_advisory_xact_lock_shared(4711) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NULL; END $$",
           "CREATE TRIGGER wait AFTER INSERT OR UPDATE ON s FOR EACH STATEMENT EXECUTE FUNCTION wait()")
    listener, holder, other = db.session(), db.session(autocommit=False), db.session(autocommit=False)
    listener.execute("LISTEN pg_trickle_alert")
    holder.execute("SELECT pg_advisory_xact_lock(4711)")
    db.run("INSERT INTO t VALUES (1, 1)")
    running = "SELECT count(*) FROM pgtrickle.refresh_progress WHERE elapsed > '0.5 seconds'"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for i in range(4):
            wait_for(lambda: db.value(running), "the refresh")
            waiting = pool.submit(other.execute, "LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            if i < 3:
                waiting.result(60)
                other.rollback()
        try:
            wait_for(lambda: told(listener, "refresh_blocks", "waiting", f"process {other.info.backend_pid}"), "the alert", patience(db, 10))
            assert not waiting.done(), "it was cancelled once more"
        finally:
            holder.rollback()
            waiting.result(60)
            other.rollback()
    follow(db, 1)


@mutant("K25")
def session_that_keeps_a_stream_table_is_named(db):
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = '{db.fault};K25 soon'")
    scheduled(db)
    follow(db, 0)
    listener, holder = db.session(), db.session(autocommit=False)
    listener.execute("LISTEN pg_trickle_alert")
    holder.execute("INSERT INTO t VALUES (1, 1)")
    holder.execute("SELECT pgtrickle.refresh_stream_table('s')")
    db.run("INSERT INTO t VALUES (2, 1)")
    wait_for(lambda: told(listener, "refresh_blocked", "held_by", f"process {holder.info.backend_pid}"), "the alert", patience(db, 10))
    holder.rollback()
    follow(db, 1)


@mutant("K20 place")
def frontier_is_found_where_it_was(db):
    """Refreshes that one session makes one after another search no index for their frontier."""
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 0)")
    db.create("s", "SELECT id, n FROM t")
    db.refresh()

    def searches():
        db.run("SELECT pg_stat_force_next_flush()")
        return db.value("SELECT idx_scan FROM pg_stat_all_indexes WHERE indexrelname = 'source_frontier_pkey'")

    before = searches()
    for _ in range(20):
        db.run("UPDATE t SET n = n + 1")
        db.refresh()
    assert searches() - before < 5
    db.fresh()


@mutant("K20")
def old_snapshot_makes_refreshes_rarer(db):
    db.server.admin.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = '{db.fault};K20 soon'")
    scheduled(db)
    follow(db, 0)
    add = "INSERT INTO t SELECT count(*), 1 FROM t"
    spacing = "SELECT pgtrickle.refresh_spacing()"
    warned = "SELECT count(*) FROM pgtrickle.health_check() WHERE check_name = 'old_snapshot' AND severity = 'WARN'"
    wait_for(lambda: db.value(spacing) == 0, "the scheduler")
    assert db.value(warned) == 0
    holder = db.session()
    holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    holder.execute("SELECT count(*) FROM t")

    def is_spaced():
        db.run(add)
        return db.value(spacing) == 1000

    wait_for(is_spaced, "refreshes to be a second apart", 60)
    assert db.value(warned) == 1
    db.run(add)
    follow(db, db.value("SELECT count(*) FROM t"))
    began = time.monotonic()
    for _ in range(2):
        db.run(add)
        follow(db, db.value("SELECT count(*) FROM t"))
    assert time.monotonic() - began > 1
    holder.execute("ROLLBACK")

    def is_over():
        db.run(add)
        return db.value(spacing) == 0

    wait_for(is_over, "refreshes to be as frequent as before", 60)
    assert db.value(warned) == 0
    follow(db, db.value("SELECT count(*) FROM t"))


@mutant("K23")
def history_has_a_budget(db):
    """Of many refreshes in a short time some have a row each, the others one together; the totals have all."""
    scheduled(db, "SELECT id, n FROM t")
    for i in range(7):
        db.run(f"SELECT pgtrickle.create_stream_table('s{i}', 'SELECT id, n FROM t', '1s')")
    wait_for(lambda: pid(db), "the scheduler")
    rows = "SELECT " + " + ".join(f"(SELECT count(*) FROM {name})" for name in ["s", *(f"s{i}" for i in range(7))])
    began = time.monotonic()
    inserts = 0

    def allowed():
        return 110 + 10 * (time.monotonic() - began)

    while 8 * inserts < 2 * allowed():
        assert time.monotonic() < began + 100, "this machine is slower than the budget"
        db.run(f"INSERT INTO t VALUES ({inserts}, 1)")
        inserts += 1
        wait_for(lambda: db.value(rows) == 8 * inserts, f"insert {inserts}")
    scheduler = pid(db)
    most = allowed()
    # when it ends it writes what it has counted
    db.run(f"SELECT pg_terminate_backend({scheduler})")
    wait_for(lambda: pid(db) not in (None, scheduler), "another scheduler")
    ours = "initiated_by = 'SCHEDULER' AND status = 'COMPLETED'"
    assert db.value(f"SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE {ours} AND runs = 1") <= most
    assert db.value(f"SELECT sum(runs) FROM pgtrickle.refresh_runs WHERE {ours}") == \
        db.value("SELECT sum(completed) FROM pgtrickle.refresh_totals WHERE scheduled") == 8 * inserts
    assert db.value("SELECT count(*) FROM pgtrickle.pg_stat_stream_tables"
                    f" WHERE total_rows_inserted = {inserts} AND successful_refreshes BETWEEN {inserts} AND {inserts} + 1") == 8
    assert db.value(f"SELECT sum(rows_inserted) FROM pgtrickle.pgt_refresh_history WHERE {ours}") == 8 * inserts
    assert db.value(f"SELECT max(r.duration_ms) < 1000 FROM pgtrickle.refresh_runs AS r WHERE {ours} AND r.runs > 1")
