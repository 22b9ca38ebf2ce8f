"""Stream tables of many kinds, under writers, while their scheduler is shot at.

Processes are terminated and cancelled at random, transactions prepared, rolled
back and deadlocked; at the end everything is there, exact, and running.
PGT_CHAOS_SHOTS says how many shots (default 40, about 20 s), PGT_CHAOS_SEED
which run.
"""
import os
import random
import threading

import psycopg

from conftest import wait_for
from test_scheduler import LIBRARY, Scheduled

SHOTS = int(os.environ.get("PGT_CHAOS_SHOTS", "40"))
SEED = int(os.environ.get("PGT_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
WRITERS = 6

TABLES = {
    "scan": ("SELECT id, g, n FROM t WHERE n > 10", "1s"),
    "groups": ("SELECT g, count(*), sum(n), min(n), max(n) FROM t GROUP BY g", "1s"),
    "joined": ("SELECT t.id, t.n, u.label FROM t JOIN u ON u.g = t.g", "1s"),
    "outer_joined": ("SELECT u.g, u.label, t.n FROM u LEFT JOIN t ON t.g = u.g AND t.n < 50", "2s"),
    "existing": ("SELECT u.g FROM u WHERE EXISTS (SELECT FROM t WHERE t.g = u.g AND t.n > 90)", "1s"),
    "ranked": ("SELECT g, id, rank() OVER (PARTITION BY g ORDER BY n) AS r FROM t", "1s"),
    "top": ("SELECT id, n FROM t ORDER BY n DESC, id LIMIT 10", "1s"),
    "distinct_n": ("SELECT DISTINCT n FROM t", "1s"),
    "minus": ("SELECT g FROM u EXCEPT SELECT g FROM t", "1s"),
    "over_groups": ("SELECT count(*) AS groups, sum(count) AS rows FROM groups", "calculated"),
    "diamond": ("SELECT g.g, g.sum, j.rows FROM groups AS g JOIN (SELECT label, count(*) AS rows FROM joined GROUP BY 1) AS j"
                " ON j.label = 'u' || g.g", "1s"),
    "recomputed": ("SELECT count(*) AS n FROM t, LATERAL (SELECT random() > 2) AS r", "1s"),
}


class Shooting:
    """What happens meanwhile, and whether it is over."""

    def __init__(self, server, dbname):
        self.server, self.dbname = server, dbname
        self.over = threading.Event()
        self.errors = []
        self.shots = 0

    def thread(self, function, *arguments):
        def run():
            try:
                function(random.Random(f"{SEED} {function.__name__} {arguments}"), *arguments)
            except Exception as error:  # noqa: BLE001: told by the test
                self.errors.append(f"{function.__name__}{arguments}: {type(error).__name__}: {error}")
        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def write(self, rng, number):
        conn = self.server.connect(self.dbname, autocommit=False)
        prepared = 0
        while not self.over.is_set():
            try:
                for _ in range(rng.randint(1, 4)):
                    key = rng.randrange(400)
                    choice = rng.random()
                    if choice < 0.4:
                        conn.execute("INSERT INTO t VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET n = excluded.n",
                                     (key, rng.randrange(12), rng.randrange(100)))
                    elif choice < 0.7:
                        conn.execute("UPDATE t SET n = %s, g = %s WHERE id IN (%s, %s)",
                                     (rng.randrange(100), rng.randrange(12), key, rng.randrange(400)))
                    elif choice < 0.9:
                        conn.execute("DELETE FROM t WHERE id = %s", (key,))
                    else:
                        conn.execute("UPDATE u SET label = label WHERE g = %s", (rng.randrange(12),))
                end = rng.random()
                if end < 0.15:
                    conn.rollback()
                elif end < 0.2:
                    prepared += 1
                    name = f"w{number}_{prepared}"
                    conn.execute(f"PREPARE TRANSACTION '{name}'")
                    conn.autocommit = True
                    conn.execute(f"{'COMMIT' if rng.random() < 0.7 else 'ROLLBACK'} PREPARED '{name}'")
                    conn.autocommit = False
                else:
                    conn.commit()
            except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
                conn.rollback()
        conn.close()

    def shoot(self, rng):
        """Terminates and cancels what refreshes stream tables."""
        with self.server.connect() as conn:
            while not self.over.wait(rng.uniform(0.05, 1.0)):
                found = conn.execute("SELECT pid, backend_type FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'").fetchall()
                if found:
                    pid, _ = rng.choice(found)
                    conn.execute(rng.choice(["SELECT pg_cancel_backend(%s)", "SELECT pg_terminate_backend(%s)"]), (pid,))
                    self.shots += 1

    def refresh(self, rng):
        """A user who refreshes by hand, and changes his mind."""
        conn = self.server.connect(self.dbname, autocommit=False)
        while not self.over.is_set():
            try:
                conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", (rng.choice(list(TABLES)),))
                conn.rollback() if rng.random() < 0.5 else conn.commit()
            except (psycopg.errors.InvalidParameterValue, psycopg.errors.DeadlockDetected):
                conn.rollback()
        conn.close()


def test_chaos(make_server):
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on", "deadlock_timeout": "200ms",
                                                 "pg_trickle.volatile_function_policy": "allow"})
    database = Scheduled(server)
    database.execute("CREATE TABLE t (id int PRIMARY KEY, g int, n int)")
    database.execute("CREATE TABLE u (g int PRIMARY KEY, label text)")
    database.execute("INSERT INTO u SELECT x, 'u' || x FROM generate_series(0, 12) AS x")
    database.execute("INSERT INTO t SELECT x, x % 12, x % 100 FROM generate_series(1, 300) AS x")
    for name, (query, schedule) in TABLES.items():
        database.create(name, query, schedule)
    shooting = Shooting(server, database.name)
    threads = [shooting.thread(shooting.write, i) for i in range(WRITERS)]
    threads += [shooting.thread(shooting.shoot), shooting.thread(shooting.refresh)]
    wait_for(lambda: shooting.shots >= SHOTS or shooting.errors, f"{SHOTS} shots", seconds=SHOTS * 5)
    shooting.over.set()
    for thread in threads:
        thread.join()
    print(f"seed {SEED}, {shooting.shots} shots")
    assert not shooting.errors, f"seed {SEED}: {shooting.errors}"
    # one change more: everything runs again, and follows
    database.execute("INSERT INTO t VALUES (1000, 3, 33)")
    database.execute("UPDATE u SET label = label || '' WHERE g = 1")
    for name in TABLES:
        database.follows(name, 60)
    stopped = database.rows("SELECT pgt_name, status, last_error_message FROM pgtrickle.pgt_stream_tables WHERE status <> 'ACTIVE'")
    assert not stopped, f"seed {SEED}: {stopped}"
    wait_for(database.pid, "a scheduler")
    inconsistent = database.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE refresh_reason = 'inconsistent'")
    assert inconsistent == 0, f"seed {SEED}: {inconsistent} recomputes of what did not fit"
    database.close()
