"""Benchmark: refresh of stream tables against REFRESH MATERIALIZED VIEW.

    ./dev bench all                     every case, 100,000 rows
    ./dev bench scan filter capture     some cases
    ./dev bench all --rows 1000000 --json FILE

It starts a server of its own and removes it.  Every case has a source, a stream
table and a materialized view of its own, with the same indexes.  A round
changes 0.1 % or 1 % of the rows (70 % updates, 15 % deletes, 15 % inserts by
random key), then refreshes both; figures are medians.  At the end of a case
the stream table is compared with its query.
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time

import psycopg

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CASES = {
    "scan": "SELECT id, cust, region, category, amount, score FROM src",
    "filter": "SELECT id, cust, amount FROM src WHERE amount > 500",
    "aggregate-5": "SELECT region, sum(amount) AS s, count(*) AS n FROM src GROUP BY region",
    "aggregate-10k": "SELECT cust, sum(amount) AS s, count(*) AS n, avg(score) AS a FROM src GROUP BY cust",
    "minmax-10k": "SELECT cust, min(amount) AS lo, max(amount) AS hi FROM src GROUP BY cust",
    "distinct": "SELECT DISTINCT region, category FROM src",
    "union-all": "SELECT id, amount FROM src WHERE amount < 400 UNION ALL SELECT id, score FROM src WHERE score > 600",
}
CUSTOMERS = 10001
ROW = (f"(random() * {CUSTOMERS - 1})::int, (ARRAY['north','south','east','west','mid'])[1 + (random() * 4)::int],"
       " (ARRAY['a','b','c','d'])[1 + (random() * 3)::int], (random() * 1000)::int, (random() * 1000)::int")


def say(text):
    print("== " + text, file=sys.stderr, flush=True)


class Server:
    """A throwaway server through test/lib/server.sh."""

    def shell(self, text):
        return subprocess.run(["bash", "-c", f". {TOP}/test/lib/server.sh; {text}"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def __enter__(self):
        conf = "shared_buffers = 512MB\nmax_wal_size = 4GB\njit = off\nautovacuum = off"
        os.environ["ST_SERVER_CONF"] = conf + "\n" + os.environ.get("ST_SERVER_CONF", "")
        self.dir = self.shell(f"st_server_init '{os.environ['PGBIN']}'").strip()
        self.shell(f"st_server_start '{self.dir}'")
        with open(self.dir + "/env", encoding="utf8") as env:
            values = dict(line.strip().replace("'", "").split("=", 1) for line in env)
        self.dsn = f"host={values['PGHOST']} port={values['PGPORT']} user=postgres dbname=postgres"
        return self

    def __exit__(self, *_):
        self.shell(f"st_server_stop '{self.dir}'")


class Bench:
    def __init__(self, conn, rows, rounds):
        self.conn, self.rows, self.rounds = conn, rows, rounds
        self.random = random.Random(7)
        self.run("SET client_min_messages = warning")
        self.run("SELECT setseed(0.5)")

    def run(self, sql):
        return self.conn.execute(sql)

    def timed(self, sql):
        start = time.perf_counter()
        self.run(sql)
        return (time.perf_counter() - start) * 1000

    def load(self, name="src"):
        self.run(f"DROP TABLE IF EXISTS {name} CASCADE")
        self.run(f"""CREATE TABLE {name} (id bigserial PRIMARY KEY, cust int, region text, category text,
                                          amount int, score int)""")
        self.run(f"INSERT INTO {name} (cust, region, category, amount, score)"
                 f" SELECT {ROW} FROM generate_series(1, {self.rows})")
        self.run(f"CREATE INDEX ON {name} (cust)")
        self.run(f"VACUUM ANALYZE {name}")

    def change(self, rows):
        ids = [r[0] for r in self.run(f"SELECT id FROM src ORDER BY random() LIMIT {rows * 85 // 100}").fetchall()]
        updates = ids[:rows * 70 // 100]
        deletes = ids[rows * 70 // 100:]
        start = time.perf_counter()
        self.conn.execute("UPDATE src SET amount = (amount + 137) %% 1000, score = (score + 59) %% 1000"
                          " WHERE id = ANY(%s)", (updates,))
        self.conn.execute("DELETE FROM src WHERE id = ANY(%s)", (deletes,))
        self.run(f"INSERT INTO src (cust, region, category, amount, score)"
                 f" SELECT {ROW} FROM generate_series(1, {rows - len(ids)})")
        return (time.perf_counter() - start) * 1000

    def case(self, name):
        query = CASES[name]
        self.load()
        self.conn.execute("SELECT pgtrickle.create_stream_table('st', %s, refresh_mode => 'DIFFERENTIAL')", (query,))
        self.run(f"CREATE MATERIALIZED VIEW mv AS {query}")
        if name in ("scan", "filter"):
            self.run("CREATE UNIQUE INDEX ON mv (id)")
        elif name.endswith("10k"):
            self.run("CREATE UNIQUE INDEX ON mv (cust)")
        results = []
        for percent in 0.1, 1.0:
            rows = int(self.rows * percent / 100)
            ours, view, dml = [], [], []
            for i in range(self.rounds + 1):
                dml.append(self.change(rows))
                ours.append(self.timed("SELECT pgtrickle.refresh_stream_table('st')"))
                view.append(self.timed("REFRESH MATERIALIZED VIEW mv"))
            # the first round makes the plans
            first = ours[0]
            ours, view, dml = (statistics.median(x[1:]) for x in (ours, view, dml))
            results.append({"case": name, "rows": self.rows, "changed_percent": percent, "changed": rows,
                            "refresh_ms": ours, "first_refresh_ms": first, "refresh_view_ms": view,
                            "ratio": ours / view, "dml_ms": dml})
        idle = statistics.median(self.timed("SELECT pgtrickle.refresh_stream_table('st')") for _ in range(50))
        differing = self.run(f"""
            WITH st AS MATERIALIZED (SELECT t::text AS r FROM st t),
                 q AS MATERIALIZED (SELECT t::text AS r FROM ({query}) t)
            SELECT (SELECT count(*) FROM (TABLE st EXCEPT ALL TABLE q) x)
                 + (SELECT count(*) FROM (TABLE q EXCEPT ALL TABLE st) x)""").fetchone()[0]
        action, reason = self.run("""SELECT action, refresh_reason FROM pgtrickle.pgt_refresh_history
                                      ORDER BY refresh_id DESC LIMIT 1""").fetchone()
        for result in results:
            result.update(idle_ms=idle, exact=differing == 0, action=action, reason=reason)
        self.run("SELECT pgtrickle.drop_stream_table('st')")
        self.run("DROP MATERIALIZED VIEW mv")
        return results

    def waited(self):
        """Milliseconds for which the server's process wanted a processor and had none."""
        try:
            with open(f"/proc/{self.conn.info.backend_pid}/schedstat", encoding="utf8") as stat:
                return int(stat.read().split()[1]) / 1e6
        except OSError:
            return 0.0

    def worked(self, sql):
        """As timed(), without the time in which others had the processor."""
        before = self.waited()
        elapsed = self.timed(sql)
        return elapsed - (self.waited() - before)

    def capture(self):
        """Statements on a captured table against the same on a bare one, in turns."""
        half = self.rows // 2
        columns = "(cust, region, category, amount, score)"
        single = min(self.rows, 5000)
        statements = [      # name, rows, target, text
            ("INSERT", self.rows, 1.25, f"INSERT INTO src {columns} SELECT {ROW} FROM generate_series(1, {self.rows})"),
            ("UPDATE", half, 1.5, f"UPDATE src SET amount = amount + 1 WHERE id <= {half}"),
            ("DELETE", half, 1.7, f"DELETE FROM src WHERE id <= {half}"),
            ("INSERT, one by one", single, None,
             f"DO $$ BEGIN FOR i IN 1..{single} LOOP INSERT INTO src {columns} VALUES (i, 'north', 'a', i, i); END LOOP; END $$"),
            ("UPDATE, one by one", single, None,
             f"DO $$ BEGIN FOR i IN 1..{single} LOOP UPDATE src SET amount = i WHERE id = {half} + i; END LOOP; END $$"),
            ("DELETE, one by one", single, None,
             f"DO $$ BEGIN FOR i IN 1..{single} LOOP DELETE FROM src WHERE id = {half} + i; END LOOP; END $$")]
        times = {}
        for _ in range(self.rounds):
            for kind in "bare", "captured":
                self.load()
                if kind == "captured":
                    self.run("SELECT pgtrickle.create_stream_table('st', 'SELECT * FROM src')")
                for name, _rows, _target, sql in statements:
                    self.run("CHECKPOINT")
                    times.setdefault((name, kind), []).append(self.worked(sql))
                if kind == "captured":
                    self.run("SELECT pgtrickle.drop_stream_table('st')")
        results = []
        for name, rows, target, _sql in statements:
            bare, captured = (statistics.median(times[name, kind]) for kind in ("bare", "captured"))
            results.append({"case": "capture", "statement": name, "bare_ms": bare, "captured_ms": captured, "rows": rows,
                            "ratio": captured / bare, "us_per_row": (captured - bare) * 1000 / rows,
                            "target": target or 15, "target_is": "ratio" if target else "us_per_row"})
        return results


def table(head, lines):
    widths = [max(len(x[c]) for x in [head, *lines]) for c in range(len(head))]
    for line in [head, *lines]:
        print("  ".join(v.ljust(w) if c == 0 else v.rjust(w) for c, (v, w) in enumerate(zip(line, widths))).rstrip())
    print()


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("case", nargs="+", choices=["all", "capture", *CASES])
    parser.add_argument("--rows", type=int, default=100000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    args = parser.parse_args()
    names = [*CASES, "capture"] if "all" in args.case else args.case
    refreshes, captures = [], []
    with Server() as server, psycopg.connect(server.dsn, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION pg_trickle")
        bench = Bench(conn, args.rows, args.rounds)
        version = conn.execute("SHOW server_version").fetchone()[0]
        for name in names:
            say(name)
            if name == "capture":
                captures = bench.capture()
            else:
                refreshes += bench.case(name)
    print(f"PostgreSQL {version}, {args.rows} rows, medians of {args.rounds} rounds, ms\n")
    if refreshes:
        table(("case", "changed", "refresh", "REFRESH MV", "ratio", "nothing changed", "exact", "action"),
              [(r["case"], f"{r['changed_percent']} %", f"{r['refresh_ms']:.1f}", f"{r['refresh_view_ms']:.1f}",
                f"{r['ratio']:.2f}", f"{r['idle_ms']:.2f}", "yes" if r["exact"] else "no", r["action"])
               for r in refreshes])
    if captures:
        table(("capture", "rows", "bare", "captured", "ratio", "us per row", "target"),
              [(r["statement"], str(r["rows"]), f"{r['bare_ms']:.1f}", f"{r['captured_ms']:.1f}",
                f"{r['ratio']:.2f}", f"{r['us_per_row']:.2f}",
                f"{r['target']:.2f} x" if r["target_is"] == "ratio" else f"{r['target']} us") for r in captures])
    if args.json:
        with open(args.json, "w", encoding="utf8") as out:
            json.dump({"server_version": version, "rounds": args.rounds, "refresh": refreshes,
                       "capture": captures}, out, indent=1)
            out.write("\n")
    return 0 if all(r["exact"] for r in refreshes) else 1


sys.exit(main())
