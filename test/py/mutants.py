"""Breaks the code on purpose, one rule at a time, and sees that a test notices.

"./dev mutants [NAME..]" runs it. Every function below is the test of the rule
that it is named after: it must pass as the code is, and fail while the fault
point of the same name (src/util/fault.h) is switched on. A mutant that survives
is a failure.

The library with fault points is built in a directory of its own and put beside
the throwaway server's data; the functions of the test databases point to it.
So the library installed in PostgreSQL stays the normal one.
"""
import concurrent.futures
import itertools
import os
import pathlib
import queue
import sys
import time

import psycopg
from psycopg import sql

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import mutants_capture  # noqa: E402
import mutants_schedule  # noqa: E402
from conftest import Server, check_fresh, create_faulty_extension, wait_for  # noqa: E402

# The rules of kind W, a wrong result, as of the design.
RULES = """A1 A3 A4 A5 B1 B2 B3 B4 B5 B6 B7 B8 B9 B10 B18 C1 C2 C3 C4 C5 C6 C7 C8
D1 D2 D3 D5 E1 E3 E4 E5 E7 E9 E11 E12 E15 E16 E17 F2 F3 F6 F7 G4 H1 H2 H3 H4 H5 H6 H7
J1 J3 J4 J5 J6 J7 J8 J9 J11 J12 J13 J14 K1 K2 K8 K9 K10 K18 K19 K24 K26 K27 K30""".split()

MUTANTS = {**mutants_capture.MUTANTS, **mutants_schedule.MUTANTS}
_numbers = itertools.count(1)


class Skip(Exception):
    """The server lacks what the test needs."""


def mutant(fault):
    def register(function):
        MUTANTS[fault] = function
        return function
    return register


class Database:
    """A database whose sessions all have the fault, or none."""

    def __init__(self, server, fault):
        self.server, self.fault = server, fault
        self.name = f"m{next(_numbers)}"
        self.sessions = []
        server.admin.execute(f"CREATE DATABASE {self.name} TEMPLATE faulty")
        server.admin.execute(f"ALTER DATABASE {self.name} SET pg_trickle.enabled = off")
        # for the processes that work for the sessions
        server.admin.execute(sql.SQL("ALTER DATABASE {} SET pg_trickle.fault = {}").format(sql.Identifier(self.name), self.fault))
        self.conn = self.session()

    def session(self, **options):
        conn = self.server.connect(self.name, **options)
        self.sessions.append(conn)
        conn.execute("SELECT set_config('pg_trickle.fault', %s, false)", (self.fault,))
        conn.execute("SELECT pgtrickle.version()")
        # a library without fault points would have thrown the setting away
        assert conn.execute("SHOW pg_trickle.fault").fetchone()[0] == self.fault
        return conn

    def schedule(self):
        """Let stream tables refresh themselves."""
        self.server.admin.execute(f"ALTER DATABASE {self.name} SET pg_trickle.enabled = on")
        self.conn = self.session()

    def run(self, *statements):
        for statement in statements:
            self.conn.execute(statement)

    def value(self, query):
        return self.conn.execute(query).fetchone()[0]

    def create(self, name, query, mode="DIFFERENTIAL", conn=None):
        (conn or self.conn).execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => %s)",
                                    (name, query, mode))

    def states(self):
        return [row[0] for row in self.conn.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^state_[0-9]+_[0-9]+$' AND relkind = 'r'")]

    def refresh(self, name="s", conn=None):
        (conn or self.conn).execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))

    def fresh(self, *names, fallback=False):
        """Table and query print the same, without a recompute on the way."""
        for name in names or ("s",):
            check_fresh(self.conn, name)
        if not fallback:
            reasons = self.conn.execute("SELECT refresh_reason FROM pgtrickle.pgt_refresh_history"
                                        " WHERE was_full_fallback").fetchall()
            assert not reasons, f"recomputed: {reasons}"

    def log(self):
        return self.value("SELECT log::regclass::text FROM pgtrickle.change_log_segment WHERE source = 't'::regclass")

    def also(self, fault, conn=None):
        """Another fault point, that the test needs to come to the point."""
        (conn or self.conn).execute("SELECT set_config('pg_trickle.fault', concat_ws(';', nullif(current_setting("
                                    "'pg_trickle.fault'), ''), %s::text), false)", (fault,))

    def crash(self):
        """The server dies and recovers; only self.conn comes back."""
        for conn in (self.server.admin, *self.sessions):
            conn.close()
        self.server.restart("immediate")
        self.server.admin = self.server.connect()
        self.conn = self.session()

    def drop(self):
        for conn in self.sessions:
            conn.close()
        self.server.admin.execute(f"DROP DATABASE {self.name} WITH (FORCE)")


def wide(db):
    """A source whose change log grows by pages."""
    db.run("CREATE TABLE t (id int, pad text)")
    db.create("s", "SELECT id, pad FROM t")


MANY = "INSERT INTO t SELECT x, repeat('x', 1500) FROM generate_series({}, {}) AS x"


def grouped(db, rows, query, columns="id int, g int, n numeric"):
    db.run(f"CREATE TABLE t ({columns})", f"INSERT INTO t VALUES {rows}")
    db.create("s", query)


# -- A: what is exact

@mutant("A1")
def images_decide(db):
    grouped(db, "(1, 1, 1.0)", "SELECT id, n FROM t")
    db.run("UPDATE t SET n = 1.00")
    db.refresh()
    db.fresh()


@mutant("A3")
def shown_key_leaves(db):
    grouped(db, "(1, 1, 1.0), (2, 1, 1.00), (3, 1, 2)", "SELECT n, count(*) AS c FROM t GROUP BY n")
    shown = db.value("SELECT n::text FROM s WHERE n = 1")
    db.run(f"DELETE FROM t WHERE n::text = '{shown}'")
    db.refresh()
    db.fresh()


@mutant("A4")
def miss(db):
    grouped(db, "(1, 1, 1), (2, 1, 2)", "SELECT id, n FROM t")
    # by somebody without the library, whom nobody refuses it (rule J30)
    db.run("ALTER EVENT TRIGGER pg_trickle_on_ddl_start DISABLE")
    with db.server.connect(db.name) as other:
        other.execute("ALTER TABLE s DISABLE TRIGGER ALL")
        other.execute("UPDATE s SET n = 7 WHERE id = 1")
    db.run("DELETE FROM t WHERE id = 1")
    # or the refresh would recompute because of the guard
    db.also("G4 disabled")
    db.refresh()
    db.fresh(fallback=True)


# -- B: capture

@mutant("A5")
def choice_made_once(db):
    """Which of 1.0 and 1.00 is shown must be the same for both readers: there is
    one state of the choice, or none."""
    db.run("CREATE TABLE t (id int, n numeric)", "INSERT INTO t VALUES (1, 1.0), (2, 1.00), (3, 2)")
    db.create("s", "WITH q AS (SELECT DISTINCT n FROM t) SELECT n, 1 AS x FROM q UNION ALL SELECT n, 2 FROM q", "AUTO")
    shown = db.value("SELECT n::text FROM s WHERE n = 1 LIMIT 1")
    db.run(f"DELETE FROM t WHERE n::text = '{shown}'")
    db.refresh()
    db.fresh(fallback=True)
    assert len(db.states()) <= 1, f"the choice is made {len(db.states())} times"


@mutant("B1")
def target_block(db):
    wide(db)
    db.run("INSERT INTO t VALUES (1, 'x')")
    other = db.session()
    other.execute(MANY.format(10, 300))
    db.refresh(conn=other)
    db.run("INSERT INTO t VALUES (2, 'y')")
    db.refresh(conn=other)
    db.fresh()


@mutant("B2")
def possible_writer(db):
    wide(db)
    writer = db.session()
    writer.execute("BEGIN; INSERT INTO t VALUES (1, 'x')")
    db.run(MANY.format(10, 300))
    db.refresh()
    writer.execute("COMMIT")
    db.refresh()
    db.fresh()


@mutant("B3")
def durable_mark(db):
    wide(db)
    writer = db.session()
    writer.execute("BEGIN; INSERT INTO t VALUES (1, 'x')")
    db.run(MANY.format(10, 300))
    db.refresh()
    db.run("INSERT INTO t VALUES (2, 'y')")
    db.refresh()
    writer.execute("COMMIT")
    db.refresh()
    db.fresh()


@mutant("B4")
def mark_of_another_file(db):
    wide(db)
    db.run(MANY.format(10, 300))
    db.refresh()
    db.run(f"TRUNCATE {db.log()}", MANY.format(1000, 2000))
    db.refresh()
    db.fresh()


@mutant("B4 tail")
def mark_behind_committed_rows(db):
    wide(db)
    db.run("INSERT INTO t VALUES (1, 'x')", "BEGIN", MANY.format(10, 300), "ROLLBACK")
    db.refresh()
    db.run(f"VACUUM (TRUNCATE) {db.log()}", MANY.format(1000, 2000))
    db.refresh()
    db.fresh()


@mutant("B6")
def change_of_a_leaf(db):
    db.run("CREATE TABLE t (id int, g int) PARTITION BY LIST (g)", "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)")
    db.create("s", "SELECT id, g FROM t")
    db.run("INSERT INTO t1 VALUES (1, 1)")
    db.refresh()
    db.fresh()


@mutant("B7")
def triggers_disabled_for_a_while(db):
    grouped(db, "(1, 1, 1)", "SELECT id, n FROM t")
    db.run("ALTER TABLE t DISABLE TRIGGER ALL", "INSERT INTO t VALUES (2, 2, 2)", "ALTER TABLE t ENABLE TRIGGER ALL",
           "INSERT INTO t VALUES (3, 3, 3)")
    db.refresh()
    db.run("INSERT INTO t VALUES (4, 4, 4)")
    db.refresh()
    db.fresh(fallback=True)


@mutant("B8")
def pairs(db):
    grouped(db, "(1, 1, 1), (2, 2, 2)", "SELECT id, n FROM t")
    db.run("UPDATE t SET n = n + 1")
    db.refresh()
    db.fresh()


@mutant("B8 drain")
def old_rows_without_new_ones(db):
    db.run("CREATE TABLE t (id int, g int) PARTITION BY LIST (g)", "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)",
           "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)", "INSERT INTO t VALUES (1, 1), (2, 1), (3, 1)",
           "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
           "CREATE TRIGGER no BEFORE INSERT ON t2 FOR EACH ROW WHEN (NEW.id = 2) EXECUTE FUNCTION no()")
    db.create("s", "SELECT id, g FROM t")
    db.run("UPDATE t SET g = 2")
    db.refresh()
    db.fresh()


# -- C: frontier and snapshot

def own_transaction(db):
    grouped(db, "(1, 1, 1)", "SELECT id, n FROM t")
    db.run("BEGIN", "INSERT INTO t VALUES (2, 2, 2)")
    db.refresh()
    db.run("INSERT INTO t VALUES (3, 3, 3)", "COMMIT")
    db.refresh()
    db.fresh()


MUTANTS["C1"] = MUTANTS["C1 cmin"] = own_transaction


def chain(db):
    grouped(db, "(1, 1, 1)", "SELECT id, n FROM t WHERE id > 0")
    db.create("s2", "SELECT count(*) AS c, sum(n) AS n FROM s")
    for i in range(2, 5):
        db.run(f"INSERT INTO t VALUES ({i}, 2, 2)")
        db.refresh("s2")
        db.fresh("s", "s2")


MUTANTS["C2"] = MUTANTS["C6"] = chain


@mutant("C3")
def rows_before_their_log(db):
    grouped(db, "(1, 1, 1), (2, 1, 2)", "SELECT g, min(n) AS n, count(*) AS c FROM t GROUP BY g")
    db.run("""CREATE FUNCTION look() RETURNS int LANGUAGE plpgsql AS
              $$ BEGIN PERFORM pgtrickle.refresh_stream_table('s'); RETURN 1; END $$""",
           "DELETE FROM t WHERE id = 1")
    try:
        db.run("INSERT INTO t VALUES (3, 1, 5) RETURNING look()")
    except psycopg.errors.ObjectInUse:
        pass
    db.refresh()
    db.fresh()


@mutant("C5")
def snapshot_older_than_a_rewrite(db):
    grouped(db, "(1, 1, 1)", "SELECT id, n FROM t")
    old = db.session()
    old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    db.run("ALTER TABLE t ADD COLUMN extra float8 DEFAULT random()")
    try:
        db.refresh(conn=old)
        old.execute("COMMIT")
    except psycopg.errors.SerializationFailure:
        old.execute("ROLLBACK")
    db.refresh()
    db.fresh(fallback=True)


# -- E: deltas

@mutant("E1")
def value_that_was_never_committed(db):
    grouped(db, "(1, 1, 1)", "SELECT id, 10 / n AS q FROM t")
    db.run("BEGIN", "UPDATE t SET n = 0", "UPDATE t SET n = 4", "COMMIT")
    db.refresh()
    db.fresh()


@mutant("E3")
def equal_rows_of_the_preserved_side(db):
    db.run("CREATE TABLE t (n int)", "CREATE TABLE u (n int)", "INSERT INTO t VALUES (1), (1), (2)", "INSERT INTO u VALUES (1)")
    db.create("s", "SELECT t.n, u.n AS m FROM t LEFT JOIN u ON u.n = t.n")
    db.run("DELETE FROM u")
    db.refresh()
    db.fresh()


@mutant("E4")
def not_in_and_null(db):
    db.run("CREATE TABLE t (n int)", "CREATE TABLE u (n int)", "INSERT INTO t VALUES (1), (NULL)", "INSERT INTO u VALUES (5)")
    db.create("s", "SELECT n FROM t WHERE n NOT IN (SELECT n FROM u)")
    db.run("INSERT INTO u VALUES (NULL)")
    db.refresh()
    db.fresh()


@mutant("E4 value")
def in_as_a_value_and_null(db):
    db.run("CREATE TABLE t (id int, n int)", "CREATE TABLE u (n int)", "INSERT INTO t VALUES (1, 1), (2, NULL)", "INSERT INTO u VALUES (5)")
    db.create("s", "SELECT id, n IN (SELECT n FROM u) AS e FROM t")
    db.run("INSERT INTO u VALUES (NULL)")
    db.refresh()
    db.fresh()


@mutant("E6")
def index_that_the_states_did_without(db):
    db.run("CREATE TABLE t (id int)", "CREATE TABLE u (n int)", "INSERT INTO t VALUES (1), (2)", "INSERT INTO u VALUES (1), (1)",
           "CREATE INDEX u_n ON u (n)")
    db.create("s", "SELECT id FROM t WHERE EXISTS (SELECT FROM u WHERE n = id)")
    db.run("DROP INDEX u_n", "INSERT INTO u VALUES (2)")
    db.refresh()
    db.fresh()
    assert db.value("SELECT action FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 1") == "DIFFERENTIAL"


@mutant("E10")
def window_that_runs_on(db):
    grouped(db, "(1, 1, 1), (2, 1, 1), (3, 1, 1)", "SELECT id, sum(n) OVER (ORDER BY id) AS s FROM t")
    db.run("UPDATE t SET n = 2 WHERE id = 1")
    db.refresh()
    db.fresh()


@mutant("E10 reach")
def window_that_looks_around(db):
    grouped(db, "(1, 1, 1), (2, 1, 1), (3, 1, 1)", "SELECT id, lag(n) OVER (ORDER BY id) AS l, lead(n) OVER (ORDER BY id) AS m FROM t")
    db.run("UPDATE t SET n = 2 WHERE id = 2")
    db.refresh()
    db.fresh()


@mutant("E10 first")
def window_that_shows_the_first(db):
    grouped(db, "(1, 1, 1), (2, 1, 1), (3, 1, 1)", "SELECT id, first_value(n) OVER (ORDER BY id) AS f FROM t")
    db.run("UPDATE t SET n = 2 WHERE id = 1")
    db.refresh()
    db.fresh()


@mutant("E10 extreme")
def window_that_shows_the_greatest(db):
    grouped(db, "(1, 1, 1), (2, 1, 1), (3, 1, 1)", "SELECT id, max(n) OVER (ORDER BY id) AS m FROM t")
    db.run("UPDATE t SET n = 2 WHERE id = 1")
    db.refresh()
    db.fresh()


@mutant("E10 wide")
def window_in_the_order_of_long_values(db):
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text)", "INSERT INTO t VALUES (1, 'a'), (2, repeat('b', 5000)), (3, 'c')")
    db.create("s", "SELECT id, lag(id) OVER (ORDER BY v) AS l, lead(id) OVER (ORDER BY v) AS m FROM t")
    db.run("INSERT INTO t VALUES (4, 'bb')")
    db.refresh()
    db.fresh()


@mutant("E10 numbers")
def window_that_numbers_rows(db):
    grouped(db, "(1, 1, 1), (2, 1, 1), (3, 1, 1)", "SELECT r, count(*) AS c FROM (SELECT id, row_number() OVER () AS r FROM t) x GROUP BY r")
    db.run("DELETE FROM t WHERE id < 3")
    db.refresh()
    db.fresh()


@mutant("E10 apart")
def window_with_changes_side_by_side(db):
    grouped(db, "(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1)", "SELECT id, lag(n) OVER (ORDER BY id) AS l, lead(n) OVER (ORDER BY id) AS m FROM t")
    db.run("UPDATE t SET n = id WHERE id IN (2, 3)")
    db.refresh()
    db.fresh()


@mutant("E10 windows")
def several_windows(db):
    grouped(db, "(1, 1, 1), (2, 1, 1), (3, 1, 1)", "SELECT id, lead(n) OVER (ORDER BY id) AS l, count(*) OVER (PARTITION BY id) AS c FROM t")
    db.run("INSERT INTO t VALUES (4, 1, 1)")
    db.refresh()
    db.fresh()


@mutant("A3 domain")
def equal_values_that_ask(db):
    db.run("CREATE TABLE t (id int, n numeric)", "CREATE TABLE u (n int)", "INSERT INTO t VALUES (1, 1.0), (2, 1.00)", "INSERT INTO u VALUES (1), (2)")
    db.create("s", "SELECT id, (SELECT max(t.n::text || u.n) FROM u WHERE u.n >= t.n) AS m FROM t")
    db.run("INSERT INTO u VALUES (3)")
    db.refresh()
    db.fresh()


@mutant("A3 collation")
def equal_texts_that_ask(db):
    db.run("CREATE COLLATION fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
           "CREATE TABLE t (id int, s text COLLATE fold)", "CREATE TABLE u (n int)", "INSERT INTO t VALUES (1, 'a'), (2, 'A')", "INSERT INTO u VALUES (1), (2)")
    db.create("s", "SELECT id, (SELECT max(t.s || u.n) FROM u WHERE u.n::text < t.s) AS m FROM t")
    db.run("INSERT INTO u VALUES (3)")
    db.refresh()
    db.fresh()


@mutant("A3 record")
def equal_rows_that_group(db):
    db.run("CREATE TABLE t (id int, n numeric)", "INSERT INTO t VALUES (1, 1.0), (2, 1.00)")
    # it is recomputed
    db.run("SELECT pgtrickle.create_stream_table('s', 'SELECT count(*) AS c FROM (SELECT array_agg(ROW(n)) AS r FROM t GROUP BY id) AS x GROUP BY r')")
    db.run("INSERT INTO t VALUES (3, 1.000)")
    db.refresh()
    db.fresh()


@mutant("E11 row")
def the_only_row_of_an_aggregate(db):
    db.run("CREATE TABLE t (id int)", "CREATE TABLE u (id int)", "INSERT INTO t VALUES (1)")
    db.create("s", "SELECT t.id, x.c FROM t, LATERAL (SELECT count(*) AS c FROM u WHERE u.id = t.id OFFSET 0 LIMIT 2) AS x")
    db.run("INSERT INTO t VALUES (2)")
    db.refresh()
    db.fresh()


@mutant("E11 several")
def one_of_several_arrays(db):
    db.run("CREATE TABLE t (id int)", "CREATE TABLE u (id int, n int[])", "INSERT INTO t VALUES (1)", "INSERT INTO u VALUES (1, '{1}')")
    db.create("s", "SELECT t.id, (SELECT u.n FROM u WHERE u.id = t.id GROUP BY u.n) AS n FROM t")
    db.run("INSERT INTO u VALUES (1, '{2}')")
    try:
        db.refresh()
    except psycopg.errors.CardinalityViolation:
        return
    db.fresh()


@mutant("E11 nullable")
def rows_below_that_ask(db):
    """What WHERE leaves out above a nullable side has to be asked for below it."""
    db.run("CREATE TABLE t (id int)", "CREATE TABLE u (id int, n int)", "CREATE TABLE w (n int)", "INSERT INTO t VALUES (1)", "INSERT INTO w VALUES (1)")
    db.create("s", "SELECT t.id, u.n FROM t LEFT JOIN u ON u.id = t.id AND (SELECT count(*) FROM w WHERE w.n > u.n) > 0 WHERE coalesce(u.n, 1) > 0")
    db.run("INSERT INTO u VALUES (1, 0)")
    db.refresh()
    db.fresh()


@mutant("A5 row")
def rows_in_order(db):
    """NULL is the greatest of the values that a row can have in a column."""
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, NULL), (2, 5)")
    db.create("s", "SELECT id FROM t ORDER BY ROW(n, id) LIMIT 1")
    db.run("INSERT INTO t VALUES (3, 7), (4, NULL)")
    db.refresh()
    db.fresh()


@mutant("F3 hoisted")
def rows_that_an_outer_join_makes_up(db):
    """They are NULL, and no rows of NULLs."""
    db.run("CREATE TABLE t (id int)", "CREATE TABLE u (id int, n int)", "INSERT INTO t VALUES (1)", "INSERT INTO u VALUES (1, 1)")
    db.create("s", "SELECT t.id, x.r IS NOT DISTINCT FROM NULL AS none FROM t LEFT JOIN (SELECT id, ROW(n) AS r FROM u) AS x ON x.id = t.id")
    db.run("INSERT INTO t VALUES (2)")
    db.refresh()
    db.fresh()


@mutant("A5 no row")
def no_row_in_order(db):
    """What an outer join makes up is NULL, which is greater than a row of NULLs."""
    db.run("CREATE TABLE t (id int)", "CREATE TABLE u (id int, n int)", "INSERT INTO t VALUES (1), (2)", "INSERT INTO u VALUES (1, NULL)")
    db.create("s", "SELECT t.id, rank() OVER (ORDER BY x.r) AS n FROM t LEFT JOIN (SELECT id, ROW(n) AS r FROM u) AS x ON x.id = t.id")
    db.run("INSERT INTO t VALUES (3)", "INSERT INTO u VALUES (3, 5)")
    db.refresh()
    db.fresh()


@mutant("E13 none")
def ties_of_no_rows(db):
    db.run("CREATE TABLE t (id int)", "CREATE TABLE u (id int, n int)", "INSERT INTO t VALUES (1)", "INSERT INTO u VALUES (1, 1)")
    db.create("s", "SELECT t.id, x.n FROM t, LATERAL (SELECT n FROM u WHERE u.id = t.id ORDER BY n OFFSET 1 FETCH FIRST 0 ROWS WITH TIES) AS x")
    db.run("INSERT INTO u VALUES (1, 1)")
    db.refresh()
    db.fresh()


@mutant("A3 recursion")
def equal_values_in_a_recursion(db):
    db.run("CREATE TABLE t (n numeric)", "CREATE TABLE u (n numeric)", "INSERT INTO t VALUES (1.0)")
    db.create("s", "WITH RECURSIVE r AS (SELECT n FROM t UNION SELECT u.n FROM u, r) SELECT count(*) AS c FROM r")
    db.run("INSERT INTO u VALUES (1.00)")
    db.refresh()
    db.fresh()


@mutant("A3 derived")
def an_equal_value_that_is_left(db):
    db.run("CREATE TABLE t (n numeric)", "INSERT INTO t VALUES (1.0), (1.00)")
    db.create("s", "WITH RECURSIVE r AS (SELECT n FROM t UNION SELECT n FROM r) SELECT n FROM r")
    db.run("DELETE FROM t WHERE n::text = (SELECT n::text FROM s)")
    db.refresh()
    db.fresh()


@mutant("A3 side")
def equal_values_that_are_preserved(db):
    db.run("CREATE TABLE t (n numeric)", "CREATE TABLE u (n numeric)", "CREATE TABLE v (n numeric, m int)",
           "INSERT INTO t VALUES (1.0)", "INSERT INTO u VALUES (1.00)", "INSERT INTO v VALUES (1, 1)")
    db.create("s", "SELECT x.n, v.m FROM (SELECT n FROM t UNION ALL SELECT n FROM u) AS x LEFT JOIN v ON v.n = x.n")
    db.run("DELETE FROM v")
    db.refresh()
    db.fresh()


@mutant("A3 left")
def equal_values_of_the_right_arm(db):
    db.run("CREATE TABLE t (n numeric)", "CREATE TABLE u (n numeric)", "INSERT INTO u VALUES (1.0)")
    db.create("s", "SELECT n FROM t EXCEPT ALL SELECT n FROM u")
    db.run("INSERT INTO t VALUES (1.00), (1.00)")
    db.refresh()
    have = db.conn.execute("SELECT n::text FROM s").fetchall()
    assert have == [("1.00",)], f"{have} are not of the left arm"


@mutant("E1 join")
def values_that_never_met(db):
    db.run("CREATE TABLE t (id int, d int)", "CREATE TABLE u (id int, d int)", "INSERT INTO t VALUES (1, 5)", "INSERT INTO u VALUES (1, 3)")
    db.create("s", "SELECT id, 10 / (t.d - u.d) AS q FROM t JOIN u USING (id)")
    db.run("BEGIN", "UPDATE t SET d = 3", "UPDATE u SET d = 1", "COMMIT")
    db.refresh()
    db.fresh()


def both_sides(db, query):
    db.run("CREATE TABLE t (id int, n int)", "CREATE TABLE u (id int, n int)", "INSERT INTO t VALUES (1, 1), (2, 2)",
           "INSERT INTO u VALUES (1, 1), (2, 2)")
    db.create("s", query)
    db.run("INSERT INTO t VALUES (3, 3)", "INSERT INTO u VALUES (3, 3)", "DELETE FROM t WHERE id = 1", "DELETE FROM u WHERE id = 1",
           "UPDATE t SET n = 7 WHERE id = 2", "UPDATE u SET n = 8 WHERE id = 2")
    db.refresh()
    db.fresh()


@mutant("E2")
def both_sides_of_a_join(db):
    both_sides(db, "SELECT t.id, t.n, u.n AS m FROM t JOIN u USING (id)")


@mutant("E2 steps")
def four_changed_references(db):
    both_sides(db, "SELECT t.id, t.n, u.n AS m, t2.n AS o, u2.n AS p FROM t JOIN u USING (id) JOIN t AS t2 USING (id) JOIN u AS u2 USING (id)")


@mutant("E2 reduced")
def what_is_attached_to_a_changed_reference(db):
    db.run("CREATE TABLE v (id int PRIMARY KEY, n int)", "INSERT INTO v VALUES (1, 1), (2, 1), (3, 1)")
    both_sides(db, "SELECT t.id, t.n, u.n AS m FROM t JOIN u ON u.id = t.id JOIN v ON v.id = t.id WHERE v.n = 1")


@mutant("F1 mark")
def index_that_a_kept_plan_searches(db):
    db.run("CREATE TABLE t (id int, n int)", "CREATE INDEX i ON t (id)", "INSERT INTO t SELECT x, x FROM generate_series(1, 5000) AS x",
           "CREATE TABLE u (id int, n int)", "INSERT INTO u SELECT x, x FROM generate_series(1, 5000) AS x", "ANALYZE")
    db.create("s", "SELECT t.id, t.n, u.n AS m FROM t JOIN u USING (id)")
    db.run("UPDATE u SET n = 0 WHERE id = 1")
    db.refresh()
    db.run("DROP INDEX i", "UPDATE u SET n = 0 WHERE id = 2")
    db.refresh()
    db.fresh()


@mutant("K26 budget")
def hopeless_delta(db):
    db.run("CREATE TABLE t (id int PRIMARY KEY, k int)", "INSERT INTO t SELECT x, 1 FROM generate_series(1, 40) AS x")
    db.create("s", "SELECT count(*) AS c FROM t AS a" + "".join(f" JOIN t AS {y} ON {y}.k = {x}.k" for x, y in itertools.pairwise("abcdefghi"))
              + " AND i.id < 0")
    db.run("UPDATE t SET k = 2 WHERE id > 20", "SET pg_trickle.min_delta_budget_ms = 100", "SET statement_timeout = '20s'",
           "SELECT pgtrickle.refresh_stream_table('s')")
    db.fresh(fallback=True)


@mutant("E7a")
def no_argument_but_null(db):
    grouped(db, "(1, 1, 1), (2, 1, NULL)", "SELECT g, sum(n) AS s, count(n) AS c FROM t GROUP BY g",
            "id int, g int, n int")
    db.run("INSERT INTO t VALUES (3, 1, NULL)", "DELETE FROM t WHERE id = 1")
    db.refresh()
    db.fresh()


@mutant("E7c")
def sum_wider_than_its_arguments(db):
    grouped(db, "(1, 1, 9223372036854775807)", "SELECT g, sum(n) AS s FROM t GROUP BY g", "id int, g int, n bigint")
    db.run("INSERT INTO t VALUES (2, 1, 9223372036854775807), (3, 1, 9223372036854775806)")
    db.refresh()
    db.fresh()


@mutant("E7d")
def largest_scale_leaves(db):
    grouped(db, "(1, 1, 1.5), (2, 1, 2.2500)", "SELECT g, sum(n) AS s FROM t GROUP BY g")
    db.run("DELETE FROM t WHERE id = 2")
    db.refresh()
    db.fresh()


@mutant("E7e")
def nan_leaves(db):
    grouped(db, "(1, 1, 1.5), (2, 1, 'NaN')", "SELECT g, sum(n) AS s FROM t GROUP BY g")
    db.run("DELETE FROM t WHERE id = 2")
    db.refresh()
    db.fresh()


@mutant("E8")
def extreme_leaves(db):
    grouped(db, "(1, 1, 1), (2, 1, 2), (3, 1, 3)", "SELECT g, min(n) AS a, max(n) AS z FROM t GROUP BY g")
    db.run("DELETE FROM t WHERE id = 1")
    db.refresh()
    db.fresh()
    db.run("DELETE FROM t WHERE id = 3")
    db.refresh()
    db.fresh()


@mutant("E8 null")
def extreme_of_the_null_group(db):
    db.run("CREATE TABLE t (id int, g int, n int)", "CREATE INDEX ON t (g, n)", "INSERT INTO t VALUES (1, NULL, 1), (2, NULL, 2), (3, 1, 3)")
    db.create("s", "SELECT g, max(n) AS z FROM t GROUP BY g")
    db.run("DELETE FROM t WHERE id = 2")
    db.refresh()
    db.fresh()


def large_group(db):
    """Of which the first values are known, since its first one has left."""
    db.run("CREATE TABLE t (id int, g int, n int)", "INSERT INTO t SELECT x, 1, x FROM generate_series(1, 100) AS x")
    db.create("s", "SELECT g, min(n) AS a FROM t GROUP BY g")
    db.run("DELETE FROM t WHERE n = 1")
    db.refresh()
    db.fresh()


@mutant("E8 followed")
def known_value_that_has_left(db):
    large_group(db)
    db.run("DELETE FROM t WHERE n = 2")
    db.refresh()
    db.fresh()


@mutant("E8 floor")
def value_behind_those_that_are_known(db):
    large_group(db)
    for change in "DELETE FROM t WHERE n < 4", "INSERT INTO t VALUES (101, 1, 50)", "DELETE FROM t WHERE n < 18":
        db.run(change)
        db.refresh()
        db.fresh()


@mutant("E9")
def null_group(db):
    grouped(db, "(1, NULL, 1), (2, 1, 2)", "SELECT g, count(*) AS c FROM t GROUP BY g")
    db.run("INSERT INTO t VALUES (3, NULL, 3)")
    db.refresh()
    db.fresh()


@mutant("E13")
def rows_behind_the_last(db):
    """What comes behind the last row that is kept may come behind others that
    were never read; the order's first column does not tell."""
    db.run("CREATE TABLE t (id int, g int)", "INSERT INTO t SELECT x, 1 FROM generate_series(1, 1000) AS x")
    db.create("s", "SELECT id FROM t ORDER BY g, id LIMIT 5")
    db.run("DELETE FROM t WHERE id <= 50", "INSERT INTO t SELECT x, 1 FROM generate_series(5000, 5010) AS x")
    db.refresh()
    db.fresh()
    db.run("DELETE FROM t WHERE id <= 103")
    db.refresh()
    db.fresh()


@mutant("E13 behind")
def rows_equal_to_the_last_by_the_first_column(db):
    db.run("CREATE TABLE t (id int, g int)", "INSERT INTO t SELECT x, 1 FROM generate_series(1, 1000) AS x")
    db.create("s", "SELECT id FROM t ORDER BY g, id LIMIT 5")
    db.run("INSERT INTO t VALUES (0, 1), (2000, 1)")
    db.refresh()
    db.fresh()


@mutant("E14")
def rows_that_match_nothing(db):
    """A condition of an outer join throws no row of the preserved side away."""
    db.run("CREATE TABLE t (id int, n int)", "CREATE TABLE u (id int)", "INSERT INTO t VALUES (1, 1), (2, 9)", "INSERT INTO u VALUES (1), (2)")
    db.create("s", "SELECT t.id, u.id AS m FROM t LEFT JOIN u ON u.id = t.id AND t.n < 5")
    db.run("INSERT INTO t VALUES (3, 9)", "DELETE FROM t WHERE id = 2")
    db.refresh()
    db.fresh()


@mutant("E14 keys")
def keys_of_rows_that_have_gone(db):
    """Of a large log, rows are wanted that met what is not there any more."""
    db.run("CREATE TABLE t (id int PRIMARY KEY, u int)", "CREATE TABLE u (id int PRIMARY KEY, n int)", "CREATE INDEX ON t (u)",
           "INSERT INTO t SELECT x, x % 100 FROM generate_series(1, 3000) AS x", "INSERT INTO u SELECT x, x FROM generate_series(0, 99) AS x",
           "ANALYZE t, u")
    db.create("s", "SELECT t.id, u.n FROM t JOIN u ON u.id = t.u WHERE u.n IN (3, 4)")
    db.run("DELETE FROM t WHERE id > 100", "DELETE FROM u WHERE id = 3")
    db.refresh()
    db.fresh()


@mutant("E15")
def settings_of_creation(db):
    grouped(db, "(1, '2026-01-01 00:00+00')", "SELECT id, w::text AS w FROM t", "id int, w timestamptz")
    other = db.session()
    other.execute("SET timezone = 'Asia/Tokyo'")
    db.run("INSERT INTO t VALUES (2, '2026-02-02 20:00+00')")
    db.refresh(conn=other)
    db.fresh()


def expiring(db, query="SELECT id FROM t WHERE w > now()"):
    """Rows whose time comes a microsecond after the refresh, in the transaction before."""
    grouped(db, "(1, '2000-01-01'), (2, 'infinity')", query, "id int, w timestamptz")
    db.run("DO $$ BEGIN INSERT INTO t VALUES (3, now() + '1 microsecond'), (4, now() + '1 microsecond');"
           " PERFORM pgtrickle.refresh_stream_table('s'); END $$")


@mutant("E15 skip")
def time_goes_on(db):
    expiring(db)
    db.refresh()
    db.fresh()


@mutant("E15 flip")
def rows_whose_time_has_come(db):
    expiring(db, "SELECT id, w > now() AS ahead FROM t")
    db.run("INSERT INTO t VALUES (5, 'infinity')")
    db.refresh()
    db.fresh()


@mutant("E15 then")
def rows_that_left_had_the_answers_of_then(db):
    expiring(db)
    db.run("DELETE FROM t WHERE id = 3")
    db.refresh()
    db.fresh()


@mutant("E15 clock")
def time_of_the_last_refresh(db):
    expiring(db)
    db.refresh()
    db.run("INSERT INTO t VALUES (5, 'infinity')")
    db.refresh()
    db.fresh()


@mutant("E15 slices")
def slices_are_of_one_time(db):
    expiring(db)
    db.run("CREATE INDEX ON t (id)")
    db.create("s2", "SELECT id, rank() OVER (PARTITION BY id ORDER BY w) + (SELECT count(*) FROM t AS u WHERE u.id = t.id) AS r"
                    " FROM t WHERE w > now()", "AUTO")
    db.run("DO $$ BEGIN UPDATE t SET w = now() + '1 microsecond' WHERE id = 2;"
           " PERFORM pgtrickle.refresh_stream_table('s2'); END $$")
    db.refresh("s2")
    db.fresh("s2", fallback=True)


@mutant("E5")
def slices(db):
    db.run("CREATE TABLE t (id int, k int, v int)", "INSERT INTO t VALUES (1, 1, 5), (2, 1, 7), (3, 2, 9)", "CREATE TABLE u (v int)",
           "CREATE INDEX ON t (k)", "CREATE INDEX ON t (v)", "CREATE INDEX ON u (v)")
    db.create("s", "SELECT id, rank() OVER (PARTITION BY k ORDER BY v) + (SELECT count(*) FROM u WHERE u.v = t.v) AS r FROM t")
    db.run("INSERT INTO t VALUES (4, 1, 6)", "DELETE FROM t WHERE id = 3")
    db.refresh()
    db.fresh()


def linked(db):
    """A slice is cut by k; what it reads of u is linked to it by another column."""
    db.run("CREATE TABLE t (id int, k int, g int)", "CREATE TABLE u (g int, n int)",
           "INSERT INTO t VALUES (1, 1, 1), (2, 1, 2), (3, 2, 2), (4, 3, 3)", "INSERT INTO u VALUES (1, 1), (2, 2), (3, 3)",
           "CREATE INDEX ON t (k)", "CREATE INDEX ON t (g)", "CREATE INDEX ON u (g)")
    db.create("s", "SELECT id, rank() OVER (PARTITION BY k ORDER BY id) + (SELECT sum(n) FROM u WHERE u.g = t.g) AS r FROM t")
    db.run("UPDATE u SET n = 5 WHERE g = 1", "INSERT INTO u VALUES (7, 7)")
    db.refresh()
    db.fresh()


MUTANTS["E5 climb"] = MUTANTS["E5 changed"] = linked


@mutant("E5 required")
def keys_of_which_a_subquery_finds_nothing(db):
    db.run("CREATE TABLE t (id int, k int, v int)", "INSERT INTO t VALUES (1, 1, 5), (2, 1, 7), (3, 2, 9)", "CREATE INDEX ON t (k)",
           "CREATE TABLE u (k int PRIMARY KEY, b text)", "INSERT INTO u VALUES (1, 'x'), (2, 'y')")
    db.create("s", "SELECT id, rank() OVER (PARTITION BY k ORDER BY v) AS r FROM t"
                   " WHERE NOT EXISTS (SELECT FROM u WHERE u.k = t.k AND u.b = 'y')")
    db.run("INSERT INTO t VALUES (4, 1, 6)", "DELETE FROM t WHERE id = 3")
    db.refresh()
    db.fresh()


@mutant("E5 core")
def slices_that_had_a_row(db):
    """What is left of a slice can have no row in the result; what has left it had one."""
    db.also("E5 core at once")
    db.run("CREATE TABLE t (id int PRIMARY KEY, k int, g int, v int)", "CREATE TABLE u (g int PRIMARY KEY, b text)", "CREATE INDEX ON t (k)",
           "INSERT INTO t SELECT i, i % 30, i % 7, i FROM generate_series(1, 200) AS i",
           "INSERT INTO u SELECT i, CASE i WHEN 3 THEN 'x' ELSE 'y' END FROM generate_series(0, 6) AS i")
    db.create("s", "SELECT t.id, rank() OVER (PARTITION BY t.k ORDER BY t.v) + (SELECT count(*) FROM t AS o WHERE o.k = t.k AND o.v < t.v) AS r"
                   " FROM t, u WHERE u.g = t.g AND u.b = 'x' AND t.v > 3")
    db.run("DELETE FROM t WHERE g = 3 AND k < 20")
    db.refresh()
    db.fresh()


@mutant("E11 compared")
def compared_with_nothing(db):
    db.run("CREATE TABLE t (id int, n int)", "CREATE TABLE u (n int)", "INSERT INTO t VALUES (1, 1), (2, 5)")
    db.create("s", "SELECT id FROM t WHERE n > (SELECT avg(n) FROM u)")
    db.run("INSERT INTO u VALUES (3)")
    db.refresh()
    db.fresh()


@mutant("E11")
def count_of_nothing(db):
    db.run("CREATE TABLE t (id int, n int)", "CREATE TABLE u (n int)", "INSERT INTO t VALUES (1, 1)", "INSERT INTO u VALUES (1)")
    db.create("s", "SELECT id, (SELECT count(*) FROM u WHERE u.n = t.n) AS c FROM t")
    db.run("INSERT INTO t VALUES (2, 2)", "DELETE FROM u")
    db.refresh()
    db.fresh()


@mutant("E11 asked")
def groups_that_are_asked_for(db):
    """Only what WHERE demands of every row says which groups nobody asks for."""
    db.run("CREATE TABLE t (id int, b text)", "CREATE TABLE u (id int, n int)", "INSERT INTO t VALUES (1, 'x'), (2, 'y')",
           "INSERT INTO u VALUES (1, 1), (2, 9)")
    db.create("s", "SELECT id FROM t WHERE b = 'x' OR 5 < (SELECT sum(n) FROM u WHERE u.id = t.id)")
    db.run("INSERT INTO u VALUES (2, 1)", "INSERT INTO t VALUES (2, 'z')")
    db.refresh()
    db.fresh()


@mutant("E12")
def recursion(db):
    db.run("CREATE TABLE t (id int, up int)", "INSERT INTO t VALUES (1, NULL), (2, 1), (3, 2)")
    db.create("s", "WITH RECURSIVE r AS (SELECT id, 0 AS depth FROM t WHERE up IS NULL"
                   " UNION ALL SELECT t.id, r.depth + 1 FROM r JOIN t ON t.up = r.id) SELECT id, depth FROM r")
    db.run("BEGIN", "INSERT INTO t VALUES (4, 3), (5, 4)", "COMMIT")
    db.refresh()
    db.fresh()


CIRCLE = ("WITH RECURSIVE r (x) AS (SELECT 1 UNION SELECT dst FROM r JOIN e ON src = x) SELECT x FROM r",
          "CREATE TABLE e (src int, dst int)", "INSERT INTO e VALUES (1, 2), (2, 3), (3, 2)")


@mutant("E12 step")
def rows_that_hold_each_other(db):
    db.run(*CIRCLE[1:])
    db.create("s", CIRCLE[0])
    db.run("DELETE FROM e WHERE src = 1")
    db.refresh()
    db.fresh()


@mutant("E12 derive")
def rows_that_come_about_otherwise(db):
    db.run(*CIRCLE[1:], "INSERT INTO e VALUES (1, 3)")
    db.create("s", CIRCLE[0])
    db.run("DELETE FROM e WHERE dst = 2 AND src = 1")
    db.refresh()
    db.fresh()


@mutant("E12 round")
def rows_that_come_again_in_other_rounds(db):
    db.run("CREATE TABLE e (src int, dst int)", "INSERT INTO e VALUES (1, 2), (1, 3), (2, 3)")
    db.create("s", "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT DISTINCT dst FROM r JOIN e ON src = x) SELECT x FROM r")
    db.run("INSERT INTO e VALUES (3, 4), (2, 4)")
    db.refresh()
    db.fresh()


@mutant("A3 within")
def equal_rows_within_a_term(db):
    """DISTINCT below a term of UNION keeps one of two images, which the term shows."""
    db.run("CREATE TABLE t (id int, n numeric)", "INSERT INTO t VALUES (1, 0.5)", "CREATE TABLE e (src int, dst int)", "INSERT INTO e VALUES (1, 2)")
    db.create("s", "WITH RECURSIVE r AS (SELECT id, n, '' AS s FROM t UNION SELECT id, n * 1.0, 'b' FROM t"
                   " UNION SELECT dst, 7.0, d.n::text FROM (SELECT DISTINCT id, n FROM r) AS d JOIN e ON src = id AND n < 7)"
                   " SELECT id, length(s) < 9 AS short FROM r WHERE n = 7", "AUTO")
    db.run("INSERT INTO e VALUES (1, 3)")
    db.refresh()
    db.fresh(fallback=True)


@mutant("E15 stable")
def stable_function(db):
    db.run("CREATE TABLE factor (n int)", "INSERT INTO factor VALUES (2)",
           "CREATE FUNCTION times(x numeric) RETURNS numeric STABLE LANGUAGE sql AS 'SELECT x * n FROM public.factor'")
    grouped(db, "(1, 1, 1)", "SELECT id, n FROM t")
    db.create("s2", "SELECT id, times(n) AS n FROM t", "AUTO")
    db.run("UPDATE factor SET n = 3", "INSERT INTO t VALUES (2, 2, 2)")
    db.refresh("s2")
    db.fresh("s2", fallback=True)


@mutant("E16")
def function_replaced(db):
    db.run("CREATE FUNCTION twice(x numeric) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN x * 2; END'")
    grouped(db, "(1, 1, 1), (2, 1, 2)", "SELECT id, twice(n) AS n FROM t")
    db.run("INSERT INTO t VALUES (3, 1, 3)")
    db.refresh()
    db.run("CREATE OR REPLACE FUNCTION twice(x numeric) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN x + x + 1; END'",
           "INSERT INTO t VALUES (4, 1, 4)")
    db.refresh()
    db.fresh(fallback=True)


@mutant("E16 view")
def view_replaced(db):
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1), (2, 2)", "CREATE VIEW v AS SELECT id, n FROM t")
    db.create("s", "SELECT id, n FROM v")
    db.run("CREATE OR REPLACE VIEW v AS SELECT id, n * 10 AS n FROM t", "INSERT INTO t VALUES (3, 3)")
    db.refresh()
    db.fresh(fallback=True)


def dumped(db):
    """The stream tables that a dump of the database brings into another one."""
    other = f"{db.name}_restored"
    db.server.admin.execute(f"CREATE DATABASE {other}")
    db.server.psql(db.server.program("pg_dump", "-d", db.name), dbname=other)
    with db.server.connect(other) as conn:
        return conn.execute("SELECT array_agg(pgt_name) FROM pgtrickle.pgt_stream_tables").fetchone()[0]


def to_be_dumped(db):
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)")
    db.create("s", "SELECT id, n FROM t")
    assert dumped(db) == ["s"]


MUTANTS["J1"] = to_be_dumped
MUTANTS["J4"] = to_be_dumped


@mutant("J3")
def upgraded(db):
    """What pg_upgrade leaves: another catalog version, no rows of ours in pg_depend."""
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)")
    db.create("s", "SELECT id, n FROM t")
    # in one transaction: a scheduler that saw it would be the one who relinks
    conn = db.session()
    try:
        with conn.transaction():
            conn.execute("UPDATE pgtrickle.install_mark SET catalog_version = 1")
            conn.execute("SET LOCAL allow_system_table_mods = on")
            conn.execute("DELETE FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = 's'::regclass AND refobjid = 't'::regclass")
            conn.execute("DROP TABLE t")
    except psycopg.errors.DependentObjectsStillExist:
        return
    raise AssertionError("the stream table has lost its source")


@mutant("J21")
def definition_of_a_stranger(db):
    stranger = f"stranger_{db.name}"
    db.run(f"CREATE ROLE {stranger} LOGIN", "CREATE TABLE secret (n int)", "CREATE TABLE s (n int)",
           f"GRANT INSERT ON pgtrickle_saved.stream_tables TO {stranger}")
    with db.server.connect(db.name, user=stranger) as other:
        other.execute("INSERT INTO pgtrickle_saved.stream_tables VALUES (NULL, 'public', 's', 'postgres', '',"
                      " 'SELECT n FROM public.secret', '', '{}', 'AUTO', '{schedule,1s}')")
    db.run("SELECT pgtrickle.restore_stream_tables()")
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_stream_tables") == 0


@mutant("J5")
def internal_tables_depend_on_nothing(db):
    db.run("CREATE TYPE mood AS ENUM ('low')", "CREATE TABLE t (id int, m mood)", "INSERT INTO t VALUES (1, 'low')")
    db.create("s", "SELECT m, count(*) AS c FROM t GROUP BY m")
    db.create("other", "SELECT id FROM t")
    # the log has a column of the type for as long as the other reader needs the log
    db.run("SELECT pgtrickle.drop_stream_table('s')", "ALTER TABLE t DROP COLUMN m", "DROP TYPE mood",
           "INSERT INTO t VALUES (2)")
    db.refresh("other")
    db.fresh("other", fallback=True)


@mutant("J6")
def plain_tables_after_the_extension(db):
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1), (2, 2)")
    db.create("s", "SELECT id, n FROM t")
    db.run("DROP EXTENSION pg_trickle CASCADE", "DROP TABLE t CASCADE")
    assert db.value("SELECT count(*) FROM s") == 2


@mutant("J7")
def a_function_that_reads_more(db):
    """Its result may change without a change of a source from now on."""
    db.run("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1), (2)", "CREATE TABLE o (n int)", "INSERT INTO o VALUES (1)",
           "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'")
    db.create("s", "SELECT id, f(id) AS f FROM t", "AUTO")
    db.run("CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 + n FROM public.o'")
    db.refresh()
    db.run("UPDATE o SET n = 5")
    db.refresh()
    db.fresh(fallback=True)


@mutant("J7 detach")
def a_partition_half_detached(db):
    """It is read no more, but its triggers write to the same log as before."""
    db.run("CREATE TABLE p (id int, k int) PARTITION BY RANGE (k)", "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
           "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)", "INSERT INTO p SELECT i, i FROM generate_series(0, 19) AS i")
    db.create("s", "SELECT id, k FROM p")
    reader = db.session()
    with reader.transaction():
        reader.execute("SELECT count(*) FROM p")
        other = db.session()
        other.execute("SET statement_timeout = '500ms'")
        try:
            other.execute("ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY")
        except psycopg.errors.QueryCanceled:
            pass
    db.refresh()
    db.run("INSERT INTO p1 VALUES (100, 5)", "INSERT INTO p2 VALUES (101, 15)")
    db.refresh()
    db.fresh(fallback=True)


@mutant("J14")
def triggers_of_users_fire(db):
    db.run("CREATE TABLE t (id int)", "CREATE TABLE told (n bigint)")
    db.create("s", "SELECT id FROM t")
    db.run("CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS"
           " $$ BEGIN INSERT INTO public.told SELECT count(*) FROM came; RETURN NULL; END $$",
           "CREATE TRIGGER tell AFTER INSERT ON s REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION tell()",
           "INSERT INTO t VALUES (1), (2)")
    db.refresh()
    db.fresh()
    assert db.value("SELECT sum(n) FROM told") == 2


@mutant("J11")
def constants_keep_their_digits(db):
    db.run("CREATE TABLE t (id int, f float8)", "INSERT INTO t VALUES (1, 0.12345678901234567)", "SET extra_float_digits = 0")
    db.create("s", "SELECT id FROM t WHERE f = '0.12345678901234567'::float8")
    db.run("INSERT INTO t VALUES (2, 0.12345678901234567)")
    db.refresh()
    db.fresh()


@mutant("J12")
def columns_are_found_by_name(db):
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 10)")
    db.create("s", "SELECT id, n FROM t", "FULL")
    # by somebody without the library, whom nobody refuses it (rule J30)
    db.run("ALTER EVENT TRIGGER pg_trickle_on_ddl_start DISABLE")
    for change in ("DROP COLUMN id", "ADD COLUMN id int"):
        with db.server.connect(db.name) as other:
            other.execute("ALTER TABLE s " + change)
    db.run("INSERT INTO t VALUES (2, 20)")
    db.refresh()
    assert db.value("SELECT array_agg(id ORDER BY id) FROM s") == [1, 2]


@mutant("J13")
def a_key_that_is_none_any_more(db):
    db.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 1)")
    db.create("s", "SELECT id, n FROM t")
    db.run("ALTER TABLE t DROP CONSTRAINT t_pkey", "INSERT INTO t VALUES (1, 1), (1, 2)")
    db.refresh()
    db.fresh(fallback=True)


PAUSE = ("CREATE FUNCTION pause(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS"
         " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN $1; END $$")


def waiting(db, conn):
    return db.server.admin.execute("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", (conn.info.backend_pid,)).fetchone()[0]


@mutant("J26")
def readers_of_a_query_that_is_altered(db):
    """They go on while what the other query shows is computed, though it has other columns."""
    db.run(PAUSE, "CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)")
    db.create("s", "SELECT id, n FROM t")
    holder, reader = db.session(), db.session()
    holder.execute("SELECT pg_advisory_lock(4711)")
    reader.execute("SET lock_timeout = '1s'")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        altered = pool.submit(db.run, "SELECT pgtrickle.alter_stream_table('s', query => 'SELECT id, pause(n) AS n, n AS m FROM t')")
        try:
            wait_for(lambda: waiting(db, db.conn), "the computation")
            assert reader.execute("SELECT count(*) FROM s").fetchone()[0] == 1
        finally:
            holder.execute("SELECT pg_advisory_unlock(4711)")
            altered.result()
    db.fresh(fallback=True)


@mutant("J26 generation")
def definition_that_another_session_knew(db):
    """The result has the same columns and the same sources as before."""
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)")
    db.create("s", "SELECT id, n FROM t")
    other = db.session()
    db.run("INSERT INTO t VALUES (2, 2)")
    db.refresh(conn=other)
    db.run("SELECT pgtrickle.alter_stream_table('s', query => 'SELECT id, n * 10 AS n FROM t')", "INSERT INTO t VALUES (3, 3)")
    db.refresh(conn=other)
    db.fresh(fallback=True)


@mutant("J26 name")
def two_replace_the_same_name(db):
    """The second one waits for the first, and replaces what that has made."""
    db.run(PAUSE, "CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)")
    other, holder = db.session(), db.session()
    holder.execute("SELECT pg_advisory_lock(4711)")
    replace = "SELECT pgtrickle.create_or_replace_stream_table('s', 'SELECT id, pause(n) {} AS n FROM t')"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(db.run, replace.format(""))
        wait_for(lambda: waiting(db, db.conn), "the first to compute")
        second = pool.submit(other.execute, replace.format("* 10"))
        wait_for(lambda: waiting(db, other), "the second one")
        holder.execute("SELECT pg_advisory_unlock(4711)")
        first.result()
        second.result()
    assert db.value("SELECT n FROM s") == 10
    db.fresh(fallback=True)


@mutant("J27")
def query_over_what_depends_on_it(db):
    """Else a dump has no order for the two of them."""
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)")
    db.create("s", "SELECT id, n FROM t")
    db.run("CREATE MATERIALIZED VIEW m AS SELECT id, n FROM s")
    try:
        db.run("SELECT pgtrickle.alter_stream_table('s', query => 'SELECT id, n FROM m', refresh_mode => 'FULL')")
    except psycopg.errors.InvalidSchemaDefinition:
        pass
    db.run("DROP MATERIALIZED VIEW m")
    assert db.value("SELECT to_regclass('s') IS NOT NULL"), "the stream table went with what reads it"
    db.fresh(fallback=True)


def under_policy(db):
    """A source with a policy, and a session of a user who is under it."""
    db.run("DO $$ BEGIN CREATE ROLE mutant_reader LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
           "CREATE TABLE t (id int, owner text)", "INSERT INTO t VALUES (1, 'mutant_reader'), (2, 'other')",
           "CREATE POLICY p ON t USING (owner = 'mutant_reader')",
           "GRANT SELECT, TRIGGER ON t TO mutant_reader", "GRANT CREATE ON SCHEMA public TO mutant_reader")
    return db.session(user="mutant_reader")


@mutant("E17")
def row_security_switched_on(db):
    reader = under_policy(db)
    db.create("s", "SELECT id, owner FROM t", conn=reader)
    db.run("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "INSERT INTO t VALUES (3, 'other'), (4, 'mutant_reader')")
    db.refresh(conn=reader)
    check_fresh(reader, "s")


@mutant("J9 drop")
def plain_drop_locks_in_order(db):
    db.run("CREATE TABLE t (id int, n int)")
    db.create("s", "SELECT id, n FROM t")
    db.create("over", "SELECT id FROM s")
    db.run("INSERT INTO t VALUES (1, 1)")
    other = db.session()
    with concurrent.futures.ThreadPoolExecutor(1) as pool, db.conn.transaction():
        # s is written, over is free: whoever drops it waits for the sources first
        db.refresh("s")
        dropped = pool.submit(other.execute, "DROP TABLE over")
        wait_for(lambda: waiting(db, other), "the session that drops")
        db.refresh("over")
    dropped.result()
    db.fresh("s")


@mutant("J9 written")
def refresh_locks_what_it_writes_at_once(db):
    db.run("CREATE TABLE t (id int)", "CREATE SCHEMA gone", "CREATE TABLE gone.other (id int)")
    db.create("s", "SELECT id FROM t")
    db.create("gone.reader", "SELECT id FROM s")
    db.run("INSERT INTO t VALUES (1)")
    dropping, refreshing = db.session(), db.session()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        with db.conn.transaction():
            db.run("SET LOCAL deadlock_timeout = '100ms'", "SELECT FROM gone.other")
            dropped = pool.submit(dropping.execute, "DROP SCHEMA gone CASCADE")
            wait_for(lambda: waiting(db, dropping), "the session that drops")
            refreshed = pool.submit(refreshing.execute, "SELECT pgtrickle.refresh_stream_table('s')")
            wait_for(lambda: waiting(db, refreshing), "the session that refreshes")
            db.run("LOCK TABLE t")
        dropped.result()
        refreshed.result()
    db.fresh("s")


@mutant("J9 remade")
def refresh_that_keeps_readers_out_waits_with_nothing(db):
    db.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 1)")
    db.create("s", "SELECT id, n FROM t")
    db.run("ALTER TABLE t DROP CONSTRAINT t_pkey", "INSERT INTO t VALUES (1, 1)")
    refreshing = db.session()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with db.conn.transaction():
            db.run("SET LOCAL deadlock_timeout = '100ms'", "SELECT FROM s")
            refreshed = pool.submit(refreshing.execute, "SELECT pgtrickle.refresh_stream_table('s')")
            wait_for(lambda: waiting(db, refreshing), "the session that refreshes")
            db.run("LOCK TABLE t")
        refreshed.result()
    db.fresh("s")


@mutant("J9 states")
def states_of_a_query_that_is_altered(db):
    """Who explains it waits for those that it had with nothing, and does not keep the other from locking readers out."""
    db.run(PAUSE, "CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)")
    db.create("s", "SELECT n, count(*) AS c FROM t GROUP BY n")
    holder, altering, explaining = db.session(), db.session(), db.session()
    holder.execute("SELECT pg_advisory_lock(4711)")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        altered = pool.submit(altering.execute, "SELECT pgtrickle.alter_stream_table('s', query => 'SELECT pause(n) AS n, count(*) AS c, sum(id) AS d FROM t GROUP BY 1')")
        wait_for(lambda: waiting(db, altering), "the session that alters")
        explained = pool.submit(explaining.execute, "SELECT pgtrickle.explain_stream_table('s')")
        wait_for(lambda: waiting(db, explaining), "the session that explains")
        holder.execute("SELECT pg_advisory_unlock(4711)")
        altered.result()
        explained.result()
    db.fresh("s")


@mutant("J9 analysed")
def creation_that_finds_another_source(db):
    """Of an analysis that was in vain it has no lock when it lets that source be captured."""
    db.run("CREATE TABLE t (id int)", "CREATE TABLE u (id int)", "CREATE TABLE other (id int)", "CREATE VIEW v AS SELECT id FROM t")
    db.create("up", "SELECT id FROM t")
    captured = db.value("SELECT 'u'::regclass::oid")
    naming, creating = db.session(), db.session()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with naming.transaction():
            naming.execute("INSERT INTO other VALUES (1)")
            naming.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT id FROM other')")
            created = pool.submit(creating.execute, "SELECT pgtrickle.create_stream_table('s', 'SELECT v.id FROM up JOIN v USING (id)')")
            wait_for(lambda: db.server.admin.execute("SELECT %s = ANY (pg_blocking_pids(%s))", (naming.info.backend_pid, creating.info.backend_pid)).fetchone()[0],
                     "the session that creates")
            db.run("CREATE OR REPLACE VIEW v AS SELECT id FROM t UNION ALL SELECT id FROM u")
            db.run("BEGIN", "SET LOCAL deadlock_timeout = '100ms'", "INSERT INTO u VALUES (1)")
            raise psycopg.Rollback
        wait_for(lambda: db.server.admin.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = %s AND NOT granted)", (captured,)).fetchone()[0],
                 "the one that installs capture")
        db.run("LOCK TABLE up", "COMMIT")
        created.result()
    db.fresh("s")


@mutant("J9 going")
def drop_waits_for_views_with_nothing(db):
    db.run("CREATE TABLE t (id int)")
    db.create("s", "SELECT id FROM t")
    db.run("CREATE VIEW v AS SELECT id FROM s")
    other = db.session()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with db.conn.transaction():
            db.run("SET LOCAL deadlock_timeout = '100ms'", "ALTER VIEW v OWNER TO CURRENT_USER")
            dropped = pool.submit(other.execute, "SELECT pgtrickle.drop_stream_table('s', true)")
            wait_for(lambda: waiting(db, other), "the session that drops")
            db.run("ALTER TABLE t OWNER TO CURRENT_USER")
        dropped.result()


@mutant("J9 views")
def alter_locks_no_view_that_forbids_it(db):
    db.run("CREATE TABLE t (id int, n int)")
    db.create("s", "SELECT id, n FROM t")
    db.run("CREATE VIEW v AS SELECT n FROM s")
    other = db.session()
    other.execute("SET lock_timeout = '1s'")
    with db.conn.transaction():
        db.run("COMMENT ON VIEW v IS 'locked'")
        try:
            other.execute("SELECT pgtrickle.alter_stream_table('s', query => 'SELECT id FROM t')")
        except psycopg.errors.DependentObjectsStillExist:
            pass


@mutant("J9 renamed")
def rename_of_a_function_comes_after_its_users(db):
    db.run("CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'", "CREATE TABLE t (id int)")
    db.create("s", "SELECT f(id) AS id FROM t")
    db.run("INSERT INTO t VALUES (1)")
    other = db.session()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with db.conn.transaction():
            db.refresh()
            db.run("SET LOCAL deadlock_timeout = '100ms'")
            renamed = pool.submit(other.execute, "ALTER FUNCTION f(int) RENAME TO g")
            wait_for(lambda: waiting(db, other), "the session that renames")
            db.run("COMMENT ON FUNCTION f(int) IS 'locked'")
        renamed.result()
    db.fresh()


@mutant("J9 rows")
def drop_locks_rows_as_who_alters(db):
    db.run("CREATE TABLE t (id int)")
    db.create("s", "SELECT id FROM t")
    other = db.session()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with db.conn.transaction():
            db.run("SELECT FROM pgtrickle.stream_table_internals FOR NO KEY UPDATE")
            dropped = pool.submit(other.execute, "SELECT pgtrickle.drop_stream_table('s')")
            wait_for(lambda: waiting(db, other), "the session that drops")
            db.run("SELECT pgtrickle.alter_stream_table('s', status => 'ACTIVE')")
        dropped.result()


# -- F: trees, printing

@mutant("F2")
def renamed_columns(db):
    db.run("CREATE TABLE t (a int, b int, c int)", "INSERT INTO t VALUES (1, 2, 3)")
    db.create("s", "SELECT q, r FROM t AS x (p, q, r)")
    db.run("INSERT INTO t VALUES (4, 5, 6)")
    db.refresh()
    db.fresh()


@mutant("F3 polled")
def whole_row_of_polled_source(db):
    db.run("CREATE EXTENSION postgres_fdw", "CREATE TABLE far (a int, b int)", "INSERT INTO far VALUES (1, 2)",
           """DO $$ BEGIN
               EXECUTE format('CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, host %L, port %L)', current_database(),
                              split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'));
               EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER loop OPTIONS (user %L)', current_user);
           END $$""",
           "CREATE FOREIGN TABLE f (a int) SERVER loop OPTIONS (table_name 'far')", "SET pg_trickle.foreign_table_polling = on")
    db.create("s", "SELECT to_jsonb(f) AS j FROM f")
    db.run("ALTER FOREIGN TABLE f ADD COLUMN b int", "INSERT INTO far VALUES (3, 4)")
    db.refresh()
    db.fresh()


@mutant("F3 record")
def rows_that_are_compared(db):
    db.run("CREATE TABLE t (id int, a int)", "INSERT INTO t VALUES (1, 1)")
    db.create("s", "SELECT id FROM (SELECT id, ROW(a) AS r FROM t) AS x WHERE r <> ROW(1)")
    db.run("INSERT INTO t VALUES (2, NULL)")
    db.refresh()
    db.fresh()


@mutant("F3")
def whole_row(db):
    db.run("CREATE TABLE t (a int)", "CREATE TABLE u (a int, b int)", "INSERT INTO t VALUES (1)")
    db.create("s", "SELECT t.a, to_jsonb(u) AS j FROM t LEFT JOIN u USING (a)")
    db.run("INSERT INTO t VALUES (2)")
    db.refresh()
    db.fresh()


@mutant("F6")
def columns_trade_names(db):
    db.run("CREATE TABLE t (id int, a int, b int)", "INSERT INTO t VALUES (1, 10, 20)")
    db.create("s", "SELECT id, a, b FROM t")
    # the text stays what it was, as after renames by somebody without the library
    db.run("ALTER EVENT TRIGGER pg_trickle_ddl_tracker DISABLE")
    db.run("ALTER TABLE t RENAME a TO x", "ALTER TABLE t RENAME b TO a", "ALTER TABLE t RENAME x TO b", "INSERT INTO t VALUES (2, 30, 40)")
    # in a session that has not seen the query before, and in one that has
    db.refresh(conn=db.session())
    db.run("INSERT INTO t VALUES (3, 40, 50)")
    db.refresh()
    have = db.conn.execute("SELECT id, a, b FROM s ORDER BY id").fetchall()
    want = db.conn.execute("SELECT id, b, a FROM t ORDER BY id").fetchall()
    assert have == want, f"the columns are {have}, not {want}"


@mutant("F6 text")
def text_follows_names(db):
    db.run("CREATE TABLE t (id int, a int)")
    db.create("s", "SELECT id, a FROM t")
    db.run("ALTER TABLE t RENAME a TO x", "ALTER TABLE t RENAME TO u", "INSERT INTO u VALUES (1, 2)")
    db.refresh()
    db.fresh()


@mutant("F6 schema")
def schema_renamed_while_a_query_is_stored(db):
    db.run("CREATE SCHEMA was", "CREATE TABLE was.t (id int)")
    other = db.session()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with db.conn.transaction():
            db.create("s", "SELECT id FROM was.t")
            renamed = pool.submit(other.execute, "ALTER SCHEMA was RENAME TO is_now")
            wait_for(lambda: renamed.done() or waiting(db, other), "the session that renames")
        renamed.result()
    assert "is_now" in db.value("SELECT defining_query FROM pgtrickle.pgt_stream_tables")


@mutant("F7")
def row_security_at_creation(db):
    reader = under_policy(db)
    db.run("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    db.create("s", "SELECT id, owner FROM t", "AUTO", conn=reader)
    db.run("INSERT INTO t VALUES (3, 'other'), (4, 'mutant_reader')")
    db.refresh(conn=reader)
    check_fresh(reader, "s")


@mutant("F7 barrier")
def security_barrier(db):
    """A function of the reader must not see the rows that the view hides."""
    reader = under_policy(db)
    db.run("CREATE VIEW v WITH (security_barrier) AS SELECT id, owner FROM t WHERE owner = 'mutant_reader'",
           "GRANT SELECT ON v TO mutant_reader")
    seen = []
    reader.add_notice_handler(lambda notice: seen.append(notice.message_primary))
    reader.execute("CREATE FUNCTION look(text) RETURNS boolean IMMUTABLE COST 0.0001 LANGUAGE plpgsql AS"
                   " $$ BEGIN RAISE NOTICE 'seen: %', $1; RETURN true; END $$")
    db.create("s", "SELECT id, owner FROM v WHERE look(owner)", "AUTO", conn=reader)
    db.run("INSERT INTO t VALUES (3, 'other'), (4, 'mutant_reader')")
    db.refresh(conn=reader)
    check_fresh(reader, "s")
    assert "seen: mutant_reader" in seen
    assert "seen: other" not in seen, "a hidden row was shown to the reader's function"


# -- G: apply

@mutant("G4")
def guard(db):
    grouped(db, "(1, 1, 1)", "SELECT id, n FROM t")
    try:
        db.run("INSERT INTO s (id, n) VALUES (7, 7)")
    except psycopg.errors.ObjectNotInPrerequisiteState:
        pass
    db.fresh()


@mutant("G4 disabled")
def guard_that_was_disabled(db):
    grouped(db, "(1, 1, 1)", "SELECT id, n FROM t")
    # by somebody without the library, whom nobody refuses it (rule J30)
    db.run("ALTER EVENT TRIGGER pg_trickle_on_ddl_start DISABLE")
    with db.server.connect(db.name) as other:
        name = other.execute("SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = 's'::regclass AND tgname ~ 'guard'").fetchone()[0]
        other.execute("ALTER TABLE s DISABLE TRIGGER ALL")
        other.execute("INSERT INTO s (id, n) VALUES (7, 7)")
        other.execute(f"ALTER TABLE s ENABLE ALWAYS TRIGGER {name}")
    db.refresh()
    db.fresh(fallback=True)


@mutant("G4 partition")
def guard_of_a_partition(db):
    grouped(db, "(1, 1, 1)", "SELECT id, n FROM t")
    db.run("SELECT pgtrickle.alter_stream_table('s', partition_by => 'HASH:id:2')")
    try:
        db.run("DELETE FROM s_p0")
        db.run("DELETE FROM s_p1")
    except psycopg.errors.ObjectNotInPrerequisiteState:
        pass
    db.fresh()


@mutant("J30")
def partitions_with_rows(db):
    grouped(db, "(1, 1, 1)", "SELECT id, n FROM t")
    db.run("SELECT pgtrickle.alter_stream_table('s', partition_by => 'HASH:id:2')")
    for partition in "s_p0", "s_p1":
        try:
            db.run(f"ALTER TABLE s DETACH PARTITION {partition}")
        except psycopg.errors.FeatureNotSupported:
            pass
    db.fresh()


# -- running them

def start():
    server = Server(conf={"wal_level": "logical", "pg_trickle.enabled": "on"})
    with open(server.data / "postgresql.conf", "a") as conf:
        conf.write(f"pg_trickle.fault_library = '{server.dir}/pg_trickle.so'\n")
    server.start()
    server.admin = server.connect()
    server.admin.execute("CREATE DATABASE faulty")
    server.admin.execute("ALTER DATABASE faulty SET pg_trickle.enabled = off")
    create_faulty_extension(server, "faulty")
    return server


def attempt(server, function, fault):
    """None, or why the test failed."""
    db = Database(server, fault)
    try:
        function(db)
    except (AssertionError, psycopg.Error) as error:
        return str(error).strip() or type(error).__name__
    finally:
        db.drop()
    return None


def judge(server, name):
    """Whether the test passes as the code is and fails with the fault."""
    try:
        sound = attempt(server, MUTANTS[name], "")
        broken = None if sound else attempt(server, MUTANTS[name], name)
    except Skip as reason:
        return "skipped", f"skipped  {name:9} {reason}"
    if sound:
        return "failed", f"FAILED   {name:9} already without the fault: {sound}"
    if broken:
        return "passed", f"killed   {name:9} {broken.splitlines()[0][:100]}"
    return "failed", f"SURVIVED {name:9}"


def main(names):
    unknown = [n for n in names if n not in MUTANTS]
    if unknown:
        sys.exit(f"no mutant is called {unknown[0]}; there are: {', '.join(MUTANTS)}")
    began = time.monotonic()
    # Each worker has a server of its own, so that creating and dropping
    # databases in one does not wait for the other.
    servers = queue.SimpleQueue()
    started = []
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    try:
        for _ in range(min(os.cpu_count() or 1, 4)):
            started.append(start())
            servers.put(started[-1])

        def run(name):
            server = servers.get()
            try:
                return judge(server, name)
            finally:
                servers.put(server)

        with concurrent.futures.ThreadPoolExecutor(len(started)) as pool:
            for outcome, line in pool.map(run, names or MUTANTS):
                counts[outcome] += 1
                print(line, flush=True)
    finally:
        for server in started:
            server.admin.close()
            server.remove()
    covered = {name.split()[0].rstrip("abcdef") for name in MUTANTS}
    print("rules without a mutant: " + " ".join(r for r in RULES if r not in covered))
    print(f"took {time.monotonic() - began:.0f} s")
    print(f"{counts['passed']} passed, {counts['failed']} failed" + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
