"""Mutants of capture, log and frontier that need more than a few statements.

test/py/mutants.py runs them, see there.
"""
import threading

import psycopg

from conftest import wait_for

MUTANTS = {}
MANY = "INSERT INTO t SELECT x, repeat('x', 1500) FROM generate_series({}, {}) AS x"


def mutant(fault):
    def register(function):
        MUTANTS[fault] = function
        return function
    return register


def wide(db):
    """A source whose change log grows by pages."""
    db.run("CREATE TABLE t (id int, pad text)")
    db.create("s", "SELECT id, pad FROM t")


def pages_read(db):
    """Log pages that this session's refresh reads after one more insert."""
    count = ("SELECT coalesce(sum(heap_blks_read + heap_blks_hit), 0) FROM pg_statio_all_tables"
             " WHERE relid IN (SELECT log FROM pgtrickle.change_log_segment)")
    db.run("INSERT INTO t VALUES (-1, 'one more')", "SELECT pg_stat_force_next_flush()")
    before = db.value(count)
    db.refresh()
    db.run("SELECT pg_stat_force_next_flush()")
    return db.value(count) - before


# -- B: capture

@mutant("cdc_paused")
def written_while_paused(db):
    wide(db)
    db.run("SET pg_trickle.cdc_paused = on", MANY.format(1, 3), "RESET pg_trickle.cdc_paused")
    db.refresh()
    db.fresh(fallback=True)


@mutant("B5")
def written_by_a_subscription(db):
    publisher_name, slot = db.name + "_pub", db.name
    db.server.admin.execute(f"CREATE DATABASE {publisher_name}")
    with db.server.connect(publisher_name) as publisher:
        publisher.execute("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 2);"
                          "CREATE PUBLICATION p FOR TABLE t")
        publisher.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))
        db.run("CREATE TABLE t (id int PRIMARY KEY, n int)")
        db.create("s", "SELECT id, n FROM t")
        db.conn.execute(f"CREATE SUBSCRIPTION sub CONNECTION '{db.server.dsn(publisher_name)}' PUBLICATION p"
                        f" WITH (create_slot = false, slot_name = '{slot}')")
        try:
            wait_for(lambda: db.value("SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel"), "the initial sync")
            db.refresh()
            db.fresh(fallback=True)
            publisher.execute("INSERT INTO t VALUES (3, 3); UPDATE t SET n = 20 WHERE id = 2; DELETE FROM t WHERE id = 1")
            wait_for(lambda: db.value("SELECT array_agg(id ORDER BY id) FROM t") == [2, 3], "the apply worker")
            db.refresh()
            db.fresh(fallback=True)
            publisher.execute("TRUNCATE t; INSERT INTO t VALUES (9, 9)")
            wait_for(lambda: db.value("SELECT array_agg(id) FROM t") == [9], "the apply worker")
            db.refresh()
            db.fresh(fallback=True)
        finally:
            db.run("ALTER SUBSCRIPTION sub DISABLE", "ALTER SUBSCRIPTION sub SET (slot_name = NONE)", "DROP SUBSCRIPTION sub")
            wait_for(lambda: not db.value("SELECT count(*) FROM pg_replication_slots WHERE active"), "the walsender")
            publisher.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
    db.server.admin.execute(f"DROP DATABASE {publisher_name} WITH (FORCE)")


@mutant("B9")
def columns_grow_under_a_writer(db):
    db.run("CREATE TABLE t (id int, a int, b int)")
    db.create("s", "SELECT id, a FROM t")
    writer, creator = db.session(), db.session()
    writer.execute("BEGIN; INSERT INTO t VALUES (1, 1, 1)")
    thread = threading.Thread(target=db.create, args=("s2", "SELECT id, b FROM t"), kwargs={"conn": creator})
    thread.start()
    wait_for(lambda: not thread.is_alive() or db.value(
        f"SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = {creator.info.backend_pid}"), "the creation")
    writer.execute("COMMIT")
    thread.join()
    writer.execute("INSERT INTO t VALUES (2, 2, 2); UPDATE t SET b = 7 WHERE id = 1")
    db.refresh("s")
    db.refresh("s2")
    db.fresh("s", "s2")


@mutant("B9 refresh")
def more_columns_are_read_than_captured(db):
    db.run("CREATE TABLE t (id int, a int, b int) PARTITION BY LIST (a)",
           "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)", "CREATE TABLE t2 PARTITION OF t DEFAULT")
    db.create("s", "SELECT id, a FROM t")
    # as a library that did not know that it needs them
    creator = db.session()
    db.also("B9", creator)
    # one that has written installs capture itself
    creator.execute("BEGIN; SELECT pg_current_xact_id()")
    db.create("s2", "SELECT id, b FROM t", conn=creator)
    db.create("s3", "SELECT id, b FROM t", conn=creator)
    creator.execute("COMMIT")
    creator.close()
    db.run("INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)")
    writer = db.session()
    writer.execute("BEGIN; INSERT INTO t VALUES (3, 3, 3)")
    # somebody writes: recomputed without waiting for him
    db.refresh("s2")
    writer.execute("COMMIT; INSERT INTO t VALUES (4, 4, 4)")
    db.refresh("s2")
    reasons = "SELECT array_agg(DISTINCT refresh_reason) FROM pgtrickle.pgt_refresh_history WHERE was_full_fallback"
    assert db.value(reasons) == ["a column was not captured"]
    last = db.value("SELECT max(refresh_id) FROM pgtrickle.pgt_refresh_history")
    db.run("INSERT INTO t VALUES (5, 1, 5)", "UPDATE t SET b = 7 WHERE id = 1")
    for name in "s", "s2", "s3":
        db.refresh(name)
    # what was written before is in a log without the column
    assert db.value("SELECT array_agg(action ORDER BY pgt_name) FROM pgtrickle.pgt_refresh_history"
                    f" JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE refresh_id > {last}"
                    ) == ["DIFFERENTIAL", "DIFFERENTIAL", "FULL"]
    db.run("DELETE FROM t WHERE id < 3")
    for name in "s", "s2", "s3":
        db.refresh(name)
    db.fresh("s", "s2", "s3", fallback=True)
    assert db.value("SELECT array_agg(action) FROM (SELECT DISTINCT ON (pgt_id) action FROM pgtrickle.pgt_refresh_history"
                    " ORDER BY pgt_id, refresh_id DESC) AS h") == ["DIFFERENTIAL"] * 3


@mutant("B10")
def unlogged_source(db):
    db.run("CREATE UNLOGGED TABLE t (id int)", "INSERT INTO t VALUES (1)")
    db.create("s", "SELECT id FROM t")
    db.run("INSERT INTO t VALUES (2)")
    db.refresh()
    db.crash()
    assert db.value("SELECT count(*) FROM t") == 0
    db.refresh()
    db.fresh(fallback=True)


def long_writer(db):
    wide(db)
    writer = db.session()
    writer.execute("BEGIN; INSERT INTO t VALUES (1, 'x')")
    db.run(MANY.format(10, 300))
    db.refresh()
    return writer


@mutant("B13")
def long_writer_costs_nothing(db):
    writer = long_writer(db)
    pages = pages_read(db)
    assert pages < 20, f"read {pages} pages of the log for one row"
    writer.execute("ROLLBACK")
    db.fresh()


@mutant("B13 ended")
def long_writer_ends(db):
    writer = long_writer(db)
    second = db.session()
    second.execute("BEGIN; INSERT INTO t VALUES (2, 'y')")
    db.run(MANY.format(1000, 1100))
    db.refresh()
    second.execute("COMMIT")
    db.refresh()
    db.fresh()
    writer.execute("COMMIT")
    db.refresh()
    db.fresh()


@mutant("B15")
def suspended_consumer(db):
    wide(db)
    db.create("s2", "SELECT count(*) AS c FROM t")
    db.also("small segments")
    db.run("SET pg_trickle.max_log_bytes = '128kB'")
    for i in range(12):
        db.run(MANY.format(100 * i, 100 * i + 40))
        db.refresh()
        db.fresh()
    bytes_held = db.value("SELECT sum(pg_relation_size(log::oid)) FROM pgtrickle.change_log_segment")
    assert bytes_held < 400_000, f"the log has {bytes_held} bytes"
    db.refresh("s2")
    db.fresh("s", "s2", fallback=True)
    reason = db.value("SELECT refresh_reason FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 1")
    assert reason == "detached: its unread changes exceeded pg_trickle.max_log_bytes", reason
    db.run("INSERT INTO t VALUES (-5, 'after')")
    db.refresh("s2")
    assert db.value("SELECT action FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 1") == "DIFFERENTIAL"
    db.fresh("s2", fallback=True)


@mutant("B15 age")
def consumer_of_the_day_before_yesterday(db):
    wide(db)
    db.create("s2", "SELECT count(*) AS c FROM t")
    db.also("small segments")
    db.run(MANY.format(1, 60))
    db.refresh()
    db.run("UPDATE pgtrickle.change_log_segment SET since = since - interval '2 days' WHERE NOT is_current")
    assert db.value("SELECT count(*) FROM pgtrickle.change_log_segment WHERE NOT is_current") == 1
    db.run("INSERT INTO t VALUES (-1, 'x')")
    db.refresh()
    held = db.value("SELECT sum(pg_relation_size(log::oid)) FROM pgtrickle.change_log_segment WHERE NOT is_current")
    assert held == 0, f"{held} bytes are held"
    db.refresh("s2")
    db.fresh("s", "s2", fallback=True)
    reason = db.value("SELECT refresh_reason FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 1")
    assert reason == "detached: its unread changes were older than pg_trickle.max_log_age", reason


@mutant("B15 stale")
def recomputed_consumer(db):
    """Capture goes on for what recomputes each time only because row security applies: it must not hold what it has seen."""
    role = f"owner_{db.name}"
    db.run("CREATE TABLE t (id int, pad text)", f"CREATE ROLE {role}", f"GRANT ALL ON t TO {role}", f"GRANT CREATE ON SCHEMA public TO {role}",
           f"SET ROLE {role}")
    db.create("s", "SELECT id, pad FROM t WHERE id >= 0")
    db.run("RESET ROLE", "CREATE POLICY p ON t USING (id >= 0)", "ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    db.also("small segments")
    for i in range(12):
        db.run(MANY.format(100 * i, 100 * i + 40))
        db.refresh()
        db.fresh(fallback=True)
    held = db.value("SELECT sum(pg_relation_size(log::oid)) FROM pgtrickle.change_log_segment")
    assert 0 < held < 400_000, f"the log has {held} bytes"


@mutant("B15 alert")
def open_writers_are_named(db):
    wide(db)
    db.also("small segments")
    db.run("SET pg_trickle.max_log_bytes = '64kB'")
    writer, other = db.session(), db.session()
    writer.execute("BEGIN; INSERT INTO t VALUES (1, 'x')")
    other.execute("BEGIN; INSERT INTO t VALUES (2, 'y')")
    other.execute(f"PREPARE TRANSACTION 'left {db.name}'")
    said = []
    db.conn.add_notice_handler(lambda notice: said.append(notice.message_detail or ""))
    for i in range(3):
        db.run(MANY.format(100 * i, 100 * i + 40))
        db.refresh()
    writer.execute("COMMIT")
    db.run(f"COMMIT PREPARED 'left {db.name}'")
    pid = writer.info.backend_pid
    assert any(f"process {pid}" in text and f'prepared transaction "left {db.name}"' in text for text in said), said
    db.refresh()
    db.fresh()
    held = db.value("SELECT sum(pg_relation_size(log::oid)) FROM pgtrickle.change_log_segment WHERE NOT is_current")
    assert held == 0, f"{held} bytes are held"


@mutant("B16")
def publication_of_all_tables(db):
    db.run("CREATE TABLE t (id int, g int)", "INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)")
    nested = "SELECT c, count(*) AS n FROM (SELECT g, count(*) AS c FROM t GROUP BY g) q GROUP BY c"
    db.create("s", nested)
    db.run("CREATE PUBLICATION p FOR ALL TABLES", "ALTER TABLE t REPLICA IDENTITY FULL",
           "DELETE FROM t WHERE id = 1", "INSERT INTO t VALUES (5, 5)")
    db.refresh("s")
    db.fresh("s")
    # from now on tables of ours are not published
    db.create("s2", nested)
    db.run("DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES (6, 6)")
    db.refresh("s")
    db.refresh("s2")
    db.fresh("s", "s2", fallback=True)
    published = db.value("SELECT count(*) FROM pgtrickle.stream_table_internals, unnest(states) AS state"
                         " JOIN pg_class ON oid = state WHERE pgt_id = 2 AND relpersistence = 'p'")
    assert published == 0, f"{published} states are published"


@mutant("B18")
def statement_cut_short(db):
    db.run("CREATE TABLE t (id int)")
    db.create("s", "SELECT id FROM t")
    library = db.value("SELECT probin FROM pg_proc WHERE proname = 'capture_statement'")
    db.run(f"CREATE FUNCTION fault_spi(text, bigint) RETURNS bigint LANGUAGE c AS '{library}', 'st_sql_fault_spi'")
    assert db.value("SELECT fault_spi('INSERT INTO t SELECT x FROM generate_series(1, 9) AS x RETURNING id', 5)") == 5
    assert db.value("SELECT count(*) FROM t") == 5
    db.refresh()
    db.fresh(fallback=True)


# -- C: frontier and snapshot

@mutant("C4")
def trigger_on_the_stream_table_writes_its_source(db):
    db.run("CREATE TABLE t (id int, n int)")
    db.create("s", "SELECT id, n FROM t")
    db.create("s2", "SELECT t.n, count(*) AS c FROM t GROUP BY t.n")
    db.run("""CREATE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS $$
              BEGIN
                  IF NEW.id < 100 THEN INSERT INTO public.t VALUES (NEW.id + 100, NEW.n); END IF;
                  RETURN NULL;
              END $$""",
           "CREATE TRIGGER echo AFTER INSERT ON s FOR EACH ROW EXECUTE FUNCTION echo()",
           "INSERT INTO t VALUES (1, 1), (2, 2)")
    db.refresh()
    db.run("BEGIN", "INSERT INTO t VALUES (3, 3)")
    db.refresh()
    db.refresh("s2")
    db.refresh()
    db.run("COMMIT")
    db.refresh("s2")
    assert db.value("SELECT count(*) FROM s") == 6
    db.fresh("s", "s2")


@mutant("C7")
def commit_between_snapshot_and_capture(db):
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)")
    creator = db.session()
    creator.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t")
    db.run("INSERT INTO t VALUES (2, 2)")
    try:
        db.create("s", "SELECT id, n FROM t", conn=creator)
        creator.execute("COMMIT")
    except psycopg.errors.ActiveSqlTransaction:
        creator.execute("ROLLBACK")
        db.create("s", "SELECT id, n FROM t")
    db.run("INSERT INTO t VALUES (3, 3)")
    db.refresh()
    db.fresh()


@mutant("C8")
def unlogged_log_lost(db):
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)", "SET pg_trickle.unlogged_buffers = on")
    db.create("s", "SELECT id, n FROM t")
    db.run("INSERT INTO t VALUES (2, 2)")
    db.crash()
    assert db.value("SELECT count(*) FROM t") == 2
    db.refresh()
    db.fresh(fallback=True)
    # and from then on as ever, also with what was open at the recompute
    writer = db.session()
    writer.execute("BEGIN; INSERT INTO t VALUES (3, 3)")
    db.refresh()
    db.run("INSERT INTO t SELECT x, x FROM generate_series(10, 3000) AS x")
    db.refresh()
    writer.execute("COMMIT")
    db.refresh()
    db.fresh(fallback=True)


@mutant("C8 own")
def unlogged_stream_table_lost(db):
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)")
    db.create("s", "SELECT id, n FROM t")
    db.run("ALTER TABLE s SET UNLOGGED", "INSERT INTO t VALUES (2, 2)")
    db.refresh()
    db.fresh(fallback=True)
    db.crash()
    assert db.value("SELECT count(*) FROM s") == 0
    db.refresh()
    db.fresh(fallback=True)


# -- J: lifecycle

@mutant("J8")
def log_given_back_during_a_first_fill(db):
    wide(db)
    db.run("CREATE FUNCTION pause(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
           " 'BEGIN PERFORM pg_advisory_xact_lock_shared(8); RETURN $1; END'",
           "INSERT INTO t VALUES (1, 'x')",
           "SELECT pgtrickle.create_stream_table('s2', 'SELECT pause(id) AS id, pad FROM t',"
           " refresh_mode => 'DIFFERENTIAL', initialize => false)")
    db.also("small segments")
    holder, filler = db.session(), db.session()
    holder.execute("BEGIN; SELECT pg_advisory_xact_lock(8)")
    thread = threading.Thread(target=db.refresh, args=("s2",), kwargs={"conn": filler})
    thread.start()
    wait_for(lambda: db.value(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = {filler.info.backend_pid}"),
             "the fill")
    # segments that the fill does not know are written, consumed and given back
    for i in range(5):
        db.run(MANY.format(100 * i, 100 * i + 50))
        db.refresh()
    holder.execute("COMMIT")
    thread.join()
    db.refresh("s2")
    db.fresh("s", "s2")


@mutant("J8 drop")
def log_dropped_during_a_first_fill(db):
    db.run("CREATE TABLE t (id int, n int)", "INSERT INTO t VALUES (1, 1)",
           "CREATE FUNCTION pause(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
           " 'BEGIN PERFORM pg_advisory_xact_lock_shared(8); RETURN $1; END'")
    db.create("s2", "SELECT id FROM t")
    holder, filler = db.session(), db.session()
    holder.execute("BEGIN; SELECT pg_advisory_xact_lock(8)")
    thread = threading.Thread(target=db.create, args=("s", "SELECT pause(id) AS id FROM t"), kwargs={"conn": filler})
    thread.start()
    wait_for(lambda: db.value(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = {filler.info.backend_pid}"),
             "the fill")
    dropper, errors = db.session(), []

    def drop_other():
        try:
            dropper.execute("SELECT pgtrickle.drop_stream_table('s2')")
        except psycopg.Error as error:
            errors.append(error)

    drop = threading.Thread(target=drop_other)
    drop.start()
    # it ends, or waits for the fill to take the log from it
    wait_for(lambda: not drop.is_alive() or
             db.value(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = {dropper.info.backend_pid}"), "the drop")
    holder.execute("COMMIT")
    thread.join()
    drop.join()
    assert not errors, errors[0]
    db.run("INSERT INTO t VALUES (2, 2)")
    db.refresh()
    db.fresh()
