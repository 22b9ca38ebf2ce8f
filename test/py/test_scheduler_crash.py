"""The server crashes while stream tables refresh themselves: nothing that was
acknowledged is lost, all is exact, everything runs again, nothing is suspended.

Writers keep in this process what the server has acknowledged. In each round one
process is killed with SIGKILL, whereupon the postmaster starts all others again:
the launcher, a scheduler, a worker at a stop point or anywhere, a writer; or the
postmaster with all of them, as in a power cut. Then everything must follow
before the next round: a stream table whose refresh meets two crashes in a row
is rightly suspected (rule K1).

PGT_SCHEDULER_CRASH_SECONDS   how long (default 20); at least one round of each kind of death
PGT_SCHEDULER_CRASH_SEED      which run
"""
import os
import random
import re
import signal
import threading
import time

import psycopg

from conftest import TOP, create_faulty_extension, wait_for
from test_crash import Acknowledged, connect_again
from test_scheduler import Scheduled
from test_scheduler_faults import stopped

SECONDS = float(os.environ.get("PGT_SCHEDULER_CRASH_SECONDS", "20"))
SEED = int(os.environ.get("PGT_SCHEDULER_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
WRITERS = 3
TABLES = {
    "scan": ("SELECT id, g, n FROM t WHERE g <> 3", "1s"),
    "groups": ("SELECT g, count(*) AS c, sum(n) AS s, max(n) AS m FROM t GROUP BY g", "calculated"),
    "over_groups": ("SELECT count(*) AS groups, sum(c) AS rows FROM groups", "1s"),
    "joined": ("SELECT t.id, u.label FROM t JOIN u USING (g)", "1s"),
    "outer_joined": ("SELECT u.g, t.n FROM u LEFT JOIN t ON t.g = u.g AND t.n > 50", "1s"),
    "recomputed": ("SELECT count(*) AS c, max(id) AS m FROM t, LATERAL (SELECT random() > 2) AS r", "1s"),
}
# Only a recompute, or a log that has grown, comes here.
RARE = {"state emptied", "log truncated", "log rotated"}


def stop_points():
    """Those that a refresh of one row comes to, and the scheduler's own while there is something to do."""
    found = {name for path in sorted((TOP / "src").rglob("*.c"))
             for name in re.findall(r'ST_STOP_POINT\("([^"]+)"\)', path.read_text())}
    found -= RARE | {"changes captured", "source altered", "scheduler rests", "scheduler goes idle", "scheduler looks"}
    assert "frontiers written" in found and "scheduler dispatches" in found
    return sorted(found)


class Writer:
    """Knows the rows it has written, as acknowledged, and as they are if the COMMIT
    whose answer never came took place. Goes on through crashes."""

    def __init__(self, number, dsn):
        self.number, self.dsn = number, dsn
        self.random = random.Random(f"{SEED} {number}")
        self.next_id = number * 10**8
        self.rows, self.in_doubt = {}, None
        self.pid = None

    def transaction(self, conn, acknowledged):
        r = self.random
        rows = dict(self.rows)
        for _ in range(r.randint(1, 3)):
            self.next_id += 1
            rows[self.next_id] = (r.randrange(12), r.randrange(100))
            conn.execute("INSERT INTO t VALUES (%s, %s, %s)", (self.next_id, *rows[self.next_id]))
        if self.rows and r.random() < 0.4:
            victim = r.choice(list(self.rows))
            rows[victim] = (self.rows[victim][0], r.randrange(100))
            conn.execute("UPDATE t SET n = %s WHERE id = %s", (rows[victim][1], victim))
        while len(rows) > 60:
            victim = r.choice(list(rows))
            del rows[victim]
            conn.execute("DELETE FROM t WHERE id = %s", (victim,))
        if r.random() < 0.1:
            conn.rollback()
            return
        self.in_doubt = rows
        conn.commit()
        self.rows, self.in_doubt = rows, None
        acknowledged.add()

    def settle(self, conn):
        """All that was acknowledged, and the transaction in doubt as a whole or not at all."""
        lo, hi = self.number * 10**8, (self.number + 1) * 10**8
        have = {i: (g, n) for i, g, n in conn.execute("SELECT id, g, n FROM t WHERE id >= %s AND id < %s", (lo, hi))}
        assert have == self.rows or have == self.in_doubt, (
            f"of writer {self.number} the server has {have}\nacknowledged: {self.rows}\nin doubt: {self.in_doubt}")
        self.rows, self.in_doubt = have, None

    def run(self, over, acknowledged, errors):
        try:
            with psycopg.connect(self.dsn) as conn:
                self.pid = conn.info.backend_pid
                while not over.is_set():
                    self.transaction(conn, acknowledged)
        except psycopg.OperationalError:
            pass
        except Exception as error:      # noqa: BLE001: told by the test
            errors.append(f"writer {self.number}: {type(error).__name__}: {error}")
        finally:
            self.pid = None


class Crashes:
    def __init__(self, server, database):
        self.server, self.database = server, database
        self.dsn = server.dsn(database.name)
        self.writers = [Writer(i + 1, self.dsn) for i in range(WRITERS)]
        self.random = random.Random(SEED)
        self.errors = []

    def pids(self, kind):
        return [row[0] for row in self.database.rows(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = %s", (f"pg_trickle {kind}",))]

    def stopped(self):
        return [pid for kind in ("scheduler", "worker") for pid in stopped(self.server, kind)]

    def set_fault(self, text):
        """Of all processes, also those that run."""
        conn = self.database.conn
        conn.execute("SELECT pg_catalog.set_config('pg_trickle.fault', '', false)")
        conn.execute(f"ALTER SYSTEM SET pg_trickle.fault = '{text}'")
        self.server.reload()

    def kill(self, victim):
        """Kill what is named; returns when it is dead."""
        if victim == "power":
            self.server.kill9()
            self.server.start()
            return
        if victim.startswith("stop "):
            self.set_fault(victim)
            if "has read" in victim:
                # it reads the catalog again when the graph has changed
                self.database.execute("SELECT pgtrickle.alter_stream_table('scan', schedule => '1s')")
            pids = wait_for(self.stopped, f"somebody at \"{victim}\"", 60)
        elif victim == "writer":
            pids = wait_for(lambda: [w.pid for w in self.writers if w.pid], "a writer that has connected")
        else:
            pids = wait_for(lambda: self.pids(victim), f"a {victim}")
        postmaster = self.server.postmaster_pid()
        os.kill(self.random.choice(pids), signal.SIGKILL)
        wait_for(self.is_down, "the postmaster to end all sessions")
        assert self.server.postmaster_pid() == postmaster

    def is_down(self):
        try:
            self.database.execute("SELECT 1")
            return False
        except psycopg.OperationalError:
            return True

    def round(self, victim):
        acknowledged, over = Acknowledged(), threading.Event()
        threads = [threading.Thread(target=w.run, args=(over, acknowledged, self.errors)) for w in self.writers]
        for thread in threads:
            thread.start()
        try:
            acknowledged.wait_for_more(self.random.randrange(5, 30))
            self.kill(victim)
        finally:
            over.set()
            for thread in threads:
                thread.join(60)
        assert not self.errors, self.errors
        assert not any(thread.is_alive() for thread in threads)
        with connect_again(self.dsn) as conn:
            if victim.startswith("stop "):
                conn.execute("ALTER SYSTEM RESET pg_trickle.fault")
                conn.execute("SELECT pg_reload_conf()")
        self.database.reconnect()
        for pid in self.stopped():      # came there before it heard of the reset
            os.kill(pid, signal.SIGCONT)
        with connect_again(self.dsn) as conn:
            for writer in self.writers:
                writer.settle(conn)
        # everything runs again by itself: one change more is followed
        self.database.execute("UPDATE u SET label = label || 'x' WHERE g = 1")
        for name in TABLES:
            self.follow(name)
        found = self.database.rows("SELECT pgt_name, status, last_error_message FROM pgtrickle.pgt_stream_tables"
                                   " WHERE status <> 'ACTIVE' OR consecutive_errors > 0")
        assert not found, found

    def follow(self, name):
        deadline = time.monotonic() + 90
        while not self.database.same(name, TABLES[name][0]):
            assert time.monotonic() < deadline, f"{name} does not follow"
            for pid in self.stopped():
                os.kill(pid, signal.SIGCONT)
        self.database.assert_fresh(name)


def test_crashes(make_server):
    server = make_server(start=False, conf={"pg_trickle.enabled": "on", "pg_trickle.volatile_function_policy": "allow",
                                            "restart_after_crash": "on", "pg_trickle.max_concurrent_refreshes": "3"})
    with open(server.data / "postgresql.conf", "a", encoding="ascii") as conf:
        # the launcher is to come back after a power cut
        conf.write(f"pg_trickle.fault_library = '{server.dir}/pg_trickle.so'\n")
    server.start()
    database = Scheduled(server, extension=False)
    create_faulty_extension(server, database.name)
    with open(server.data / "postgresql.conf", "a", encoding="ascii") as conf:
        conf.write(f"shared_preload_libraries = '{server.dir}/pg_trickle.so'\n")
    server.restart()
    database.reconnect()
    database.execute("CREATE TABLE t (id int PRIMARY KEY, g int, n int)")
    database.execute("CREATE TABLE u (g int PRIMARY KEY, label text)")
    database.execute("INSERT INTO u SELECT x, 'u' || x FROM generate_series(0, 12) AS x")
    for name, (query, schedule) in TABLES.items():
        database.create(name, query, schedule)
    crashes = Crashes(server, database)
    victims = ["power", "launcher", "scheduler", "worker", "writer", *(f"stop {name}" for name in stop_points())]
    # a random part of them each time, until the time is over
    crashes.random.shuffle(victims)
    victims.sort(key=lambda victim: victim.startswith("stop "))
    over = time.monotonic() + SECONDS
    done = 0
    while done < 5 or time.monotonic() < over:
        victim = victims[done % len(victims)]
        try:
            crashes.round(victim)
        except (AssertionError, psycopg.Error) as error:
            raise AssertionError(f"seed {SEED}, round {done}, \"{victim}\": {error}") from error
        done += 1
    print(f"seed {SEED}, {done} crashes")
    database.close()
