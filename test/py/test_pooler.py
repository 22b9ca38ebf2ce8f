"""PgBouncer in transaction mode between clients and the server: each transaction
may run in another session, and a session sees the transactions of many clients.

With the library in shared_preload_libraries and without.
"""
import concurrent.futures
import shutil

import psycopg
import pytest

from conftest import _as_pg, _end, check_fresh, wait_for
from test_scheduler import LIBRARY, Scheduled

PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
CLIENTS = 12
TRANSACTIONS = 30
# those of a transaction are set by the oracle
SETTINGS = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name NOT LIKE 'transaction%' ORDER BY name"
CONF = """
[databases]
* = host={server.host} port={server.port} user=postgres
[pgbouncer]
listen_addr =
listen_port = {server.port}
unix_socket_dir = {directory}
auth_type = any
pool_mode = transaction
default_pool_size = 4
logfile = {directory}/log
pidfile = {directory}/pid
"""


class Pooled(Scheduled):
    """A database that is only reached through the pooler."""

    def __init__(self, server, directory):
        self.directory = directory
        super().__init__(server)

    def connect(self, **options):
        conn = psycopg.connect(psycopg.conninfo.make_conninfo("", host=str(self.directory), port=self.server.port, user="postgres",
                                                              dbname=self.name), **{"autocommit": True, **options})
        # a prepared statement belongs to a session of the server
        conn.prepare_threshold = None
        self._open.append(conn)
        return conn

    def assert_fresh(self, name):
        with self.server.connect(self.name) as conn:
            check_fresh(conn, name)


@pytest.fixture(params=[LIBRARY, ""], ids=["preload", "stock"])
def pooled(request, make_server):
    server = make_server(preload=request.param, conf={"pg_trickle.enabled": "on"})
    directory = server.dir / "pooler"
    _as_pg(["mkdir", "-m", "700", str(directory)])
    (directory / "ini").write_text(CONF.format(server=server, directory=directory))
    (directory / "ini").chmod(0o644)
    _as_pg([PROGRAM, "-q", "-d", str(directory / "ini")])
    pid = int(wait_for(lambda: (directory / "pid").exists() and (directory / "pid").read_text(), "the pooler"))
    wait_for(lambda: (directory / f".s.PGSQL.{server.port}").exists(), "its socket")
    database = Pooled(server, directory)
    yield database
    database.close()
    _end([pid])


def write(database, number):
    """Transactions of one client, some of them undone."""
    kept = 0
    with database.connect(autocommit=False) as conn:
        for i in range(TRANSACTIONS):
            key = 1000 * (number + 1) + i
            conn.execute("INSERT INTO t VALUES (%s, %s)", (key, i))
            conn.execute("SAVEPOINT a")
            conn.execute("UPDATE t SET n = n + 1000 WHERE id = %s", (key,))
            conn.execute("ROLLBACK TO a")
            if i % 5 == 4:
                conn.rollback()
            else:
                conn.commit()
                kept += 1
            if i % 10 == 0:
                # by hand, in whatever session this is
                conn.execute("SELECT pgtrickle.refresh_stream_table('by_hand')")
                conn.commit()
    return kept


def test_transaction_mode(pooled):
    pooled.source()
    # settings of the creating session are settings of somebody else's next transaction: none is left behind
    before = pooled.rows(SETTINGS)
    pooled.create("groups", "SELECT n % 7 AS k, count(*) AS c, sum(n) AS s FROM t GROUP BY 1")
    pooled.create("above", "SELECT count(*) AS k, sum(c) AS c FROM groups")
    pooled.create("by_hand", "SELECT id, n FROM t WHERE n > 3", "1h")
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        kept = sum(pool.map(lambda number: write(pooled, number), range(CLIENTS)))
    assert pooled.value("SELECT count(*) FROM t") == 10 + kept
    backends = pooled.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database()")
    assert backends < CLIENTS, "nothing was pooled"
    pooled.follows("groups")
    pooled.follows("above")
    assert pooled.value("SELECT c FROM above") == 10 + kept
    pooled.execute("SELECT pgtrickle.refresh_stream_table('by_hand')")
    pooled.assert_fresh("by_hand")
    assert pooled.rows(SETTINGS) == before
    # what one session knows of the graph, others have to hear of
    sessions = [pooled.connect(autocommit=False) for _ in range(4)]
    for conn in sessions:
        conn.execute("SELECT count(*) FROM above")
    for conn in sessions:
        conn.commit()
    pooled.execute("SELECT pgtrickle.alter_stream_table('by_hand', schedule => '1s')")
    pooled.execute("ALTER TABLE t ADD COLUMN more int DEFAULT 5")
    pooled.execute("SELECT pgtrickle.drop_stream_table('above')")
    for number, conn in enumerate(sessions):
        conn.execute("INSERT INTO t VALUES (%s, 6, 7)", (number + 500,))
    for conn in sessions:
        conn.commit()
    for name in ("groups", "by_hand"):
        pooled.follows(name)
    assert pooled.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED' OR was_full_fallback") == 0
    assert pooled.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND objsubid <> 7713") == 0


def test_pooler_compatibility(pooled):
    """The mode in which nothing is sent by NOTIFY; the stream table is followed all the same."""
    pooled.source()
    pooled.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT count(*) AS n FROM t', '1s', pooler_compatibility_mode => true)")
    pooled.execute("INSERT INTO t VALUES (50, 1)")
    pooled.follows("s")
    pooled.execute("SELECT pgtrickle.drop_stream_table('s')")
    wait_for(lambda: pooled.pid() is None, "the end of the scheduler")
