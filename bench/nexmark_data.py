"""Nexmark: an auction house's persons, auctions and bids, made up from a seed, and queries Q0 to Q9.

Of fifty events one is a person, three are auctions and forty-six are bids, ten
milliseconds apart.  Keys are skewed: most bids are for one of the last auctions
and come from few of the bidders, most auctions are of few sellers.  Every event
has a time of its own, so that no query leaves a choice open.

The queries are those of the benchmark, with tables where it has streams and
windows of time written with date_bin().  Batches:

    NEW    events that follow the last ones, as a stream would have them
    MIX    a third as many, and as many bids with another price, bids that are
           withdrawn, auctions that end at another time, persons who move
"""
import datetime
import random

TABLES = """
CREATE TABLE person (id bigint PRIMARY KEY, name text NOT NULL, email text NOT NULL, credit_card text NOT NULL,
    city text NOT NULL, state text NOT NULL, date_time timestamp NOT NULL, extra text);
CREATE TABLE auction (id bigint PRIMARY KEY, item_name text NOT NULL, description text NOT NULL, initial_bid bigint NOT NULL,
    reserve bigint NOT NULL, date_time timestamp NOT NULL, expires timestamp NOT NULL, seller bigint NOT NULL,
    category int NOT NULL, extra text);
CREATE TABLE bid (auction bigint NOT NULL, bidder bigint NOT NULL, price bigint NOT NULL, channel text NOT NULL,
    url text NOT NULL, date_time timestamp NOT NULL, extra text);
"""

# for every contestant
INDEXES = """
CREATE INDEX ON auction (seller);
CREATE INDEX ON bid (auction);
CREATE INDEX ON bid (bidder);
CREATE INDEX ON bid (date_time);
"""

_OPENED = "date_bin('10 seconds', date_time, '2000-01-01')"
_HOPS = """SELECT b.auction, date_bin('2 seconds', b.date_time, '2000-01-01') - h * interval '2 seconds' AS starttime, count(*) AS num
             FROM bid AS b, generate_series(0, 4) AS h GROUP BY 1, 2"""

QUERIES = {
    "q0": "SELECT auction, bidder, price, date_time, extra FROM bid",
    "q1": "SELECT auction, bidder, 0.908 * price AS price, date_time, extra FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE mod(auction, 123) = 0",
    "q3": """SELECT p.name, p.city, p.state, a.id
               FROM auction AS a JOIN person AS p ON a.seller = p.id
              WHERE a.category = 10 AND (p.state = 'OR' OR p.state = 'ID' OR p.state = 'CA')""",
    "q4": """SELECT q.category, avg(q.final) AS final
               FROM (SELECT max(b.price) AS final, a.category
                       FROM auction AS a, bid AS b
                      WHERE a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires
                      GROUP BY a.id, a.category) AS q
              GROUP BY q.category""",
    "q5": f"""SELECT c.auction, c.num, c.starttime
               FROM ({_HOPS}) AS c
               JOIN (SELECT max(n.num) AS maxn, n.starttime FROM ({_HOPS}) AS n GROUP BY n.starttime) AS m
                 ON c.starttime = m.starttime AND c.num >= m.maxn""",
    "q6": """SELECT q.seller, q.date_time, avg(q.final) OVER (PARTITION BY q.seller ORDER BY q.date_time
                                                   ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) AS average
               FROM (SELECT DISTINCT ON (a.id) a.id, a.seller, b.price AS final, b.date_time
                       FROM auction AS a, bid AS b
                      WHERE a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires
                      ORDER BY a.id, b.price DESC, b.date_time) AS q""",
    "q7": """SELECT b.auction, b.price, b.bidder, b.date_time
               FROM bid AS b
               JOIN (SELECT max(price) AS maxprice, date_bin('10 seconds', date_time, '2000-01-01') + interval '10 seconds' AS ended
                       FROM bid GROUP BY 2) AS m
                 ON b.price = m.maxprice
                AND b.date_time >= m.ended - interval '10 seconds' AND b.date_time < m.ended""",
    "q8": f"""SELECT p.id, p.name, p.starttime
               FROM (SELECT id, name, {_OPENED} AS starttime FROM person GROUP BY 1, 2, 3) AS p
               JOIN (SELECT seller, {_OPENED} AS starttime FROM auction GROUP BY 1, 2) AS a
                 ON p.id = a.seller AND p.starttime = a.starttime""",
    "q9": """SELECT id, item_name, description, initial_bid, reserve, date_time, expires, seller, category,
                     auction, bidder, price, bid_time
               FROM (SELECT a.*, b.auction, b.bidder, b.price, b.date_time AS bid_time,
                            row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time) AS rownum
                       FROM auction AS a, bid AS b
                      WHERE a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires) AS ranked
              WHERE rownum <= 1""",
}

BATCHES = ["NEW", "MIX"]
COLUMNS = {
    "person": ("id", "name", "email", "credit_card", "city", "state", "date_time", "extra"),
    "auction": ("id", "item_name", "description", "initial_bid", "reserve", "date_time", "expires", "seller", "category", "extra"),
    "bid": ("auction", "bidder", "price", "channel", "url", "date_time", "extra"),
}
BEGIN = datetime.datetime(2015, 7, 15)
CITIES = ("Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne")
STATES = ("AZ", "CA", "ID", "OR", "WA", "WY")
FIRST = ("Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter")
LAST = ("Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris")


class Events:
    """The stream: the same for a seed, however it is cut."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.number = 0
        self.persons = 0
        self.auctions = 0

    def text(self, length):
        return "".join(self.random.choices("abcdefghijklmnopqrstuvwxyz", k=length))

    def one_of(self, count, hot, share):
        """A number below count: in "share" of the cases one of the "hot" last ones, more often the smaller it is."""
        if self.random.random() < share:
            return max(count - 1 - int(hot * self.random.random() ** 2), 0)
        return self.random.randrange(count)

    def person(self, now):
        self.persons += 1
        name = f"{self.random.choice(FIRST)} {self.random.choice(LAST)}"
        return (1000 + self.persons - 1, name, f"{self.text(7)}@{self.text(5)}.com", f"{self.random.randrange(10 ** 16):016}",
                self.random.choice(CITIES), self.random.choice(STATES), now, self.text(20))

    def auction(self, now):
        self.auctions += 1
        price = self.price()
        return (1000 + self.auctions - 1, self.text(12), self.text(40), price, price + self.price(), now,
                now + datetime.timedelta(seconds=self.random.randrange(2, 40)), 1000 + self.one_of(self.persons, 4, 0.75),
                self.random.randrange(10, 15), self.text(20))

    def bid(self, now):
        return (1000 + self.one_of(self.auctions, 20, 0.85), 1000 + self.one_of(self.persons, 10, 0.75), self.price(),
                self.random.choice(("Google", "Facebook", "Baidu", "Apple")), f"https://{self.text(8)}.com/item?id={self.text(5)}",
                now, self.text(20))

    def price(self):
        return round(10 ** (self.random.random() * 6) * 100)

    def take(self, count):
        """The next events: rows by table."""
        rows = {name: [] for name in COLUMNS}
        for self.number in range(self.number + 1, self.number + 1 + count):
            now = BEGIN + datetime.timedelta(milliseconds=10 * self.number)
            kind = (self.number - 1) % 50
            name = "person" if kind == 0 else "auction" if kind < 4 else "bid"
            rows[name].append(getattr(self, name)(now))
        return rows


class Nexmark:
    """The tables in the database of a connection in autocommit mode."""

    def __init__(self, conn, seed=1):
        self.conn = conn
        self.events = Events(seed)
        self.random = random.Random(seed + 1)

    def insert(self, rows):
        for name, new in rows.items():
            with self.conn.cursor() as cur, cur.copy(f"COPY {name} ({', '.join(COLUMNS[name])}) FROM STDIN") as copy:
                for row in new:
                    copy.write_row(row)
        return {name: len(new) for name, new in rows.items()}

    def load(self, events):
        self.conn.execute(TABLES)
        self.insert(self.events.take(events))
        self.conn.execute(INDEXES)
        self.conn.execute("VACUUM ANALYZE")

    def batch(self, kind, count):
        """Change about "count" rows. Returns the changed rows by table."""
        if kind == "NEW":
            return self.insert(self.events.take(count))
        changed = self.insert(self.events.take(count // 3))

        def change(table, count, sql):
            """Some of its rows, old and recent ones alike, by their times."""
            offsets = {"person": (0, 0), "auction": (1, 3), "bid": (4, 49)}[table]
            numbers = [50 * self.random.randrange(self.events.number // 50) + self.random.randint(*offsets) + 1 for _ in range(max(count, 1))]
            times = [BEGIN + datetime.timedelta(milliseconds=10 * number) for number in numbers]
            changed[table] += self.conn.execute(sql, (times,)).rowcount

        change("bid", count // 3, "UPDATE bid SET price = price * 2 %% 100000000 + 1 WHERE date_time = ANY (%s)")
        change("bid", count // 5, "DELETE FROM bid WHERE date_time = ANY (%s)")
        change("auction", count // 15, "UPDATE auction SET expires = date_time + (expires - date_time) / 2, category = 10 + (category + 1) %% 5"
                                       " WHERE date_time = ANY (%s)")
        change("person", count // 30, "UPDATE person SET state = 'OR', city = 'Bend' WHERE date_time = ANY (%s)")
        return changed
