"""Random queries over random tables under random changes, against the oracle.

PGT_RANDOM_QUERIES   queries to compare (default 300), five batches of changes each
PGT_RANDOM_SEED      where to begin: query number N of seed S is run alone with
                     PGT_RANDOM_SEED=S+N PGT_RANDOM_QUERIES=1

A batch is one to three transactions of mixed statements with savepoints; some
stay open or prepared over refreshes. Every query must be maintained by its
delta, and no refresh may recompute.

Avoided are queries with more than one right answer, as an unordered array_agg.
A failure ends its worker, and leaves the tables as they are in the database
that it names.
"""
import collections
import concurrent.futures
import itertools
import os
import random

import psycopg

from conftest import Database

QUERIES = int(os.environ.get("PGT_RANDOM_QUERIES", "300"))
SEED = int(os.environ.get("PGT_RANDOM_SEED", "20260101"))
WORKERS = max(1, min(2 * (os.cpu_count() or 1), 8, QUERIES))
BATCHES = 5

# Two collations; keys and rows that repeat where the table has no primary key.
COLUMNS = """id int{}, g int, h text COLLATE "und-x-icu", i int, s smallint, l bigint, n numeric, n2 numeric(8,2),
    f float8, b bool, t text COLLATE "C", j jsonb, a int[], d date"""
NAMES = ["id", "g", "h", "i", "s", "l", "n", "n2", "f", "b", "t", "j", "a", "d"]


def value(r, name):
    if name != "id" and r.random() < 0.15:
        return "NULL"
    return {
        "g": lambda: str(r.randint(0, 3)),
        "h": lambda: r.choice(["'x'", "'y'", "'X'", "''", "'long text'"]),
        "i": lambda: str(r.randint(-5, 5)),
        "s": lambda: str(r.choice([0, 1, -32768, 32767, 7])),
        "l": lambda: str(r.choice([0, 1, 9223372036854775807, -9223372036854775807, r.randint(-99, 99)])),
        "n": lambda: r.choice(["1", "1.0", "1.00", "2.50", "-2.5", "0.000", "0", "1e20", "1e-12", "3.14159",
                               "'NaN'" if r.random() < 0.15 else "7",
                               "'Infinity'" if r.random() < 0.1 else "0.1",
                               "'-Infinity'" if r.random() < 0.1 else "-0.1"]),
        "n2": lambda: f"{r.randint(-500, 500) / 100:.2f}",
        "f": lambda: r.choice(["0", "'-0'", "1.5", "'NaN'", "'Infinity'", "-2.25", "1e300"]),
        "b": lambda: r.choice(["true", "false"]),
        "t": lambda: r.choice(["'p'", "'q'", "'Q'", "'é'", "'p '"]),
        "j": lambda: r.choice(["'1'", "'1.0'", "'{\"k\": 1}'", "'{\"k\": [1, 2]}'", "'[]'", "'null'", "'{\"k\": \"1\"}'"]),
        "a": lambda: r.choice(["'{}'", "'{1}'", "'{1,2}'", "'{2,NULL,1}'", "'{1,1}'"]),
        "d": lambda: f"'2024-01-{r.randint(1, 5):02d}'",
    }[name]()


class Queries:
    """Makes queries. What is grouped on has one image per value, but for n, f and j
    in queries where only rows as they are come out."""

    EXACT = ["g", "h", "i", "s", "l", "n2", "b", "t", "a", "d"]

    def __init__(self, r):
        self.r = r

    def condition(self):
        r = self.r
        return r.choice([
            "i > 0", "g = 1", "g IS NULL", "h <> 'x'", "n > 1", "n = 1", "b", "NOT b", "b IS NOT TRUE", "f > 0", "f = 'NaN'",
            "t IN ('p', 'q')", "i BETWEEN -2 AND 3", "j @> '{}'", "j->>'k' = '1'", "1 = ANY (a)", "cardinality(a) > 0",
            "id % 3 <> 0", "h LIKE '%o%'", "coalesce(g, i) = 0", "d >= '2024-01-03'", "i IS DISTINCT FROM g",
            "(g, i) > (1, 0)", "length(h || t) > 1", "(i > 0 OR g = 2) AND b IS NOT NULL",
        ])

    def where(self, chance=0.5):
        r = self.r
        if r.random() > chance:
            return ""
        return " WHERE " + r.choice(["{}", "{} AND {}", "{} OR {}"]).format(self.condition(), self.condition())

    def expression(self):
        return self.r.choice([
            "i + g", "i * 2 - 1", "abs(i)", "upper(h)", "h || '-' || t COLLATE \"C\"", "coalesce(h, t COLLATE \"C\", 'none')", "n * 2.0", "round(n2, 1)", "n + n2",
            "CASE WHEN i > 0 THEN 'pos' WHEN i = 0 THEN 'zero' ELSE 'other' END", "b AND i > 0", "i % 3", "nullif(i, 0)",
            "j->>'k'", "j->'k'", "a[1]", "a || i", "cardinality(a)", "extract(day FROM d)", "d + 1", "l % 10", "-f", "f IS NULL",
            "greatest(i, g)", "i::numeric(6,1)", "i::text", "ROW(g, h)::text", "md5(h)", "ARRAY[g, i]", "jsonb_build_object('g', g, 'n', n)",
            "f::text", "n::text", "scale(n)", "s::int - 1", "id",
        ])

    def exact_expression(self):
        return self.r.choice(["i + g", "upper(h)", "abs(i) % 3", "coalesce(h, t COLLATE \"C\")", "b IS TRUE", "n2 > 0", "d", "cardinality(a)",
                              "h || t COLLATE \"C\"", "CASE WHEN i > 0 THEN h ELSE t COLLATE \"C\" END", "n::text", "f::text", "j::text", "a[1]", "scale(n)"])

    def source(self):
        """A FROM item with the columns of t."""
        r = self.r
        return r.choice(["t"] * 4 + [
            "v", f"(SELECT * FROM t{self.where(1)}) AS x", f"(SELECT * FROM t{self.where()} UNION ALL SELECT * FROM t{self.where(1)}) AS x",
            "(SELECT * FROM t UNION ALL SELECT * FROM u) AS x", f"(SELECT * FROM v{self.where(1)} UNION ALL SELECT * FROM u{self.where()}) AS x",
        ])

    def aggregate(self):
        r = self.r
        x = r.choice(["i", "s", "l", "n", "n2", "i + g", "n * n2", "abs(i)", "n2 / 4", "i * 1.50"])
        plain = r.choice([
            "count(*)", f"count({r.choice(NAMES)})", f"count(DISTINCT {r.choice(self.EXACT)})",
            f"sum({x})", f"sum({x})", f"avg({x})", f"avg({x})", f"sum(DISTINCT {r.choice(['i', 's', 'n2'])})",
            f"min({r.choice(['i', 's', 'l', 'n2', 't', 'd', 'h', 'i + g'])})",
            f"max({r.choice(['i', 's', 'l', 'n2', 't', 'd', 'h', 'id'])})",
            "bool_and(b)", "bool_or(b)", "every(i > 0)", "bool_or(n > 1)",
            "variance(i)", "stddev_pop(n2)", "var_samp(s)", "bit_and(i)", "bit_or(g)",
            "string_agg(h, ',' ORDER BY id, ctr)", "array_agg(n ORDER BY id, ctr)", "array_agg(DISTINCT i ORDER BY i)",
            "jsonb_agg(j ORDER BY id, ctr)", "array_agg(f ORDER BY id, ctr)", "string_agg(DISTINCT t, '' ORDER BY t)",
            "percentile_disc(0.5) WITHIN GROUP (ORDER BY i)", "percentile_cont(0.25) WITHIN GROUP (ORDER BY i)",
            "mode() WITHIN GROUP (ORDER BY g)", "rank(1) WITHIN GROUP (ORDER BY i)", "count(DISTINCT (g, i))",
            "jsonb_object_agg(id, i ORDER BY id, ctr)",
        ])
        if "WITHIN" not in plain and r.random() < 0.3:
            plain += f" FILTER (WHERE {self.condition()})"
        elif r.random() < 0.1:
            plain += f" FILTER (WHERE {self.condition()})"
        return plain

    @staticmethod
    def total_order(text, source):
        # Rows of a UNION ALL may share the id; whole rows do not tie then.
        row = ", ".join(f"{c}::text" for c in NAMES)
        if "jsonb_object_agg" in text:
            return text.replace("ORDER BY id, ctr", f"ORDER BY id, {row}")
        return text.replace("ctr", row)

    def keys(self, many):
        r = self.r
        pool = list(dict.fromkeys(r.choice(self.EXACT) if r.random() < 0.7 else self.exact_expression() for _ in range(many)))
        return pool

    def grouped(self):
        r = self.r
        source = self.source()
        keys = self.keys(r.choice([0, 1, 1, 1, 2, 3]))
        aggregates = [self.aggregate() for _ in range(r.randint(1, 4))]
        if r.random() < 0.15:
            aggregates.append("sum(i) * 2 + count(*)")
        if r.random() < 0.15:
            aggregates.append("coalesce(sum(n2), 0) / greatest(count(*), 1)")
        shown = [k for k in keys if r.random() < 0.85]
        items = [f"{k} AS k{c}" for c, k in enumerate(shown)] + [f"{a} AS a{c}" for c, a in enumerate(aggregates)]
        r.shuffle(items)
        text = f"SELECT {', '.join(items)} FROM {source}{self.where()}"
        if keys:
            text += " GROUP BY " + ", ".join(keys)
        if r.random() < 0.25:
            text += " HAVING " + r.choice(["count(*) > 2", "sum(i) > 0", "max(i) IS NOT NULL", "count(DISTINCT g) < 3",
                                           "min(id) % 2 = 0", "bool_or(b)", "count(*) FILTER (WHERE b) > 1"])
        return self.total_order(text, source)

    def linear(self):
        r = self.r
        items = [(r.choice(NAMES) if r.random() < 0.5 else self.expression()) for _ in range(r.randint(1, 5))]
        if r.random() < 0.3:
            items.append("id")
        if r.random() < 0.12:
            items.append(r.choice(["unnest(a)", "generate_series(1, g)", "jsonb_array_elements(CASE WHEN jsonb_typeof(j) = 'array' THEN j ELSE '[1, 2]' END)"]))
        items = [f"{x} AS c{c}" for c, x in enumerate(items)]
        return f"SELECT {', '.join(items)} FROM {self.source()}{self.where()}"

    def distinct(self):
        r = self.r
        keys = self.keys(r.randint(1, 3))
        items = [f"{k} AS k{c}" for c, k in enumerate(keys)]
        if r.random() < 0.2:
            items.append("unnest(a) AS e")
        return f"SELECT DISTINCT {', '.join(items)} FROM {self.source()}{self.where()}"

    def set_operation(self):
        r = self.r
        columns = r.choice([["g", "h"], ["i"], ["t", "n2"], ["b", "d", "i"]])
        listed = ", ".join(columns)
        word = r.choice(["UNION", "UNION ALL", "UNION"])
        arms = [f"SELECT {listed} FROM {self.source()}{self.where()}" for _ in range(r.choice([2, 2, 3]))]
        if r.random() < 0.3:
            arms[-1] = f"SELECT DISTINCT {listed} FROM t"
        if r.random() < 0.3:
            arms[0] = f"SELECT {listed} FROM t GROUP BY {listed} HAVING count(*) > 1"
        if len(arms) == 3 and r.random() < 0.5:
            return f"{arms[0]} {word} ({arms[1]} {r.choice(['UNION', 'UNION ALL']) if word == 'UNION' else word} {arms[2]})"
        return f" {word} ".join(arms)

    def nested(self):
        r = self.r
        inner = r.choice([
            f"SELECT g, h, count(*) AS c, sum(i) AS s, max(n2) AS m FROM {self.source()}{self.where()} GROUP BY g, h",
            f"SELECT DISTINCT g, h, 1 AS c, i AS s, n2 AS m FROM {self.source()}{self.where()}",
            f"SELECT g, h, i AS c, id AS s, n2 AS m FROM {self.source()}{self.where()}",
            f"SELECT g, h, c + 1 AS c, s, m FROM (SELECT g, min(t) AS h, count(*) AS c, sum(i) AS s, avg(n2) AS m FROM t GROUP BY g) AS y",
        ])
        outer = r.choice([
            "SELECT g, sum(c) AS c, max(m) AS m, count(*) AS n FROM {} GROUP BY g",
            "SELECT c, array_agg(s ORDER BY s) AS s FROM {} WHERE s IS NOT NULL GROUP BY c",
            "SELECT count(*) AS c, sum(s) AS s, min(c) AS m, sum(m) AS sm FROM {}",
            "SELECT DISTINCT c, s FROM {}",
            "SELECT g, h, c * 2 AS c2, s FROM {} WHERE c > 1 OR s > 0",
            "SELECT h, avg(s) AS a FROM {} GROUP BY h HAVING count(*) > 1",
            "SELECT g, 1 AS x FROM {} UNION ALL SELECT i, 2 FROM u",
        ])
        if r.random() < 0.5:
            return f"WITH q AS {r.choice(['', 'MATERIALIZED ', 'NOT MATERIALIZED '])}({inner}) " + outer.format("q")
        return outer.format(f"({inner}) AS q")

    def any(self):
        return self.r.choice([self.linear, self.linear, self.grouped, self.grouped, self.grouped, self.distinct,
                              self.set_operation, self.nested])()

    def fill(self, db, log):
        """Make the tables that the queries read; returns what changes them."""
        r = self.r
        changes = Changes(r)
        key = r.choice([" PRIMARY KEY", " PRIMARY KEY", ""])
        make = [f"CREATE TABLE t ({COLUMNS.format(key)}); CREATE TABLE u (LIKE t INCLUDING ALL);",
                "CREATE VIEW v AS SELECT * FROM t WHERE i IS NULL OR i > -4;"]
        log += make
        db.execute("".join(make))
        for table, count in (("t", r.choice([0, 5, 25])), ("u", r.choice([0, 4]))):
            if count:
                fill = f"INSERT INTO {table} VALUES {', '.join(changes.row() for _ in range(count))}"
                if not key:
                    fill = f"{fill}; INSERT INTO {table} SELECT * FROM {table} WHERE id % 3 = 0"
                log.append(fill + ";")
                db.execute(fill)
        return changes


class Changes:
    def __init__(self, r):
        self.r = r
        self.next = 1000

    def row(self):
        self.next += 1
        return "(" + ", ".join([str(self.next)] + [value(self.r, n) for n in NAMES[1:]]) + ")"

    def some(self):
        r = self.r
        return r.choice([f"id % {r.randint(2, 7)} = {r.randint(0, 3)}", f"i = {r.randint(-5, 5)}", f"g = {r.randint(0, 3)}", "b",
                         f"id = (SELECT max(id) FROM t)", "n IS NULL", "n = 1", "n = 'NaN' OR n > 1e10", "true" if r.random() < 0.2 else "h = 'x'"])

    def statement(self):
        r = self.r
        table = "t" if r.random() < 0.8 else "u"
        kind = r.random()
        if kind < 0.35:
            return f"INSERT INTO {table} VALUES {', '.join(self.row() for _ in range(r.randint(1, 6)))}"
        if kind < 0.7:
            column = r.choice(NAMES[1:])
            to = value(r, column)
            if r.random() < 0.3:
                column, to = r.choice([("i", "i + 1"), ("n", "n * 1.0"), ("g", "i"), ("h", "t"), ("n", "n2"), ("f", "-f"), ("b", "NOT b"),
                                       ("id", "-id"), ("i", "i"), ("a", "a || 1"), ("n2", "n2 + 0.01")])
            return f"UPDATE {table} SET {column} = {to} WHERE {self.some()}"
        if kind < 0.93:
            return f"DELETE FROM {table} WHERE {self.some()} AND id % 2 = {r.randint(0, 1)}"
        if kind < 0.96:
            return f"DELETE FROM {table}"
        return (f"INSERT INTO {table} SELECT id + 100000 + {self.next}, {', '.join(NAMES[1:])} FROM {table} "
                f"WHERE abs(id) < 100000 AND {self.some()} ON CONFLICT DO NOTHING")

    def transaction(self, session, log):
        """Run one, with savepoints, and leave it open."""
        r = self.r
        for _ in range(r.randint(1, 4)):
            save = r.random() < 0.25
            if save:
                session.execute("SAVEPOINT s")
                log.append("SAVEPOINT s")
            statement = self.statement()
            log.append(statement)
            session.execute(statement)
            if save:
                end = r.choice(["ROLLBACK TO s", "RELEASE s", "ROLLBACK TO s"])
                log.append(end)
                session.execute(end)


def last_run(db):
    return db.conn.execute(
        "SELECT refresh_id, action, refresh_reason FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 1").fetchone()


def computable(db, query):
    """The query itself may fail, as on overflow: then there is nothing to compare."""
    try:
        db.conn.execute(query)
        return True
    except (psycopg.errors.DataError, psycopg.errors.CardinalityViolation, psycopg.errors.DatatypeMismatch):
        return False


class Batches:
    """The sessions that change the tables, and what they have left unfinished."""

    def __init__(self, db, r, changes, log):
        self.db, self.r, self.changes, self.log = db, r, changes, log
        self.sessions = [db.connect(autocommit=False) for _ in range(2)]
        for session in self.sessions:
            session.execute("SET lock_timeout = '100ms'")
            session.commit()
        self.open = None
        self.prepared = []
        self.numbers = itertools.count(1)

    def transaction(self):
        r, log = self.r, self.log
        session = r.choice([s for s in self.sessions if s is not self.open])
        log.append(f"BEGIN; -- session {self.sessions.index(session)}")
        try:
            self.changes.transaction(session, log)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.IntegrityError, psycopg.errors.DataError) as e:
            log.append(f"ROLLBACK; -- {e.sqlstate}")
            session.rollback()
            return
        kind = r.random()
        if self.open is None and kind < 0.2:
            self.open = session
            log.append("-- left open")
        elif kind < 0.35:
            name = f"{self.db.name}_{next(self.numbers)}"
            log.append(f"PREPARE TRANSACTION '{name}';")
            session.execute(f"PREPARE TRANSACTION '{name}'")
            session.commit()
            self.prepared.append(name)
        elif kind < 0.9:
            session.commit()
            log.append("COMMIT;")
        else:
            session.rollback()
            log.append("ROLLBACK;")

    def finish(self, chance):
        """End some of what is open or prepared."""
        r, log = self.r, self.log
        for name in list(self.prepared):
            if r.random() < chance:
                end = r.choice(["COMMIT", "COMMIT", "ROLLBACK"])
                log.append(f"{end} PREPARED '{name}';")
                self.db.execute(f"{end} PREPARED '{name}'")
                self.prepared.remove(name)
        if self.open is not None and r.random() < chance:
            end = r.choice(["commit", "commit", "rollback"])
            log.append(f"{end.upper()}; -- session {self.sessions.index(self.open)}")
            getattr(self.open, end)()
            self.open = None

    def close(self):
        for session in self.sessions:
            session.rollback()
            session.close()
        for name in self.prepared:
            self.db.execute(f"ROLLBACK PREPARED '{name}'")


def refresh(db, names, log):
    for name in names:
        before = last_run(db)
        log.append(f"SELECT pgtrickle.refresh_stream_table('{name}');")
        db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        run = last_run(db)
        if run != before:
            assert run[1] == "DIFFERENTIAL" and run[2] is None, f"refreshed as {run[1:]}"
    for name in names:
        db.assert_fresh(name)


def one_query(db, seed, log, kind=None):
    """
    Compare query number "seed"; "kind" is a module with its own Queries, and maybe refresh, computable,
    and RECOMPUTED: reasons for which there is no delta, that the documentation names.
    """
    r = random.Random(seed)
    queries = (kind.Queries if kind else Queries)(r)
    query = queries.any()
    check = getattr(kind, "refresh", refresh)
    is_computable = getattr(kind, "computable", computable)
    # what is followed must not depend on how busy the machine is
    db.execute("SET pg_trickle.min_delta_budget_ms = 60000")
    changes = queries.fill(db, log)
    if not is_computable(db, query):
        return "not computable"
    names = ["st"]
    log.append(f"SELECT pgtrickle.create_stream_table('st', $q${query}$q$, refresh_mode => 'DIFFERENTIAL');")
    try:
        db.execute("SELECT pgtrickle.create_stream_table('st', %s, refresh_mode => 'DIFFERENTIAL')", (query,))
    except psycopg.errors.FeatureNotSupported as e:
        if any(reason in str(e) for reason in getattr(kind, "RECOMPUTED", ())):
            return "recomputed"
        raise
    if r.random() < 0.25:
        names.append("st2")
        above = "SELECT count(*) AS n, count({0}) AS k FROM st".format(
            db.value("SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = 'st'::regclass AND attnum = 1"))
        log.append(f"SELECT pgtrickle.create_stream_table('st2', '{above}', refresh_mode => 'DIFFERENTIAL');")
        db.execute("SELECT pgtrickle.create_stream_table('st2', %s, refresh_mode => 'DIFFERENTIAL')", (above,))
    for name in names:
        db.assert_fresh(name)
    batches = Batches(db, r, changes, log)
    try:
        for batch in range(BATCHES):
            log.append(f"-- batch {batch}")
            for _ in range(r.randint(1, 3)):
                batches.transaction()
            if not is_computable(db, query):
                return "not computable"
            check(db, names, log)
            batches.finish(0.6)
        batches.finish(1)
    finally:
        # what stays prepared would hold up other tests of this server
        batches.close()
    if is_computable(db, query):
        check(db, names, log)
    return "compared"


def clean(db):
    for name in ("st2", "st"):
        if db.value("SELECT to_regclass(%s) IS NOT NULL", (name,)):
            db.execute("SELECT pgtrickle.drop_stream_table(%s)", (name,))
    # one after the other: PostgreSQL 15 locks all tables of a DROP otherwise
    for table in db.rows("SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"):
        db.execute(f"DROP TABLE IF EXISTS {table[0]} CASCADE")


def worker(server, databases, seeds, results):
    """Take seeds until there are enough; None, or how it failed."""
    db = Database(server)
    databases.append(db)
    while results["compared"] < QUERIES:
        seed = next(seeds)
        log = []
        try:
            results[one_query(db, seed, log)] += 1
            clean(db)
        except Exception as e:
            results["failed"] += 1
            return (f"database {db.name}, PGT_RANDOM_SEED={seed} PGT_RANDOM_QUERIES=1\n" + "\n".join(log)
                    + f"\n{type(e).__name__}: {e}")
    return None


def test_random(server):
    if not server.running():
        server.start()
    databases = []
    results = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        seeds = itertools.count(SEED)
        failures = [f for f in pool.map(lambda _: worker(server, databases, seeds, results), range(WORKERS)) if f]
    for db in databases:
        db.close() if failures else db.drop()
    assert not failures, f"{dict(results)}\n\n" + "\n\n".join(failures)
    assert results["not computable"] <= results["compared"], f"too many could not be compared: {dict(results)}"
    print(dict(results))
