"""Many refreshes: nothing grows, and none costs more than an early one did."""
import os

import psycopg
import pytest

from conftest import Database, check_fresh, create_faulty_extension
from cost import Cost

REFRESHES = int(os.environ.get("PGT_SOAK_REFRESHES", "10000"))
CYCLE = 125         # in so many steps, of four refreshes, the slow consumer refreshes and the long writer commits
GROWTH = 1.1
# Where a tenth is less than a page, or one segment of the log.
PAGE = 8192
SLACK = {"states: tables": 3 * PAGE, "catalog: tables": 2 * PAGE, "log: tables": 4 * PAGE, "log: segments": 1}

NAMES = ("s_rows", "s_sum", "s_max", "s_list")
SIZES = """
    SELECT CASE c.relkind WHEN 'i' THEN 'indexes' ELSE 'tables' END,
           CASE WHEN n.nspname = 'pgtrickle_changes' AND c.relname LIKE 'log%' THEN 'log'
                WHEN n.nspname = 'pgtrickle_changes' THEN 'states' WHEN c.relname ~ 'hist' THEN 'history'
                WHEN n.nspname = 'pgtrickle' THEN 'catalog' ELSE 'stream tables' END,
           sum(pg_relation_size(c.oid))
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'i') AND (n.nspname IN ('pgtrickle', 'pgtrickle_changes') OR c.relname ~ '^s_') GROUP BY 1, 2 """


def resident_kb(pid):
    """Memory of a process that it shares with no other."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        fields = dict(line.split(":") for line in f if ":" in line and "-" not in line.split(":")[0])
    return sum(int(fields[k].split()[0]) for k in ("Private_Clean", "Private_Dirty"))


@pytest.fixture
def soaked(make_server):
    """A database whose logs begin a segment every 32 kB (src/util/fault.h), and
    where nothing is vacuumed but by the test."""
    server = make_server(conf={"autovacuum": "off"})
    db = Database(server, extension=False)
    create_faulty_extension(server, db.name)
    return db


def session(db):
    conn = db.connect()
    conn.execute("SET pg_trickle.fault = 'small segments'")
    return conn


def test_nothing_grows(soaked):
    """10,000 refreshes of small changes, with a consumer that is slow and a writer
    that is long: memory, log, tables and indexes are at the end what they were
    after 1,000, and so are the pages that a refresh reads."""
    db = soaked
    db.conn = session(db)
    db.execute("CREATE TABLE t (id int PRIMARY KEY, g int, n numeric, pad text)")
    db.execute("INSERT INTO t SELECT x, x % 50, x, repeat('x', 200) FROM generate_series(1, 500) AS x")
    for name, query in (("s_rows", "SELECT id, g, n, pad FROM t WHERE n > 10"),
                        ("s_sum", "SELECT g, count(*) AS c, sum(n) AS s FROM t GROUP BY g"),
                        ("s_max", "SELECT g, max(n) AS m FROM t GROUP BY g"),
                        ("s_list", "SELECT g, array_agg(id ORDER BY id) AS a FROM t GROUP BY g"),
                        ("s_slow", "SELECT id, n FROM t")):
        db.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')", (name, query))
    # as if they had been refreshed for long: the history is as large as it gets
    db.execute("INSERT INTO pgtrickle.pgt_refresh_history (pgt_id, data_timestamp, start_time, action, status, refresh_reason)"
               " SELECT pgt_id, clock_timestamp(), clock_timestamp(), 'DIFFERENTIAL', 'COMPLETED', 'first fill'"
               "   FROM pgtrickle.pgt_stream_tables, generate_series(1, 1100) AS x ORDER BY x")
    states = [row[0] for row in db.rows("SELECT oid::regclass::text FROM pg_class WHERE relname ~ '^state_[0-9]+_[0-9]+$' AND relkind = 'r'")]
    slow, writer, fast = session(db), db.connect(autocommit=False), session(db)
    pid = fast.info.backend_pid
    seen = {}
    number = 0
    for step in range(1, REFRESHES // len(NAMES) + 1):
        db.execute("UPDATE t SET n = n + 0.5, pad = repeat(%s, 200) WHERE id = %s", (chr(97 + step % 26), 10 + step % 400))
        if step % 4 == 0:
            db.execute("DELETE FROM t WHERE id = %s", (10 + step % 400,))
            db.execute("INSERT INTO t VALUES (%s, %s, %s, repeat('y', 200))", (10 + step % 400, step % 50, step % 97))
        for name in NAMES:
            fast.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
            number += 1
        if step % CYCLE == 1:
            writer.execute("UPDATE t SET n = n + 1 WHERE id = 1")       # and stays open
        if step % CYCLE == 0:
            writer.commit()
            slow.execute("SELECT pgtrickle.refresh_stream_table('s_slow')")
            for name in NAMES:
                fast.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
            # what autovacuum does on a server that is left alone
            db.execute("VACUUM pgtrickle.pgt_refresh_history, pgtrickle.refresh_totals, pgtrickle.pgt_stream_tables, pgtrickle.source_frontier, "
                       + ", ".join((*NAMES, "s_slow", "t", *states)))
        if number in (REFRESHES // 10, REFRESHES):
            seen[number] = measure(db, fast, pid)
    for name in (*NAMES, "s_slow"):
        db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        check_fresh(db.conn, name)
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE was_full_fallback OR refresh_reason <> 'first fill'") == 0
    early, late = seen[REFRESHES // 10], seen[REFRESHES]
    # a thousand runs of each stream table are kept; the room of deleted ones is used again, if not at once
    assert late["history: runs"] < 1.2 * 1000 * (len(NAMES) + 1)
    for what in ("history: tables", "history: indexes"):
        assert late[what] < 1.5 * early[what], f"{what}: {early[what]}, then {late[what]}"
        del late[what]
    grown = [what for what in late if late[what] > early.get(what, 0) * GROWTH + SLACK.get(what, 0)]
    assert not grown, "\n".join(f"{what}: {early.get(what)} after {REFRESHES // 10} refreshes, {late[what]} after {REFRESHES}" for what in grown)


def measure(db, conn, pid):
    found = {f"{what}: {kind}": int(size) for kind, what, size in db.rows(SIZES)}
    found["log: segments"] = db.value("SELECT count(*) FROM pgtrickle.change_log_segment")
    found["history: runs"] = db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history")
    found["memory"] = resident_kb(pid)
    for name in NAMES:
        db.execute("UPDATE t SET n = n + 1, pad = '' WHERE id = 400")
        with Cost(db.conn) as cost:
            db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        found[f"pages of {name}"] = cost.pages
    return found


def test_history_is_pruned(db):
    """Of each stream table the newest runs are kept, and none that is too old."""
    db.execute("CREATE TABLE t (id int)")
    for name in ("busy", "old"):
        db.execute("SELECT pgtrickle.create_stream_table(%s, 'SELECT id FROM t', refresh_mode => 'DIFFERENTIAL')", (name,))
    for name, unit, runs in (("busy", "minutes", 1500), ("old", "days", 200)):
        db.execute("INSERT INTO pgtrickle.pgt_refresh_history (pgt_id, data_timestamp, start_time, action, status)"
                   " SELECT pgt_id, s, s, 'DIFFERENTIAL', 'COMPLETED' FROM pgtrickle.pgt_stream_tables, generate_series(1, %s) AS x,"
                   "        LATERAL (SELECT clock_timestamp() - x * %s::interval AS s) AS at WHERE pgt_name = %s", (runs, f"1 {unit}", name))

    def refresh(times):
        for n in range(times):
            db.execute("INSERT INTO t VALUES (%s)", (n,))
            for name in ("busy", "old"):
                db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))

    def runs(name):
        return db.rows("SELECT count(*), max(extract(day FROM clock_timestamp() - start_time))::int FROM pgtrickle.pgt_refresh_history"
                       " JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE pgt_name = %s", (name,))[0]

    # it is done in one refresh of 64
    db.execute("SET pg_trickle.history_retention_days = 0")
    refresh(300)
    assert runs("busy")[0] > 1800 and runs("old")[1] >= 199, "0 keeps everything"
    db.execute("RESET pg_trickle.history_retention_days")
    assert db.value("SHOW pg_trickle.history_retention_days") == "90"
    refresh(600)
    assert 1000 <= runs("busy")[0] < 1600
    assert runs("old")[1] <= 90 and runs("old")[0] > 900
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        db.execute("SET pg_trickle.history_retention_days = -1")
    check_fresh(db.conn, "busy")


def test_history_gives_its_pages_back(db):
    """What is pruned of a busy stream table makes room, also where a few rows of another one lie between (rule K23)."""
    db.execute("CREATE TABLE t (id int)")
    for name in ("busy", "slow"):
        db.execute("SELECT pgtrickle.create_stream_table(%s, 'SELECT id FROM t', refresh_mode => 'DIFFERENTIAL')", (name,))
    add = ("INSERT INTO pgtrickle.pgt_refresh_history (pgt_id, data_timestamp, start_time, action, status)"
           " SELECT pgtrickle.stream_table_id(CASE WHEN x % 300 = 0 THEN 'slow' ELSE 'busy' END), s, s, 'DIFFERENTIAL', 'COMPLETED'"
           "   FROM generate_series(1, 6000) AS x, LATERAL (SELECT clock_timestamp() AS s OFFSET 0 * x) AS at")

    def is_pruned():
        """One refresh of 64 deletes a batch."""
        db.execute("INSERT INTO t VALUES (1)")
        db.execute("SELECT pgtrickle.refresh_stream_table('busy')")
        return db.value("SELECT count(*) < 2500 FROM pgtrickle.pgt_refresh_history WHERE pgt_id = pgtrickle.stream_table_id('busy')")

    sizes = []
    for _ in range(6):
        db.execute(add)
        while not is_pruned():
            pass
        # a page that became empty is used again after the next one
        for _ in range(2):
            db.execute("VACUUM pgtrickle.pgt_refresh_history")
        sizes.append(dict(db.rows("SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index"
                                  " WHERE indrelid = 'pgtrickle.pgt_refresh_history'::regclass")))
    assert len(sizes[0]) == 3
    for name in sizes[0]:
        assert sizes[5][name] <= 1.2 * sizes[2][name], f"{name}: {[size[name] for size in sizes]}"
    check_fresh(db.conn, "busy")
