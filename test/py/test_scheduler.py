"""Stream tables that refresh themselves.

Each server here has the scheduler switched on, which other tests have not.
"""
import contextlib
import os
import pathlib
import signal
import threading
import time

import psycopg
import pytest

from conftest import Database, _as_pg, is_fresh, serve, wait_for

LIBRARY = "pg_trickle"


def stopped(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    except (FileNotFoundError, ProcessLookupError):
        return True


def send(signal_number, pids):
    """To those that have not ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)


class Scheduled(Database):
    """A database whose stream tables refresh themselves."""

    def pid(self):
        return self.value("SELECT pgtrickle.scheduler_pid()")

    def create(self, name, query, schedule="1s", mode="AUTO", conn=None):
        (conn or self.conn).execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s)",
                                    (name, query, schedule, mode))

    def same(self, name, query):
        return self.value(f"SELECT NOT EXISTS ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name}))")

    def follows(self, name, seconds=60):
        """The stream table becomes what its query says, by itself."""
        query = self.value("SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = %s", (name,))
        wait_for(lambda: self.same(name, query), f"{name} to follow", seconds)
        if "now()" in query:
            # it may say something else by the time of the second look
            wait_for(lambda: is_fresh(self.conn, name), f"{name} to be exact", seconds)
        else:
            self.assert_fresh(name)

    def status(self, name):
        return self.value("SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = %s", (name,))

    def hold_workers(self):
        """The process IDs of the workers, all stopped while they waited for work, or
        None: a worker stopped elsewhere may hold what every transaction needs."""
        workers = ("SELECT pid, wait_event_type = 'Extension' FROM pg_stat_activity"
                   " WHERE backend_type = 'pg_trickle worker' AND datname = current_database()")
        found = dict(self.rows(workers))
        if not found or not all(found.values()):
            return None
        send(signal.SIGSTOP, found)
        wait_for(lambda: all(map(stopped, found)), "the workers to stop")
        # They run no code: what they show of themselves stays so.
        if dict(self.rows(workers)) == found:
            return list(found)
        send(signal.SIGCONT, found)
        return None

    def source(self, rows=10):
        self.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        self.execute("INSERT INTO t SELECT x, x FROM generate_series(1, %s) AS x", (rows,))


@pytest.fixture(scope="module")
def running(request):
    yield from serve(request, preload=LIBRARY, conf={"pg_trickle.enabled": "on", "pg_trickle.scheduler_interval_ms": "60000"})


@pytest.fixture
def scheduled(running):
    database = Scheduled(running)
    yield database
    database.drop()


def soon(scheduled, insert, count, commits, seconds):
    """So many commits, each waited for, in so many seconds; on a busy machine not always at once."""
    for attempt in range(1, 4):
        began = time.monotonic()
        for i in range(commits):
            before = scheduled.value(count)
            scheduled.execute(insert, (1000 * attempt + i,))
            wait_for(lambda: scheduled.value(count) == before + 1, "the row")
        if (took := time.monotonic() - began) < seconds:
            return
    raise AssertionError(f"commits do not wake the scheduler: {commits} of them took {took} s")


def test_follows_commits(scheduled):
    """Twenty commits, each waited for: polling once a second would not do."""
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n, sum(n) FROM t")
    wait_for(scheduled.pid, "the scheduler")
    soon(scheduled, "INSERT INTO t VALUES (%s, 1)", "SELECT n FROM s", 20, 8)
    scheduled.follows("s")
    assert scheduled.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'SCHEDULER'") >= 20


def test_on_commit(scheduled):
    """However long the shortest duration is that users may choose."""
    scheduled.source()
    with scheduled.connect() as conn:
        conn.execute("SET pg_trickle.min_schedule_seconds = 3600")
        scheduled.create("s", "SELECT sum(n) AS n FROM t", "on commit", conn=conn)
        for i in range(3):
            conn.execute("INSERT INTO t VALUES (%s, 1)", (100 + i,))
            scheduled.follows("s")
    assert scheduled.value("SELECT schedule FROM pgtrickle.pgt_stream_tables") == "on commit"


def test_what_they_wait_for(scheduled):
    """pg_stat_activity names it, where servers let extensions do so."""
    scheduled.source()
    scheduled.create("s", "SELECT sum(n) AS n FROM t")
    scheduled.follows("s")
    named = scheduled.conn.info.server_version >= 170000

    def waits():
        return set(scheduled.rows("SELECT backend_type, wait_event_type, wait_event FROM pg_stat_activity"
                                  " WHERE backend_type LIKE 'pg_trickle%' AND coalesce(datname, current_database()) = current_database()"))

    wait_for(lambda: waits() == {(f"pg_trickle {process}", "Extension", f"PgTrickle{process.title()}" if named else "Extension")
                                 for process in ("launcher", "scheduler", "worker")}, "all to wait")


def test_time_alone(scheduled):
    """A row's time comes, and another's, though nothing is written; commits are followed as well."""
    scheduled.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)")
    scheduled.execute("INSERT INTO t VALUES (1, 'infinity'), (2, now() + interval '1.5 s'), (3, '2000-01-01')")
    scheduled.create("s", "SELECT id FROM t WHERE at > now()")
    scheduled.create("s2", "SELECT count(*) AS n FROM s", "1s")
    scheduled.create("s3", "SELECT count(*) AS n FROM t WHERE at <= now()", "* * * * *")
    wait_for(scheduled.pid, "the scheduler")
    wait_for(lambda: scheduled.value("SELECT n FROM s2") == 1, "the row to leave")
    scheduled.follows("s")
    # what follows commits waits for them, not for its next look at the clock
    soon(scheduled, "INSERT INTO t VALUES (%s, 'infinity')", "SELECT n FROM s2", 10, 6)
    wait_for(lambda: scheduled.value("SELECT n FROM s3") == 2, "the minute", 75)
    assert scheduled.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE refresh_reason IS NOT NULL"
                           " AND initiated_by = 'SCHEDULER'") == 0


def test_minute_that_comes_during_a_refresh(scheduled):
    """What is committed between the begin of a refresh and the minute is not left to the minute after (rule K24)."""
    scheduled.source()
    scheduled.execute("CREATE FUNCTION slowly(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                      " $$ BEGIN IF $1 = 77 THEN PERFORM pg_sleep(6); END IF; RETURN $1; END $$")
    scheduled.create("s", "SELECT id, slowly(n) AS n FROM t", "* * * * *")
    wait_for(scheduled.pid, "the scheduler")
    wait_for(lambda: scheduled.value("SELECT extract(second FROM clock_timestamp()) BETWEEN 55 AND 57"), "the end of a minute", 75)
    scheduled.execute("INSERT INTO t VALUES (100, 77)")
    with scheduled.connect(autocommit=False) as conn:
        conn.execute("SELECT 1")       # begins the transaction
        conn.pgconn.send_query(b"SELECT pgtrickle.refresh_stream_table('s')")
        wait_for(lambda: scheduled.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"),
                 "the refresh")
        scheduled.execute("INSERT INTO t VALUES (101, 1)")
        while conn.pgconn.get_result():
            pass
        # the scheduler reads the catalog anew
        conn.execute("SELECT pgtrickle.create_stream_table('other', 'SELECT id FROM t', '1s')")
        conn.commit()
    wait_for(lambda: scheduled.value("SELECT count(*) FROM s WHERE id = 101"), "the row", 30)
    scheduled.follows("s")


def test_chain_and_diamond(scheduled):
    scheduled.source()
    scheduled.create("a", "SELECT id, n FROM t WHERE n > 2")
    scheduled.create("b", "SELECT n % 2 AS k, count(*) FROM a GROUP BY 1", "calculated")
    scheduled.create("c", "SELECT n % 3 AS k, sum(n) FROM a GROUP BY 1", "calculated")
    scheduled.create("d", "SELECT b.k, count, sum FROM b JOIN c USING (k)")
    for statement in ("INSERT INTO t VALUES (100, 100), (101, 101)", "UPDATE t SET n = n + 1", "DELETE FROM t WHERE id < 5"):
        scheduled.execute(statement)
        for name in "abcd":
            scheduled.follows(name)


def test_long_chain(scheduled):
    """Longer than a transaction has room for, twice: cut into several (rules C12, K8)."""
    scheduled.source()
    for i in range(130):
        scheduled.create(f"s{i}", f"SELECT id, n FROM {f's{i - 1}' if i else 't'} WHERE n > 0", "calculated")
    scheduled.create("last", "SELECT count(*), sum(n) FROM s129")
    for statement in ("INSERT INTO t VALUES (100, 100), (101, -1)", "UPDATE t SET n = n + 1", "DELETE FROM t WHERE id < 5"):
        scheduled.execute(statement)
        wait_for(lambda: scheduled.same("last", "SELECT count(*), sum(n) FROM t WHERE n > 0"), "the last to follow")
    for i in (0, 59, 60, 61, 120, 129):
        scheduled.follows(f"s{i}")
    # neither all in one transaction nor each in its own
    assert scheduled.value("SELECT count(DISTINCT xmin::text) BETWEEN 2 AND 65 FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE 's%'")


def test_many_upstreams(scheduled):
    """More than a transaction has room for, all read by one."""
    scheduled.source(100)
    for i in range(70):
        scheduled.create(f"s{i}", f"SELECT id, n FROM t WHERE id % 70 = {i}", "calculated")
    scheduled.create("last", " UNION ALL ".join(f"SELECT id, n FROM s{i}" for i in range(70)))
    scheduled.execute("UPDATE t SET n = n + 1")
    wait_for(lambda: scheduled.same("last", "SELECT id, n FROM t"), "the last to follow")
    scheduled.follows("last")


def test_group_that_consumes_its_own_changes(scheduled):
    """What a refresh writes for others that are refreshed with it makes nobody look again (rule H2)."""
    scheduled.source()
    scheduled.create("s0", "SELECT id, n FROM t WHERE n > 0", "calculated")
    for i in range(1, 20):
        scheduled.create(f"s{i}", f"SELECT id, n FROM s{i - 1} WHERE n > {-i}", "1s" if i == 19 else "calculated")
    wait_for(scheduled.pid, "the scheduler")

    def looks():
        return scheduled.value("SELECT l1_hits FROM pgtrickle.cache_stats()")

    scheduled.execute("CREATE TABLE u (id int)")
    scheduled.create("later", "SELECT id FROM u", "1s")

    def rest(i):
        """What was told before it is done when a commit after it has been followed, and its second look is due."""
        for j in range(2):
            scheduled.execute("INSERT INTO u VALUES (%s)", (10 * i + j,))
            wait_for(lambda: scheduled.value("SELECT count(*) FROM later WHERE id = %s", (10 * i + j,)), "the later commit")
            wait_for(lambda: scheduled.value("SELECT count(*) FROM pgtrickle.scheduler_jobs()") == 0, "the end of refreshes")

    def commit(i):
        """How often a session looked at a stream table until nothing is to be done any more."""
        rest(2 * i)
        before = looks()
        scheduled.execute("INSERT INTO t VALUES (%s, 1)", (1000 + i,))
        wait_for(lambda: scheduled.value("SELECT count(*) FROM s19 WHERE id = %s", (1000 + i,)), "the row")
        rest(2 * i + 1)
        return looks() - before

    commit(0)
    taken = [commit(i) for i in range(1, 4)]
    # two for each in the one refresh
    assert min(taken) < 60, taken
    scheduled.follows("s19")


def test_readers_that_no_commit_tells(scheduled):
    """Of what a recompute has changed its readers hear, whoever else is refreshed with it (rule H2)."""
    scheduled.source()
    scheduled.create("recomputed", "SELECT count(*) AS n FROM t", "1s", "FULL")
    scheduled.create("reader", "SELECT n FROM recomputed", "1s")
    scheduled.create("other", "SELECT n + 1 AS n FROM recomputed", "1s")
    for i in range(3):
        scheduled.execute("INSERT INTO t VALUES (%s, 1)", (1000 + i,))
        wait_for(lambda: scheduled.value("SELECT n FROM reader") == 11 + i, "the reader")
        wait_for(lambda: scheduled.value("SELECT n FROM other") == 12 + i, "the other one")
    scheduled.follows("reader")
    scheduled.follows("other")


def test_cycle(scheduled):
    """Two that read each other, with one above and one below: the scheduler refreshes them together."""
    scheduled.execute("SET pg_trickle.allow_circular = on")
    scheduled.execute("CREATE TABLE e (f int, t int)")
    scheduled.create("edge", "SELECT DISTINCT f, t FROM e", "calculated")
    scheduled.create("a", "SELECT f, t FROM edge UNION SELECT f, t FROM edge", "calculated")
    scheduled.create("b", "SELECT DISTINCT a.f, edge.t FROM a JOIN edge ON edge.f = a.t", "1s")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('a', query => "
                      "'SELECT f, t FROM edge UNION SELECT b.f, edge.t FROM b JOIN edge ON edge.f = b.t')")
    scheduled.create("above", "SELECT f, count(*) FROM b GROUP BY f", "1s")

    def right():
        return scheduled.value("""
            WITH RECURSIVE walk AS (SELECT f, t, true AS odd FROM e
                                    UNION SELECT w.f, e.t, NOT odd FROM walk AS w JOIN e ON e.f = w.t)
            SELECT NOT EXISTS (SELECT FROM (SELECT f, t, odd FROM walk) AS w
                                 FULL JOIN (SELECT f, t, true AS odd FROM a UNION ALL SELECT f, t, false FROM b) AS s USING (f, t, odd)
                                WHERE w.odd IS NULL OR s.odd IS NULL)""")

    for statement in ("INSERT INTO e SELECT i, i + 1 FROM generate_series(1, 20) AS i", "INSERT INTO e VALUES (21, 1)",
                      "DELETE FROM e WHERE f = 7", "UPDATE e SET t = 3 WHERE f = 12", "DELETE FROM e WHERE f > 18"):
        scheduled.execute(statement)
        wait_for(right, f"the cycle to follow {statement}")
        scheduled.follows("above")
    assert scheduled.value("SELECT count(DISTINCT xmin::text) = 1 FROM pgtrickle.pgt_stream_tables WHERE pgt_name IN ('a', 'b')")
    jobs = scheduled.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'SCHEDULER' AND fixpoint_iteration > 1")
    assert jobs > 0
    # one that is held holds the other one
    scheduled.execute("SELECT pgtrickle.gate_source('edge')")
    scheduled.execute("INSERT INTO e VALUES (100, 101), (101, 102)")
    wait_for(lambda: scheduled.value("SELECT count(*) FROM edge WHERE f >= 100") == 2, "what is not gated")
    wait_for(lambda: scheduled.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'SKIPPED'"), "the cycle to be skipped")
    assert scheduled.value("SELECT count(*) FROM a WHERE f >= 100") == 0
    scheduled.execute("SELECT pgtrickle.ungate_source('edge')")
    wait_for(right, "the cycle to follow again")


def test_endless_cycle(scheduled):
    """It is stopped, all of it, and tried again when something has changed."""
    scheduled.execute("SET pg_trickle.allow_circular = on")
    scheduled.execute("CREATE TABLE n (n int, up_to int)")
    scheduled.execute("INSERT INTO n VALUES (0, 10)")
    scheduled.create("a", "SELECT n, up_to FROM n", "1s")
    scheduled.create("b", "SELECT n + 1 AS n, up_to FROM a WHERE n < up_to", "1s")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('a', query => 'SELECT n, up_to FROM n UNION SELECT n, up_to FROM b')")
    assert scheduled.value("SELECT count(*) FROM a") == 11
    scheduled.execute("UPDATE n SET up_to = 1000000")
    wait_for(lambda: scheduled.status("a") == scheduled.status("b") == "ERROR", "both to be stopped")
    assert scheduled.value("SELECT max(n) FROM a") == 10, "nothing of it is kept"
    assert "after 100 rounds" in scheduled.value("SELECT last_error_message FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'b'")
    scheduled.execute("UPDATE n SET up_to = 20")
    for name in "a", "b":
        scheduled.execute("SELECT pgtrickle.alter_stream_table(%s, status => 'ACTIVE')", (name,))
    wait_for(lambda: scheduled.value("SELECT max(n) FROM a") == 20, "the end of it")


def test_prepared_transaction(scheduled):
    """Nobody tells of its end: COMMIT PREPARED may run where the library is not loaded."""
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    writer = scheduled.connect()
    writer.execute("BEGIN")
    writer.execute("INSERT INTO t VALUES (50, 1)")
    writer.execute("PREPARE TRANSACTION 'p'")
    writer.close()
    scheduled.execute("INSERT INTO t VALUES (51, 1)")
    wait_for(lambda: scheduled.value("SELECT n FROM s") == 11, "the other row")
    scheduled.execute("COMMIT PREPARED 'p'")
    scheduled.follows("s")


def test_changes_of_the_graph(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t", "1h")
    scheduled.create("canary", "SELECT count(*) AS n FROM t")
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    scheduled.follows("canary")
    assert scheduled.value("SELECT n FROM s") == 10, "an hour has not passed"
    scheduled.execute("SELECT pgtrickle.alter_stream_table('s', schedule => '1s')")
    scheduled.follows("s")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('s', tier => 'frozen')")
    scheduled.execute("INSERT INTO t VALUES (51, 1)")
    scheduled.follows("canary")
    assert scheduled.value("SELECT n FROM s") == 11, "it is frozen"
    scheduled.execute("SELECT pgtrickle.alter_stream_table('s', tier => 'hot')")
    scheduled.follows("s")
    scheduled.execute("DROP TABLE canary")
    scheduled.create("canary", "SELECT sum(n) FROM t")
    scheduled.execute("INSERT INTO t VALUES (52, 1)")
    scheduled.follows("canary")
    scheduled.follows("s")


def test_dropped_before_its_refresh_begins(scheduled):
    """What was to be refreshed with it is refreshed without it."""
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t", "1h")
    scheduled.create("above", "SELECT n FROM s", "1s")
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    scheduled.follows("above")
    held = wait_for(scheduled.hold_workers, "idle workers")
    try:
        scheduled.execute("INSERT INTO t VALUES (51, 1)")
        wait_for(lambda: scheduled.value("SELECT count(*) FROM pgtrickle.scheduler_jobs() WHERE stream_table = 'above'::regclass"
                                         " AND member_count = 2 AND worker_pid = ANY (%s)", (held,)), "the job")
        scheduled.execute("SELECT pgtrickle.drop_stream_table('above')")
    finally:
        send(signal.SIGCONT, held)
    scheduled.execute("SELECT pgtrickle.alter_stream_table('s', schedule => '1s')")
    scheduled.follows("s")


def test_pause_all(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.create("suspended", "SELECT count(*) AS n FROM t")
    scheduled.execute("INSERT INTO t VALUES (49, 1)")
    # by then none of them is being refreshed
    scheduled.follows("s")
    scheduled.follows("suspended")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('suspended', status => 'SUSPENDED')")
    scheduled.execute("SELECT pgtrickle.pause_all()")
    scheduled.create("canary", "SELECT count(*) AS n FROM t")
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    scheduled.follows("canary")
    assert scheduled.value("SELECT n FROM s") == 11
    scheduled.execute("SELECT pgtrickle.resume_all()")
    scheduled.follows("s")
    assert scheduled.status("suspended") == "SUSPENDED"
    assert scheduled.value("SELECT n FROM suspended") == 11
    scheduled.execute("SELECT pgtrickle.resume_stream_table('suspended')")
    scheduled.follows("suspended")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="not suspended"):
        scheduled.execute("SELECT pgtrickle.resume_stream_table('suspended')")


def test_own_error_stops_it_alone(scheduled):
    scheduled.source()
    scheduled.execute("SET pg_trickle.volatile_function_policy = 'allow'")
    scheduled.create("bad", "SELECT 10 / n AS q FROM t")
    scheduled.create("above", "SELECT count(*) AS n FROM bad", "calculated")
    scheduled.create("good", "SELECT count(*) AS n FROM t")
    listener = scheduled.connect()
    listener.execute("LISTEN pg_trickle_alert")
    scheduled.execute("INSERT INTO t VALUES (50, 0)")
    scheduled.follows("good")
    wait_for(lambda: scheduled.status("bad") == "ERROR", "the error")
    assert "division by zero" in scheduled.value("SELECT last_error_message FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'bad'")
    assert scheduled.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'") == 1
    assert scheduled.status("above") == "ACTIVE"
    events = [n.payload for n in listener.notifies(timeout=10, stop_after=1)]
    assert '"event": "refresh_failed"' in events[0] and '"pgt_name": "bad"' in events[0]
    scheduled.execute("DELETE FROM t WHERE n = 0")
    scheduled.execute("SELECT pgtrickle.resume_stream_table('bad')")
    scheduled.follows("bad")
    scheduled.execute("INSERT INTO t VALUES (60, 5)")
    scheduled.follows("bad")
    scheduled.follows("above")


def test_counted_errors_suspend(scheduled):
    """An error that may pass by itself is tried again, so often and no oftener."""
    scheduled.source()
    scheduled.execute("CREATE FUNCTION moody(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                      " $$ BEGIN IF $1 = 0 THEN RAISE 'in a mood' USING ERRCODE = 'XX001'; END IF; RETURN $1; END $$")
    scheduled.create("s", "SELECT moody(n) AS n FROM t")
    scheduled.execute("INSERT INTO t VALUES (50, 0)")
    wait_for(lambda: scheduled.status("s") == "SUSPENDED", "the suspension")
    assert scheduled.value("SELECT consecutive_errors FROM pgtrickle.pgt_stream_tables") == 3
    scheduled.execute("DELETE FROM t WHERE n = 0")
    scheduled.execute("SELECT pgtrickle.resume_stream_table('s')")
    scheduled.follows("s")
    assert scheduled.value("SELECT consecutive_errors FROM pgtrickle.pgt_stream_tables") == 0


def test_lock_of_a_user_is_no_error_of_its_own(scheduled):
    scheduled.execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.max_consecutive_errors = 2")
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    holder = scheduled.connect(autocommit=False)
    holder.execute("LOCK TABLE s IN ACCESS EXCLUSIVE MODE")
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    # oftener than errors of its own may happen
    before = scheduled.server.log.read_text().count("lock timeout")
    wait_for(lambda: scheduled.server.log.read_text().count("lock timeout") >= before + 3, "three tries")
    holder.rollback()
    assert scheduled.status("s") == "ACTIVE"
    scheduled.follows("s")


def test_manual_refresh_that_rolls_back(scheduled):
    """What another session has begun, and undone, is still to be done (rule H2)."""
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    other = scheduled.connect(autocommit=False)
    other.execute("INSERT INTO t VALUES (49, 1)")
    other.execute("SELECT pgtrickle.refresh_stream_table('s')")
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    other.rollback()
    scheduled.follows("s")


def test_terminated_scheduler_comes_back(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    for i in range(3):
        pid = wait_for(scheduled.pid, "the scheduler")
        scheduled.execute("SELECT pg_terminate_backend(%s)", (pid,))
        scheduled.execute("INSERT INTO t VALUES (%s, 1)", (50 + i,))
        wait_for(lambda: scheduled.pid() not in (None, pid), "another one")
        scheduled.follows("s")


def test_database_can_be_dropped_and_copied(running):
    """Nobody but us is connected, and we leave (rule J25)."""
    database = Scheduled(running)
    database.source()
    database.create("s", "SELECT count(*) AS n FROM t")
    database.execute("CREATE FUNCTION sleepy(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                     " $$ BEGIN IF $1 = 77 THEN PERFORM pg_sleep(20); END IF; RETURN $1; END $$")
    database.create("long", "SELECT sleepy(n) AS n FROM t")
    wait_for(database.pid, "the scheduler")
    # a refresh is no reason to wait
    database.execute("INSERT INTO t VALUES (77, 77)")
    wait_for(lambda: "long" in at_work(database), "the refresh")
    database.execute("DELETE FROM t WHERE id = 77")
    database.close()
    with running.connect() as admin:
        admin.execute(f"CREATE DATABASE copied TEMPLATE {database.name}")
        admin.execute(f"DROP DATABASE {database.name}")
    copy = running.connect("copied")
    copy.execute("INSERT INTO t VALUES (50, 1)")
    # nobody told of this database: the launcher finds it, and the copy recomputes
    wait_for(lambda: copy.execute("SELECT n FROM s").fetchone()[0] == 11, "the copy to follow", 40)
    copy.close()
    with running.connect() as admin:
        admin.execute("DROP DATABASE copied")


def test_database_can_be_renamed_and_moved(running):
    """For these, too, our processes count as users of the database (rule J25)."""
    database = Scheduled(running)
    database.source()
    database.create("s", "SELECT count(*) AS n FROM t")
    wait_for(database.pid, "the scheduler")
    database.close()
    place = running.dir / "place"
    _as_pg(["mkdir", str(place)])
    with running.connect() as admin:
        admin.execute(f"ALTER DATABASE {database.name} RENAME TO renamed")
        database.conn = running.connect("renamed")
        database.execute("INSERT INTO t VALUES (50, 1)")
        database.follows("s")
        database.conn.close()
        admin.execute(f"CREATE TABLESPACE place LOCATION '{place}'")
        admin.execute("ALTER DATABASE renamed SET TABLESPACE place")
        database.conn = running.connect("renamed")
        database.execute("INSERT INTO t VALUES (51, 1)")
        database.follows("s")
        database.conn.close()
        admin.execute("DROP DATABASE renamed")
        admin.execute("DROP TABLESPACE place")


def test_owner_that_cannot_log_in(scheduled):
    """Workers connect as the bootstrap superuser and become the owner of what they refresh (rule J23)."""
    owner = f"owner_{scheduled.name}"
    scheduled.execute(f"CREATE ROLE {owner} NOLOGIN")
    scheduled.execute(f"GRANT CREATE ON SCHEMA public TO {owner}")
    scheduled.execute(f"SET ROLE {owner}")
    scheduled.source()
    scheduled.execute("CREATE FUNCTION who() RETURNS text STABLE LANGUAGE sql AS 'SELECT current_user::text'")
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.create("whose", "SELECT who() AS who, count(*) AS n FROM t")
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    scheduled.follows("s")
    scheduled.execute("RESET ROLE")
    wait_for(lambda: scheduled.rows("SELECT who, n FROM whose") == [(owner, 11)], "the other one")
    processes = ("SELECT DISTINCT usename FROM pg_stat_activity WHERE backend_type IN ('pg_trickle worker', 'pg_trickle scheduler')"
                 " AND datname = current_database()")
    assert scheduled.rows(processes) == [(scheduled.value("SELECT rolname FROM pg_roles WHERE oid = 10"),)]


def times_on_cpu(process):
    """How often it has been given a CPU, as after each of its sleeps."""
    return int(pathlib.Path(f"/proc/{process}/schedstat").read_text(encoding="ascii").split()[2])


def test_objects_of_another_version(scheduled, running):
    """Between new files and ALTER EXTENSION UPDATE nothing fails, and nothing is refreshed (rule J28)."""
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    pid = wait_for(scheduled.pid, "the scheduler")
    said = running.log.read_text(errors="replace").count("refreshes wait for ALTER EXTENSION")
    version = scheduled.value("SELECT extversion FROM pg_extension WHERE extname = 'pg_trickle'")
    update = "UPDATE pg_extension SET extversion = %s WHERE extname = 'pg_trickle'"
    scheduled.execute(update, ("0.0.1",))
    # it looks again since the graph has changed
    scheduled.create("late", "SELECT n FROM t")
    wait_for(lambda: running.log.read_text(errors="replace").count("refreshes wait for ALTER EXTENSION") > said, "the next one to wait")
    assert not scheduled.value("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", (pid,))
    assert scheduled.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker' AND datname = current_database()") == 0
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    scheduled.execute("SELECT pgtrickle.refresh_stream_table('late')")
    scheduled.assert_fresh("late")
    # it has looked, more than once, and has not refreshed
    waiting = scheduled.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle scheduler' AND datname = current_database()")
    before = times_on_cpu(waiting)
    wait_for(lambda: times_on_cpu(waiting) >= before + 2, "it to look twice")
    assert scheduled.value("SELECT n FROM s") == 10
    scheduled.execute(update, (version,))
    scheduled.follows("s")
    scheduled.follows("late")
    assert scheduled.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'") == 0


def test_extension_dropped_and_created_again(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    pid = wait_for(scheduled.pid, "the scheduler")
    scheduled.execute("DROP EXTENSION pg_trickle CASCADE")
    wait_for(lambda: not scheduled.value("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", (pid,)), "its end")
    scheduled.execute("DROP TABLE IF EXISTS s")
    scheduled.execute("CREATE EXTENSION pg_trickle")
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    scheduled.follows("s")


def test_nothing_to_do_needs_no_process(scheduled):
    wait_for(lambda: scheduled.pid() is None, "its end")
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    scheduled.execute("INSERT INTO t VALUES (50, 1)")
    scheduled.follows("s")
    scheduled.execute("SELECT pgtrickle.drop_stream_table('s')")
    wait_for(lambda: scheduled.pid() is None, "its end")


def test_switched_off_and_on(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    wait_for(scheduled.pid, "the scheduler")
    scheduled.execute("ALTER SYSTEM SET pg_trickle.enabled = off")
    try:
        scheduled.server.reload()
        wait_for(lambda: scheduled.connect().execute("SHOW pg_trickle.enabled").fetchone()[0] == "off", "the setting")
        scheduled.execute("INSERT INTO t VALUES (50, 1)")
    finally:
        scheduled.execute("ALTER SYSTEM RESET pg_trickle.enabled")
        scheduled.server.reload()
    scheduled.follows("s")


def test_without_preload(make_server):
    """The first stream table starts the launcher; after a restart of the server one call does."""
    server = make_server(conf={"pg_trickle.enabled": "on"})
    # there is room for few databases then: those that are gone must not take it
    for _ in range(20):
        gone = Scheduled(server)
        gone.execute("CREATE TABLE t (id int)")
        gone.create("s", "SELECT count(*) AS n FROM t", "1h")
        gone.drop()
    database = Scheduled(server)
    database.source()
    database.create("s", "SELECT count(*) AS n FROM t")
    database.execute("INSERT INTO t VALUES (50, 1)")
    database.follows("s")
    server.restart()
    database.reconnect()
    database.execute("INSERT INTO t VALUES (51, 1)")
    assert database.pid() is None
    database.execute("SELECT pgtrickle.start_scheduler()")
    database.follows("s")


def test_writers_and_the_scheduler(scheduled):
    """Eight writers with rollbacks and savepoints; at the end everything is there."""
    scheduled.source()
    scheduled.create("groups", "SELECT n % 7 AS k, count(*), sum(n), max(n) FROM t GROUP BY 1")
    scheduled.create("above", "SELECT count(*) AS k, sum(count) FROM groups")

    def write(number):
        with scheduled.server.connect(scheduled.name, autocommit=False) as conn:
            for i in range(150):
                conn.execute("SAVEPOINT a")
                conn.execute("INSERT INTO t VALUES (%s, %s)", (1000 * number + i, i))
                if i % 3 == 0:
                    conn.execute("ROLLBACK TO a")
                conn.execute("UPDATE t SET n = n + 1 WHERE id = %s", (1000 * number + i - 2,))
                conn.rollback() if i % 5 == 0 else conn.commit()

    writers = [threading.Thread(target=write, args=(n,)) for n in range(1, 9)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    scheduled.follows("groups")
    scheduled.follows("above")
    assert scheduled.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE was_full_fallback") == 0


SLOW = ("CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " $$ BEGIN IF $1 < 0 THEN PERFORM pg_advisory_xact_lock_shared(-$1); END IF; RETURN $1; END $$")


def at_work(database):
    """Stream tables that are being refreshed now."""
    return {row[0].rsplit(".", 1)[1] for row in database.rows(
        "SELECT query FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker' AND state = 'active'"
        " AND datname = current_database()")}


def test_independent_ones_at_the_same_time(scheduled):
    """Three that wait for the same, and one over another that is not done."""
    scheduled.source()
    scheduled.execute(SLOW)
    # locks of the test are not what is meant to time out
    scheduled.execute("CREATE TABLE gate (n int)")
    for name in "abc":
        scheduled.create(name, "SELECT slow(n) AS n FROM t")
    scheduled.create("over_a", "SELECT count(*) AS n FROM a")
    scheduled.follows("over_a")
    holder = scheduled.connect(autocommit=False)
    holder.execute("SELECT pg_advisory_xact_lock(7)")
    scheduled.execute("INSERT INTO t VALUES (50, -7)")
    # a lock that is not had in time is tried for again: they meet sooner or later
    wait_for(lambda: len(at_work(scheduled) - {"over_a"}) >= 2, "two at the same time")
    holder.rollback()
    for name in ("a", "b", "c", "over_a"):
        scheduled.follows(name)


def test_refresh_gives_way(scheduled):
    """Who wants to alter a source does not wait for a refresh of a hundred seconds (rule K12)."""
    scheduled.source()
    scheduled.execute("CREATE FUNCTION sleepy(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                      " $$ BEGIN IF $1 = 77 THEN PERFORM pg_sleep(100); END IF; RETURN $1; END $$")
    scheduled.create("s", "SELECT sleepy(n) AS n FROM t")
    scheduled.execute("INSERT INTO t VALUES (50, 77)")
    wait_for(lambda: at_work(scheduled) == {"s"}, "the refresh")
    began = time.monotonic()
    with scheduled.connect(autocommit=False) as conn:
        conn.execute("ALTER TABLE t ADD COLUMN more int")
        assert time.monotonic() - began < 60, "the refresh did not give way"
        conn.execute("UPDATE t SET n = 78 WHERE n = 77")
        conn.commit()
    assert scheduled.status("s") == "ACTIVE"
    scheduled.follows("s")


def test_terminated_worker(scheduled):
    scheduled.source()
    scheduled.create("s", "SELECT count(*) AS n FROM t")
    for i in range(3):
        scheduled.execute("INSERT INTO t VALUES (%s, 1)", (50 + i,))
        scheduled.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker'"
                          " AND datname = current_database()")
        scheduled.follows("s")
    assert scheduled.status("s") == "ACTIVE"


@pytest.mark.parametrize("settings", [{"max_worker_processes": "3"}, {"pg_trickle.parallel_refresh_mode": "off"}])
def test_without_workers(make_server, settings):
    """Without room for a worker, or without leave to use any, the scheduler does it."""
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on", **settings})
    database = Scheduled(server)
    database.source()
    database.create("a", "SELECT n % 3 AS k, count(*) FROM t GROUP BY 1", "calculated")
    database.create("b", "SELECT count(*) AS n FROM a")
    for i in range(5):
        database.execute("INSERT INTO t VALUES (%s, %s)", (50 + i, i))
        database.follows("a")
        database.follows("b")
    assert database.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker'") == 0
