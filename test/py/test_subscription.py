"""Tables that a logical replication subscription writes (rule B5): the apply
worker fires row triggers only, the initial copy fires both kinds."""
import pytest

from conftest import Database, wait_for

QUERIES = {
    "st_rows": "SELECT id, g, pad FROM t",
    "st_sum": "SELECT g, count(*) AS c, sum(id) AS s FROM t GROUP BY g",
    "st_bag": "SELECT a, b FROM bag",
    "st_parts": "SELECT k, v FROM parts WHERE v > 0",
    "st_leaf": "SELECT k, v FROM parts_2",
}
TABLES = """
    CREATE TABLE t (id int PRIMARY KEY, g int, pad text);
    CREATE TABLE bag (a int, b numeric);
    ALTER TABLE bag REPLICA IDENTITY FULL;
    CREATE TABLE parts (k int PRIMARY KEY, v int) PARTITION BY RANGE (k);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
"""


class Pair:
    """A publisher and a subscriber, two databases of one server."""

    def __init__(self, server):
        self.publisher = Database(server, extension=False)
        self.subscriber = Database(server)
        self.slot = self.publisher.name
        self.subscribed = False
        self.publisher.execute(TABLES)
        self.subscriber.execute(TABLES)
        self.publisher.execute("CREATE PUBLICATION p FOR TABLE t, bag, parts WITH (publish_via_partition_root = true)")

    def subscribe(self):
        self.publisher.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (self.slot,))
        self.subscriber.execute(f"CREATE SUBSCRIPTION {self.slot} CONNECTION '{self.publisher.server.dsn(self.publisher.name)}'"
                                f" PUBLICATION p WITH (create_slot = false, slot_name = '{self.slot}')")
        self.subscribed = True
        wait_for(lambda: self.subscriber.value("SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel"), "the initial copy")

    def unsubscribe(self):
        self.subscriber.execute(f"ALTER SUBSCRIPTION {self.slot} DISABLE")
        self.subscriber.execute(f"ALTER SUBSCRIPTION {self.slot} SET (slot_name = NONE)")
        self.subscriber.execute(f"DROP SUBSCRIPTION {self.slot}")
        self.subscribed = False
        wait_for(lambda: not self.publisher.value("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (self.slot,)),
                 "the walsender")
        self.publisher.execute("SELECT pg_drop_replication_slot(%s)", (self.slot,))

    def caught_up(self):
        """Until the subscriber has applied what the publisher has committed."""
        position = self.publisher.value("SELECT pg_current_wal_lsn()")
        wait_for(lambda: self.publisher.value("SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots"
                                              " WHERE slot_name = %s", (position, self.slot)), "the apply worker")

    def refresh(self, *actions):
        """Refresh and compare all; each did one of these."""
        for name in QUERIES:
            self.subscriber.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
            self.subscriber.assert_fresh(name)
            if actions:
                run = self.subscriber.rows(
                    "SELECT action, refresh_reason FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables"
                    " USING (pgt_id) WHERE pgt_name = %s ORDER BY refresh_id DESC LIMIT 1", (name,))[0]
                assert run in actions, f"{name} was refreshed as {run}"


@pytest.fixture
def pair(server):
    pair = Pair(server)
    yield pair
    if pair.subscribed:
        pair.unsubscribe()
    pair.subscriber.drop()
    pair.publisher.drop()


def test_subscription(pair):
    publisher, subscriber = pair.publisher, pair.subscriber
    publisher.execute("INSERT INTO t SELECT x, x % 3, repeat('x', x * 100) FROM generate_series(1, 50) AS x;"
                      "INSERT INTO bag VALUES (1, 1.0), (1, 1.0), (1, 1.00);"
                      "INSERT INTO parts SELECT x, x FROM generate_series(1, 190, 10) AS x")
    for name, query in QUERIES.items():
        subscriber.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')", (name, query))
    # the initial copy into captured tables; noticed at the next refresh
    pair.subscribe()
    pair.refresh()

    publisher.execute("UPDATE t SET g = g + 1 WHERE id % 2 = 0; DELETE FROM t WHERE id % 7 = 0; INSERT INTO t VALUES (100, 9, 'n');"
                      "DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag); INSERT INTO bag VALUES (NULL, 2);"
                      "UPDATE parts SET v = -v WHERE k > 50; UPDATE parts SET k = k + 104 WHERE k < 30;"
                      "INSERT INTO parts VALUES (150, 7)")
    # somebody of the subscriber's writes as well
    subscriber.execute("INSERT INTO t SELECT x, 1, 'local' FROM generate_series(1000, 1010) AS x; UPDATE t SET pad = 'l' WHERE id > 1005;"
                       "INSERT INTO parts VALUES (155, 5)")
    pair.caught_up()
    pair.refresh(("DIFFERENTIAL", None))

    # a transaction with savepoints, and one that is rolled back
    with publisher.connect(autocommit=False) as conn:
        conn.execute("INSERT INTO t VALUES (200, 1, 'kept')")
        conn.execute("SAVEPOINT s")
        conn.execute("DELETE FROM t WHERE id < 40")
        conn.execute("ROLLBACK TO s")
        conn.execute("UPDATE bag SET b = 3 WHERE a IS NULL")
        conn.execute("UPDATE parts SET v = v + 1")
    pair.caught_up()
    pair.refresh(("DIFFERENTIAL", None))

    publisher.execute("TRUNCATE t, bag, parts; INSERT INTO t VALUES (1, 1, 'again'); INSERT INTO bag VALUES (5, 5);"
                      "INSERT INTO parts VALUES (5, 5), (105, 5)")
    pair.caught_up()
    pair.refresh(("FULL", "truncated"))

    # without the subscription: statement triggers again
    pair.unsubscribe()
    pair.refresh()
    subscriber.execute("INSERT INTO t VALUES (2, 2, 'alone'); UPDATE bag SET b = 6; UPDATE parts SET v = 8; DELETE FROM parts WHERE k = 5")
    pair.refresh(("DIFFERENTIAL", None))


def test_subscribed_before(pair):
    """Stream tables over tables that are subscribed already."""
    pair.publisher.execute("INSERT INTO t VALUES (1, 1, 'x'); INSERT INTO parts VALUES (1, 1)")
    pair.subscribe()
    for name, query in QUERIES.items():
        pair.subscriber.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')", (name, query))
    pair.publisher.execute("INSERT INTO t VALUES (2, 1, 'y'); UPDATE t SET g = 5 WHERE id = 1; INSERT INTO bag VALUES (1, 1);"
                           "INSERT INTO parts VALUES (101, 1)")
    pair.caught_up()
    pair.refresh(("DIFFERENTIAL", None))
