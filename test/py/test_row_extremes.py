"""The least and greatest of rows without a type of their own, which servers tell from 18 on."""
import pytest


def test_row_extremes(db):
    if db.conn.info.server_version < 180000:
        pytest.skip("no min() and max() of records")
    db.execute("CREATE TABLE t (id int PRIMARY KEY, g int, n numeric, x text)")
    db.execute("INSERT INTO t SELECT i, i % 3, nullif(i % 5, 4), 'x' || i % 2 FROM generate_series(1, 20) AS i")
    queries = {
        "by_group": "SELECT g, max(ROW(n, x))::text AS hi, min(ROW(n, id))::text AS lo FROM t GROUP BY g",
        "of_all": "SELECT max(ROW(n, id)) = ROW(3.0, 18) AS hi, min(ROW(x, id)) IS NULL AS none FROM t",
        "having": "SELECT g FROM t GROUP BY g HAVING max(ROW(n, id)) > ROW(3.0, 17)",
        "over_partition": "SELECT id, max(ROW(n, id)) OVER (PARTITION BY g)::text AS hi FROM t",
        "below": "SELECT r::text AS r, count(*) AS c FROM (SELECT g, max(ROW(x, g)) AS r FROM t GROUP BY g) AS s GROUP BY r",
        "scalar": "SELECT id, (SELECT max(ROW(y.n, y.id)) FROM t AS y WHERE y.g = t.g AND y.id < t.id)::text AS before FROM t",
    }
    for name, query in queries.items():
        mode = "AUTO" if name == "below" else "DIFFERENTIAL"
        db.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => %s)", (name, query, mode))
        db.assert_fresh(name)
    for change in ("INSERT INTO t VALUES (21, 0, 9.50, 'z'), (22, NULL, NULL, NULL), (23, 1, 9.5, 'z')",
                   "UPDATE t SET n = n * 1.00 WHERE id % 4 = 1",
                   "DELETE FROM t WHERE id IN (21, 18, 13, 1)", "UPDATE t SET g = 1 WHERE g = 0", "DELETE FROM t WHERE g = 2 OR n IS NULL", "DELETE FROM t",
                   "INSERT INTO t VALUES (1, 1, 3.0, 'a'), (18, 1, 3.00, 'a')"):
        db.execute(change)
        for name in queries:
            db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
            db.assert_fresh(name)
    recomputed = db.rows("SELECT pgt_name, h.refresh_reason FROM pgtrickle.pgt_refresh_history AS h JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
                         " WHERE h.initiated_by = 'MANUAL' AND pgt_name <> 'below' AND (h.action <> 'DIFFERENTIAL' OR h.refresh_reason IS NOT NULL)")
    assert not recomputed, recomputed
