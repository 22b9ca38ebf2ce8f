"""Bad input: a clear error or a working stream table, nothing else.

Queries that are too long, too deep or too wide; cancelling in every phase, and
while another session holds a lock.
Never a crash, never an internal error (XX000), never a session that does not
listen to a cancel.
"""
import time

import psycopg
import psycopg.errors
import pytest

# How long a cancelled statement may go on; the server may be busy with others.
PATIENCE = 5


def nested(count, pattern, query="SELECT id, a FROM s"):
    for i in range(count):
        query = pattern.format(query=query, i=i)
    return query


def case(count):
    expression = "a"
    for i in range(count):
        expression = f"CASE WHEN a > {i} THEN {expression} END"
    return expression


def columns(count, expression="a + {i}"):
    return ", ".join(f"{expression.format(i=i)} AS c{i}" for i in range(count))


def positions(count):
    return ", ".join(str(i + 1) for i in range(count))


# Deep: 1,000 levels, except where PostgreSQL's own planner takes half a minute.
DEEP = {
    "parentheses": "SELECT " + "(" * 1000 + "a" + ")" * 1000 + " AS v FROM s",
    "sums": "SELECT id, " + "(1 + " * 1000 + "a" + ")" * 1000 + " AS v FROM s",
    "negations": "SELECT id FROM s WHERE " + "NOT (" * 1000 + "a > 1" + ")" * 1000,
    "calls": "SELECT " + "abs(" * 1000 + "a" + ")" * 1000 + " AS v, count(*) FROM s GROUP BY 1",
    "case": f"SELECT id, {case(1000)} AS v FROM s",
    "grouped case": f"SELECT {case(1000)} AS v, count(*) AS n FROM s GROUP BY 1",
    "casts": "SELECT id, a" + "::text::int" * 1000 + " AS v FROM s",
    "subqueries": nested(300, "SELECT id, a FROM ({query}) AS q{i}"),
    "groupings": nested(60, "SELECT id, max(a) AS a FROM ({query}) AS q{i} GROUP BY id"),
    "distinct": nested(60, "SELECT DISTINCT id, a FROM ({query}) AS q{i}"),
    "exists": nested(100, "SELECT id, a FROM s AS s{i} WHERE EXISTS ({query})"),
    "scalar subqueries": "SELECT id, " + "(SELECT " * 150 + "s.a" + ")" * 150 + " AS v FROM s",
    "with": "WITH x0 AS (SELECT id, a FROM s)"
            + "".join(f", x{i} AS (SELECT id, a + 1 AS a FROM x{i - 1})" for i in range(1, 60))
            + " SELECT id, a FROM x59",
    "union all": " UNION ALL ".join(["SELECT id, a FROM s"] * 1000),
    "union": " UNION ".join(["SELECT id, a FROM s"] * 1000),
    "union to the right": "(SELECT id, a FROM s UNION ALL " * 300 + "SELECT id, a FROM s" + ")" * 300,
    "except": " EXCEPT ".join(["SELECT id, a FROM s"] * 300),
    "and": "SELECT id FROM s WHERE " + " AND ".join(f"a <> {i + 100}" for i in range(1000)),
    "or": "SELECT id FROM s WHERE " + " OR ".join(f"(a = {i} AND id < {i + 9})" for i in range(1000)),
    "having": "SELECT a, count(*) AS n FROM s GROUP BY a HAVING "
              + " AND ".join(f"max(id) <> {i + 100} AND sum(id) <> {i + 1000}" for i in range(300)),
}

LONG = {
    "comment": "SELECT id, a FROM s -- " + "x" * 1000000,
    "blanks": " " * 1000000 + "SELECT id FROM s",
    "literal": "SELECT id, '" + "x" * 1000000 + "' AS v FROM s",
    "name": 'SELECT id AS "' + "x" * 1000000 + '" FROM s',
    "list": "SELECT id FROM s WHERE a IN (" + ",".join(str(i) for i in range(150000)) + ")",
    "values": "SELECT id FROM s WHERE (a, id) IN (VALUES " + ",".join(f"({i},{i})" for i in range(60000)) + ")",
}

WIDE = {
    "1600 columns": f"SELECT {columns(1600)} FROM s",
    "1601 columns": f"SELECT {columns(1601)} FROM s",
    "1700 columns": f"SELECT {columns(1700)} FROM s",
    "1600 keys": f"SELECT {columns(1599)}, count(*) AS n FROM s GROUP BY {positions(1599)}",
    "800 keys": f"SELECT {columns(800)} FROM s GROUP BY {positions(800)}",
    "1600 aggregates": f"SELECT {columns(1600, 'sum(a + {i})')} FROM s",
    "300 aggregates": f"SELECT {columns(300, 'sum(a + {i})')}, min(id) AS m FROM s",
    "1600 distinct": f"SELECT DISTINCT {columns(1600)} FROM s",
    "all of the widest": "SELECT * FROM widest",
    "one of the widest": "SELECT c1, count(*) AS n FROM widest GROUP BY c1",
    # on one key PostgreSQL takes a minute to plan 200 of them
    "200 joins": "SELECT s0.id FROM s AS s0 " + " ".join(
        f"JOIN s AS s{i} ON s{i}.id = s{i - 1}.a" for i in range(1, 200)),
    "80 joins on one key": "SELECT s0.id FROM s AS s0 " + " ".join(
        f"JOIN s AS s{i} ON s{i}.id = s{i - 1}.id" for i in range(1, 80)),
    "200 outer joins": "SELECT s0.id FROM s AS s0 " + " ".join(
        f"LEFT JOIN s AS s{i} USING (id)" for i in range(1, 200)),
}

# What PostgreSQL or we refuse, by SQLSTATE.
REFUSED = {
    "1601 columns": "54011",
    "1700 columns": "54011",
    "1600 aggregates": "54000",     # a row of 1600 bigints does not fit a page
}


def sources(conn):
    conn.execute("SET client_min_messages = error")
    # the depth that is allowed without asking for it has a test of its own, q_limits
    conn.execute("SET pg_trickle.max_parse_depth = 10000")
    conn.execute("CREATE TABLE s (id int PRIMARY KEY, a int, t text)")
    conn.execute("INSERT INTO s VALUES (1, 1, 'x'), (2, 2, 'y'), (3, NULL, NULL)")
    conn.execute("CREATE TABLE widest (id int PRIMARY KEY, %s)"
                 % ", ".join(f"c{i} int" for i in range(1, 1600)))
    conn.execute("INSERT INTO widest (id) VALUES (1), (2)")


@pytest.mark.parametrize("name", [*DEEP, *LONG, *WIDE])
def test_query(db, name):
    """Created and refreshed, or refused with the right code."""
    sources(db)
    query = {**DEEP, **LONG, **WIDE}[name]
    create = "SELECT pgtrickle.create_stream_table('st', %s)"
    if name in REFUSED:
        with pytest.raises(psycopg.Error) as raised:
            db.execute(create, (query,))
        assert raised.value.sqlstate == REFUSED[name]
        return
    db.execute(create, (query,))
    db.execute("INSERT INTO s VALUES (4, 1, 'z'), (5, 9, 'w')")
    db.execute("UPDATE s SET a = a + 1 WHERE id = 1")
    db.execute("DELETE FROM s WHERE id = 2")
    db.execute("UPDATE widest SET c1 = 1 WHERE id = 1")
    db.execute("SELECT pgtrickle.refresh_stream_table('st')")
    assert db.value("SELECT exact FROM pgtrickle.verify_stream_table('st')") is True
    assert db.value("SELECT pgtrickle.explain_stream_table('st')")


@pytest.mark.parametrize("query", [
    "SELECT id, " + "||".join(["t"] * 200000) + " AS v FROM s",
    "SELECT id FROM s WHERE " + "NOT (" * 3000 + "a > 1" + ")" * 3000,
    nested(1000, "SELECT id, a FROM ({query}) AS q{i}"),
    " UNION ALL ".join(["SELECT id, a FROM s"] * 5000),
])
def test_too_deep(db, query):
    """Deeper than the stack: an error of that kind, and the session goes on."""
    sources(db)
    # A small stack is full before the planner has become slow.
    db.execute("SET max_stack_depth = '200kB'")
    for mode in ("AUTO", "FULL"):
        with pytest.raises((psycopg.errors.StatementTooComplex, psycopg.errors.ProgramLimitExceeded)):
            db.execute("SELECT pgtrickle.create_stream_table('st', %s, refresh_mode => %s)", (query, mode))
    assert db.value("SELECT count(*) FROM s") == 3


def test_memory_goes_with_the_stream_table(db):
    """Dropped stream tables leave nothing in the session's memory."""
    sources(db)
    query = nested(30, "SELECT id, max(a) AS a FROM ({query}) AS q{i} GROUP BY id")
    used = []
    for _ in range(8):
        db.execute("SELECT pgtrickle.create_stream_table('st', %s)", (query,))
        db.execute("UPDATE s SET a = a + 1")
        db.execute("SELECT pgtrickle.refresh_stream_table('st')")
        db.execute("SELECT pgtrickle.drop_stream_table('st')")
        used.append(db.value("SELECT sum(total_bytes)::int FROM pg_backend_memory_contexts WHERE name LIKE 'pg_trickle%'"))
    assert used[-1] < used[1] * 1.2 + 1000000, used


# -- cancelling

def cancelled(conn, statement, parameters=None, timeouts=(100,)):
    """
    Run under ever longer statement timeouts, until it ends before: how long it
    took at most beyond one. Whatever it did is rolled back.
    """
    longest = None
    for timeout in timeouts:
        conn.execute("BEGIN")
        conn.execute(f"SET LOCAL statement_timeout = '{timeout}ms'")
        start = time.monotonic()
        try:
            conn.execute(statement, parameters)
            break
        except psycopg.errors.QueryCanceled:
            longest = max(longest or 0, time.monotonic() - start - timeout / 1000)
        finally:
            conn.execute("ROLLBACK")
    assert longest is not None, "it was never cancelled"
    return longest


@pytest.fixture
def many(db):
    """A table so large that a refresh is not over before the first timeout."""
    db.execute("SET client_min_messages = error")
    db.execute("CREATE TABLE s (id int PRIMARY KEY, g int, n numeric, t text)")
    db.execute("INSERT INTO s SELECT i, i % 1000, i, repeat('x', 50) FROM generate_series(1, 50000) AS i")
    return db


@pytest.mark.parametrize("query", [
    "SELECT id, g, n, t FROM s",
    "SELECT DISTINCT g, n FROM s",
    "SELECT id, count(*) AS c, sum(n) AS s, max(t) AS m FROM s GROUP BY id",
    "SELECT g, string_agg(t, ',' ORDER BY n) AS t FROM s GROUP BY g",
    "SELECT t, n, g FROM s UNION ALL SELECT t, n, g FROM s",
])
def test_cancel(many, query):
    """A timeout ends first fill, refresh and comparison at once, and nothing is left of them."""
    timeouts = (10, 50, 150, 400)
    assert cancelled(many.conn, "SELECT pgtrickle.create_stream_table('st', %s)", (query,), timeouts) < PATIENCE
    assert many.value("SELECT to_regclass('st')") is None
    many.execute("SELECT pgtrickle.create_stream_table('st', %s)", (query,))
    many.execute("UPDATE s SET n = n + 1, g = g + 1")
    assert cancelled(many.conn, "SELECT pgtrickle.refresh_stream_table('st')", None, timeouts) < PATIENCE
    assert cancelled(many.conn, "SELECT * FROM pgtrickle.verify_stream_table('st')", None, timeouts) < PATIENCE
    many.execute("SELECT pgtrickle.refresh_stream_table('st')")
    many.assert_fresh("st")


@pytest.mark.parametrize("lock, statement", [
    ("LOCK TABLE s IN ROW EXCLUSIVE MODE", "SELECT pgtrickle.create_stream_table('other', 'SELECT id FROM s')"),
    ("LOCK TABLE s", "SELECT pgtrickle.refresh_stream_table('st')"),
    ("LOCK TABLE st", "SELECT pgtrickle.refresh_stream_table('st')"),
    ("LOCK TABLE st IN ACCESS SHARE MODE", "SELECT pgtrickle.drop_stream_table('st')"),
    ("LOCK TABLE s IN ROW EXCLUSIVE MODE", "SELECT pgtrickle.drop_stream_table('st')"),
    ("SELECT pgtrickle.refresh_stream_table('st')", "SELECT pgtrickle.drop_stream_table('st')"),
    ("SELECT pgtrickle.refresh_stream_table('st')",
     "SELECT pgtrickle.alter_stream_table('st', refresh_mode => 'FULL')"),
    ("SELECT pgtrickle.refresh_stream_table('st')", "SELECT pgtrickle.refresh_stream_table('above')"),
    ("LOCK TABLE s", "SELECT pgtrickle.explain_stream_table('st')"),
    ("LOCK TABLE s", "SELECT * FROM pgtrickle.verify_stream_table('st')"),
])
def test_lock(db, lock, statement):
    """While another session holds a lock: 55P03 after lock_timeout, 57014 on cancel."""
    sources(db)
    db.execute("SELECT pgtrickle.create_stream_table('st', 'SELECT a, count(*) AS c FROM s GROUP BY a')")
    db.execute("SELECT pgtrickle.create_stream_table('above', 'SELECT sum(c) AS c FROM st')")
    db.execute("INSERT INTO s VALUES (4, 4, '')")
    if "drop" in statement:
        db.execute("SELECT pgtrickle.drop_stream_table('above')")
    holder = db.connect(autocommit=False)
    holder.execute(lock)
    db.execute("SET lock_timeout = '200ms'")
    start = time.monotonic()
    with pytest.raises(psycopg.errors.LockNotAvailable):
        db.execute(statement)
    assert time.monotonic() - start < PATIENCE
    db.execute("RESET lock_timeout")
    assert cancelled(db.conn, statement) < PATIENCE
    holder.rollback()
    db.execute("SELECT pgtrickle.refresh_stream_table('st')")
    db.assert_fresh("st")
