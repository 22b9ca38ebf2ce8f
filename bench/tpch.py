"""TPC-H: refresh of stream tables against REFRESH MATERIALIZED VIEW.

    ./dev bench tpch                    all queries, scale 0.1
    ./dev bench tpch q3 q5 --rounds 5 --json FILE

Every query has a stream table and a materialized view, over the same tables
with the same indexes.  Batches: RF1 inserts 1 % of the orders with their lines,
RF2 deletes 1 %, UP updates 0.5 % of lineitem, MIX does some of each and touches
customers and suppliers.  After each batch both are refreshed and compared;
figures are medians over the rounds, in milliseconds.
"""
import argparse
import json
import os
import statistics
import sys
import time

import psycopg

from tpch_queries import INDEXES, NAMES, QUERIES, TABLES

LINES = ("l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus,"
         " l_shipdate, l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment")
OFFSET = 100000000


def say(text):
    print("== " + text, file=sys.stderr, flush=True)


class Tpch:
    def __init__(self, conn, directory):
        self.conn = conn
        self.run("SET client_min_messages = warning")
        self.directory = directory

    def run(self, sql):
        return self.conn.execute(sql)

    def timed(self, sql):
        start = time.perf_counter()
        self.run(sql)
        return (time.perf_counter() - start) * 1000

    def load(self):
        self.run(TABLES)
        for name in NAMES:
            with open(f"{self.directory}/{name}.csv", "rb") as data, self.conn.cursor() as cur:
                with cur.copy(f"COPY {name} FROM STDIN (FORMAT csv, HEADER)") as copy:
                    while block := data.read(1 << 20):
                        copy.write(block)
        self.run(INDEXES)
        self.run("VACUUM ANALYZE")

    def batch(self, kind, number):
        """Change the tables; every round takes another slice of the orders."""
        part = f"hashint8(o_orderkey) %% 100 = {number % 100}".replace("%%", "%")
        low = OFFSET * (number + 1)
        if kind in ("RF1", "MIX"):
            self.run(f"INSERT INTO orders SELECT o_orderkey + {low}, o_custkey, o_orderstatus, o_totalprice, o_orderdate,"
                     f" o_orderpriority, o_clerk, o_shippriority, o_comment FROM orders WHERE {part} AND o_orderkey < {OFFSET}")
            self.run(f"INSERT INTO lineitem SELECT l_orderkey + {low}, {LINES} FROM lineitem JOIN orders ON l_orderkey = o_orderkey"
                     f" WHERE {part} AND o_orderkey < {OFFSET}")
        if kind in ("RF2", "MIX"):
            part = f"hashint8(o_orderkey) % 100 = {-1 - number % 99}"
            self.run(f"DELETE FROM lineitem USING orders WHERE l_orderkey = o_orderkey AND {part}")
            self.run(f"DELETE FROM orders WHERE {part}")
        if kind in ("UP", "MIX"):
            self.run("UPDATE lineitem SET l_quantity = l_quantity % 50 + 1, l_extendedprice = l_extendedprice + 1,"
                     f" l_receiptdate = l_receiptdate + 1 WHERE hashint8(l_orderkey * 8 + l_linenumber) % 200 = {number % 200}")
        if kind == "MIX":
            self.run(f"UPDATE customer SET c_acctbal = c_acctbal + 10, c_mktsegment = 'BUILDING' WHERE c_custkey % 500 = {number}")
            self.run(f"UPDATE supplier SET s_nationkey = (s_nationkey + 1) % 25 WHERE s_suppkey % 200 = {number}")
            self.run(f"UPDATE part SET p_size = p_size % 50 + 1 WHERE p_partkey % 500 = {number}")
        for table in "orders", "lineitem":
            self.run(f"ANALYZE {table}")

    def exact(self, name):
        """The stream table against its query's own text, as text."""
        columns = self.run(f"SELECT string_agg(format('%I::text', attname), ',' ORDER BY attnum) FROM pg_attribute"
                           f" WHERE attrelid = '{name}'::regclass AND attnum > 0").fetchone()[0]
        row = f"ARRAY[{columns}]"
        want = f"SELECT {row} FROM ({QUERIES[name]}) AS q"
        have = f"SELECT {row} FROM {name}"
        return self.run(f"SELECT NOT EXISTS ({want} EXCEPT ALL {have}) AND NOT EXISTS ({have} EXCEPT ALL {want})").fetchone()[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("queries", nargs="*", default=[], help="q1 to q22, or all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", default="RF1,RF2,UP,MIX")
    parser.add_argument("--data", required="PGT_TPCH_DATA" not in os.environ, default=os.environ.get("PGT_TPCH_DATA"))
    parser.add_argument("--json")
    args = parser.parse_args()
    names = [q for q in QUERIES if not args.queries or "all" in args.queries or q in args.queries]
    conn = psycopg.connect(autocommit=True)
    bench = Tpch(conn, args.data)
    if bench.run("SELECT to_regclass('lineitem')").fetchone()[0] is None:
        say("loading")
        bench.load()
        bench.run("CREATE EXTENSION IF NOT EXISTS pg_trickle")
    results = {}
    modes = {}
    for name in names:
        bench.run(f"DROP MATERIALIZED VIEW IF EXISTS {name}_view")
        if bench.run(f"SELECT to_regclass('{name}')").fetchone()[0]:
            bench.run(f"SELECT pgtrickle.drop_stream_table('{name}')")
        bench.run(f"CREATE MATERIALIZED VIEW {name}_view AS {QUERIES[name]}")
        conn.execute("SELECT pgtrickle.create_stream_table(%s, %s)", (name, QUERIES[name]))
        modes[name] = bench.run(f"SELECT refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_name = '{name}'").fetchone()[0]
    number = bench.run(f"SELECT max(o_orderkey) / {OFFSET} FROM orders").fetchone()[0]
    for kind in args.batches.split(","):
        for _ in range(args.rounds):
            number += 1
            bench.batch(kind, number)
            for name in names:
                view = bench.timed(f"REFRESH MATERIALIZED VIEW {name}_view")
                mine = bench.timed(f"SELECT pgtrickle.refresh_stream_table('{name}')")
                run = bench.run("SELECT action, coalesce(refresh_reason, '') FROM pgtrickle.pgt_refresh_history"
                                " ORDER BY refresh_id DESC LIMIT 1").fetchone()
                results.setdefault((name, kind), []).append((mine, view, run, bench.exact(name)))
    print(f"{'query':8}{'batch':6}{'refresh':>9}{'REFRESH':>9}{'ratio':>7}  exact  how")
    report = []
    for (name, kind), rounds in sorted(results.items(), key=lambda x: (int(x[0][0][1:].split('_')[0]), x[0])):
        mine = statistics.median(r[0] for r in rounds)
        view = statistics.median(r[1] for r in rounds)
        exact = all(r[3] for r in rounds)
        print(f"{name:8}{kind:6}{mine:9.1f}{view:9.1f}{mine / view:7.2f}  {'yes' if exact else 'NO':5}  {rounds[-1][2][0]} {rounds[-1][2][1]}")
        report.append({"query": name, "batch": kind, "refresh_ms": mine, "view_ms": view, "exact": exact, "mode": modes[name]})
    if args.json:
        with open(args.json, "w", encoding="utf8") as out:
            json.dump(report, out, indent=1)
    return 0 if all(r["exact"] for r in report) else 1


if __name__ == "__main__":
    sys.exit(main())
