"""Stream tables over foreign tables, refreshed by the scheduler; the server behind them is another database.

No commit of this database tells of a change: they are looked at by their schedule.
"""
import psycopg

from conftest import Database, wait_for
from test_scheduler import running, scheduled  # noqa: F401 (fixtures)


def far_away(db):
    """A foreign table "f" over a table of another database."""
    far = Database(db.server, extension=False)
    far.execute("CREATE TABLE t (id int, n int)")
    far.execute("INSERT INTO t SELECT x, x % 5 FROM generate_series(1, 200) AS x")
    port, host = db.conn.info.port, db.conn.info.host
    db.execute("CREATE EXTENSION postgres_fdw")
    db.execute(f"CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{host}', port '{port}', dbname '{far.name}')")
    db.execute("CREATE USER MAPPING FOR CURRENT_USER SERVER far")
    db.execute("CREATE FOREIGN TABLE f (id int, n int) SERVER far OPTIONS (table_name 't')")
    db.execute("SET pg_trickle.foreign_table_polling = on")
    return far


def last_errors(db):
    return db.rows("SELECT DISTINCT error_code FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'")


def test_polled_by_schedule(scheduled):  # noqa: F811
    far = far_away(scheduled)
    scheduled.execute("CREATE TABLE near (n int PRIMARY KEY, name text)")
    scheduled.execute("INSERT INTO near SELECT x, 'n' || x FROM generate_series(0, 4) AS x")
    scheduled.create("s", "SELECT n, count(*) AS c FROM f GROUP BY n", mode="DIFFERENTIAL")
    scheduled.create("j", "SELECT f.id, near.name FROM f JOIN near USING (n)", mode="DIFFERENTIAL")
    scheduled.create("above", "SELECT max(c) AS m FROM s", mode="DIFFERENTIAL")
    for i in range(3):
        far.execute("INSERT INTO t VALUES (%s, 3), (NULL, NULL)", (1000 + i,))
        far.execute("UPDATE t SET n = n - 1 WHERE id = %s", (i,))
        for name in ("s", "j", "above"):
            scheduled.follows(name)
    runs = scheduled.rows("SELECT DISTINCT action, refresh_reason FROM pgtrickle.pgt_refresh_history"
                          " WHERE initiated_by = 'SCHEDULER' AND status = 'COMPLETED'")
    assert runs == [("DIFFERENTIAL", None)], runs
    # it says when it has looked, though nothing has changed
    before = scheduled.value("SELECT max(last_refresh_at) FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 's'")
    wait_for(lambda: scheduled.value("SELECT last_refresh_at FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 's'") > before,
               "a refresh that finds nothing")
    for name in ("above", "j", "s"):
        scheduled.execute("SELECT pgtrickle.drop_stream_table(%s)", (name,))
    far.drop()


def test_server_that_does_not_answer(scheduled):  # noqa: F811
    """Stays as it was, is not suspended, and follows again when the server answers."""
    far = far_away(scheduled)
    scheduled.create("s", "SELECT n, count(*) AS c FROM f GROUP BY n", mode="DIFFERENTIAL")
    wait_for(scheduled.pid, "the scheduler")
    held = scheduled.rows("SELECT * FROM s ORDER BY n")
    port = scheduled.conn.info.port
    scheduled.execute("ALTER SERVER far OPTIONS (SET port '1')")
    far.execute("DELETE FROM t WHERE n = 2")
    wait_for(lambda: last_errors(scheduled), "a failed refresh")
    assert last_errors(scheduled) == [("08001",)]
    try:
        scheduled.execute("SELECT pgtrickle.refresh_stream_table('s')")
        raise AssertionError("a refresh without the server ends well")
    except psycopg.errors.SqlclientUnableToEstablishSqlconnection:
        pass
    assert scheduled.rows("SELECT * FROM s ORDER BY n") == held
    assert scheduled.status("s") == "ACTIVE"
    assert scheduled.value("SELECT consecutive_errors FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 's'") == 0
    scheduled.execute(f"ALTER SERVER far OPTIONS (SET port '{port}')")
    scheduled.follows("s", 60)
    far.execute("INSERT INTO t SELECT 5000 + x, 7 FROM generate_series(1, 10) AS x")
    scheduled.follows("s")
    scheduled.execute("SELECT pgtrickle.drop_stream_table('s')")
    far.drop()
