"""Virtual generated columns, which servers have from 18 on: whatever the mode, the result is right."""
import pytest


def test_virtual_columns(db):
    if db.conn.info.server_version < 180000:
        pytest.skip("no virtual generated columns")
    db.execute("CREATE TABLE t (id int PRIMARY KEY, a int, s int GENERATED ALWAYS AS (a + 1) STORED,"
               " v int GENERATED ALWAYS AS (a * 10) VIRTUAL)")
    db.execute("CREATE TABLE u (a int); INSERT INTO u VALUES (1), (2), (7)")
    db.execute("INSERT INTO t (id, a) VALUES (1, 1), (2, NULL), (3, 3)")
    queries = {"st_s": "SELECT id, s FROM t", "st_v": "SELECT id, v FROM t",
               "st_r": "SELECT u.a, to_jsonb(t) AS j FROM u LEFT JOIN t ON t.id = u.a", "st_g": "SELECT v, count(*) AS c FROM t WHERE s > 0 GROUP BY v"}
    for name, query in queries.items():
        db.execute("SELECT pgtrickle.create_stream_table(%s, %s)", (name, query))
    db.execute("UPDATE t SET a = 5 WHERE id = 2; INSERT INTO t (id, a) VALUES (4, 3); DELETE FROM t WHERE id = 1")
    for name in queries:
        db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        db.assert_fresh(name)
