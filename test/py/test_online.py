"""Stream tables made while their sources are being written (src/api/online.c)."""
import threading
import time

import psycopg
import pytest

from conftest import wait_for
from test_scheduler import Scheduled, running, scheduled  # noqa: F401


@pytest.fixture
def table(db):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    db.execute("INSERT INTO t SELECT x, x % 3 FROM generate_series(1, 30) AS x")
    return db


class Creation(threading.Thread):
    """A creation in a session of its own, that stops in its fill while "holder" has the lock."""

    def __init__(self, db, name="s", query="SELECT id, pause(n) AS n FROM t", settings=()):
        super().__init__()
        self.db, self.error = db, None
        self.conn = db.connect()
        self.notices = []
        self.conn.add_notice_handler(lambda notice: self.notices.append(notice.message_primary))
        for setting in settings:
            self.conn.execute(setting)
        self.call = ("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')", (name, query))
        self.start()

    def run(self):
        try:
            self.conn.execute(*self.call)
        except psycopg.Error as error:
            self.error = error

    def waits_in_fill(self):
        wait_for(lambda: self.db.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s AND objid = 8 AND objsubid = 1",
                                       (self.conn.info.backend_pid,)), "the fill")

    def end(self):
        self.join()
        if self.error:
            raise self.error


@pytest.fixture
def paused(table):
    """A function in a query, and who holds what it waits for."""
    table.execute("CREATE FUNCTION pause(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
                  " 'BEGIN PERFORM pg_advisory_xact_lock_shared(8); RETURN $1; END'")
    holder = table.connect()
    holder.execute("BEGIN; SELECT pg_advisory_xact_lock(8)")
    return holder


def captured(db):
    return db.value("SELECT count(*) FROM pgtrickle.pgt_change_tracking"), \
        db.value("SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass AND tgisinternal")


def installers(db):
    return db.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle installer' AND datname = current_database()")


def test_writers_do_not_wait_for_the_fill(table, paused):
    creation = Creation(table)
    creation.waits_in_fill()
    table.execute("SET lock_timeout = '10s'")
    table.execute("INSERT INTO t VALUES (100, 1)")
    table.execute("UPDATE t SET n = n + 1 WHERE id < 4")
    table.execute("DELETE FROM t WHERE id = 30")
    paused.execute("COMMIT")
    creation.end()
    assert not [notice for notice in creation.notices if "wait" in notice]
    # what was written meanwhile comes with the first refresh, not with a recompute
    assert table.value("SELECT count(*) FROM s") == 30
    table.execute("SELECT pgtrickle.refresh_stream_table('s')")
    table.assert_fresh("s")
    assert not table.rows("SELECT refresh_reason FROM pgtrickle.pgt_refresh_history WHERE was_full_fallback")


def test_two_at_the_same_time(table, paused):
    """The second finds the capture of the first, which has no consumer yet, and may go while the first needs it."""
    first = Creation(table)
    first.waits_in_fill()
    table.execute("INSERT INTO t VALUES (100, 1)")
    second = Creation(table, "s2", "SELECT id FROM t")
    second.end()
    table.execute("DELETE FROM t WHERE id < 10")
    # nothing that the first will read goes with the second
    table.execute("SELECT pgtrickle.refresh_stream_table('s2')")
    table.assert_fresh("s2")
    table.execute("SELECT pgtrickle.drop_stream_table('s2')")
    table.execute("UPDATE t SET n = 7 WHERE id = 20")
    paused.execute("COMMIT")
    first.end()
    table.execute("SELECT pgtrickle.refresh_stream_table('s')")
    table.assert_fresh("s")
    assert not table.rows("SELECT refresh_reason FROM pgtrickle.pgt_refresh_history WHERE was_full_fallback")


def test_what_a_failed_one_leaves_goes_with_the_next(table, paused):
    table.execute("CREATE TABLE u (a int)")
    creation = Creation(table)
    creation.waits_in_fill()
    # as long as it is under way nobody takes it for one that has failed
    table.execute("SELECT pgtrickle.create_stream_table('v', 'SELECT a FROM u')")
    assert captured(table) == (2, 5)
    table.execute("SELECT pg_cancel_backend(%s)", (creation.conn.info.backend_pid,))
    with pytest.raises(psycopg.errors.QueryCanceled):
        creation.end()
    assert captured(table) == (2, 5)
    table.execute("DROP TABLE IF EXISTS s")
    table.execute("CREATE TABLE w (a int)")
    table.execute("SELECT pgtrickle.create_stream_table('x', 'SELECT a FROM w')")
    assert captured(table) == (2, 0)
    for name in "v", "x":
        table.assert_fresh(name)


def test_scheduler_removes_what_a_failed_one_leaves(scheduled):  # noqa: F811
    scheduled.source()
    scheduled.execute("CREATE TABLE u (a int)")
    scheduled.create("s", "SELECT a FROM u")
    wait_for(scheduled.pid, "the scheduler")
    with pytest.raises(psycopg.errors.DivisionByZero):
        scheduled.create("bad", "SELECT 1 / (n - n) AS n FROM t")
    wait_for(lambda: captured(scheduled) == (1, 0), "capture of t to go")
    scheduled.follows("s")


def test_waits_for_a_writer_without_stopping_others(table):
    writer = table.connect()
    writer.execute("BEGIN; INSERT INTO t VALUES (100, 1)")
    creation = Creation(table, query="SELECT n, count(*) AS c FROM t GROUP BY n")
    wait_for(lambda: table.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle installer'"
                                 " AND query LIKE %s", (f"waiting for process {writer.info.backend_pid} %",)), "the installer")
    # each of them would wait for as long as "writer" is open if somebody queued for the lock before
    table.execute("SET lock_timeout = '10s'")
    for i in range(5):
        table.execute("INSERT INTO t VALUES (%s, 2)", (200 + i,))
    writer.execute("COMMIT")
    creation.end()
    table.execute("INSERT INTO t VALUES (300, 2)")
    table.execute("SELECT pgtrickle.refresh_stream_table('s')")
    table.assert_fresh("s")


def test_gives_up_and_names_who_is_in_the_way(table):
    writer = table.connect()
    writer.execute("BEGIN; INSERT INTO t VALUES (100, 1)")
    call = "SELECT pgtrickle.create_stream_table('s', 'SELECT id FROM t')"
    table.execute("SET lock_timeout = '500ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable) as error:
        table.execute(call)
    assert error.value.diag.message_primary == 'could not lock table "t" against writers to install change capture'
    assert error.value.diag.message_detail == f"It is locked by process {writer.info.backend_pid}."
    writer.execute("PREPARE TRANSACTION 'left'")
    with pytest.raises(psycopg.errors.LockNotAvailable) as error:
        table.execute(call)
    assert error.value.diag.message_detail == 'It is locked by prepared transaction "left".'
    assert captured(table) == (0, 0)
    table.execute("ROLLBACK PREPARED 'left'")
    table.execute(call)
    table.assert_fresh("s")


class Concurrently(threading.Thread):
    """CREATE INDEX CONCURRENTLY on the table."""

    def __init__(self, db):
        super().__init__()
        self.db, self.error = db, None
        self.conn = db.connect()
        self.start()

    def run(self):
        try:
            self.conn.execute("CREATE INDEX CONCURRENTLY t_n ON t (n)")
        except psycopg.Error as error:
            self.error = error

    def waits(self):
        wait_for(lambda: self.db.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s", (self.conn.info.backend_pid,)),
                 "CREATE INDEX CONCURRENTLY to wait")


def test_index_that_is_being_made(table):
    """CREATE INDEX CONCURRENTLY has begun before, and waits for somebody else: the creation waits for it."""
    holder = table.connect()
    holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
    index = Concurrently(table)
    index.waits()
    creation = Creation(table, query="SELECT n, count(*) AS c FROM t GROUP BY n")
    wait_for(lambda: table.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle installer'"
                                 " AND query LIKE %s", (f"waiting for process {index.conn.info.backend_pid} %",)), "the installer")
    table.execute("INSERT INTO t VALUES (100, 1)")
    holder.execute("COMMIT")
    index.join()
    assert index.error is None
    creation.end()
    table.execute("INSERT INTO t VALUES (101, 1)")
    table.execute("SELECT pgtrickle.refresh_stream_table('s')")
    table.assert_fresh("s")


def test_index_that_waits_for_the_creation(table):
    """
    CREATE INDEX CONCURRENTLY waits for the snapshot of the creation, which waits for the lock that the former has: the
    creation gives up and names it, long before PostgreSQL would find a victim (rule K29).
    """
    writer = table.connect()
    writer.execute("BEGIN; INSERT INTO t VALUES (100, 1)")
    creation = Creation(table, query="SELECT n, count(*) AS c FROM t GROUP BY n")
    wait_for(lambda: table.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle installer'"
                                 " AND query LIKE %s", (f"waiting for process {writer.info.backend_pid} %",)), "the installer")
    index = Concurrently(table)
    index.waits()
    began = time.monotonic()
    writer.execute("COMMIT")
    creation.join()
    index.join()
    assert time.monotonic() - began < 30
    assert index.error is None
    assert isinstance(creation.error, psycopg.errors.LockNotAvailable), creation.error
    assert creation.error.diag.message_primary == 'could not lock table "t" against writers to install change capture'
    assert creation.error.diag.message_detail == f"It is locked by process {index.conn.info.backend_pid}."
    assert captured(table) == (0, 0)
    table.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT n, count(*) AS c FROM t GROUP BY n')")
    table.execute("UPDATE t SET n = 5 WHERE id < 5")
    table.execute("SELECT pgtrickle.refresh_stream_table('s')")
    table.assert_fresh("s")


def test_cancelled_while_it_waits(table):
    writer = table.connect()
    writer.execute("BEGIN; INSERT INTO t VALUES (100, 1)")
    creation = Creation(table, query="SELECT id FROM t")
    wait_for(lambda: table.value("SELECT query FROM pg_stat_activity WHERE backend_type = 'pg_trickle installer' AND state = 'active'"), "the installer")
    assert table.value("SELECT active_workers FROM pgtrickle.metrics_summary()") == 0, "it refreshes nothing"
    table.execute("SELECT pg_cancel_backend(%s)", (creation.conn.info.backend_pid,))
    with pytest.raises(psycopg.errors.QueryCanceled):
        creation.end()
    wait_for(lambda: not installers(table), "the installer to end")
    writer.execute("COMMIT")
    assert captured(table) == (0, 0)


def test_installer_dies(table):
    writer = table.connect()
    writer.execute("BEGIN; INSERT INTO t VALUES (100, 1)")
    creation = Creation(table, query="SELECT id FROM t")
    wait_for(lambda: installers(table), "the installer")
    table.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle installer'")
    # in its own transaction then
    wait_for(lambda: table.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass AND pid = %s",
                                 (creation.conn.info.backend_pid,)), "the creation to wait itself")
    writer.execute("COMMIT")
    creation.end()
    assert any("wait until this transaction ends" in notice for notice in creation.notices)
    table.assert_fresh("s")


def test_transaction_that_has_written(table):
    notices = []
    table.conn.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    with table.conn.transaction():
        table.execute("INSERT INTO t VALUES (100, 1)")
        table.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT id FROM t')")
        assert 'writers of the sources of "s" wait until this transaction ends' in notices
        notices.clear()
        # what it has captured itself, it need not again
        table.execute("SELECT pgtrickle.create_stream_table('s2', 'SELECT id + 1 AS id FROM t')")
        assert not [notice for notice in notices if "wait" in notice]
    for name in "s", "s2":
        table.assert_fresh(name)


def test_transaction_that_has_locked(table):
    with table.conn.transaction():
        table.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
        table.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT id FROM t')")
        assert table.value("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 't'::regclass"
                           " AND mode = 'ShareRowExclusiveLock'") == 1
    table.assert_fresh("s")


def test_rights_are_those_of_the_caller(table):
    table.execute("CREATE ROLE online_reader")
    try:
        table.execute("GRANT SELECT ON t TO online_reader; GRANT CREATE ON SCHEMA public TO online_reader; SET ROLE online_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            table.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT id FROM t', refresh_mode => 'DIFFERENTIAL')")
        table.execute("RESET ROLE; GRANT TRIGGER ON t TO online_reader; SET ROLE online_reader")
        table.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT id FROM t', refresh_mode => 'DIFFERENTIAL')")
        table.assert_fresh("s")
    finally:
        table.execute("RESET ROLE; DROP OWNED BY online_reader CASCADE; DROP ROLE online_reader")


def test_no_process_is_free(make_server):
    server = make_server(conf={"max_worker_processes": "0", "max_parallel_workers": "0", "pg_trickle.enabled": "off"})
    database = Scheduled(server)
    database.source()
    notices = []
    database.conn.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    database.create("s", "SELECT id FROM t")
    assert 'writers of the sources of "s" wait until this transaction ends' in notices
    database.assert_fresh("s")
    database.drop()
