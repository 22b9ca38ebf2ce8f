"""What a refresh reads grows with the change, never with the source.

Over sources of a million rows, for every operator: the rows that all
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
    "join": ("SELECT b.id, b.n, o.v FROM big AS b JOIN other AS o ON o.g = b.g WHERE b.k < 5", 6 * GROUP, 12 * GROUP),
    "join with few rows": ("SELECT b.id, b.n, d.name FROM big AS b JOIN dim AS d ON d.k = b.k WHERE d.name IN ('name 1', 'name 7')", 20, 60),
    "self join": ("SELECT b.id, c.n FROM big AS b JOIN big AS c ON c.id = b.g WHERE b.k < 5", 6 * GROUP, 12 * GROUP),
    "join of three": ("SELECT b.id, o.v, c.n FROM big AS b JOIN other AS o ON o.g = b.g JOIN big AS c ON c.id = o.id WHERE b.k < 5", 6 * GROUP, 12 * GROUP),
    "cross join": ("SELECT b.id, d.name FROM big AS b CROSS JOIN dim AS d WHERE b.k = 5 AND d.k < 3", 120, 60),
    "left join": ("SELECT b.id, b.n, o.v FROM big AS b LEFT JOIN other AS o ON o.g = b.g AND o.v > 2 WHERE b.k < 5", 6 * GROUP, 20 * GROUP),
    "full join": ("SELECT b.id, b.n, o.v FROM (SELECT * FROM big WHERE k < 5) AS b FULL JOIN (SELECT * FROM other WHERE v = 3) AS o ON o.g = b.g", 12 * GROUP, 24 * GROUP),
    "exists": ("SELECT b.id FROM big AS b WHERE b.k < 5 AND EXISTS (SELECT FROM other AS o WHERE o.g = b.g AND o.v > 2)", 6 * GROUP, 20 * GROUP),
    "not exists": ("SELECT b.id FROM big AS b WHERE b.k < 5 AND NOT EXISTS (SELECT FROM other AS o WHERE o.g = b.g AND o.v > 2)", 6 * GROUP, 20 * GROUP),
    "in": ("SELECT b.id FROM big AS b WHERE b.k < 5 AND g IN (SELECT o.g FROM other AS o WHERE o.v > 3)", 6 * GROUP, 20 * GROUP),
    "not in": ("SELECT b.id FROM big AS b WHERE b.k < 5 AND g NOT IN (SELECT o.id FROM other AS o WHERE o.v > 3)", 8 * GROUP, 24 * GROUP),
    "scalar subquery": ("SELECT b.id, (SELECT max(o.v) FROM other AS o WHERE o.g = b.g AND o.v > 3) AS m FROM big AS b WHERE b.k < 5", 12 * GROUP, 24 * GROUP),
    "groups of a join": ("SELECT b.g, count(*) AS c, sum(b.n * o.v) AS s FROM big AS b JOIN other AS o ON o.g = b.g GROUP BY b.g", 6 * GROUP, 12 * GROUP),
    "few groups of a join": ("SELECT b.k, count(*) AS c, sum(o.v) AS s FROM big AS b JOIN other AS o ON o.g = b.g GROUP BY b.k", 6 * GROUP, 16 * GROUP),
    "groups of a left join": ("SELECT o.g, count(b.id) AS c FROM other AS o LEFT JOIN big AS b ON o.g = b.g AND b.k < 5 WHERE o.v = 3 GROUP BY o.g", 8 * GROUP, 24 * GROUP),
    "affected groups of a join": ("SELECT b.g, array_agg(o.v ORDER BY o.v) AS c FROM big AS b JOIN other AS o ON o.g = b.g GROUP BY b.g", 8 * GROUP, 24 * GROUP),
    "join with own groups": ("SELECT b.id, b.n, s.n AS total FROM big AS b JOIN (SELECT g, sum(n) AS n FROM big GROUP BY g) AS s ON s.g = b.g WHERE b.k < 5", 8 * GROUP, 24 * GROUP),
    "window": ("SELECT id, g, row_number() OVER (PARTITION BY g ORDER BY n, id) AS r FROM big WHERE k < 5", 10 * GROUP, 16 * GROUP),
    "window over a join": ("SELECT b.id, o.v, rank() OVER (PARTITION BY b.g ORDER BY o.v) AS r FROM big AS b JOIN other AS o ON o.id = b.id WHERE b.k < 5", 20 * GROUP, 32 * GROUP),
    "window above a grouping": ("SELECT g, k % 3 AS m, lag(sum(n)) OVER (PARTITION BY g ORDER BY k % 3) AS l, sum(n) AS s FROM big WHERE k < 5 GROUP BY g, k % 3", 10 * GROUP, 16 * GROUP),
    "window over groups": ("SELECT g, m, s, rank() OVER (PARTITION BY g ORDER BY s) AS r FROM (SELECT g, k % 3 AS m, sum(n) AS s FROM big WHERE k < 5 GROUP BY g, k % 3) AS x", 10 * GROUP, 16 * GROUP),
    "windows of two partitions": ("SELECT id, rank() OVER (PARTITION BY g ORDER BY n) AS r, ntile(2) OVER (PARTITION BY g, k % 2 ORDER BY id) AS t, lag(n) OVER (PARTITION BY k ORDER BY id) AS l FROM big WHERE k < 5", 20 * GROUP, 32 * GROUP),
    "window in large partitions": ("SELECT id, lag(n) OVER (PARTITION BY k ORDER BY id) AS l, sum(n) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s FROM big WHERE k < 5", 60, 200),
    "windows of two orders": ("SELECT id, lead(n, 2) OVER (ORDER BY id) AS l, first_value(n) OVER (ORDER BY g, id) AS f FROM big WHERE k < 5", 100, 200),
    "first of groups": ("SELECT DISTINCT ON (g) g, id, n FROM big ORDER BY g, n DESC, id", 6 * GROUP, 12 * GROUP),
    "first rows": ("SELECT id, n, k FROM big ORDER BY id DESC LIMIT 10", 2600, 60),
    "intersect": ("SELECT g FROM big INTERSECT SELECT g FROM other WHERE v = 3", 20, 60),
    "except": ("SELECT g FROM big EXCEPT SELECT g FROM other WHERE v > 2", 20, 60),
    "grouping of groups": ("SELECT c, count(*) AS n FROM (SELECT g, count(*) AS c FROM big GROUP BY g) AS x GROUP BY c", 40, 120),
}
# What a refresh reads beside, whatever the change: catalogs, old versions of their
# rows too until they are pruned, and again the rows on the last page of the log.
BASE_ROWS = 300
BASE_PAGES = 120

# a statement, and the first id that it changes
CHANGES = {
    "update": ("UPDATE big SET n = n + 1, k = (k + 1) % 100 WHERE id BETWEEN {0} AND {1}", 500_000),
    "move": ("UPDATE big SET g = g + 1 WHERE id BETWEEN {0} AND {1}", 500_000),
    "delete": ("DELETE FROM big WHERE id BETWEEN {0} AND {1}", 500_000),
    "insert": ("INSERT INTO big SELECT x, x / 20, x % 100, x % 7, 'text' FROM generate_series({0}, {1}) AS x", 500_000),
    "other update": ("UPDATE other SET v = (v + 1) % 5 WHERE id BETWEEN {0} AND {1}", 20_000),
    "other move": ("UPDATE other SET g = g + 1 WHERE id BETWEEN {0} AND {1}", 20_000),
    "other delete": ("DELETE FROM other WHERE id BETWEEN {0} AND {1}", 20_000),
    "other insert": ("INSERT INTO other SELECT x, x, x % 5 FROM generate_series({0}, {1}) AS x", 20_000),
}


@pytest.fixture(scope="module")
def big(server):
    database = Database(server)
    database.execute("CREATE TABLE big (id int, g int, k int, n numeric(10,2), t text)")
    database.execute(f"INSERT INTO big SELECT x, x / {GROUP}, x % 100, x % 7, 'text' FROM generate_series(1, {ROWS}) AS x")
    database.execute("ALTER TABLE big ADD PRIMARY KEY (id); CREATE INDEX ON big (g)")
    # as many rows, of which one in twenty has a g of the other table
    database.execute("CREATE TABLE other (id int NOT NULL, g int NOT NULL, v int)")
    database.execute(f"INSERT INTO other SELECT x, x, x % 5 FROM generate_series(1, {ROWS}) AS x")
    database.execute("ALTER TABLE other ADD PRIMARY KEY (id); CREATE INDEX ON other (g)")
    database.execute("CREATE TABLE dim (k int PRIMARY KEY, name text)")
    database.execute("INSERT INTO dim SELECT x, 'name ' || x FROM generate_series(0, 99) AS x")
    for table in ("big", "other", "dim"):
        database.execute(f"VACUUM ANALYZE {table}")
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
            for name, (statement, first) in CHANGES.items():
                first += size * 100
                conn.execute(statement.format(first, first + size - 1))
                with Cost(conn) as cost:
                    conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
                run = conn.execute("SELECT refresh_id, action, refresh_reason, delta_row_count,"
                                   " rows_inserted + rows_updated + rows_deleted FROM pgtrickle.pgt_refresh_history"
                                   " ORDER BY refresh_id DESC LIMIT 1").fetchone()
                # a change of columns that the query does not read is none
                changed = run[3] if run[0] != last else 0
                last = run[0]
                if changed:
                    runs += 1
                    assert run[1:3] == ("DIFFERENTIAL", None) and changed <= 2 * size, run
                    # rows that the query does not want, or that come and go, are gone before the first statement
                    assert cost.statements or run[4] == 0, "auto_explain saw nothing"
                for s in cost.statements:
                    assert not s.scanned & {"big", "other"}, f"{name} of {size} rows scans the source: {s}"
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


@pytest.mark.parametrize("conditions", ["b.n >= 1 AND b.n < 6 AND o.v > 0 AND o.v <= 3",
                                        "b.n BETWEEN 1 AND 5 AND o.v BETWEEN 1 AND 3"])
def test_conditions_that_the_log_has_seen_to(big, conditions):
    """The planner must not take a delta of thousands for one of a few rows, because of conditions that all of its rows meet."""
    conn = big.connect()
    conn.execute("SELECT pgtrickle.create_stream_table('s', %s, refresh_mode => 'DIFFERENTIAL')",
                 (f"SELECT b.id, b.n, o.v FROM big AS b JOIN other AS o ON o.id = b.id WHERE {conditions}",))
    try:
        for first in (100_000, 110_000):
            conn.execute(f"UPDATE big SET n = (n + 1) % 7 WHERE id BETWEEN {first} AND {first + 2999}")
            conn.execute(f"UPDATE other SET v = (v + 1) % 5 WHERE id BETWEEN {first} AND {first + 59}")
            with Cost(conn) as cost:
                conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
            for s in cost.statements:
                assert s.rows + s.removed <= 20 * 6120, f"rows that were compared in vain: {s}"
        check_fresh(conn, "s")
    finally:
        conn.execute("SELECT pgtrickle.drop_stream_table('s')")


def test_a_key_that_many_changed_rows_have(big):
    """The planner knows how many keys a delta has: each is looked up once, though five rows have it."""
    conn = big.connect()
    conn.execute("CREATE TABLE line (id int PRIMARY KEY, head int NOT NULL, n int)")
    conn.execute("INSERT INTO line SELECT x, x / 5, 0 FROM generate_series(1, 100000) AS x")
    conn.execute("ANALYZE line")
    conn.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT l.id, l.n, o.v FROM line AS l JOIN other AS o ON o.id = l.head',"
                 " refresh_mode => 'DIFFERENTIAL')")
    try:
        conn.execute("UPDATE line SET n = n + 1 WHERE id BETWEEN 30000 AND 32999")
        with Cost(conn) as cost:
            conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
        lookups = sum(n["Actual Loops"] for s in cost.statements for n in s.nodes if n.get("Relation Name") == "other")
        assert lookups <= 3000 / 5 + 1, "\n".join(map(str, cost.statements))
        check_fresh(conn, "s")
    finally:
        conn.execute("SELECT pgtrickle.drop_stream_table('s')")
        conn.execute("DROP TABLE line")


@pytest.mark.parametrize("functions", ["lag(n) OVER (ORDER BY id)", "row_number() OVER (ORDER BY id)", "sum(n) OVER (ORDER BY id), max(n) OVER (ORDER BY n)",
                                       "rank() OVER (ORDER BY n), ntile(7) OVER (ORDER BY id)", "lag(n) OVER (PARTITION BY k ORDER BY id)",
                                       "count(*) OVER (PARTITION BY k), lead(n) OVER (ORDER BY id)",
                                       "sum(n) OVER (ORDER BY n RANGE BETWEEN 5 PRECEDING AND 5 FOLLOWING)"])
def test_changes_of_a_window_are_not_compared_pairwise(server, functions):
    """Three thousand at the end and as many apart, of 50,000 rows: what knows the ones of the others is hashed or sorted."""
    database = Database(server)
    conn = database.connect()
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, k int, n int)")
    conn.execute("INSERT INTO t SELECT x, x / 5, x FROM generate_series(1, 50000) AS x")
    conn.execute("ANALYZE t")
    conn.execute("SELECT pgtrickle.create_stream_table('s', %s, refresh_mode => 'DIFFERENTIAL')", (f"SELECT id, k, n, {functions.replace('), ', ') AS f, ')} AS l FROM t",))
    for change in ("INSERT INTO t SELECT x, x / 5, x FROM generate_series(50001, 53000) AS x", "UPDATE t SET k = k + 1 WHERE id % 16 = 0",
                   "DELETE FROM t WHERE id % 17 = 0"):
        conn.execute(change)
        with Cost(conn) as cost:
            conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
        for s in cost.statements:
            assert s.widest < 500_000, s
        check_fresh(conn, "s")
    database.drop()


def test_groups_of_a_state_that_nobody_has_analyzed(big):
    """Of 50,000 groups, the 500 that change are looked up by the hashes of their keys."""
    conn = big.connect()
    conn.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT g, count(*) AS c, sum(n) AS s FROM big GROUP BY g HAVING count(*) > 3',"
                 " refresh_mode => 'DIFFERENTIAL')")
    try:
        conn.execute("UPDATE big SET n = n + 1 WHERE id BETWEEN 300000 AND 309999 AND id % 20 = 0")
        with Cost(conn) as cost:
            conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
        read = sum(n["Actual Rows"] * n["Actual Loops"] for s in cost.statements for n in s.nodes
                   if n.get("Relation Name", "").startswith("state_"))
        assert 500 <= read <= 600, "\n".join(map(str, cost.statements))
        check_fresh(conn, "s")
    finally:
        conn.execute("SELECT pgtrickle.drop_stream_table('s')")


def test_what_is_attached_to_a_delta_is_joined_once(big):
    """Of two changed sources, not in each term that one's delta is in; and the other is asked for what that leaves."""
    conn = big.connect()
    conn.execute("SELECT pgtrickle.create_stream_table('s', %s, refresh_mode => 'DIFFERENTIAL')",
                 ("SELECT b.id, b.n, o.v FROM big AS b JOIN other AS o ON o.id = b.id JOIN dim AS d ON d.k = b.k WHERE d.name = 'name 3'",))
    try:
        conn.execute("UPDATE big SET n = n + 1 WHERE id BETWEEN 700000 AND 709999")
        conn.execute("UPDATE other SET v = v + 1 WHERE id BETWEEN 705000 AND 705009")
        with Cost(conn) as cost:
            conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
        nodes = [n for s in cost.statements for n in s.nodes]
        what = "\n".join(map(str, cost.statements))
        # for the keys that are wanted of big's log, with what that leaves of it, and where big is asked for the rows of the other delta
        assert sum(n.get("Relation Name") == "dim" for n in nodes) == 3, what
        assert max(n["Actual Rows"] for n in nodes if n["Node Type"] == "Named Tuplestore Scan") == 200, what
        assert sum(n["Actual Loops"] for n in nodes if n.get("Relation Name") == "other") <= 400, what
        check_fresh(conn, "s")
    finally:
        conn.execute("SELECT pgtrickle.drop_stream_table('s')")


def test_a_value_that_moves(big):
    """Of what is compared with an aggregate, the rows are handed on that compare otherwise than before."""
    conn = big.connect()
    conn.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT id, n FROM big WHERE id > (SELECT avg(id) FROM other)',"
                 " refresh_mode => 'DIFFERENTIAL')")
    try:
        conn.execute("UPDATE other SET id = id + 2000000 WHERE id = 7")
        with Cost(conn) as cost:
            conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
        assert conn.execute("SELECT rows_deleted FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 1").fetchone()[0] == 2
        assert max(s.plan["Actual Rows"] for s in cost.statements) <= 10
        check_fresh(conn, "s")
    finally:
        conn.execute("SELECT pgtrickle.drop_stream_table('s')")
        conn.execute("UPDATE other SET id = 7 WHERE id = 2000007")


def test_the_extreme_of_a_large_group(big):
    """A hundred groups of 10,000 rows: what follows the largest and the smallest is found by an index."""
    conn = big.connect()
    conn.execute("CREATE INDEX big_k_id ON big (k, id)")
    conn.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT k, min(id) AS a, max(id) AS z, count(*) AS c FROM big GROUP BY k',"
                 " refresh_mode => 'DIFFERENTIAL')")
    try:
        for key in (17, 18):
            conn.execute(f"DELETE FROM big WHERE id IN ((SELECT max(id) FROM big WHERE k = {key}), (SELECT min(id) FROM big WHERE k = {key}))")
            with Cost(conn) as cost:
                conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
            cost.check(BASE_ROWS + 40, BASE_PAGES + 80)
        check_fresh(conn, "s")
    finally:
        conn.execute("SELECT pgtrickle.drop_stream_table('s')")
        conn.execute("DROP INDEX big_k_id")
