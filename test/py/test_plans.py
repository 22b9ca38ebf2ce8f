"""What a refresh reads grows with the change, never with the source.

Over a source of a million rows, for every operator: the rows that all
statements and apply read, those that filters removed included, and the pages,
stay within a constant times the number of changed rows.
"""
import pytest

from conftest import Database, check_fresh
from cost import Cost

ROWS = 1_000_000
GROUP = 20      # rows of a group of g, which is indexed

# query, rows that may be read per changed row, pages likewise
OPERATORS = {
    "filter": ("SELECT id, g, n FROM big WHERE k = 1", 8, 30),
    "expressions": ("SELECT id + 1 AS i, upper(t) AS u, n * 2 AS n FROM big WHERE k = 2 AND id % 2 = 0", 8, 30),
    "counters": ("SELECT g, count(*) AS c, sum(n) AS s, avg(k) AS a FROM big GROUP BY g", 20, 60),
    "counters of few groups": ("SELECT k, count(*) AS c, sum(n) AS s FROM big GROUP BY k", 20, 60),
    "no group": ("SELECT count(*) AS c, sum(n) AS s, bool_or(k = 5) AS b FROM big", 20, 60),
    "having": ("SELECT g, count(*) AS c FROM big GROUP BY g HAVING count(*) > 3", 20, 60),
    "min and max": ("SELECT g, min(id) AS a, max(id) AS z FROM big GROUP BY g", 4 * GROUP, 6 * GROUP),
    "distinct": ("SELECT DISTINCT g FROM big", 20, 60),
    "distinct of few": ("SELECT DISTINCT k, id % 3 AS m FROM big", 20, 60),
    "union all": ("SELECT id, g FROM big WHERE k = 3 UNION ALL SELECT id, k FROM big WHERE k = 4", 16, 60),
    "union": ("SELECT g FROM big WHERE k = 3 UNION SELECT k FROM big WHERE k = 4", 20, 60),
    "affected groups": ("SELECT g, array_agg(id ORDER BY id) AS a, string_agg(t, ',' ORDER BY id) AS t FROM big GROUP BY g", 6 * GROUP, 6 * GROUP),
    "set returning": ("SELECT id, unnest(ARRAY[g, k]) AS u FROM big WHERE k = 6", 16, 60),
    "grouping of groups": ("SELECT c, count(*) AS n FROM (SELECT g, count(*) AS c FROM big GROUP BY g) AS x GROUP BY c", 40, 120),
}
# What a refresh reads beside, whatever the change: catalogs, and again the rows
# on the last page of the log.
BASE_ROWS = 300
BASE_PAGES = 80

CHANGES = {
    "update": "UPDATE big SET n = n + 1, k = (k + 1) % 100 WHERE id BETWEEN {0} AND {1}",
    "move": "UPDATE big SET g = g + 1 WHERE id BETWEEN {0} AND {1}",
    "delete": "DELETE FROM big WHERE id BETWEEN {0} AND {1}",
    "insert": "INSERT INTO big SELECT x, x / 20, x % 100, x % 7, 'text' FROM generate_series({0}, {1}) AS x",
}


@pytest.fixture(scope="module")
def big(server):
    database = Database(server)
    database.execute("CREATE TABLE big (id int, g int, k int, n numeric(10,2), t text)")
    database.execute(f"INSERT INTO big SELECT x, x / {GROUP}, x % 100, x % 7, 'text' FROM generate_series(1, {ROWS}) AS x")
    database.execute("ALTER TABLE big ADD PRIMARY KEY (id); CREATE INDEX ON big (g)")
    database.execute("VACUUM ANALYZE big")
    yield database
    database.drop()


@pytest.mark.parametrize("operator", OPERATORS)
def test_reads_follow_the_change(big, operator):
    query, rows, pages = OPERATORS[operator]
    conn = big.connect()
    conn.execute("SELECT pgtrickle.create_stream_table('s', %s, refresh_mode => 'DIFFERENTIAL')", (query,))
    last = conn.execute("SELECT max(refresh_id) FROM pgtrickle.pgt_refresh_history").fetchone()[0]
    runs = 0
    try:
        for size in (1, 100):
            for name, statement in CHANGES.items():
                first = 500_000 + size * 100
                conn.execute(statement.format(first, first + size - 1))
                with Cost(conn) as cost:
                    conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
                run = conn.execute("SELECT refresh_id, action, refresh_reason, delta_row_count FROM pgtrickle.pgt_refresh_history"
                                   " ORDER BY refresh_id DESC LIMIT 1").fetchone()
                # a change of columns that the query does not read is none
                changed = run[3] if run[0] != last else 0
                last = run[0]
                if changed:
                    runs += 1
                    assert run[1:3] == ("DIFFERENTIAL", None) and changed <= 2 * size, run
                    assert cost.statements, "auto_explain saw nothing"
                for s in cost.statements:
                    assert "big" not in s.scanned, f"{name} of {size} rows scans the source: {s}"
                try:
                    cost.check(BASE_ROWS + rows * changed, BASE_PAGES + pages * changed)
                except AssertionError as e:
                    raise AssertionError(f"{name} of {size} rows: {e}") from None
        assert runs >= 6
        check_fresh(conn, "s")
    finally:
        conn.execute("SELECT pgtrickle.drop_stream_table('s')")


def test_a_scan_is_noticed(big):
    """Groups that no index finds: what the tests above must object to."""
    conn = big.connect()
    conn.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT k, array_agg(t) AS a FROM big GROUP BY k', refresh_mode => 'DIFFERENTIAL')")
    try:
        conn.execute("UPDATE big SET k = 2 WHERE id = 1")
        with Cost(conn) as cost:
            conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
        assert any("big" in s.scanned for s in cost.statements)
        with pytest.raises(AssertionError):
            cost.check(BASE_ROWS + 2 * 6 * GROUP, BASE_PAGES + 2 * 6 * GROUP)
        assert cost.by_relation["big"][0] >= 900_000
    finally:
        conn.execute("SELECT pgtrickle.drop_stream_table('s')")
