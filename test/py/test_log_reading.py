"""A slow consumer or a long writer does not make the others read again what
they have consumed: pages of the change log that a refresh reads, counted by
the server."""
import pytest

ROWS = "INSERT INTO t SELECT x, repeat('x', 1500) FROM generate_series(1, 40) AS x"     # 8 pages of log
COUNT = """SELECT coalesce(sum(heap_blks_read + heap_blks_hit), 0) FROM pg_statio_all_tables
            WHERE relid IN (SELECT log FROM pgtrickle.change_log_segment)"""


def pages_of_refresh(db, name):
    db.execute("SELECT pg_stat_force_next_flush()")
    before = db.value(COUNT)
    db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
    db.execute("SELECT pg_stat_force_next_flush()")
    return db.value(COUNT) - before


def rounds(db, name, count):
    pages = []
    for _ in range(count):
        db.execute(ROWS)
        pages.append(pages_of_refresh(db, name))
    return pages


@pytest.mark.parametrize("writer", ["none", "open", "prepared", "many"])
def test_pages_read(db, writer):
    db.execute("CREATE TABLE t (id int, pad text)")
    for name in ("fast", "slow"):
        db.execute("SELECT pgtrickle.create_stream_table(%s, 'SELECT id, pad FROM t', refresh_mode => 'DIFFERENTIAL')", (name,))
    rounds(db, "fast", 2)
    sessions = [db.connect() for _ in range({"none": 0, "many": 5}.get(writer, 1))]
    for number, session in enumerate(sessions):
        session.execute("BEGIN")
        session.execute("INSERT INTO t VALUES (%s, 'long')", (-number,))
        if number > 0:
            rounds(db, "fast", 1)
    if writer == "prepared":
        sessions[0].execute(f"PREPARE TRANSACTION 'long {db.name}'")

    # 8 new pages each time, read once to be found and perhaps once for the mark
    pages = rounds(db, "fast", 15)
    assert max(pages) <= 30, f"pages read by refreshes: {pages}"
    db.assert_fresh("fast")

    # the slow one reads all of it, once
    assert pages_of_refresh(db, "slow") >= 100
    assert max(rounds(db, "slow", 3)) <= 30
    db.assert_fresh("slow")

    # when a writer ends, its pages are looked at, once
    for session in reversed(sessions):
        session.execute(f"COMMIT PREPARED 'long {db.name}'" if writer == "prepared" else "COMMIT")
        rounds(db, "fast", 1)
        db.assert_fresh("fast")
        pages = rounds(db, "fast", 2)
        assert max(pages) <= 30, f"pages read by refreshes: {pages}"
    # the mark is at the end again: one page or two, without anything new
    rounds(db, "fast", 1)
    assert pages_of_refresh(db, "fast") <= 5
    db.execute("SELECT pgtrickle.refresh_stream_table('slow')")
    db.assert_fresh("slow")
    recomputed = db.rows("SELECT refresh_reason FROM pgtrickle.pgt_refresh_history WHERE was_full_fallback")
    assert not recomputed, recomputed


def test_rolled_back_writer(db):
    """Rows that were rolled back stay in the log: refreshes without news must not read them each time."""
    db.execute("CREATE TABLE t (id int, pad text)")
    db.execute("SELECT pgtrickle.create_stream_table('fast', 'SELECT id, pad FROM t', refresh_mode => 'DIFFERENTIAL')")
    long = db.connect()
    long.execute("BEGIN")
    for _ in range(20):
        long.execute(ROWS)
    rounds(db, "fast", 1)
    long.execute("ROLLBACK")
    rounds(db, "fast", 1)
    assert pages_of_refresh(db, "fast") <= 5
    assert pages_of_refresh(db, "fast") <= 5
    db.assert_fresh("fast")
