"""JSON_TABLE and kin, which servers have from 17 on, follow changes."""
import pytest

QUERIES = [
    "SELECT t.id, k.* FROM t, JSON_TABLE(t.j, '$.l[*]' COLUMNS (l int PATH '$')) AS k",
    "SELECT t.id, k.* FROM t, JSON_TABLE(t.j, '$' COLUMNS (o FOR ORDINALITY, k int PATH '$.k', e boolean EXISTS PATH '$.z',"
    " NESTED PATH '$.l[*]' AS p COLUMNS (l int PATH '$', q FOR ORDINALITY))) AS k",
    "SELECT t.id, p, q FROM t, JSON_TABLE(t.j, '$.l[*] ? (@ > $n)' PASSING t.n AS n"
    " COLUMNS (l text PATH '$' DEFAULT 'none' ON EMPTY, m jsonb FORMAT JSON PATH '$' WITH WRAPPER)) AS k (p, q)",
    "SELECT t.id, k.l FROM t LEFT JOIN JSON_TABLE(t.j, '$.l[*]' COLUMNS (l int PATH '$')) AS k ON k.l > t.n",
    "SELECT k.l, count(*) AS c FROM t, JSON_TABLE(t.j, '$.l[*]' COLUMNS (l int PATH '$')) AS k GROUP BY k.l",
    "SELECT t.id FROM t WHERE EXISTS (SELECT FROM JSON_TABLE(t.j, '$.l[*]' COLUMNS (l int PATH '$')) AS k WHERE k.l > t.n)",
    "SELECT id, JSON_VALUE(j, '$.k' RETURNING int) AS v, JSON_QUERY(j, '$.l') AS q, JSON_EXISTS(j, '$.k ? (@ > 2)') AS e FROM t",
]

CHANGES = [
    """UPDATE t SET j = '{"k": 5, "l": [9, 9, 2]}' WHERE id = 1""",
    "UPDATE t SET j = NULL WHERE id = 2",
    """UPDATE t SET n = 3; INSERT INTO t VALUES (9, '{"z": 0, "l": [1]}', 0)""",
    "DELETE FROM t",
]


def test_json_table(db):
    if db.conn.info.server_version < 170000:
        pytest.skip("no JSON_TABLE")
    db.execute("CREATE TABLE t (id int PRIMARY KEY, j jsonb, n int)")
    db.execute("""INSERT INTO t VALUES (1, '{"k": 1, "l": [1, 2]}', 1), (2, '{"k": 3, "l": [2, 3, 4]}', 2), (3, '{}', NULL)""")
    for i, query in enumerate(QUERIES):
        db.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')", (f"s{i}", query))
    for change in CHANGES:
        db.execute(change)
        for i, _ in enumerate(QUERIES):
            db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (f"s{i}",))
            db.assert_fresh(f"s{i}")
    assert db.execute("SELECT DISTINCT action FROM pgtrickle.pgt_refresh_history"
                      " WHERE refresh_reason IS DISTINCT FROM 'first fill'").fetchall() == [("DIFFERENTIAL",)]
