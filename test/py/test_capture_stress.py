"""Capture under load: nothing missing, nothing twice, no recompute.

Eight writers with savepoints, rollbacks, prepared transactions, REPEATABLE
READ, some of which stand still while others commit; three stream tables over
their table, one refreshed all the time, one seldom, one in between, also in
transactions that write the source themselves or roll back. PGT_STRESS_SECONDS and PGT_STRESS_SEED may be set.
"""
import collections
import os
import random
import threading
import time
import traceback

import psycopg
import pytest

from conftest import Database, create_faulty_extension

SECONDS = float(os.environ.get("PGT_STRESS_SECONDS", "12"))
SEED = int(os.environ.get("PGT_STRESS_SEED", "1"))
WRITERS = 8
RETRY = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)

# Who stands still may hold what the others wait for: not for longer, in seconds.
PATIENCE = 2

# name, query, transactions between refreshes at most
CONSUMERS = [
    ("fast", "SELECT id, v, pad FROM src", 3),
    ("slow", "SELECT id, v, pad FROM src", 150),
    ("sums", "SELECT id % 20 AS g, count(*) AS c, sum(v) AS s, min(v) AS a, max(v) AS z FROM src GROUP BY id % 20", 20),
]


class Run:
    def __init__(self, db):
        self.db = db
        self.stop = time.monotonic() + SECONDS
        self.errors = []
        self.counts = collections.Counter()
        self.progress = threading.Condition()

    def count(self, what):
        with self.progress:
            self.counts[what] += 1
            self.progress.notify_all()

    def stand_still(self, transactions):
        """Until the writers have ended so many more."""
        with self.progress:
            wanted = self.counts["written"] + transactions
            self.progress.wait_for(lambda: self.counts["written"] >= wanted or not self.going(), PATIENCE)

    def going(self):
        return time.monotonic() < self.stop and not self.errors

    def thread(self, function, *arguments):
        def body():
            try:
                function(*arguments)
            except Exception:  # noqa: BLE001
                self.errors.append(traceback.format_exc())
        return threading.Thread(target=body)

    # -- writers

    def change(self, r, conn):
        kind, key = r.random(), r.randrange(1, 400)
        if kind < 0.35:
            conn.execute("INSERT INTO src VALUES (%s, %s, %s, 0)",
                         (key, r.randrange(1000), "x" * r.choice([1, 50, 500])))
        elif kind < 0.5:
            conn.execute("INSERT INTO src SELECT %s, g, repeat('y', %s), 0 FROM generate_series(1, %s) AS g",
                         (key, r.choice([1, 80]), r.choice([3, 30, 300, 1500])))
        elif kind < 0.75:
            conn.execute("UPDATE src SET v = v + 1 WHERE id = %s", (key,))
        elif kind < 0.8:
            conn.execute("UPDATE src SET junk = junk + 1 WHERE id = %s", (key,))
        else:
            conn.execute("DELETE FROM src WHERE id IN (%s, %s)", (key, key + 1))

    def write(self, r, conn, name):
        conn.execute("BEGIN ISOLATION LEVEL " + r.choice(["READ COMMITTED"] * 3 + ["REPEATABLE READ"]))
        for _ in range(r.choice([1, 1, 2, 5])):
            save = r.random() < 0.4
            if save:
                conn.execute("SAVEPOINT a")
            self.change(r, conn)
            if save:
                conn.execute("ROLLBACK TO a" if r.random() < 0.4 else "RELEASE a")
            if r.random() < 0.03:
                self.stand_still(r.randint(1, 100))
        end = r.random()
        if end < 0.15:
            conn.execute("ROLLBACK")
        elif end < 0.25:
            conn.execute(f"PREPARE TRANSACTION '{name}'")
            self.stand_still(r.randint(1, 50))
            conn.execute(("COMMIT" if r.random() < 0.6 else "ROLLBACK") + f" PREPARED '{name}'")
        else:
            conn.execute("COMMIT")
        self.count("written")

    def writer(self, number, conn):
        r = random.Random(SEED * 1000 + number)
        while self.going():
            try:
                self.write(r, conn, f"{self.db.name}_{number}")
            except RETRY:
                conn.execute("ROLLBACK")
                self.count("writer retried")

    # -- consumers

    def refresh(self, conn, name):
        conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        self.count(name)

    def consume(self, r, conn, name):
        repeatable = r.random() < 0.15
        conn.execute("BEGIN ISOLATION LEVEL " + ("REPEATABLE READ" if repeatable else "READ COMMITTED"))
        if repeatable:
            conn.execute("SELECT 1 FROM src LIMIT 1")
        if r.random() < 0.2:
            conn.execute("INSERT INTO src VALUES (7, 7, 'own', 0)")
        save = r.random() < 0.2
        if save:
            conn.execute("SAVEPOINT a")
        self.refresh(conn, name)
        if save and r.random() < 0.5:
            conn.execute("ROLLBACK TO a")
        if r.random() < 0.2:
            conn.execute("INSERT INTO src VALUES (8, 8, 'own, later', 0)")
        if r.random() < 0.2:
            self.refresh(conn, name)
        conn.execute("ROLLBACK" if r.random() < 0.1 else "COMMIT")

    def consumer(self, number, conn, name, most):
        r = random.Random(SEED * 77 + number)
        while self.going():
            try:
                self.consume(r, conn, name)
            except RETRY:
                conn.execute("ROLLBACK")
                self.count(f"{name} retried")
            self.stand_still(r.randint(0, most))


@pytest.mark.parametrize("segments", ["ordinary", "small"])
def test_capture_stress(server, segments):
    """Small segments, of the test build, are rotated and given back all the time."""
    db = Database(server, extension=segments == "ordinary")
    if segments == "small":
        create_faulty_extension(server, db.name)
        db.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = 'small segments'")
        db.conn = db.connect()
    try:
        stress(db)
    finally:
        db.drop()


def stress(db):
    db.execute("CREATE TABLE src (id int, v int, pad text, junk int)")
    db.execute("INSERT INTO src SELECT g, g, 'p', 0 FROM generate_series(1, 200) AS g")
    for name, query, _ in CONSUMERS:
        db.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')", (name, query))

    run = Run(db)
    threads = [run.thread(run.writer, i, db.connect()) for i in range(WRITERS)]
    threads += [run.thread(run.consumer, i, db.connect(), name, most)
                for i, (name, _, most) in enumerate(CONSUMERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not run.errors, run.errors[0]

    for name, _, _ in CONSUMERS:
        db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        db.assert_fresh(name)
    recomputed = db.rows("SELECT refresh_reason, count(*) FROM pgtrickle.pgt_refresh_history"
                         " WHERE refresh_reason IS DISTINCT FROM 'first fill'"
                         "   AND action NOT IN ('DIFFERENTIAL', 'NO_DATA') GROUP BY 1")
    assert not recomputed, recomputed
    # it was a test of something
    assert run.counts["written"] > 50 and all(run.counts[c[0]] > 2 for c in CONSUMERS), run.counts
