"""The measuring half of the demo; demo/run.sh starts the server and calls it.

Every stream table has a materialized view with the same query beside it, over
the same tables with the same indexes.  Each round changes the tables, refreshes
both, and compares the stream table with its query's own text, row by row, as
text.
"""
import argparse
import pathlib
import re
import statistics
import sys
import time

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import tpch_data  # noqa: E402
import tpch_queries  # noqa: E402
from report import aligned  # noqa: E402

# "{late}" is the stream table or its materialized view
QUERIES = {
    "late_lines": """
        SELECT l_orderkey, l_linenumber, l_shipmode, l_quantity, l_extendedprice, l_receiptdate
          FROM lineitem WHERE l_receiptdate > l_commitdate + 60""",
    "late_by_mode": """
        SELECT l_shipmode, count(*) AS lines, sum(l_extendedprice) AS value, max(l_receiptdate) AS last
          FROM {late} GROUP BY l_shipmode""",
    **{name: tpch_queries.QUERIES[name] for name in ("q1", "q3", "q5", "q6", "q7", "q8", "q9", "q10", "q12", "q14", "q19")},
}
BATCHES = {"RF1": "insert 1 % of the orders", "RF2": "delete 1 % of the orders", "UP": "update 0.5 % of the lines"}


def say(text):
    print("== " + text, file=sys.stderr, flush=True)


def sources(query):
    """The tables that a query reads, itself or through late_lines."""
    text = query.format(late=QUERIES["late_lines"])
    return {table for table in tpch_queries.NAMES if re.search(rf"\b{table}\b", text)}


class Demo:
    def __init__(self, rounds):
        self.rounds = rounds
        self.conn = psycopg.connect(autocommit=True)
        # The tool of the last column has a session of its own.
        self.judge = psycopg.connect(autocommit=True)
        self.run("SET client_min_messages = warning")
        self.results = {}       # (batch, name) -> list of (changed, refresh ms, view ms, exact)

    def run(self, sql):
        return self.conn.execute(sql)

    def timed(self, sql):
        start = time.perf_counter()
        self.run(sql)
        return (time.perf_counter() - start) * 1000

    def load(self, directory):
        self.tpch = tpch_data.Tpch(self.conn)
        self.tpch.load(directory)

    def create(self):
        for name, query in QUERIES.items():
            self.conn.execute("SELECT pgtrickle.create_stream_table(%s, %s)", (name, query.format(late="late_lines")))
            self.run(f"CREATE MATERIALIZED VIEW {name}_view AS " + query.format(late="late_lines_view"))
            mode, rows = self.run(f"""SELECT refresh_mode, (SELECT count(*) FROM {name})
                                        FROM pgtrickle.pgt_status() WHERE name = 'public.{name}'""").fetchone()
            say(f"stream table {name}: {rows} rows, {mode}")

    def plant(self):
        say("planting an error in q6, as superuser in a session that does not know the extension")
        self.run("ALTER EVENT TRIGGER pg_trickle_on_ddl_start DISABLE")
        with psycopg.connect(autocommit=True) as stranger:
            stranger.execute("ALTER TABLE q6 DISABLE TRIGGER ALL")
            stranger.execute("UPDATE q6 SET revenue = revenue + 0.0001")
        self.run("ALTER EVENT TRIGGER pg_trickle_on_ddl_start ENABLE")

    def measure(self, plant):
        number = 0
        for batch, what in BATCHES.items():
            say(f"{what}, {self.rounds} rounds")
            for i in range(self.rounds):
                number += 1
                changed = self.tpch.batch(batch, number)
                times = {}
                for name in QUERIES:
                    times[name] = (self.timed(f"SELECT pgtrickle.refresh_stream_table('{name}')"),
                                   self.timed(f"REFRESH MATERIALIZED VIEW {name}_view"))
                if plant and batch == list(BATCHES)[-1] and i == self.rounds - 1:
                    self.plant()
                for name, query in QUERIES.items():
                    rows = sum(n for table, n in changed.items() if table in sources(query))
                    exact = tpch_data.differing(self.judge, name, query.format(late="late_lines")) == 0
                    self.results.setdefault((batch, name), []).append((rows, *times[name], exact))

    def report(self):
        lines = []
        for (batch, name), runs in self.results.items():
            rows = self.run(f"SELECT count(*) FROM {name}").fetchone()[0]
            ours = statistics.median(r[1] for r in runs)
            view = statistics.median(r[2] for r in runs)
            first = name == next(iter(QUERIES))
            lines.append((batch if first else "", name, str(rows), str(runs[-1][0]), f"{ours:.1f}", f"{view:.1f}",
                          f"{ours / view:.2f}", "yes" if all(r[3] for r in runs) else "no"))
        print()
        print(aligned(("batch", "stream table", "rows", "changed", "refresh ms", "REFRESH MV ms", "ratio", "exact"), lines, 2))
        print(f"""
{"; ".join(f"{batch}: {what}" for batch, what in BATCHES.items())}
changed: rows of the tables that the query reads; refresh ms and REFRESH MV ms: medians of {self.rounds} rounds,
the materialized view has the same query and is refreshed right after; ratio: below 1 the stream table is faster;
exact: after every refresh compared, as text, with the query run afresh; q1 to q19 are queries of TPC-H.""")
        return all(line[7] == "yes" for line in lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--plant-error", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    demo = Demo(args.rounds)
    demo.run("CREATE EXTENSION pg_trickle")
    say("loading the TPC-H tables, scale 0.1")
    demo.load(args.data)
    demo.create()
    demo.measure(args.plant_error)
    if not demo.report():
        print("\nA stream table differs from its query.", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
