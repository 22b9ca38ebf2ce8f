"""A busy database: sources, stream tables of all kinds over them, and writers.

What test_chaos.py and test_busy.py have in common. The sources keep their size:
keys come from a small range, and what has no key is thinned out as it grows.
"""
import random
import threading

import psycopg

# What two writers may do to each other, and what a refresh by hand may find.
PASSING = (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation, psycopg.errors.LockNotAvailable, psycopg.errors.SerializationFailure)
KEYS = 400
GROUPS = 12

SOURCES = """
    CREATE TABLE t (id int PRIMARY KEY, g int, n int);
    CREATE TABLE u (g int PRIMARY KEY, label text);
    CREATE TABLE p (id int, g int, x numeric, PRIMARY KEY (id, g)) PARTITION BY LIST (g);
    CREATE TABLE p_low PARTITION OF p FOR VALUES IN (0, 1, 2, 3, 4, 5);
    CREATE TABLE p_rest PARTITION OF p DEFAULT;
    CREATE TABLE w (g int, word text, f float8);
    CREATE TABLE tree (id int PRIMARY KEY, parent int);
    CREATE TABLE timed (id int PRIMARY KEY, at timestamptz);
    CREATE INDEX ON t (g);
    CREATE INDEX ON tree (parent);
    INSERT INTO u SELECT x, 'u' || x FROM generate_series(0, 12) AS x;
    INSERT INTO t SELECT x, x % 12, x % 100 FROM generate_series(1, 300) AS x;
    INSERT INTO p SELECT x, x % 12, x / 8.0 FROM generate_series(1, 200) AS x;
    INSERT INTO w SELECT x % 12, 'w' || x % 20, x FROM generate_series(1, 200) AS x;
    INSERT INTO tree SELECT x, nullif(x / 3, 0) FROM generate_series(1, 100) AS x;
    INSERT INTO timed SELECT x, '2000-01-01' FROM generate_series(1, 50) AS x;
"""

# name: query, schedule. A stream table comes after those that it reads.
QUERIES = {
    "scan": ("SELECT id, g, n FROM t WHERE n > 10", "1s"),
    "expression": ("SELECT id, n * 2 AS twice, CASE WHEN n > 50 THEN 'high' ELSE 'low' END AS class FROM t", "1s"),
    "groups": ("SELECT g, count(*), sum(n), min(n), max(n) FROM t GROUP BY g", "1s"),
    "frequent": ("SELECT g, avg(n) AS mean FROM t GROUP BY g HAVING count(*) > 20", "1s"),
    "total": ("SELECT count(*) AS c, sum(n) AS s, bool_and(n > 5) AS b FROM t", "1s"),
    "filtered": ("SELECT g, count(*) FILTER (WHERE n > 50) AS high, sum(n) FILTER (WHERE n < 20) AS low FROM t GROUP BY g", "1s"),
    "variance": ("SELECT g, stddev(x) AS s, var_pop(x) AS v FROM p GROUP BY g", "1s"),
    "joined": ("SELECT t.id, t.n, u.label FROM t JOIN u ON u.g = t.g", "1s"),
    "three": ("SELECT t.id, u.label, p.x FROM t JOIN u ON u.g = t.g JOIN p ON p.id = t.id AND p.g = t.g", "1s"),
    "self_joined": ("SELECT a.id, b.id AS other FROM t AS a JOIN t AS b ON b.id = a.id + 1 AND b.g = a.g", "1s"),
    "join_groups": ("SELECT u.label, count(*) AS c, sum(t.n) AS s FROM t JOIN u ON u.g = t.g GROUP BY u.label", "1s"),
    "outer_joined": ("SELECT u.g, u.label, t.n FROM u LEFT JOIN t ON t.g = u.g AND t.n < 50", "2s"),
    "full_joined": ("SELECT t.id, t.n, p.id AS other, p.x FROM t FULL JOIN p ON p.id = t.id AND p.g = t.g", "1s"),
    "outer_groups": ("SELECT u.g, count(t.id) AS c FROM u LEFT JOIN t ON t.g = u.g GROUP BY u.g", "1s"),
    "existing": ("SELECT u.g FROM u WHERE EXISTS (SELECT FROM t WHERE t.g = u.g AND t.n > 90)", "1s"),
    "missing": ("SELECT u.g FROM u WHERE NOT EXISTS (SELECT FROM t WHERE t.g = u.g AND t.n > 95)", "1s"),
    "among": ("SELECT id FROM p WHERE id IN (SELECT id FROM t WHERE n > 30)", "1s"),
    "not_among": ("SELECT id FROM tree WHERE id NOT IN (SELECT id FROM p)", "1s"),
    "scalar": ("SELECT u.g, (SELECT max(t.n) FROM t WHERE t.g = u.g) AS highest FROM u", "1s"),
    "above_mean": ("SELECT id, n FROM t WHERE n > (SELECT avg(n) FROM t AS x WHERE x.g = t.g)", "1s"),
    "laterally": ("SELECT u.g, best.id, best.n FROM u, LATERAL (SELECT id, n FROM t WHERE t.g = u.g ORDER BY n DESC, id LIMIT 2) AS best", "1s"),
    "ranked": ("SELECT g, id, rank() OVER (PARTITION BY g ORDER BY n) AS r FROM t", "1s"),
    "neighbours": ("SELECT id, n, lag(n) OVER (ORDER BY id) AS before, n - lead(n) OVER (ORDER BY id) AS step FROM t", "1s"),
    "running_sum": ("SELECT g, id, sum(n) OVER (PARTITION BY g ORDER BY id) AS s FROM t", "1s"),
    "share": ("SELECT id, g, sum(n) OVER (PARTITION BY g) AS s FROM t", "1s"),
    "first_of_each": ("SELECT g, id, n FROM (SELECT *, row_number() OVER (PARTITION BY g ORDER BY n, id) AS k FROM t) AS x WHERE k <= 3", "1s"),
    "top": ("SELECT id, n FROM t ORDER BY n DESC, id LIMIT 10", "1s"),
    "top_page": ("SELECT id, x FROM p ORDER BY x, id LIMIT 10 OFFSET 5", "1s"),
    "top_ties": ("SELECT id, n FROM t ORDER BY n DESC FETCH FIRST 5 ROWS WITH TIES", "1s"),
    "distinct_n": ("SELECT DISTINCT n FROM t", "1s"),
    "distinct_on": ("SELECT DISTINCT ON (g) g, id, n FROM t ORDER BY g, n DESC, id", "1s"),
    "count_distinct": ("SELECT g, count(DISTINCT n) AS c FROM t GROUP BY g", "1s"),
    "either": ("SELECT g FROM t UNION SELECT g FROM p", "1s"),
    "both_all": ("SELECT id, g FROM t UNION ALL SELECT id, g FROM p", "1s"),
    "minus": ("SELECT g FROM u EXCEPT SELECT g FROM t", "1s"),
    "minus_all": ("SELECT g FROM t EXCEPT ALL SELECT g FROM p", "1s"),
    "common": ("SELECT id FROM t INTERSECT SELECT id FROM p", "1s"),
    "sets": ("SELECT g, n % 3 AS m, count(*) AS c FROM t GROUP BY ROLLUP (g, n % 3)", "1s"),
    "listed": ("SELECT g, string_agg(word, ',' ORDER BY word) AS words, array_agg(f ORDER BY f) AS all_f FROM w GROUP BY g", "1s"),
    "median": ("SELECT g, percentile_disc(0.5) WITHIN GROUP (ORDER BY n) AS m FROM t GROUP BY g", "1s"),
    "bag": ("SELECT g, word FROM w", "1s"),
    "bag_groups": ("SELECT word, count(*) AS c, max(f) AS m FROM w GROUP BY word", "1s"),
    "unrolled": ("SELECT id, x AS step FROM t, generate_series(1, n % 3) AS x", "1s"),
    "named": ("WITH high AS (SELECT id, g FROM t WHERE n > 60) SELECT a.g, count(*) AS c FROM high AS a JOIN high AS b ON b.g = a.g GROUP BY a.g", "1s"),
    "below": ("WITH RECURSIVE d AS (SELECT id, id AS top FROM tree WHERE parent IS NULL UNION SELECT c.id, d.top FROM tree AS c JOIN d ON c.parent = d.id)"
              " SELECT id, top FROM d", "1s"),
    "timely": ("SELECT id FROM timed WHERE at > now()", "1s"),
    "partitions": ("SELECT id, g, x FROM p WHERE x > 3", "1s"),
    "recomputed": ("SELECT count(*) AS n FROM t, LATERAL (SELECT random() > 2) AS r", "1s"),
    "slow": ("SELECT g, sum(n) AS s FROM t GROUP BY g", "5s"),
    "by_minute": ("SELECT count(*) AS c FROM w", "* * * * *"),
    "over_groups": ("SELECT count(*) AS groups, sum(count) AS rows FROM groups", "calculated"),
    "over_joined": ("SELECT label, count(*) AS c FROM joined GROUP BY label", "1s"),
    "over_over": ("SELECT max(c) AS most FROM over_joined", "1s"),
    "over_ranked": ("SELECT g, id FROM ranked WHERE r <= 2", "1s"),
    "over_bag": ("SELECT word, count(*) AS c FROM bag GROUP BY word", "1s"),
    "over_outer": ("SELECT g, sum(n) AS s FROM outer_joined GROUP BY g", "1s"),
    "diamond": ("SELECT g.g, g.sum, j.rows FROM groups AS g JOIN (SELECT label, count(*) AS rows FROM joined GROUP BY 1) AS j"
                " ON j.label = 'u' || g.g", "1s"),
    "diamond_loose": ("SELECT a.g, a.m, b.c FROM (SELECT g, max(id) AS m FROM scan GROUP BY g) AS a JOIN count_distinct AS b USING (g)", "1s"),
    "chain_1": ("SELECT id, g FROM scan WHERE g < 10", "calculated"),
    "chain_2": ("SELECT g, count(*) AS c FROM chain_1 GROUP BY g", "calculated"),
}


class Busy:
    """Threads that do something to a database until it is over, each with random numbers of its own."""

    def __init__(self, server, dbname, seed):
        self.server, self.dbname, self.seed = server, dbname, seed
        self.over = threading.Event()
        self.hold = threading.Event()       # writers rest
        self.resting = threading.Semaphore(0)
        self.go = threading.Event()
        self.errors = []
        self.writers = []
        self.transactions = 0
        self.lock = threading.Lock()

    def thread(self, function, *arguments):
        def run():
            try:
                function(random.Random(f"{self.seed} {function.__name__} {arguments}"), *arguments)
            except Exception as error:  # noqa: BLE001: told by the test
                self.errors.append(f"{function.__name__}{arguments}: {type(error).__name__}: {error}")
                self.resting.release()
        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def change(self, rng, conn):
        key, choice = rng.randrange(KEYS), rng.random()
        if choice < 0.25:
            conn.execute("INSERT INTO t VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET n = excluded.n",
                         (key, rng.randrange(GROUPS), rng.randrange(100)))
        elif choice < 0.5:
            # in no order: some wait for each other in a circle
            conn.execute("UPDATE t SET n = %s, g = %s WHERE id IN (%s, %s)",
                         (rng.randrange(100), rng.randrange(GROUPS), key, rng.randrange(KEYS)))
        elif choice < 0.6:
            conn.execute("DELETE FROM t WHERE id = %s", (key,))
        elif choice < 0.65:
            conn.execute("UPDATE u SET label = label WHERE g = %s", (rng.randrange(GROUPS),))
        elif choice < 0.75:
            conn.execute("INSERT INTO p VALUES (%s, %s, %s) ON CONFLICT (id, g) DO UPDATE SET x = excluded.x",
                         (key, rng.randrange(GROUPS), rng.randrange(800) / 8))
        elif choice < 0.8:
            conn.execute("DELETE FROM p WHERE id BETWEEN %s AND %s", (key, key + 3))
        elif choice < 0.85:
            # a row may move to the other partition
            conn.execute("UPDATE p SET g = %s WHERE id = %s AND NOT EXISTS (SELECT FROM p AS q WHERE q.id = %s AND q.g = %s)",
                         (g := rng.randrange(GROUPS), key, key, g))
        elif choice < 0.9:
            conn.execute("INSERT INTO w SELECT %s, 'w' || x, x FROM generate_series(%s::int, %s::int) AS x", (rng.randrange(GROUPS), key % 20, key % 20 + 3))
        elif choice < 0.94:
            conn.execute("DELETE FROM w WHERE g = %s AND word > %s", (rng.randrange(GROUPS), f"w{rng.randrange(20)}"))
        elif choice < 0.97:
            conn.execute("UPDATE tree SET parent = %s WHERE id = %s AND %s < id", (key % 100 or None, 1 + rng.randrange(100), key % 100))
        else:
            conn.execute("UPDATE timed SET at = now() + %s::int * interval '1 s' WHERE id = %s", (rng.randrange(-5, 5), rng.randrange(1, 51)))

    def write(self, rng, number, pause=0.0):
        conn = self.server.connect(self.dbname, autocommit=False)
        prepared = 0
        while not self.over.is_set():
            if self.hold.is_set():
                self.resting.release()
                self.go.wait()
                continue
            try:
                for _ in range(rng.randint(1, 4)):
                    if rng.random() < 0.1:
                        conn.execute("SAVEPOINT s")
                        self.change(rng, conn)
                        conn.execute("ROLLBACK TO s")
                    self.change(rng, conn)
                end = rng.random()
                if end < 0.15:
                    conn.rollback()
                elif end < 0.2:
                    prepared += 1
                    name = f"{self.dbname}_w{number}_{prepared}"
                    conn.execute(f"PREPARE TRANSACTION '{name}'")
                    conn.autocommit = True
                    conn.execute(f"{'COMMIT' if rng.random() < 0.7 else 'ROLLBACK'} PREPARED '{name}'")
                    conn.autocommit = False
                else:
                    conn.commit()
                with self.lock:
                    self.transactions += 1
            except PASSING:
                conn.rollback()
            if pause:
                self.over.wait(rng.uniform(0, pause))
        conn.close()

    def refresh(self, rng, names):
        """A user who refreshes by hand, and changes his mind."""
        conn = self.server.connect(self.dbname, autocommit=False)
        while not self.over.is_set():
            try:
                conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", (rng.choice(names),))
                conn.rollback() if rng.random() < 0.5 else conn.commit()
            except (psycopg.errors.InvalidParameterValue, *PASSING):
                conn.rollback()
            self.over.wait(rng.uniform(0, 0.5))
        conn.close()

    def start_writers(self, count, pause=0.0):
        self.writers = [self.thread(self.write, i, pause) for i in range(count)]

    def rest(self):
        """No writer has a transaction, until resume()."""
        self.go.clear()
        self.hold.set()
        for _ in self.writers:
            self.resting.acquire()
        assert not self.errors, f"seed {self.seed}: {self.errors[:3]}"

    def resume(self):
        self.hold.clear()
        self.go.set()

    def end(self, threads):
        self.over.set()
        self.resume()
        for thread in [*self.writers, *threads]:
            thread.join()
        assert not self.errors, f"seed {self.seed}: {self.errors[:3]}"


def follows_all(database, names, seconds=60):
    """All have caught up, and are what their queries say."""
    for name in names:
        database.follows(name, seconds)
