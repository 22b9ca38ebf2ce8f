"""Stream tables that are refreshed together or not at all: diamonds and refresh groups (rule K8)."""
import psycopg
import pytest

from conftest import wait_for
from test_control import skips
from test_scheduler import running, scheduled  # noqa: F401


def diamond(database, consistency="atomic", policy="fastest", schedules=("1s", "1s", "1s")):
    """Two ways from t to "joint": left and right."""
    database.source()
    database.create("left_way", "SELECT count(*) AS n, sum(n) AS s FROM t", schedules[0])
    database.create("right_way", "SELECT count(*) AS n, max(n) AS m FROM t", schedules[1])
    database.execute("SELECT pgtrickle.create_stream_table('joint', 'SELECT l.n AS l, r.n AS r FROM left_way AS l, right_way AS r', %s,"
                     " diamond_consistency => %s, diamond_schedule_policy => %s)", (schedules[2], consistency, policy))
    known(database)


def known(database):
    """Until the scheduler knows all that there is, and has looked at it."""
    database.execute("CREATE TABLE IF NOT EXISTS known_source (n int)")
    database.create("known", "SELECT count(*) AS n FROM known_source")
    database.execute("INSERT INTO known_source VALUES (1)")
    wait_for(lambda: database.value("SELECT n FROM known") == 1, "the last one created")
    database.execute("SELECT pgtrickle.drop_stream_table('known')")
    wait_for(lambda: database.value("SELECT count(*) FROM pgtrickle.scheduler_jobs()") == 0, "what it does")


def written_together(database, *names):
    """Were they refreshed last in one transaction?"""
    return database.value("SELECT count(DISTINCT xmin::text) = 1 FROM pgtrickle.pgt_stream_tables WHERE pgt_name = ANY (%s)", (list(names),))


def insert(database, key):
    database.execute("INSERT INTO t VALUES (%s, %s)", (key, key))


def watch(database, names, key, seconds=30):
    """Commit a row and look until all show it: nobody ever sees one of them with it and another without."""
    database.execute("INSERT INTO t VALUES (%s, 0)", (key,))
    query = "SELECT " + ", ".join(f"(SELECT n FROM {name})" for name in names)
    want = database.value("SELECT count(*) FROM t")

    def all_there():
        seen = database.rows(query)[0]
        assert len(set(seen)) == 1, f"{dict(zip(names, seen))} in one snapshot"
        return seen[0] == want
    wait_for(all_there, "all of them", seconds)


def test_atomic_diamond(scheduled):
    """The fastest member takes all along, in one transaction."""
    diamond(scheduled, schedules=("1s", "1h", "1h"))
    for key in range(100, 110):
        watch(scheduled, ("left_way", "right_way"), key)
        assert scheduled.rows("SELECT l, r FROM joint") == [(key - 89, key - 89)]
    assert written_together(scheduled, "left_way", "right_way", "joint")
    assert scheduled.rows("SELECT member_name, is_convergence, schedule_policy FROM pgtrickle.diamond_groups() ORDER BY 1") == [
        ("joint", True, "fastest"), ("left_way", False, "fastest"), ("right_way", False, "fastest")]
    for name in ("left_way", "right_way", "joint"):
        scheduled.follows(name)


def test_loose_diamond(scheduled):
    """Without consistency each follows its own schedule."""
    diamond(scheduled, consistency="none", schedules=("1s", "1h", "1h"))
    insert(scheduled, 100)
    wait_for(lambda: scheduled.value("SELECT n FROM left_way") == 11, "the fast one")
    insert(scheduled, 101)
    wait_for(lambda: scheduled.value("SELECT n FROM left_way") == 12, "the fast one")
    assert scheduled.rows("SELECT r.n, l, r FROM right_way AS r, joint") == [(10, 10, 10)]
    scheduled.execute("SELECT pgtrickle.alter_stream_table('joint', diamond_consistency => 'atomic')")
    insert(scheduled, 102)
    wait_for(lambda: scheduled.rows("SELECT l, r FROM joint") == [(13, 13)], "all of them")
    watch(scheduled, ("left_way", "right_way"), 103)


def test_slowest(scheduled):
    """The slowest member keeps the others waiting."""
    diamond(scheduled, policy="slowest", schedules=("1s", "4s", "1s"))
    watch(scheduled, ("left_way", "right_way"), 100)
    watch(scheduled, ("left_way", "right_way"), 101)
    first, second = [row[0] for row in scheduled.rows(
        "SELECT start_time FROM pgtrickle.refresh_runs WHERE pgt_name = 'left_way' AND initiated_by = 'SCHEDULER' ORDER BY refresh_id")]
    assert (second - first).total_seconds() > 3
    assert scheduled.value("SELECT schedule_policy FROM pgtrickle.diamond_groups() LIMIT 1") == "slowest"
    # and again when the fastest decides
    scheduled.execute("SELECT pgtrickle.alter_stream_table('joint', diamond_schedule_policy => 'fastest')")
    for key in range(102, 112):
        watch(scheduled, ("left_way", "right_way"), key, 3)
    scheduled.follows("joint")


def test_suspended_member_blocks(scheduled):
    """With 'atomic' the others wait and say for whom; with 'none' they go on."""
    diamond(scheduled)
    scheduled.execute("SELECT pgtrickle.alter_stream_table('right_way', status => 'SUSPENDED')")
    insert(scheduled, 100)
    wait_for(lambda: skips(scheduled, "joint") and skips(scheduled, "left_way"), "the skips")
    assert skips(scheduled, "joint") == skips(scheduled, "left_way") == ["blocked by public.right_way"]
    assert scheduled.rows("SELECT l.n, joint.l FROM left_way AS l, joint") == [(10, 10)]
    scheduled.execute("SELECT pgtrickle.alter_stream_table('joint', diamond_consistency => 'none')")
    wait_for(lambda: scheduled.rows("SELECT l, r FROM joint") == [(11, 10)], "the others")
    scheduled.execute("SELECT pgtrickle.resume_stream_table('right_way')")
    scheduled.follows("right_way")
    scheduled.follows("joint")


def test_failing_member_undoes_all(scheduled):
    """An error of one keeps all as they were, until it passes."""
    scheduled.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    scheduled.execute("INSERT INTO t SELECT x, 1 FROM generate_series(1, 10) AS x")
    scheduled.create("left_way", "SELECT count(*) AS n FROM t")
    scheduled.create("right_way", "SELECT count(*) AS n, sum(10 / n) AS s FROM t")
    scheduled.create("joint", "SELECT l.n AS l, r.n AS r FROM left_way AS l, right_way AS r")
    known(scheduled)
    scheduled.execute("INSERT INTO t VALUES (100, 0)")
    wait_for(lambda: scheduled.status("right_way") == "ERROR", "the error")
    scheduled.execute("INSERT INTO t VALUES (101, 1)")
    wait_for(lambda: skips(scheduled, "left_way") == ["blocked by public.right_way"], "the skip")
    assert scheduled.rows("SELECT l.n, joint.l, joint.r FROM left_way AS l, joint") == [(10, 10, 10)]
    scheduled.execute("UPDATE t SET n = 1 WHERE id = 100")
    scheduled.execute("SELECT pgtrickle.resume_stream_table('right_way')")
    for name in ("left_way", "right_way", "joint"):
        scheduled.follows(name)


def test_gate_of_one_member(scheduled):
    """What is gated for one is gated for all."""
    scheduled.source()
    scheduled.execute("CREATE TABLE u (id int PRIMARY KEY)")
    scheduled.create("left_way", "SELECT count(*) AS n FROM t")
    scheduled.create("right_way", "SELECT count(*) AS n, (SELECT count(*) FROM u) AS u FROM t")
    scheduled.create("joint", "SELECT l.n AS l, r.n AS r FROM left_way AS l, right_way AS r")
    known(scheduled)
    scheduled.execute("SELECT pgtrickle.gate_source('u')")
    insert(scheduled, 100)
    wait_for(lambda: skips(scheduled, "right_way") and skips(scheduled, "left_way"), "the skips")
    assert skips(scheduled, "right_way") == ["source gated"]
    assert skips(scheduled, "left_way") == ["blocked by public.right_way"]
    assert scheduled.value("SELECT n FROM left_way") == 10
    scheduled.execute("SELECT pgtrickle.ungate_source('u')")
    wait_for(lambda: scheduled.rows("SELECT l, r FROM joint") == [(11, 11)], "all of them")
    scheduled.follows("right_way")


def test_fuse_of_one_member(scheduled):
    """A fuse blows after another one was refreshed: that is undone."""
    diamond(scheduled)
    scheduled.execute("SELECT pgtrickle.alter_stream_table('joint', fuse => 'on', fuse_ceiling => 1)")
    # left_way and right_way have one row each, both has two to read
    insert(scheduled, 100)
    wait_for(lambda: scheduled.status("joint") == "SUSPENDED", "the fuse")
    wait_for(lambda: skips(scheduled, "left_way"), "the skip")
    assert skips(scheduled, "left_way") == ["blocked by public.joint"]
    assert scheduled.rows("SELECT l.n, r.n FROM left_way AS l, right_way AS r") == [(10, 10)]
    assert scheduled.value("SELECT count(*) FROM pgtrickle.refresh_runs WHERE initiated_by = 'SCHEDULER' AND status = 'COMPLETED'") == 0
    scheduled.execute("SELECT pgtrickle.reset_fuse('joint')")
    scheduled.execute("SELECT pgtrickle.alter_stream_table('joint', fuse => 'off')")
    wait_for(lambda: scheduled.rows("SELECT l, r FROM joint") == [(11, 11)], "all of them")
    scheduled.follows("joint")


def test_joined_diamonds(scheduled):
    """Diamonds that have a member in common, and what lies between, are one."""
    scheduled.source()
    scheduled.create("a", "SELECT count(*) AS n FROM t", "1h")
    scheduled.create("b", "SELECT count(*) AS n, 1 AS x FROM t", "1h")
    scheduled.create("c", "SELECT count(*) AS n, 2 AS x FROM t", "1s")
    scheduled.create("ab", "SELECT a.n FROM a, b", "1h")
    scheduled.create("bc", "SELECT b.n FROM b, c", "1h")
    for key in range(100, 105):
        watch(scheduled, ("a", "b", "c", "ab", "bc"), key)
    assert scheduled.value("SELECT count(DISTINCT group_id) FROM pgtrickle.diamond_groups()") == 1
    assert written_together(scheduled, "a", "b", "c", "ab", "bc")


def test_refresh_group(scheduled):
    """Two that have nothing to do with each other, and a third between them."""
    scheduled.source()
    scheduled.execute("CREATE TABLE u (id int PRIMARY KEY)")
    scheduled.create("first", "SELECT count(*) AS n FROM t", "1h")
    scheduled.create("other", "SELECT count(*) AS n FROM u", "1s")
    number = scheduled.value("SELECT pgtrickle.create_refresh_group('pair', ARRAY['first', 'public.other'], 'REPEATABLE_READ')")
    assert scheduled.rows("SELECT group_id, group_name, member_count, isolation, created_at <= now() FROM pgtrickle.refresh_groups()") == [
        (number, "pair", 2, "repeatable_read", True)]
    for key in range(100, 105):
        with scheduled.conn.transaction():
            insert(scheduled, key)
            scheduled.execute("INSERT INTO u VALUES (%s)", (key,))
        wait_for(lambda: scheduled.rows("SELECT first.n, other.n FROM first, other") == [(key - 89, key - 99)], "joint")
    assert written_together(scheduled, "first", "other")
    # what reads the one and is read by the other has its place between them
    scheduled.create("middle", "SELECT n FROM first", "1h")
    scheduled.create("last", "SELECT n FROM middle", "1h")
    scheduled.execute("SELECT pgtrickle.create_refresh_group('ends', ARRAY['last', 'middle'])")
    scheduled.execute("SELECT pgtrickle.drop_refresh_group('pair')")
    scheduled.execute("SELECT pgtrickle.drop_refresh_group('ends')")
    scheduled.execute("SELECT pgtrickle.create_refresh_group('ends', ARRAY['last', 'first', 'other'])")
    scheduled.execute("INSERT INTO t VALUES (200, 1)")
    scheduled.execute("INSERT INTO u VALUES (200)")
    wait_for(lambda: scheduled.rows("SELECT first.n, middle.n, last.n, other.n FROM first, middle, last, other") == [(16, 16, 16, 6)], "all of them")
    # without the group the slow ones keep their schedule
    scheduled.execute("SELECT pgtrickle.drop_refresh_group('ends')")
    scheduled.execute("INSERT INTO t VALUES (201, 1)")
    scheduled.execute("INSERT INTO u VALUES (201)")
    scheduled.follows("other")
    assert scheduled.value("SELECT n FROM first") == 16
    assert scheduled.rows("SELECT * FROM pgtrickle.refresh_groups()") == []


def test_refresh_group_of_dropped(scheduled):
    """A dropped member leaves, the last one ends the group."""
    scheduled.source()
    for name in ("one", "two"):
        scheduled.create(name, "SELECT count(*) AS n FROM t")
    scheduled.execute("SELECT pgtrickle.create_refresh_group('g', ARRAY['one', 'two'])")
    scheduled.execute("SELECT pgtrickle.drop_stream_table('one')")
    assert scheduled.rows("SELECT group_name, member_count FROM pgtrickle.refresh_groups()") == [("g", 1)]
    insert(scheduled, 100)
    scheduled.follows("two")
    scheduled.execute("DROP TABLE two")
    assert scheduled.rows("SELECT * FROM pgtrickle.refresh_groups()") == []


def test_too_large_a_unit(scheduled):
    """More than fit into one job are refreshed one by one, and all come."""
    scheduled.source()
    for i in range(125):
        scheduled.create(f"s{i}", f"SELECT count(*) AS n, {i} AS i FROM t", "calculated")
    scheduled.create("last", " UNION ALL ".join(f"SELECT n FROM s{i}" for i in range(125)))
    scheduled.execute("INSERT INTO t VALUES (100, 100)")
    wait_for(lambda: scheduled.rows("SELECT DISTINCT n FROM last") == [(11,)], "the last to follow")
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        scheduled.execute("SELECT pgtrickle.create_refresh_group('g', %s::text[])", ([f"s{i}" for i in range(121)],))
    scheduled.follows("last")


def test_large_unit(scheduled):
    """Of as many as there may be, with something above it."""
    scheduled.source()
    scheduled.create("top", "SELECT count(*) AS n FROM t", "calculated")
    for i in range(100):
        scheduled.create(f"s{i}", f"SELECT n, {i} AS i FROM top", "calculated")
    scheduled.create("last", " UNION ALL ".join(f"SELECT n FROM s{i}" for i in range(100)))
    scheduled.execute("INSERT INTO t VALUES (100, 100)")
    wait_for(lambda: scheduled.rows("SELECT DISTINCT n FROM last") == [(11,)], "the last to follow")
    assert written_together(scheduled, "last", *(f"s{i}" for i in range(100)))
    scheduled.follows("last")


def test_cut_by_time(scheduled):
    """What takes long is refreshed before what reads it, in a transaction of its own; the
    fast part does not wait for it twice, and a diamond is not cut."""
    scheduled.source()
    scheduled.execute("CREATE FUNCTION slowly(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 FROM pg_sleep(0.1)'")
    scheduled.execute("INSERT INTO t VALUES (0, 0)")
    scheduled.create("slow", "SELECT n, CASE WHEN id >= 100 THEN slowly(id) END AS id FROM t", "calculated")
    scheduled.create("fast", "SELECT count(*) AS n FROM slow")
    for key in range(100, 103):
        insert(scheduled, key)
        wait_for(lambda: scheduled.value("SELECT n FROM fast") == key - 88, "the row")
    assert not written_together(scheduled, "slow", "fast")
    # commits that go on do not keep it waiting
    for key in range(103, 110):
        insert(scheduled, key)
    wait_for(lambda: scheduled.value("SELECT n FROM fast") == 21, "the rows")
    scheduled.create("left_way", "SELECT count(*) AS n FROM slow")
    scheduled.create("right_way", "SELECT count(*) AS n, CASE WHEN count(*) > 20 THEN slowly(1) END AS x FROM slow")
    scheduled.create("joint", "SELECT l.n FROM left_way AS l, right_way AS r")
    for key in range(110, 113):
        insert(scheduled, key)
        wait_for(lambda: scheduled.value("SELECT n FROM joint") == key - 88, "the row")
    assert written_together(scheduled, "left_way", "right_way", "joint")
    assert not written_together(scheduled, "slow", "joint")
    for name in ("slow", "fast", "joint"):
        scheduled.follows(name)


def test_long_chain_under_writers(scheduled):
    """A chain of more than fits into a job, whose first part is pending again
    before the next one is refreshed: it is refreshed part by part all the same."""
    length = 300
    scheduled.source()
    with scheduled.connect(autocommit=False) as conn:
        for i in range(length):
            scheduled.create(f"link_{i}", f"SELECT id, n FROM {f'link_{i - 1}' if i else 't'} WHERE n > 0",
                             "1s" if i == length - 1 else "calculated", conn=conn)
        conn.commit()
    known(scheduled)
    scheduler = scheduled.pid()
    for row in range(3):
        key = 1000000 * (row + 1)
        insert(scheduled, key)
        written = 0

        def arrived():
            nonlocal written
            written += 1
            insert(scheduled, key + written)
            return scheduled.value(f"SELECT EXISTS (SELECT FROM link_{length - 1} WHERE id = %s)", (key,))
        wait_for(arrived, "the end of the chain to show the row", 120)
    scheduled.follows(f"link_{length - 1}", 120)
    assert scheduled.pid() == scheduler
