"""Sessions that create, drop, alter, refresh and write the same names at once.

Each gets what it asked for or an error that PostgreSQL's own commands would
give: never an internal one (XX000), and in the end everything is fresh, nothing
inconsistent, and nothing is left of what was dropped. PGT_CROWD_SECONDS and
PGT_CROWD_SEED may be set.
"""
import collections
import os
import random
import threading
import time

import psycopg
import pytest

from conftest import Database, create_faulty_extension

SECONDS = float(os.environ.get("PGT_CROWD_SECONDS", "12"))
SEED = int(os.environ.get("PGT_CROWD_SEED", "1"))

QUERIES = [
    "SELECT g, count(*) AS c, sum(v) AS s FROM {source} GROUP BY g",
    "SELECT id, g FROM {source}",
    "SELECT DISTINCT g FROM {source}",
    "SELECT g, max(v) AS m, min(v) AS n FROM {source} WHERE id > 5 GROUP BY g",
    "SELECT id, g FROM {source} UNION ALL SELECT id, g FROM {source}",
    "SELECT a.id, b.g FROM a JOIN b USING (id)",
    "SELECT count(*) AS n FROM {other}",
]

# What may go wrong between sessions that change definitions under each other.
EXPECTED = {
    "22023",                    # other stream tables read it
    "25001",                    # capture cannot begin where the snapshot is older
    "23505", "42P07", "42710",  # the same name, at the same time
    "2BP01",                    # others depend on it
    "40001", "40P01",
    "42P01",                    # not there, or not any more
    "42P16", "42701", "42703",
    "42704", "42804", "42809", "55006", "55P03", "0A000", "57014",
}


class Crowd:
    def __init__(self, db, seed, seconds):
        self.db = db
        self.seed = seed
        self.stop = time.monotonic() + seconds
        self.done = collections.Counter()
        self.unexpected = []

    def dml(self, rng, source):
        key = rng.randrange(1, 999)
        return rng.choice([
            f"INSERT INTO {source} (id, g, v) VALUES ({rng.randrange(1000, 9999)}, {key % 7}, {key}) ON CONFLICT DO NOTHING",
            f"UPDATE {source} SET v = v + 1 WHERE id BETWEEN {key} AND {key + 5}",
            f"DELETE FROM {source} WHERE id = {key}",
            f"UPDATE {source} SET g = g + 1 WHERE id = {key}"])

    def ddl(self, rng, name, number):
        return rng.choice([
            f"ALTER TABLE a ADD COLUMN z{number} int", f"ALTER TABLE a DROP COLUMN z{number}",
            "VACUUM FULL a", "ANALYZE b", "CLUSTER a USING a_pkey", "TRUNCATE b1",
            f"CREATE INDEX i{number} ON a (g)", f"DROP INDEX i{number}",
            "CREATE TABLE b3 PARTITION OF b FOR VALUES FROM (1000000) TO (2000000)",
            "ALTER TABLE b DETACH PARTITION b3", "DROP TABLE b3",
            f"ALTER TABLE {name} SET (fillfactor = 70)", f"VACUUM FULL {name}", f"REINDEX TABLE {name}"])

    def one(self, conn, rng, number):
        source = rng.choice("ab")
        name = f"s{rng.randrange(8)}"
        kind = rng.choices(["create", "drop", "refresh", "dml", "alter", "verify", "ddl", "transaction", "cancel"],
                           [8, 3, 20, 20, 3, 3, 6, 8, 1])[0]
        if kind == "create":
            query = rng.choice(QUERIES).format(source=source, other=f"s{rng.randrange(8)}")
            conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => %s)",
                         (name, query, rng.choice(["AUTO", "AUTO", "FULL"])))
        elif kind == "drop" and rng.random() < 0.5:
            conn.execute(f"DROP TABLE {name} CASCADE")
        elif kind == "drop":
            conn.execute("SELECT pgtrickle.drop_stream_table(%s)", (name,))
        elif kind == "refresh":
            conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        elif kind == "alter":
            conn.execute("SELECT pgtrickle.alter_stream_table(%s, refresh_mode => %s)",
                         (name, rng.choice(["FULL", "AUTO"])))
        elif kind == "verify":
            conn.execute(rng.choice(["SELECT pgtrickle.verify_stream_table(%s)",
                                     "SELECT pgtrickle.explain_stream_table(%s)"]), (name,))
        elif kind == "dml":
            conn.execute(self.dml(rng, source))
        elif kind == "ddl":
            conn.execute(self.ddl(rng, name, number))
        elif kind == "cancel":
            conn.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                         " AND state = 'active' AND pid <> pg_backend_pid() LIMIT 1")
        else:
            self.transaction(conn, rng, source)
        return kind

    def transaction(self, conn, rng, source):
        conn.execute("BEGIN ISOLATION LEVEL " + rng.choice(["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]))
        try:
            for _ in range(rng.randrange(1, 5)):
                choice = rng.random()
                if choice < 0.5:
                    conn.execute(self.dml(rng, source))
                elif choice < 0.7:
                    conn.execute("SAVEPOINT p")
                    conn.execute(self.dml(rng, source))
                    conn.execute("ROLLBACK TO p")
                else:
                    conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", (f"s{rng.randrange(8)}",))
            conn.execute("COMMIT")
        except psycopg.Error:
            if not conn.closed:
                conn.execute("ROLLBACK")
            raise

    def session(self, number):
        rng = random.Random(self.seed * 100 + number)
        with self.db.server.connect(self.db.name) as conn:
            conn.execute("SET client_min_messages = error")
            conn.execute("SET lock_timeout = '3s'")
            while time.monotonic() < self.stop:
                try:
                    self.done[self.one(conn, rng, number)] += 1
                except psycopg.Error as error:
                    if error.sqlstate not in EXPECTED:
                        self.unexpected.append((error.sqlstate, str(error)))
                    if conn.closed:
                        return


def test_crowd(db):
    """Five sessions change eight names and their sources at once."""
    db.execute("CREATE TABLE a (id int PRIMARY KEY, g int, v numeric)")
    db.execute("CREATE TABLE b (id int PRIMARY KEY, g int, v int) PARTITION BY RANGE (id)")
    db.execute("CREATE TABLE b1 PARTITION OF b FOR VALUES FROM (0) TO (500)")
    db.execute("CREATE TABLE b2 PARTITION OF b FOR VALUES FROM (500) TO (1000000)")
    db.execute("INSERT INTO a SELECT i, i % 7, i FROM generate_series(1, 200) AS i")
    db.execute("INSERT INTO b SELECT i, i % 7, i FROM generate_series(1, 999) AS i")
    crowd = Crowd(db, SEED, SECONDS)
    threads = [threading.Thread(target=crowd.session, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert not crowd.unexpected, crowd.unexpected[:5]
    assert min(crowd.done[k] for k in ("create", "drop", "refresh", "dml", "ddl")) > 0, crowd.done

    db.execute("SET client_min_messages = error")
    names = [r[0] for r in db.rows("SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id")]
    for name in names:
        db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        db.assert_fresh(name)
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE refresh_reason = 'inconsistent'") == 0
    for name in reversed(names):
        db.execute("SELECT pgtrickle.drop_stream_table(%s)", (name,))
    # what a creation leaves that has failed, the next one takes along (rule C7)
    db.execute("SELECT pgtrickle.create_stream_table('last', 'SELECT id FROM a')")
    db.execute("SELECT pgtrickle.drop_stream_table('last')")
    # nothing is left of what is gone
    assert db.rows("SELECT relname FROM pg_class WHERE relkind = 'r'"
                   " AND relnamespace = 'pgtrickle_changes'::regnamespace") == []
    assert db.rows("SELECT tgrelid::regclass, tgname FROM pg_trigger"
                   " WHERE tgname LIKE 'pgtrickle%' AND tgrelid IN ('a'::regclass, 'b'::regclass, 'b1'::regclass)") == []


# -- what only meets by chance, step by step

@pytest.fixture
def small(server):
    """A database whose change logs are cut into small segments."""
    db = Database(server, extension=False)
    create_faulty_extension(server, db.name)
    db.execute(f"ALTER DATABASE {db.name} SET pg_trickle.fault = 'small segments'")
    db.conn = db.connect()
    yield db
    db.drop()


def wait_for_waiter(db, pid, thread):
    """Until the session waits for a lock, or has ended."""
    while thread.is_alive() and not db.value("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", (pid,)):
        thread.join(0.01)
    assert thread.is_alive(), "it did not wait"


def test_drop_of_a_detached_consumer(small):
    """DROP TABLE of a stream table whose log another session is just giving up (rule B15)."""
    db = small
    db.execute("CREATE TABLE t (id int, pad text)")
    db.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT id, pad FROM t')")
    db.execute("SELECT pgtrickle.create_stream_table('idle', 'SELECT count(*) AS c FROM t')")
    db.execute("INSERT INTO t SELECT x, repeat('x', 1500) FROM generate_series(1, 60) AS x")
    db.execute("SELECT pgtrickle.refresh_stream_table('s')")
    db.execute("UPDATE pgtrickle.change_log_segment SET since = since - interval '2 days' WHERE NOT is_current")
    db.execute("INSERT INTO t VALUES (-1, 'x')")

    holder = db.connect(autocommit=False)
    said = []
    holder.add_notice_handler(lambda notice: said.append(notice.message_primary))
    holder.execute("SELECT pgtrickle.refresh_stream_table('s')")
    assert any('"public.idle" does not hold the change log' in text for text in said), said

    other = db.connect()
    failed = []

    def drop():
        try:
            other.execute("DROP TABLE idle")
        except psycopg.Error as error:
            failed.append((error.sqlstate, str(error)))

    thread = threading.Thread(target=drop)
    thread.start()
    wait_for_waiter(db, other.info.backend_pid, thread)
    holder.commit()
    thread.join(60)
    assert not thread.is_alive()
    assert failed == []
    assert db.value("SELECT count(*) FROM pgtrickle.source_frontier") == 1
    assert db.rows("SELECT tracked_by_pgt_ids FROM pgtrickle.pgt_change_tracking") == \
        db.rows("SELECT array_agg(pgt_id) FROM pgtrickle.pgt_stream_tables")
    db.execute("SELECT pgtrickle.refresh_stream_table('s')")
    db.assert_fresh("s")
