"""TPC-H tables: filled, changed in batches, and stream tables over them compared.

The benchmark, the demo and the test use it; the data comes from demo/data.sh.
The batches are those of the specification in kind, by share of the tables:

    RF1    inserts 1 % of the orders, with their lines
    RF2    deletes 1 % of the orders, with their lines
    UP     updates 0.5 % of lineitem
    MIX    all of that, and some customers, suppliers and parts

A change that is deleted again before a refresh would hide errors: RF2 takes
other orders than RF1 has just inserted.
"""
import subprocess

from tpch_queries import INDEXES, NAMES, TABLES

BATCHES = ["RF1", "RF2", "UP", "MIX"]
LINES = ("l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus,"
         " l_shipdate, l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment")
# Inserted orders are copies, this far from the original's key or a multiple.
OFFSET = 100_000_000


def directory(top, scale):
    """Where the data of that scale lies, made if need be."""
    return subprocess.run(["bash", f"{top}/demo/data.sh", f"{scale:g}"], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True).stdout.split("\n")[1]


def spread_over(key, slices):
    """A number below "slices", the same whenever it is computed."""
    return f"(hashint8({key}) & 2147483647) % {slices}"


class Tpch:
    """The tables in the database of a connection in autocommit mode."""

    def __init__(self, conn, percent=1):
        self.conn = conn
        self.slices = round(100 / percent)

    def run(self, sql):
        return self.conn.execute(sql)

    def load(self, data):
        self.run(TABLES)
        for name in NAMES:
            with open(f"{data}/{name}.csv", "rb") as rows, self.conn.cursor() as cur:
                with cur.copy(f"COPY {name} FROM STDIN (FORMAT csv, HEADER true)") as copy:
                    while block := rows.read(1 << 20):
                        copy.write(block)
        self.run(INDEXES)
        self.run("VACUUM ANALYZE")

    def batch(self, kind, number):
        """Change the tables; another number is another change. Returns the changed rows by table."""
        changed = dict.fromkeys(NAMES, 0)

        def change(table, sql):
            changed[table] += self.run(sql).rowcount

        if kind in ("RF1", "MIX"):
            low = OFFSET * number
            part = f"{spread_over('o_orderkey', self.slices)} = {number % self.slices} AND o_orderkey < {OFFSET}"
            change("orders", f"INSERT INTO orders SELECT o_orderkey + {low}, o_custkey, o_orderstatus, o_totalprice, o_orderdate,"
                             f" o_orderpriority, o_clerk, o_shippriority, o_comment FROM orders WHERE {part}")
            change("lineitem", f"INSERT INTO lineitem SELECT l_orderkey + {low}, {LINES} FROM lineitem"
                               f" JOIN orders ON l_orderkey = o_orderkey WHERE {part}")
        if kind in ("RF2", "MIX"):
            part = f"{spread_over('o_orderkey', self.slices)} = {-1 - number % self.slices + self.slices} AND o_orderkey < {OFFSET}"
            change("lineitem", f"DELETE FROM lineitem USING orders WHERE l_orderkey = o_orderkey AND {part}")
            change("orders", f"DELETE FROM orders WHERE {part}")
        if kind in ("UP", "MIX"):
            change("lineitem", "UPDATE lineitem SET l_quantity = l_quantity % 50 + 1, l_extendedprice = l_extendedprice + 1,"
                               " l_discount = 0.10 - l_discount, l_receiptdate = l_receiptdate + 1"
                               f" WHERE {spread_over('l_orderkey * 8 + l_linenumber', 2 * self.slices)} = {number % self.slices}")
        if kind == "MIX":
            change("customer", "UPDATE customer SET c_acctbal = c_acctbal + 10, c_mktsegment = 'BUILDING'"
                               f" WHERE c_custkey % {5 * self.slices} = {number % self.slices}")
            change("supplier", "UPDATE supplier SET s_nationkey = (s_nationkey + 1) % 25"
                               f" WHERE s_suppkey % {2 * self.slices} = {number % self.slices}")
            change("part", f"UPDATE part SET p_size = p_size % 50 + 1 WHERE p_partkey % {5 * self.slices} = {number % self.slices}")
        for table, rows in changed.items():
            if rows:
                self.run(f"ANALYZE {table}")
        return changed


def differing(conn, table, query):
    """Rows that are in one of them and not in the other, as multisets of rows printed as text."""
    return conn.execute(f"""
        WITH have AS MATERIALIZED (SELECT t::text AS r FROM {table} AS t),
             want AS MATERIALIZED (SELECT t::text AS r FROM ({query}) AS t)
        SELECT (SELECT count(*) FROM (TABLE have EXCEPT ALL TABLE want) AS x)
             + (SELECT count(*) FROM (TABLE want EXCEPT ALL TABLE have) AS x)""").fetchone()[0]
