"""Random queries that compare with now(), while rows are written and time passes.

PGT_RANDOM_TIME   queries to compare (default 80)
PGT_RANDOM_SEED   where to begin: query number N of seed S is that of seed S + N

Rows have times a few milliseconds around the present, shifted by what the
queries shift now() by, so that they pass each bound while the test runs.
A refresh and the query that it is compared with see one now().
"""
import os
import random

import psycopg

from conftest import Database, check_fresh

QUERIES = int(os.environ.get("PGT_RANDOM_TIME", "80"))
SEED = int(os.environ.get("PGT_RANDOM_SEED", "20260101"))
GROUP = 20
ROUNDS = 6

# the last is no bound of a difference, which has no months
SHIFTS = ["0", "1 hour", "-1 hour", "1 day", "-1 day", "-1 month"]


class Queries:
    def __init__(self, r, midnight):
        self.r, self.midnight = r, midnight

    def clock(self):
        shift = self.r.choice(SHIFTS)
        word = self.r.choice(["now()", "current_timestamp", "transaction_timestamp()"])
        return word if shift == "0" else self.r.choice([f"{word} + interval '{shift}'", f"interval '{shift}' + {word}"])

    def atom(self, of):
        """A comparison of columns of one table, or a condition without the time."""
        r = self.r
        at = f"{of}.{r.choice(['at', 'at', 'until'])}"
        op = r.choice(["<", "<=", ">", ">=", "=", "<>"])
        day = f"(now() + interval '{self.midnight}')::date"
        return r.choice([
            f"{at} {op} {self.clock()}", f"{self.clock()} {op} {at}", f"{at} {op} {self.clock()}", f"{at} {op} {self.clock()}",
            f"{at} + interval '{r.choice(SHIFTS)}' {op} {self.clock()}", f"now() - {at} {op} interval '{r.choice(SHIFTS[:5])}'",
            f"{at} - now() {op} interval '{r.choice(SHIFTS[:5])}'", f"{at} BETWEEN {self.clock()} AND {self.clock()}",
            f"{at} NOT BETWEEN {self.clock()} AND {self.clock()}", f"{self.clock()} BETWEEN {of}.at AND {of}.until",
            f"({at} {op} {self.clock()}) IS {r.choice(['NULL', 'NOT NULL', 'TRUE', 'NOT TRUE', 'UNKNOWN'])}",
            f"coalesce({at}, 'infinity') {op} {self.clock()}", f"{at}::date {op} {day}", f"{of}.d {op} {day}", f"{day} - 1 {op} {of}.d",
            f"{of}.d + {of}.x {op} current_date", f"{at}::timestamp {op} localtimestamp", f"{at} {op} date_trunc('day', now() + interval '{self.midnight}')",
            f"greatest({of}.at, {of}.until) {op} {self.clock()}", f"{at} + {of}.x * interval '1 hour' {op} {self.clock()}",
            f"{of}.x > 2", f"{of}.g = 1", f"{of}.g IS NULL", f"{of}.x % 2 = 0",
        ])

    def condition(self, of, depth=2):
        r = self.r
        if depth == 0 or r.random() < 0.4:
            return self.atom(of)
        return r.choice(["({} AND {})", "({} OR {})", "NOT ({} AND {})", "({} AND NOT {})", "CASE WHEN {} THEN {} ELSE false END"]).format(
            self.condition(of, depth - 1), self.condition(of, depth - 1))

    def text(self):
        r = self.r
        t, t2, u, u2 = self.condition("t"), self.condition("t"), self.condition("u"), self.condition("u")
        return r.choice([
            lambda: f"SELECT t.id, t.x FROM t WHERE {t}",
            lambda: f"SELECT t.id, {t} AS c, {t2} AS d FROM t",
            lambda: f"SELECT t.g, count(*) AS n, sum(t.x) AS s, max(t.at) AS m FROM t WHERE {t} GROUP BY t.g",
            lambda: f"SELECT t.g, count(*) FILTER (WHERE {t}) AS n, bool_or({t2}) AS b FROM t GROUP BY t.g",
            lambda: f"SELECT t.g, sum(CASE WHEN {t} THEN t.x ELSE -1 END) AS s FROM t GROUP BY t.g HAVING max(t.at) {r.choice('<>')} {self.clock()}",
            lambda: f"SELECT count(*) AS n, min(t.x) AS s FROM t WHERE {t}",
            lambda: f"SELECT t.id, u.id AS u FROM t JOIN u ON u.t_id = t.id WHERE {t} AND {u}",
            lambda: f"SELECT t.id, u.id AS u FROM t JOIN u ON u.t_id = t.id WHERE {t} OR {u}",
            lambda: f"SELECT t.id, u.id AS u, {u2} AS c FROM t LEFT JOIN u ON u.t_id = t.id AND {u}",
            lambda: f"SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.t_id = t.id AND {t}",
            lambda: f"SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.t_id = t.id WHERE {t} AND ({u} OR u.id IS NULL)",
            lambda: f"SELECT t.id, u.id AS u FROM t FULL JOIN u ON u.t_id = t.id AND {r.choice([t, u])}",
            lambda: f"SELECT t.id, u.id AS u FROM t JOIN u ON u.t_id = t.id WHERE t.at + u.x * interval '1 hour' {r.choice('<>')} {self.clock()}",
            lambda: f"SELECT t.id FROM t WHERE {r.choice(['', 'NOT '])}EXISTS (SELECT FROM u WHERE u.t_id = t.id AND {u})",
            lambda: f"SELECT t.id FROM t WHERE {t} AND t.g {r.choice(['', 'NOT '])}IN (SELECT u.g FROM u WHERE {u})",
            lambda: f"SELECT t.id FROM t WHERE {t} OR EXISTS (SELECT FROM u WHERE u.t_id = t.id AND {u})",
            lambda: f"SELECT t.id, (SELECT count(*) FROM u WHERE u.t_id = t.id AND {u}) AS c FROM t WHERE {t}",
            lambda: f"SELECT t.id, y.m FROM t LEFT JOIN LATERAL (SELECT max(u.x) AS m FROM u WHERE u.t_id = t.id AND {u}) AS y ON true",
            lambda: f"SELECT DISTINCT t.g, {t} AS c FROM t",
            lambda: f"SELECT t.g FROM t WHERE {t} {r.choice(['UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT', 'EXCEPT ALL'])} SELECT u.g FROM u WHERE {u}",
            lambda: f"SELECT DISTINCT ON (t.g) t.g, t.id, t.x FROM t WHERE {t} ORDER BY t.g, t.x DESC, t.id",
            lambda: f"SELECT t.id, t.at FROM t WHERE {t} ORDER BY t.x, t.id LIMIT 4",
            lambda: f"SELECT y.g, sum(y.n) AS n FROM (SELECT t.g, t.x, count(*) AS n FROM t WHERE {t} GROUP BY t.g, t.x) AS y GROUP BY y.g",
            lambda: f"WITH y AS (SELECT t.* FROM t WHERE {t}) SELECT a.id, b.id AS other FROM y AS a JOIN y AS b ON b.g = a.g",
        ])()


def moment(r):
    """About now, or where a shifted bound is now."""
    kind = r.random()
    if kind < 0.1:
        return "NULL"
    if kind < 0.2:
        return r.choice(["timestamptz '2999-01-01'", "timestamptz '2000-01-01'"])
    return f"clock_timestamp() + interval '{r.choice(SHIFTS)}' + interval '{r.randint(-5, 60)} ms'"


def change(r, db):
    for _ in range(r.randint(0, 3)):
        table = r.choice(["t", "u"])
        kind = r.random()
        key = r.randint(1, 30)
        if kind < 0.4:
            values = f"{r.choice(['NULL', '1', '2', '3'])}, {r.randint(-3, 3)}, {moment(r)}, {moment(r)}, current_date + {r.randint(-2, 2)}"
            db.execute(f"INSERT INTO {table} VALUES ({key}, {values}{', ' + str(r.randint(1, 30)) if table == 'u' else ''}) ON CONFLICT DO NOTHING")
        elif kind < 0.8:
            db.execute(f"UPDATE {table} SET {r.choice(['at', 'until'])} = {moment(r)}, x = {r.randint(-3, 3)} WHERE id % 5 = {key % 5}")
        else:
            db.execute(f"DELETE FROM {table} WHERE id = {key}")


def test_random_time(server):
    for first in range(0, QUERIES, GROUP):
        db = Database(server)
        db.execute("CREATE TABLE t (id int PRIMARY KEY, g int, x int, at timestamptz, until timestamptz, d date)")
        db.execute("CREATE TABLE u (id int PRIMARY KEY, g int, x int, at timestamptz, until timestamptz, d date, t_id int)")
        db.execute("CREATE INDEX ON u (t_id)")
        if first % (2 * GROUP):
            db.execute("CREATE INDEX ON t (at)")
        r = random.Random(SEED + first)
        # a little later it is midnight, so much later than now
        midnight = db.value("SELECT date_trunc('day', now()) + interval '1 day' - clock_timestamp() - interval '1 s'")
        midnight = f"{midnight.total_seconds():.6f} s"
        queries = {}
        for n in range(min(GROUP, QUERIES - first)):
            text = Queries(random.Random(SEED + first + n), midnight).text()
            try:
                db.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')", (f"s{n}", text))
            except psycopg.Error as error:
                # where an outer join puts NULL, the time may decide about what is made of it
                if "now() other than" in str(error) and " JOIN " in text and ("coalesce" in text or "greatest" in text):
                    continue
                raise AssertionError(f"seed {SEED + first + n}: {error}\n{text}") from error
            queries[f"s{n}"] = text
        for _ in range(ROUNDS):
            change(r, db)
            for name, text in queries.items():
                try:
                    with db.conn.transaction():
                        db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
                        check_fresh(db.conn, name, same_session=True)
                except (psycopg.Error, AssertionError) as error:
                    raise AssertionError(f"seed {SEED + first + int(name[1:])}, in {db.name}: {error}\n{text}") from error
        recomputed = db.rows("SELECT pgt_name, refresh_reason FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
                             " WHERE action = 'FULL' AND refresh_reason <> 'first fill'")
        assert recomputed == [], [(row, queries[row[0]]) for row in recomputed]
        db.drop()
