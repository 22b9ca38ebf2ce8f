"""Crashes: what was acknowledged is in the table and in the stream table, once.

Two sources take the same changes from writers that never pause, and keep in
this process what the server has acknowledged. One source has a change log that
is logged, the other an unlogged one. In each round a refresh of either is
stopped at the same stop point of src/util/fault.h. While they stand there the
writers go on; then the server dies: by SIGKILL to those two backends, whereupon
the postmaster restarts all others, or to every process as in a power cut.

PGT_CRASH_ROUNDS    rounds (default 100); all stop points are taken in turn
"""
import itertools
import os
import random
import re
import signal
import threading
import time

import psycopg

from conftest import TOP, check_fresh, create_faulty_extension

ROUNDS = int(os.environ.get("PGT_CRASH_ROUNDS", "100"))
WRITERS = 2
KINDS = ("logged", "unlogged")
QUERIES = {
    "rows": "SELECT id, g, n FROM {}_t WHERE g <> 3",
    "sum": "SELECT g, count(*) AS c, sum(n) AS s, max(id) AS m FROM {}_t GROUP BY g",
    "top": "SELECT c % 2 AS odd, sum(s) AS s FROM {}_sum GROUP BY c % 2",
    "all": "SELECT g, count(*) AS c FROM (SELECT g FROM {0}_t UNION ALL SELECT g FROM {0}_u) AS x GROUP BY g",
}
REFRESHED = ("top", "rows", "all")      # "top" takes "sum" along
# Only a recompute comes here.
RECOMPUTING = ("state emptied", "recomputed")
PATIENCE = 60


def stop_points():
    found = {name for path in sorted((TOP / "src").rglob("*.c"))
             for name in re.findall(r'ST_STOP_POINT\("([^"]+)"\)', path.read_text())
             # no refresh by hand comes there
             if not name.startswith("scheduler") and name != "source altered"}
    assert "changes captured" in found and "frontiers written" in found
    return sorted(found)


class Acknowledged:
    """Counts what the server has acknowledged, for those who wait for it."""

    def __init__(self):
        self.condition = threading.Condition()
        self.count = 0

    def add(self):
        with self.condition:
            self.count += 1
            self.condition.notify_all()

    def wait_for_more(self, n):
        with self.condition:
            wanted = self.count + n
            assert self.condition.wait_for(lambda: self.count >= wanted, PATIENCE), "the writers stand still"


class Writer:
    """Knows the rows that it has written, as acknowledged, and as they are if
    the COMMIT whose answer never came took place."""

    def __init__(self, number):
        self.number = number
        self.random = random.Random(number)
        self.next_id = number * 10**9
        self.rows = {}
        self.in_doubt = None

    def transaction(self, conn, acknowledged):
        r = self.random
        rows = dict(self.rows)

        def both(statement, *parameters):
            for kind in KINDS:
                conn.execute(statement.format(kind), parameters)

        for _ in range(r.randint(1, 3)):
            self.next_id += 1
            row = (r.randrange(5), r.choice(["1", "1.0", "1.00", "2.5", "0.000", "-3"]))
            rows[self.next_id] = row
            both("INSERT INTO {}_t (id, g, n) VALUES (%s, %s, %s)", self.next_id, *row)
        if self.rows and r.random() < 0.3:
            victim = r.choice(list(self.rows))
            rows[victim] = ((self.rows[victim][0] + 1) % 5, self.rows[victim][1])
            both("UPDATE {}_t SET g = %s WHERE id = %s", rows[victim][0], victim)
        if r.random() < 0.2:
            conn.execute("SAVEPOINT s")
            both("UPDATE {}_t SET g = 4 WHERE id > %s AND id < %s", self.number * 10**9, (self.number + 1) * 10**9)
            conn.execute("ROLLBACK TO s")
        while len(rows) > 40:
            victim = r.choice(list(rows))
            del rows[victim]
            both("DELETE FROM {}_t WHERE id = %s", victim)
        if r.random() < 0.1:
            conn.rollback()
            return
        self.in_doubt = rows
        conn.commit()
        self.rows, self.in_doubt = rows, None
        acknowledged.add()

    def run(self, dsn, stop, acknowledged):
        try:
            with psycopg.connect(dsn) as conn:
                while not stop.is_set():
                    self.transaction(conn, acknowledged)
        except psycopg.OperationalError:
            assert not stop.is_set()

    def settle(self, tables):
        """After a crash: all that was acknowledged, and nothing else but, as a whole,
        the transaction in doubt; in both tables."""
        lo, hi = self.number * 10**9, (self.number + 1) * 10**9
        have = [{i: row for i, row in table.items() if lo <= i < hi} for table in tables]
        assert have[0] == have[1], "a transaction was committed by halves"
        assert have[0] in (self.rows, self.in_doubt), (
            f"of writer {self.number} the server has {have[0]}\nacknowledged: {self.rows}\nin doubt: {self.in_doubt}")
        self.rows, self.in_doubt = have[0], None


class Victim(threading.Thread):
    """A session that runs into a stop point."""

    def __init__(self, dsn, kind, point, acknowledged):
        super().__init__()
        self.kind, self.point, self.acknowledged = kind, point, acknowledged
        self.error = None
        self.told = threading.Event()
        self.conn = psycopg.connect(dsn, autocommit=True)
        self.conn.execute("SELECT set_config('pg_trickle.fault', %s, false)", (f"small segments;stop {point}",))
        self.pid = self.conn.info.backend_pid
        self.conn.add_notice_handler(self.notice)
        self.start()

    def notice(self, notice):
        if notice.message_primary == f"stopping at \"{self.point}\"":
            self.told.set()

    def run(self):
        try:
            while True:
                if self.point == "changes captured":
                    self.conn.execute(f"INSERT INTO {self.kind}_t (id, g, n) VALUES (-1, 1, 1)")
                    raise AssertionError("capture did not stop")
                if self.point in RECOMPUTING:
                    self.conn.execute(f"TRUNCATE {self.kind}_u")
                for name in REFRESHED:
                    self.conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", (f"{self.kind}_{name}",))
                self.acknowledged.wait_for_more(3)
        except psycopg.OperationalError:
            pass
        except Exception as e:      # raised by wait_until_stopped()
            self.error = e
            self.told.set()

    def wait_until_stopped(self):
        """It tells that it will do nothing any more but stop itself."""
        assert self.told.wait(PATIENCE), f"{self.kind}: \"{self.point}\" was not reached in {PATIENCE} s"
        assert self.error is None, f"{self.kind}: \"{self.point}\" was not reached: {self.error}"


def connect_again(dsn):
    """A server that recovers refuses connections; nothing else tells when it is done."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return psycopg.connect(dsn, autocommit=True)
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "the server did not come back"


def test_unlogged_log_is_filled_again(make_server):
    """A mark of before the crash is no mark in the log that the crash emptied."""
    server = make_server()
    with server.connect() as conn:
        conn.execute("CREATE DATABASE crash")
    many = "INSERT INTO t SELECT x, repeat('x', 1000) FROM generate_series(%s::int, %s) AS x"
    with server.connect("crash") as conn:
        conn.execute("CREATE EXTENSION pg_trickle; SET pg_trickle.unlogged_buffers = on; CREATE TABLE t (id int, pad text)")
        conn.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT id, pad FROM t', refresh_mode => 'DIFFERENTIAL')")
        conn.execute(many, (1, 100))
        conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
    server.kill9()
    server.start()
    with server.connect("crash") as conn:
        conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
        conn.execute(many, (101, 400))
        conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
        check_fresh(conn, "s")
        runs = conn.execute("SELECT action, refresh_reason IS NULL FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id").fetchall()
        assert runs == [("FULL", False), ("DIFFERENTIAL", True), ("FULL", False), ("DIFFERENTIAL", True)], runs


def prepare(server):
    with server.connect() as conn:
        conn.execute("CREATE DATABASE crash")
    create_faulty_extension(server, "crash")
    with server.connect("crash") as conn:
        for kind in KINDS:
            conn.execute(f"SET pg_trickle.unlogged_buffers = {'on' if kind == 'unlogged' else 'off'}")
            conn.execute(f"CREATE TABLE {kind}_t (id bigint PRIMARY KEY, g int, n numeric, pad text DEFAULT repeat('x', 300))")
            conn.execute(f"CREATE TABLE {kind}_u (g int)")
            conn.execute(f"INSERT INTO {kind}_u SELECT x % 7 FROM generate_series(1, 20) AS x")
            for name, query in QUERIES.items():
                conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')",
                             (f"{kind}_{name}", query.format(kind)))
        persistence = dict(conn.execute(
            "SELECT source::regclass::text, relpersistence FROM pgtrickle.change_log_segment JOIN pg_class ON pg_class.oid = log"))
        assert persistence["logged_t"] == "p" and persistence["unlogged_t"] == "u", persistence


def refresh_all(conn):
    """The runs that it took, by name of the stream table."""
    before = conn.execute("SELECT coalesce(max(refresh_id), 0) FROM pgtrickle.pgt_refresh_history").fetchone()[0]
    for kind in KINDS:
        for name in REFRESHED:
            conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", (f"{kind}_{name}",))
    runs = conn.execute("SELECT pgt_name, action, refresh_reason FROM pgtrickle.pgt_refresh_history"
                        " JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE refresh_id > %s", (before,)).fetchall()
    with conn.transaction():
        for kind in KINDS:
            for name in QUERIES:
                check_fresh(conn, f"{kind}_{name}", same_session=True)
    return {name: (action, reason) for name, action, reason in runs}


def check(dsn, writers, point):
    with connect_again(dsn) as conn:
        tables = [{i: (g, n) for i, g, n in conn.execute(f"SELECT id, g, n::text FROM {kind}_t")} for kind in KINDS]
        assert -1 not in tables[0] and -1 not in tables[1], "a row of the transaction that was killed is there"
        for writer in writers:
            writer.settle(tables)
        runs = refresh_all(conn)
        for name in QUERIES:
            # a logged log has lost nothing, an unlogged one all
            run = runs.get(f"logged_{name}", ("DIFFERENTIAL", None))
            if point not in RECOMPUTING or name != "all":
                assert run == ("DIFFERENTIAL", None), f"logged_{name} was refreshed as {run}"
            run = runs.get(f"unlogged_{name}")
            assert run and run[1], f"unlogged_{name} was refreshed as {run} although its log was lost"
        # incremental again
        for kind in KINDS:
            conn.execute(f"INSERT INTO {kind}_t (id, g, n) VALUES (-2, 1, 1.00)")
        runs = refresh_all(conn)
        for kind in KINDS:
            conn.execute(f"DELETE FROM {kind}_t WHERE id = -2")
        runs.update(refresh_all(conn))
        wrong = {name: run for name, run in runs.items() if run != ("DIFFERENTIAL", None)}
        assert len(runs) == len(KINDS) * len(QUERIES) and not wrong, runs


def one_round(server, writers, point, power_cut):
    dsn = server.dsn("crash")
    acknowledged = Acknowledged()
    stop = threading.Event()
    threads = [threading.Thread(target=w.run, args=(dsn, stop, acknowledged)) for w in writers]
    victims = []
    try:
        for t in threads:
            t.start()
        acknowledged.wait_for_more(5)
        victims = [Victim(dsn, kind, point, acknowledged) for kind in KINDS]
        for v in victims:
            v.wait_until_stopped()
        acknowledged.wait_for_more(5)
    except BaseException:
        stop.set()
        for v in victims:
            os.kill(v.pid, signal.SIGKILL)
        raise
    if power_cut:
        server.kill9()
    else:
        for v in victims:
            os.kill(v.pid, signal.SIGKILL)
    for t in [*threads, *victims]:
        t.join(PATIENCE)
        assert not t.is_alive()
    if power_cut:
        server.start()
    check(dsn, writers, point)


def test_kill(make_server):
    server = make_server()
    prepare(server)
    writers = [Writer(i + 1) for i in range(WRITERS)]
    places = itertools.product(stop_points(), (False, True))
    for number, (point, power_cut) in enumerate(itertools.islice(itertools.cycle(places), ROUNDS)):
        try:
            one_round(server, writers, point, power_cut)
        except AssertionError as e:
            raise AssertionError(f"round {number}, {'power cut' if power_cut else 'backend killed'} at \"{point}\": {e}") from e
