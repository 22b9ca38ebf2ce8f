"""The measuring half of the demo; demo/run.sh starts the server and calls it.

Every stream table has a materialized view with the same query beside it.  Each
round changes the source, refreshes both, and compares the stream table with
its query's own text, row by row, as text.
"""
import argparse
import statistics
import sys
import time

import psycopg

TABLES = """
CREATE TABLE orders (
    o_orderkey bigint PRIMARY KEY, o_custkey bigint NOT NULL, o_orderstatus char(1) NOT NULL,
    o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL,
    o_clerk char(15) NOT NULL, o_shippriority integer NOT NULL, o_comment varchar(79) NOT NULL);
CREATE TABLE lineitem (
    l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL,
    l_linenumber integer NOT NULL, l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL,
    l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL,
    l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL,
    l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
    l_comment varchar(44) NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber));
"""

# name, query; "{late}" is the stream table or its materialized view
QUERIES = [
    ("late_lines", """
        SELECT l_orderkey, l_linenumber, l_shipmode, l_quantity, l_extendedprice, l_receiptdate
          FROM lineitem WHERE l_receiptdate > l_commitdate + 60"""),
    ("q1", """
        SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty,
               sum(l_extendedprice) AS sum_base_price,
               sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
               sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,
               avg(l_quantity) AS avg_qty, avg(l_extendedprice) AS avg_price,
               avg(l_discount) AS avg_disc, count(*) AS count_order
          FROM lineitem WHERE l_shipdate <= date '1998-12-01' - interval '90' day
         GROUP BY l_returnflag, l_linestatus"""),
    ("q6", """
        SELECT sum(l_extendedprice * l_discount) AS revenue
          FROM lineitem
         WHERE l_shipdate >= date '1994-01-01' AND l_shipdate < date '1994-01-01' + interval '1' year
           AND l_discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND l_quantity < 24"""),
    ("late_by_mode", """
        SELECT l_shipmode, count(*) AS lines, sum(l_extendedprice) AS value, max(l_receiptdate) AS last
          FROM {late} GROUP BY l_shipmode"""),
]
SLICES = 100                    # a slice of the orders is 1 %
COLUMNS = ("l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag,"
           " l_linestatus, l_shipdate, l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment")


def say(text):
    print("== " + text, file=sys.stderr, flush=True)


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
        self.run(TABLES)
        for table in "orders", "lineitem":
            with open(f"{directory}/{table}.csv", "rb") as data, self.conn.cursor() as cur:
                with cur.copy(f"COPY {table} FROM STDIN (FORMAT csv, HEADER true)") as copy:
                    while block := data.read(1 << 20):
                        copy.write(block)
        self.run("VACUUM ANALYZE orders")
        self.run("VACUUM ANALYZE lineitem")
        top = self.run("SELECT max(o_orderkey) FROM orders").fetchone()[0]
        self.slice = top // SLICES // 32 * 32

    def create(self):
        for name, query in QUERIES:
            self.run("SELECT pgtrickle.create_stream_table(%s, %s)".replace("%s", "{}").format(
                f"'{name}'", "$q$" + query.format(late="late_lines") + "$q$"))
            self.run(f"CREATE MATERIALIZED VIEW {name}_view AS" + query.format(late="late_lines_view"))
            mode, rows = self.run(f"""SELECT refresh_mode, (SELECT count(*) FROM {name})
                                        FROM pgtrickle.pgt_status() WHERE name = 'public.{name}'""").fetchone()
            say(f"stream table {name}: {rows} rows, {mode}")

    def bounds(self, number):
        return f"BETWEEN {number * self.slice} AND {(number + 1) * self.slice - 1}"

    # Each batch returns the number of changed rows of lineitem.
    def rf1(self, i):
        """Insert a slice of orders, with a key bit set that the generator leaves empty."""
        where = self.bounds(10 + i)
        self.run(f"""INSERT INTO orders SELECT o_orderkey | 8, o_custkey, o_orderstatus, o_totalprice, o_orderdate,
                     o_orderpriority, o_clerk, o_shippriority, o_comment FROM orders WHERE o_orderkey {where}""")
        return self.run(f"""INSERT INTO lineitem (l_orderkey, {COLUMNS})
                            SELECT l_orderkey | 8, {COLUMNS} FROM lineitem WHERE l_orderkey {where}""").rowcount

    def rf2(self, i):
        """Delete the orders of another slice."""
        where = self.bounds(50 + i)
        rows = self.run(f"DELETE FROM lineitem WHERE l_orderkey {where}").rowcount
        self.run(f"DELETE FROM orders WHERE o_orderkey {where}")
        return rows

    def update(self, i):
        """Update 0.5 % of lineitem, spread over the whole table."""
        return self.run(f"""UPDATE lineitem SET l_quantity = 51 - l_quantity, l_discount = 0.10 - l_discount,
                                   l_receiptdate = l_receiptdate + 3
                             WHERE (l_orderkey * 7 + l_linenumber) % 200 = {i}""").rowcount

    def exact(self, name, query):
        """The stream table against its query's own text, as multisets of rows printed as text."""
        differing = self.judge.execute(f"""
            WITH st AS MATERIALIZED (SELECT t::text AS r FROM {name} t),
                 q AS MATERIALIZED (SELECT t::text AS r FROM ({query.format(late="late_lines")}) t)
            SELECT (SELECT count(*) FROM (TABLE st EXCEPT ALL TABLE q) x)
                 + (SELECT count(*) FROM (TABLE q EXCEPT ALL TABLE st) x)""").fetchone()[0]
        return differing == 0

    def plant(self):
        say("planting an error in q6, as superuser with its triggers disabled")
        self.run("ALTER TABLE q6 DISABLE TRIGGER ALL")
        self.run("UPDATE q6 SET revenue = revenue + 0.0001")
        self.run("ALTER TABLE q6 ENABLE TRIGGER ALL")

    def measure(self, plant):
        batches = [("RF1 insert 1 %", self.rf1), ("RF2 delete 1 %", self.rf2), ("update 0.5 %", self.update)]
        for number, (batch, change) in enumerate(batches):
            say(f"{batch} of lineitem, {self.rounds} rounds")
            for i in range(self.rounds):
                changed = change(i)
                times = {}
                for name, _ in QUERIES:
                    times[name] = (self.timed(f"SELECT pgtrickle.refresh_stream_table('{name}')"),
                                   self.timed(f"REFRESH MATERIALIZED VIEW {name}_view"))
                if plant and number == len(batches) - 1 and i == self.rounds - 1:
                    self.plant()
                for name, query in QUERIES:
                    self.results.setdefault((batch, name), []).append(
                        (changed, *times[name], self.exact(name, query)))

    def report(self):
        head = ("batch", "stream table", "rows", "changed", "refresh ms", "REFRESH MV ms", "ratio", "exact")
        lines = []
        for (batch, name), runs in self.results.items():
            rows = self.run(f"SELECT count(*) FROM {name}").fetchone()[0]
            ours = statistics.median(r[1] for r in runs)
            view = statistics.median(r[2] for r in runs)
            lines.append((batch, name, str(rows), str(runs[-1][0]), f"{ours:.1f}", f"{view:.1f}",
                          f"{ours / view:.2f}", "yes" if all(r[3] for r in runs) else "no"))
        widths = [max(len(line[c]) for line in [head, *lines]) for c in range(len(head))]
        print()
        previous = None
        for line in [head, *lines]:
            if line[0] != previous:
                previous = line[0]
            else:
                line = ("", *line[1:])
            print("  ".join(v.ljust(w) if c < 2 or c == 7 else v.rjust(w)
                            for c, (v, w) in enumerate(zip(line, widths))).rstrip())
        print(f"""
changed: rows of lineitem; refresh ms and REFRESH MV ms: medians of {self.rounds} rounds, the materialized view
has the same query and is refreshed right after; ratio: below 1 the stream table is faster;
exact: after every refresh compared, as text, with the query run afresh.""")
        return all(line[7] == "yes" for line in lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--plant-error", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    demo = Demo(args.rounds)
    demo.run("CREATE EXTENSION pg_trickle")
    say("loading orders and lineitem")
    demo.load(args.data)
    demo.create()
    demo.measure(args.plant_error)
    if not demo.report():
        print("\nA stream table differs from its query.", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
