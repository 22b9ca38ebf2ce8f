"""Power cuts: what was acknowledged is in the stream table after a refresh."""
import random
import threading
import time

import psycopg

ROUNDS = 4
QUERIES = {
    "st_rows": "SELECT id, g, n FROM t WHERE g <> 3",
    "st_sum": "SELECT g, count(*) AS c, sum(n) AS s, max(id) AS m FROM t GROUP BY g",
    "st_top": "SELECT c, sum(s) AS s FROM st_sum GROUP BY c",
}


def write(dsn, number, stop, acknowledged, gone):
    """Insert, update and delete until the server dies; remember what was committed."""
    r = random.Random(number)
    next_id = number * 1_000_000
    try:
        with psycopg.connect(dsn) as conn:
            mine = []
            while not stop.is_set():
                ids = list(range(next_id, next_id + r.randint(1, 5)))
                next_id += len(ids)
                conn.cursor().executemany(
                    "INSERT INTO t VALUES (%s, %s, %s)", [(i, i % 5, f"{i % 7}.{'0' * (i % 3)}") for i in ids])
                if mine and r.random() < 0.3:
                    conn.execute("UPDATE t SET g = g + 1 WHERE id = %s", (r.choice(mine),))
                victim = mine.pop(r.randrange(len(mine))) if mine and r.random() < 0.3 else None
                if victim is not None:
                    conn.execute("DELETE FROM t WHERE id = %s", (victim,))
                    gone.add(victim)
                if r.random() < 0.1:
                    conn.rollback()
                    if victim is not None:
                        mine.append(victim)
                    continue
                conn.commit()
                mine += ids
                acknowledged.update(ids)
    except psycopg.OperationalError:
        pass


def refresh(dsn, stop):
    r = random.Random(0)
    try:
        with psycopg.connect(dsn, autocommit=True) as conn:
            while not stop.is_set():
                conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", (r.choice(list(QUERIES)),))
                time.sleep(0.01)
    except psycopg.OperationalError:
        pass


def test_kill(make_server, assert_fresh):
    server = make_server(conf={"fsync": "on", "checkpoint_timeout": "30s"})
    with server.connect() as conn:
        conn.execute("CREATE DATABASE crash")
    with server.connect("crash") as conn:
        conn.execute("CREATE EXTENSION pg_trickle")
        conn.execute("CREATE TABLE t (id bigint PRIMARY KEY, g int, n numeric)")
        for name, query in QUERIES.items():
            conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')", (name, query))
    acknowledged, gone = set(), set()   # gone: deleted, perhaps
    for round_number in range(ROUNDS):
        stop = threading.Event()
        dsn = server.dsn("crash")
        threads = [threading.Thread(target=write, args=(dsn, 10 * round_number + i + 1, stop, acknowledged, gone)) for i in range(3)]
        threads.append(threading.Thread(target=refresh, args=(dsn, stop)))
        for t in threads:
            t.start()
        time.sleep(0.7 + 0.5 * round_number)
        if round_number == 1:
            with server.connect("crash") as conn:
                conn.execute("CHECKPOINT")
        server.kill9()
        stop.set()
        for t in threads:
            t.join(30)
            assert not t.is_alive()
        server.start()
        with server.connect("crash") as conn:
            have = {row[0] for row in conn.execute("SELECT id FROM t")}
            lost = acknowledged - gone - have
            assert not lost, f"the server lost {len(lost)} acknowledged rows of the source"
            conn.execute("SELECT pgtrickle.refresh_stream_table('st_top')")
            conn.execute("SELECT pgtrickle.refresh_stream_table('st_rows')")
            for name in QUERIES:
                assert_fresh(conn, name)
            # Incremental again, or still.
            conn.execute("INSERT INTO t VALUES (%s, 1, 1.00)", (-1 - round_number,))
            conn.execute("SELECT pgtrickle.refresh_stream_table('st_top')")
            conn.execute("SELECT pgtrickle.refresh_stream_table('st_rows')")
            for name in QUERIES:
                assert_fresh(conn, name)
                run = conn.execute(
                    "SELECT action, refresh_reason FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
                    " WHERE pgt_name = %s ORDER BY refresh_id DESC LIMIT 1", (name,)).fetchone()
                assert run == ("DIFFERENTIAL", None), f"{name} was refreshed as {run}"
    assert len(acknowledged) > 100, "the load was too small to mean anything"
