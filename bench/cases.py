"""What is measured: queries, the changes under them, and what one would write by hand.

Each case has a source, a stream table "st" and a materialized view "mv" with
the same query, and some a table "hand" that statements written by hand keep up
to date from a table "delta" of changed rows (w is +1 or -1, then the columns of
the source).  Making that table is not measured: the statements are a floor, not
a contestant, since nobody hands a real one its changes.
"""
import random
import subprocess

REGIONS = "(ARRAY['north','south','east','west','mid'])[1 + (random() * 4)::int]"
CATEGORIES = "(ARRAY['a','b','c','d'])[1 + (random() * 3)::int]"


class Case:
    """A query, the key of its result; the statements that make and maintain the table "hand", if there is one.

    "peer" is what the implementation to compare with took of the time of REFRESH,
    on another machine: with 0.1 % and with 1 % of the rows changed.
    """

    def __init__(self, name, query, key, hand=None, maintain=(), hand_query=None, peer=None):
        self.name, self.query, self.key = name, query, key
        self.hand, self.maintain = hand, maintain
        # the columns of the query, if the table has more
        self.hand_query = hand_query or "SELECT * FROM hand"
        self.peer = peer


def upsert(table, key, columns, select):
    settings = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in key)
    return f"INSERT INTO {table} {select} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {settings}"


COLUMNS = ["id", "cust", "region", "category", "amount", "score"]
LISTED = ", ".join(COLUMNS)


def kept_rows(columns, condition="true"):
    """By hand: rows that are in the query as they are."""
    new = condition.replace("d.", "n.")
    return [
        f"DELETE FROM hand USING delta d WHERE d.w = -1 AND {condition} AND hand.id = d.id"
        f" AND NOT EXISTS (SELECT FROM delta n WHERE n.w = 1 AND n.id = d.id AND {new})",
        upsert("hand", ["id"], columns, f"SELECT {', '.join(columns)} FROM delta d WHERE w = 1 AND {condition}"),
    ]


GONE = ("DELETE FROM hand USING delta d WHERE d.w = -1 AND hand.id = d.id"
        " AND NOT EXISTS (SELECT FROM delta n WHERE n.w = 1 AND n.id = d.id)")


def of_customers(columns, select):
    """By hand: rows with something of their customer, which "select" computes as m; what does not change is not written."""
    wanted, stored = (", ".join(f"{table}.{c}" for c in columns) for table in "mh")
    return [GONE, upsert("hand", ["id"], ["id", "cust", "amount", *columns],
                         f"SELECT s.id, s.cust, s.amount, {wanted} FROM (SELECT DISTINCT cust FROM delta) c"
                         f" CROSS JOIN LATERAL ({select} FROM src WHERE src.cust = c.cust) m JOIN src s ON s.cust = c.cust"
                         f" LEFT JOIN hand h ON h.id = s.id WHERE (h.amount, {stored}) IS DISTINCT FROM (s.amount, {wanted})")]


SYNTHETIC = [
    Case("scan", f"SELECT {LISTED} FROM src", ["id"],
         f"CREATE TABLE hand AS SELECT {LISTED} FROM src; ALTER TABLE hand ADD PRIMARY KEY (id)",
         kept_rows(COLUMNS), peer=(27 / 66, 51 / 66)),
    Case("filter", "SELECT id, cust, amount FROM src WHERE amount > 500", ["id"],
         "CREATE TABLE hand AS SELECT id, cust, amount FROM src WHERE amount > 500; ALTER TABLE hand ADD PRIMARY KEY (id)",
         kept_rows(["id", "cust", "amount"], "d.amount > 500"), peer=(12 / 39, 31 / 39)),
    Case("aggregate-5", "SELECT region, sum(amount) AS s, count(*) AS n FROM src GROUP BY region", ["region"],
         "CREATE TABLE hand AS SELECT region, sum(amount) AS s, count(*) AS n FROM src GROUP BY region;"
         "ALTER TABLE hand ADD PRIMARY KEY (region)",
         ["INSERT INTO hand SELECT region, sum(w * amount), sum(w) FROM delta GROUP BY region"
          " ON CONFLICT (region) DO UPDATE SET s = hand.s + excluded.s, n = hand.n + excluded.n",
          "DELETE FROM hand WHERE n = 0"], peer=(11 / 26, 16 / 26)),
    Case("aggregate-10k", "SELECT cust, sum(amount) AS s, count(*) AS n, avg(score) AS a FROM src GROUP BY cust", ["cust"],
         "CREATE TABLE hand AS SELECT cust, sum(amount) AS s, count(*) AS n, sum(score) AS t FROM src GROUP BY cust;"
         "ALTER TABLE hand ADD PRIMARY KEY (cust)",
         ["INSERT INTO hand SELECT cust, sum(w * amount), sum(w), sum(w * score) FROM delta GROUP BY cust"
          " ON CONFLICT (cust) DO UPDATE SET s = hand.s + excluded.s, n = hand.n + excluded.n, t = hand.t + excluded.t",
          "DELETE FROM hand USING delta d WHERE hand.cust = d.cust AND hand.n = 0"],
         "SELECT cust, s, n, t::numeric / n FROM hand", peer=(86 / 33, 650 / 33)),
    Case("minmax-10k", "SELECT cust, min(amount) AS lo, max(amount) AS hi FROM src GROUP BY cust", ["cust"],
         "CREATE TABLE hand AS SELECT cust, min(amount) AS lo, max(amount) AS hi FROM src GROUP BY cust;"
         "ALTER TABLE hand ADD PRIMARY KEY (cust)",
         ["DELETE FROM hand USING delta d WHERE hand.cust = d.cust AND NOT EXISTS (SELECT FROM src WHERE src.cust = d.cust)",
          upsert("hand", ["cust"], ["cust", "lo", "hi"],
                 "SELECT c.cust, m.lo, m.hi FROM (SELECT DISTINCT cust FROM delta) c CROSS JOIN LATERAL"
                 " (SELECT min(amount) AS lo, max(amount) AS hi FROM src WHERE src.cust = c.cust) m WHERE m.lo IS NOT NULL")],
         peer=(139 / 31, 1051 / 31)),
    Case("join-5", "SELECT s.id, s.cust, d.region_name, s.amount * d.multiplier AS value FROM src s JOIN dim d ON d.region = s.region",
         ["id"],
         "CREATE TABLE hand AS SELECT s.id, s.cust, d.region_name, s.amount * d.multiplier AS value"
         " FROM src s JOIN dim d ON d.region = s.region; ALTER TABLE hand ADD PRIMARY KEY (id)",
         [GONE, upsert("hand", ["id"], ["id", "cust", "region_name", "value"],
                       "SELECT s.id, s.cust, d.region_name, s.amount * d.multiplier FROM delta s JOIN dim d ON d.region = s.region WHERE w = 1")],
         peer=(70 / 86, 89 / 86)),
    Case("join-5-aggregated", "SELECT d.region_name, sum(s.amount * d.multiplier) AS s, count(*) AS n"
         " FROM src s JOIN dim d ON d.region = s.region GROUP BY d.region_name", ["region_name"],
         "CREATE TABLE hand AS SELECT d.region_name, sum(s.amount * d.multiplier) AS s, count(*) AS n"
         " FROM src s JOIN dim d ON d.region = s.region GROUP BY d.region_name; ALTER TABLE hand ADD PRIMARY KEY (region_name)",
         ["INSERT INTO hand SELECT d.region_name, sum(w * s.amount * d.multiplier), sum(w) FROM delta s JOIN dim d ON d.region = s.region"
          " GROUP BY d.region_name ON CONFLICT (region_name) DO UPDATE SET s = hand.s + excluded.s, n = hand.n + excluded.n",
          "DELETE FROM hand WHERE n = 0"], peer=(27 / 39, 34 / 39)),
    Case("left-join", "SELECT s.id, s.cust, s.amount, d.region_name FROM src s LEFT JOIN dim d ON d.region = s.region AND s.amount > 500",
         ["id"],
         "CREATE TABLE hand AS SELECT s.id, s.cust, s.amount, d.region_name"
         " FROM src s LEFT JOIN dim d ON d.region = s.region AND s.amount > 500; ALTER TABLE hand ADD PRIMARY KEY (id)",
         [GONE, upsert("hand", ["id"], ["id", "cust", "amount", "region_name"],
                       "SELECT s.id, s.cust, s.amount, d.region_name FROM delta s"
                       " LEFT JOIN dim d ON d.region = s.region AND s.amount > 500 WHERE w = 1")], peer=(72 / 70, 78 / 70)),
    Case("exists", "SELECT d.id, d.region_name FROM dim d WHERE EXISTS (SELECT FROM src s WHERE s.region = d.region AND s.amount > 900)",
         ["id"], peer=(143 / 7, 191 / 7)),
    Case("distinct", "SELECT DISTINCT region, category FROM src", ["region", "category"],
         "CREATE TABLE hand AS SELECT region, category, count(*) AS n FROM src GROUP BY region, category;"
         "ALTER TABLE hand ADD PRIMARY KEY (region, category)",
         ["INSERT INTO hand SELECT region, category, sum(w) FROM delta GROUP BY region, category"
          " ON CONFLICT (region, category) DO UPDATE SET n = hand.n + excluded.n",
          "DELETE FROM hand WHERE n = 0"],
         "SELECT region, category FROM hand", peer=(24 / 30, 19 / 30)),
    Case("row-number", "SELECT id, cust, amount, row_number() OVER (PARTITION BY cust ORDER BY amount DESC, id) AS place FROM src",
         ["id"], peer=(642 / 140, 7169 / 140)),
    Case("top-100", "SELECT id, cust, amount, score FROM src ORDER BY amount DESC, score DESC, id LIMIT 100", ["id"], peer=(20 / 29, 32 / 29)),
    Case("own-aggregate", "WITH a AS (SELECT cust, avg(amount) AS mean, count(*) AS n FROM src GROUP BY cust)"
         " SELECT s.id, s.cust, s.amount, a.mean, a.n FROM src s JOIN a ON a.cust = s.cust", ["id"],
         "CREATE TABLE hand AS SELECT id, cust, amount, avg(amount) OVER c AS mean, count(*) OVER c AS n FROM src WINDOW c AS (PARTITION BY cust);"
         "ALTER TABLE hand ADD PRIMARY KEY (id)",
         of_customers(["mean", "n"], "SELECT avg(amount) AS mean, count(*) AS n"), peer=(3143 / 308, 2419 / 308)),
    Case("aggregate-twice", "SELECT n, count(*) AS customers, sum(s) AS s"
         " FROM (SELECT cust, count(*) AS n, sum(amount) AS s FROM src GROUP BY cust) AS c GROUP BY n", ["n"]),
    Case("scalar-subquery", "SELECT s.id, s.cust, s.amount, (SELECT max(t.amount) FROM src t WHERE t.cust = s.cust) AS most FROM src s",
         ["id"],
         "CREATE TABLE hand AS SELECT id, cust, amount, max(amount) OVER (PARTITION BY cust) AS most FROM src; ALTER TABLE hand ADD PRIMARY KEY (id)",
         of_customers(["most"], "SELECT max(amount) AS most"), peer=(406 / 131, 507 / 131)),
    Case("union-all",
         "SELECT id, amount FROM src WHERE amount < 400 UNION ALL SELECT id, score FROM src WHERE score > 600", [],
         "CREATE TABLE hand AS SELECT 1 AS arm, id, amount FROM src WHERE amount < 400"
         " UNION ALL SELECT 2, id, score FROM src WHERE score > 600; ALTER TABLE hand ADD PRIMARY KEY (arm, id)",
         [f"DELETE FROM hand USING delta d WHERE d.w = -1 AND hand.arm = {arm} AND hand.id = d.id AND d.{condition}"
          f" AND NOT EXISTS (SELECT FROM delta n WHERE n.w = 1 AND n.id = d.id AND n.{condition})"
          for arm, condition in ((1, "amount < 400"), (2, "score > 600"))] +
         [upsert("hand", ["arm", "id"], ["arm", "id", "amount"],
                 "SELECT 1, id, amount FROM delta WHERE w = 1 AND amount < 400"
                 " UNION ALL SELECT 2, id, score FROM delta WHERE w = 1 AND score > 600")],
         "SELECT id, amount FROM hand", peer=(39 / 78, 54 / 78)),
    Case("except", "SELECT cust, region FROM src WHERE amount > 500 EXCEPT SELECT cust, region FROM src WHERE score > 500",
         ["cust", "region"],
         "CREATE TABLE hand AS SELECT cust, region, count(*) FILTER (WHERE amount > 500) AS l, count(*) FILTER (WHERE score > 500) AS r"
         " FROM src WHERE amount > 500 OR score > 500 GROUP BY cust, region; ALTER TABLE hand ADD PRIMARY KEY (cust, region)",
         ["INSERT INTO hand SELECT cust, region, coalesce(sum(w) FILTER (WHERE amount > 500), 0), coalesce(sum(w) FILTER (WHERE score > 500), 0)"
          " FROM delta WHERE amount > 500 OR score > 500 GROUP BY cust, region"
          " ON CONFLICT (cust, region) DO UPDATE SET l = hand.l + excluded.l, r = hand.r + excluded.r",
          "DELETE FROM hand USING delta d WHERE hand.cust = d.cust AND hand.region = d.region AND hand.l = 0 AND hand.r = 0"],
         "SELECT cust, region FROM hand WHERE l > 0 AND r = 0"),
]


def chain(length):
    """Stream tables of which each reads the one before: (name, query, what {} stands for in it)."""
    return [(f"link{n}", "SELECT id, cust, amount + 1 AS amount, score FROM {}", f"link{n - 1}" if n > 1 else "src")
            for n in range(1, length + 1)]


def levels(width):
    """Three levels: rows, groups and groups of groups; likewise, upstreams first."""
    return ([(f"rows{i}", f"SELECT id, cust, region, amount FROM {{}} WHERE cust % {width} = {i}", "src") for i in range(width)] +
            [(f"groups{i}", "SELECT cust, region, sum(amount) AS s, count(*) AS n FROM {} GROUP BY cust, region", f"rows{i}")
             for i in range(width)] +
            [(f"totals{i}", "SELECT region, sum(s) AS s, max(n) AS n FROM {} GROUP BY region", f"groups{i}") for i in range(width)])


Q1_SUMS = [("sum_qty", "l_quantity"), ("sum_base_price", "l_extendedprice"),
           ("sum_disc_price", "l_extendedprice * (1 - l_discount)"),
           ("sum_charge", "l_extendedprice * (1 - l_discount) * (1 + l_tax)"), ("sum_disc", "l_discount")]
Q1_WHERE = "l_shipdate <= date '1998-12-01' - interval '90' day"
Q6_WHERE = ("l_shipdate >= date '1994-01-01' AND l_shipdate < date '1994-01-01' + interval '1' year"
            " AND l_discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND l_quantity < 24")

TPCH = [
    Case("Q1", "SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price,"
         " sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,"
         " sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,"
         " avg(l_quantity) AS avg_qty, avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc,"
         f" count(*) AS count_order FROM lineitem WHERE {Q1_WHERE} GROUP BY l_returnflag, l_linestatus",
         ["l_returnflag", "l_linestatus"],
         "CREATE TABLE hand AS SELECT l_returnflag, l_linestatus, "
         + ", ".join(f"sum({x}) AS {n}" for n, x in Q1_SUMS)
         + f", count(*) AS n FROM lineitem WHERE {Q1_WHERE} GROUP BY 1, 2;"
         "ALTER TABLE hand ADD PRIMARY KEY (l_returnflag, l_linestatus)",
         ["INSERT INTO hand SELECT l_returnflag, l_linestatus, " + ", ".join(f"sum(w * {x})" for _, x in Q1_SUMS)
          + f", sum(w) FROM delta WHERE {Q1_WHERE} GROUP BY 1, 2 ON CONFLICT (l_returnflag, l_linestatus) DO UPDATE SET "
          + ", ".join(f"{n} = hand.{n} + excluded.{n}" for n, _ in Q1_SUMS) + ", n = hand.n + excluded.n",
          "DELETE FROM hand WHERE n = 0"],
         "SELECT l_returnflag, l_linestatus, sum_qty, sum_base_price, sum_disc_price, sum_charge,"
         " sum_qty / n, sum_base_price / n, sum_disc / n, n FROM hand"),
    Case("Q6", f"SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem WHERE {Q6_WHERE}", [],
         f"CREATE TABLE hand AS SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem WHERE {Q6_WHERE}",
         ["UPDATE hand SET revenue = hand.revenue + d.revenue FROM"
          f" (SELECT sum(w * l_extendedprice * l_discount) AS revenue FROM delta WHERE {Q6_WHERE}) d"]),
]


class Synthetic:
    """src: a key, a customer of ten rows, two texts, two numbers; dim: the five regions."""

    table = "src"

    def __init__(self, conn, rows):
        self.conn, self.rows = conn, rows
        self.random = random.Random(7)
        self.ids = []

    def columns(self):
        return (f"(random() * {self.rows // 10})::int, {REGIONS}, {CATEGORIES},"
                " (random() * 1000)::int, (random() * 1000)::int")

    def load(self, name="src"):
        self.conn.execute(f"DROP TABLE IF EXISTS {name} CASCADE")
        self.conn.execute("SELECT setseed(0.5)")
        self.conn.execute(f"""CREATE TABLE {name} (id bigserial PRIMARY KEY, cust int, region text, category text,
                                                   amount int, score int)""")
        self.conn.execute(f"INSERT INTO {name} (cust, region, category, amount, score)"
                          f" SELECT {self.columns()} FROM generate_series(1, {self.rows})")
        self.conn.execute(f"CREATE INDEX ON {name} (cust)")
        self.conn.execute(f"VACUUM ANALYZE {name}")
        self.conn.execute("DROP TABLE IF EXISTS dim CASCADE")
        self.conn.execute("CREATE TABLE dim (id int PRIMARY KEY, region text NOT NULL UNIQUE, region_name text NOT NULL, multiplier numeric)")
        self.conn.execute("""INSERT INTO dim VALUES (1, 'north', 'North', 1.10), (2, 'south', 'South', 0.90), (3, 'east', 'East', 1.00),
                                                    (4, 'west', 'West', 1.25), (5, 'mid', 'Middle', 0.75)""")
        self.conn.execute("ANALYZE dim")
        self.ids = list(range(1, self.rows + 1))

    def batches(self):
        return [("0.1 %", 0.1, self.rows // 1000), ("1 %", 1.0, self.rows // 100)]

    def change(self, rows):
        """70 % updates, 15 % deletes, 15 % inserts by random key; and the table delta."""
        for i in range(rows * 85 // 100):
            j = self.random.randrange(i, len(self.ids))
            self.ids[i], self.ids[j] = self.ids[j], self.ids[i]
        updates = self.ids[:rows * 70 // 100]
        deletes = self.ids[rows * 70 // 100:rows * 85 // 100]
        run = self.conn.execute
        run(f"INSERT INTO delta SELECT -1, {LISTED} FROM src WHERE id = ANY(%s)", (updates + deletes,))
        run("UPDATE src SET amount = (amount + 137) %% 1000, score = (score + 59) %% 1000 WHERE id = ANY(%s)", (updates,))
        run("DELETE FROM src WHERE id = ANY(%s)", (deletes,))
        inserts = [r[0] for r in run(
            f"INSERT INTO src (cust, region, category, amount, score) SELECT {self.columns()}"
            f" FROM generate_series(1, {rows - len(updates) - len(deletes)}) RETURNING id").fetchall()]
        run(f"INSERT INTO delta SELECT 1, {LISTED} FROM src WHERE id = ANY(%s)", (updates + inserts,))
        self.ids[len(updates):len(updates) + len(deletes)] = inserts
        return len(updates) + len(deletes) + len(inserts)


class Lineitem:
    """TPC-H lineitem of scale 0.1; RF1 inserts 1 %, RF2 deletes 1 %, UP updates 0.5 %."""

    table = "lineitem"
    REST = ("l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag,"
            " l_linestatus, l_shipdate, l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment")

    def __init__(self, conn, top):
        self.conn, self.top, self.round = conn, top, 0

    def load(self):
        data = subprocess.run(["bash", f"{self.top}/demo/data.sh"], check=True, stdout=subprocess.PIPE,
                              text=True).stdout.split("\n")[1]
        self.conn.execute("""
            CREATE TABLE IF NOT EXISTS lineitem (
                l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL,
                l_linenumber integer NOT NULL, l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL,
                l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL,
                l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL,
                l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
                l_comment varchar(44) NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber))""")
        self.conn.execute("TRUNCATE lineitem")
        with open(f"{data}/lineitem.csv", "rb") as rows, self.conn.cursor() as cur:
            with cur.copy("COPY lineitem FROM STDIN (FORMAT csv, HEADER true)") as copy:
                while block := rows.read(1 << 20):
                    copy.write(block)
        self.conn.execute("VACUUM ANALYZE lineitem")
        self.slice = self.conn.execute("SELECT max(l_orderkey) / 100 / 32 * 32 FROM lineitem").fetchone()[0]
        self.round = 0

    def batches(self):
        return [("RF1", 1.0, "insert"), ("RF2", 1.0, "delete"), ("UP", 0.5, "update")]

    def change(self, kind):
        run = self.conn.execute
        self.round += 1
        first = (self.round * 3 % 90) * self.slice
        where = f"l_orderkey BETWEEN {first} AND {first + self.slice - 1}"
        if kind == "insert":    # with a key bit set that the generator leaves empty
            run(f"""INSERT INTO lineitem (l_orderkey, {self.REST}) SELECT l_orderkey | 8, {self.REST} FROM lineitem
                     WHERE {where} AND l_orderkey & 8 = 0 ON CONFLICT DO NOTHING""")
            return run(f"INSERT INTO delta SELECT 1, * FROM lineitem WHERE {where} AND l_orderkey & 8 = 8").rowcount
        if kind == "update":
            where = f"(l_orderkey * 7 + l_linenumber) % 200 = {self.round}"
        changed = run(f"INSERT INTO delta SELECT -1, * FROM lineitem WHERE {where}").rowcount
        if kind == "delete":
            run(f"DELETE FROM lineitem WHERE {where}")
        else:
            run(f"UPDATE lineitem SET l_quantity = 51 - l_quantity, l_discount = 0.10 - l_discount WHERE {where}")
            run(f"INSERT INTO delta SELECT 1, * FROM lineitem WHERE {where}")
        return changed
