"""Sessions that create, drop, alter, refresh and write the same names at once.

Each gets what it asked for or an error that PostgreSQL's own commands would
give: never an internal one (XX000), and in the end everything is fresh, nothing
inconsistent, and nothing is left of what was dropped. ST_SEED chooses another
run.
"""
import collections
import os
import random
import threading
import time

import psycopg

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
    crowd = Crowd(db, int(os.environ.get("ST_SEED", "1")), 12)
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
    # nothing is left of what is gone
    assert db.rows("SELECT relname FROM pg_class WHERE relkind = 'r'"
                   " AND relnamespace = 'pgtrickle_changes'::regnamespace") == []
    assert db.rows("SELECT tgrelid::regclass, tgname FROM pg_trigger"
                   " WHERE tgname LIKE 'pgtrickle%' AND tgrelid IN ('a'::regclass, 'b'::regclass, 'b1'::regclass)") == []
