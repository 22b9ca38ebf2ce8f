"""Dump, restore and upgrade: stream tables are there again, and exact, by themselves."""
import concurrent.futures
import os
import shutil
import subprocess

import psycopg
import pytest

from conftest import Database, _as_pg, check_fresh, is_fresh, wait_for

TABLES = {
    "groups": "SELECT g, count(*) AS n, sum(amount) AS total FROM shop.item GROUP BY g",
    "joined": "SELECT i.id, i.amount, k.label FROM shop.item AS i JOIN shop.kind AS k USING (g)",
    "over_groups": "SELECT count(*) AS groups, max(total) AS best FROM groups",
    "recomputed": "SELECT count(*) AS n FROM shop.item TABLESAMPLE bernoulli (100) REPEATABLE (1)",
    "viewed": "SELECT * FROM shop.dear",
    "parted": "SELECT id, g, amount FROM shop.item",
}


def fill(db):
    db.execute("CREATE SCHEMA shop")
    db.execute("CREATE TABLE shop.kind (g int PRIMARY KEY, label text)")
    db.execute("CREATE TABLE shop.item (id int PRIMARY KEY, g int, amount numeric(10, 2), at date)")
    db.execute("CREATE INDEX ON shop.item (g)")
    db.execute("CREATE VIEW shop.dear AS SELECT id, at FROM shop.item WHERE amount > 20 AND at > '02/01/2024'")
    db.execute("INSERT INTO shop.kind SELECT x, 'kind ' || x FROM generate_series(0, 9) AS x")
    db.execute("INSERT INTO shop.item SELECT x, x % 10, x * 1.5, date '2024-01-01' + x FROM generate_series(1, 100) AS x")
    db.execute("SET search_path = public, shop")
    for name, query in TABLES.items():
        db.execute("SELECT pgtrickle.create_stream_table(%s, %s, '1s')", (name, query))
    db.execute("SELECT pgtrickle.alter_stream_table('joined', schedule => '5m', tier => 'cold')")
    db.execute("SELECT pgtrickle.alter_stream_table('parted', partition_by => 'LIST:g')")
    db.execute("CREATE TABLE parted_low PARTITION OF parted FOR VALUES IN (1, 2, 3)")


def change(conn):
    conn.execute("INSERT INTO shop.item SELECT max(id) + 1, 3, 70, '2024-03-03' FROM shop.item")
    conn.execute("UPDATE shop.item SET amount = amount + 1 WHERE id < 10")
    conn.execute("DELETE FROM shop.item WHERE id = (SELECT min(id) FROM shop.item)")


def all_fresh(conn):
    """Refresh and compare; says how each was refreshed."""
    how = {}
    for name in TABLES:
        conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        check_fresh(conn, name)
        how[name] = conn.execute("SELECT action FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
                                 " WHERE pgt_name = %s ORDER BY refresh_id DESC LIMIT 1", (name,)).fetchone()[0]
    return how


def check_all(conn):
    """The restored stream tables are what they were: exact, and differential from the second refresh on."""
    conn.execute("SET search_path = public, shop")
    listed = {row[0] for row in conn.execute("SELECT pgt_name FROM pgtrickle.pgt_stream_tables")}
    assert listed == set(TABLES)
    assert conn.execute("SELECT count(*) FROM pgtrickle_saved.stream_tables WHERE problem IS NULL AND pgt_relid IS NOT NULL").fetchone()[0] == len(TABLES)
    all_fresh(conn)
    change(conn)
    how = all_fresh(conn)
    assert how == {name: "FULL" if name == "recomputed" else "DIFFERENTIAL" for name in TABLES}
    assert conn.execute("SELECT schedule, refresh_tier FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'joined'").fetchone() == ("5m", "cold")
    # the restored table has the one index it needs, and is guarded
    indexes = conn.execute("SELECT count(*) FROM pg_index WHERE indrelid = 'groups'::regclass").fetchone()[0]
    assert indexes == 1
    for table in "groups", "parted", "parted_low", "parted_default":
        with pytest.raises(psycopg.errors.Error, match="stream table"):
            conn.execute(f"DELETE FROM {table}")
    assert conn.execute("SELECT st_partition_key FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'parted'").fetchone() == ("LIST:g",)
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        conn.execute("DROP TABLE shop.item")


def problems(conn):
    return dict(conn.execute("SELECT table_name, problem FROM pgtrickle_saved.stream_tables WHERE problem IS NOT NULL").fetchall())


@pytest.fixture
def other(server):
    """A database without the extension, for a dump to be restored into."""
    database = Database(server, extension=False)
    yield database
    database.drop()


def dump(db, *arguments):
    return db.server.program("pg_dump", "-d", db.name, *arguments)


def bring(db, other, form, tmp_path):
    """A dump of the one into the other."""
    if form == "plain":
        other.psql(dump(db))
    elif form == "directory":
        tmp_path.chmod(0o777)
        dump(db, "-Fd", "-f", str(tmp_path / "dump"), "-j4")
        db.server.program("pg_restore", "-d", other.name, "-j4", "--exit-on-error", str(tmp_path / "dump"))
    else:
        other.psql(dump(db, "--schema-only"))
        other.psql(dump(db, "--data-only"))
        other.execute("SELECT pgtrickle.restore_stream_tables()")


@pytest.mark.parametrize("form", ["plain", "custom", "directory"])
def test_dump(db, other, form, tmp_path):
    fill(db)
    change(db)
    tmp_path.chmod(0o777)
    if form == "plain":
        db.server.psql(dump(db), dbname=other.name)
    else:
        path = str(tmp_path / "dump")
        jobs = ["-j", "4"] if form == "directory" else []
        dump(db, "-F", form, "-f", path, *jobs)
        db.server.program("pg_restore", "-d", other.name, *jobs, "--exit-on-error", path)
    check_all(other.conn)


def test_dump_of_the_restored(db, other):
    """What a restore has written is as good as what was dumped; names may have changed meanwhile."""
    fill(db)
    db.execute("ALTER TABLE shop.kind RENAME TO sort")
    db.execute("ALTER SCHEMA shop RENAME TO store")
    db.execute("ALTER TABLE groups RENAME TO by_sort")
    db.execute("ALTER TABLE by_sort RENAME TO groups")
    db.execute("ALTER SCHEMA store RENAME TO shop")
    other.psql(dump(db))
    with db.server.connect() as admin:
        admin.execute(f"CREATE DATABASE {other.name}_again")
    try:
        db.server.psql(dump(other), dbname=f"{other.name}_again")
        with db.server.connect(f"{other.name}_again") as again:
            check_all(again)
    finally:
        with db.server.connect() as admin:
            admin.execute(f"DROP DATABASE {other.name}_again")


def test_cycle(db, other):
    """Stream tables that read each other are linked in any order, and are one again; dumps have nothing to say against it."""
    db.execute("SET pg_trickle.allow_circular = on")
    db.execute("CREATE TABLE e (f int, t int)")
    db.execute("INSERT INTO e VALUES (1, 2), (2, 3), (3, 1)")
    db.execute("SELECT pgtrickle.create_stream_table('a', 'SELECT f, t FROM e UNION SELECT f, t FROM e', '1h')")
    db.execute("SELECT pgtrickle.create_stream_table('b', 'SELECT DISTINCT a.f, e.t FROM a JOIN e ON e.f = a.t', '1h')")
    db.execute("SELECT pgtrickle.alter_stream_table('a', query => 'SELECT f, t FROM e UNION SELECT b.f, e.t FROM b JOIN e ON e.f = b.t')")
    other.psql(dump(db))
    conn = other.conn
    assert conn.execute("SELECT members FROM pgtrickle.pgt_scc_status()").fetchall() == [(["public.a", "public.b"],)]
    for statement in "INSERT INTO e VALUES (3, 4)", "DELETE FROM e WHERE f = 2":
        conn.execute(statement)
        conn.execute("SELECT pgtrickle.refresh_stream_table('a')")
        for name in "a", "b":
            check_fresh(conn, name)
    assert conn.execute("SELECT count(*) FROM b").fetchone()[0] == conn.execute(
        "WITH RECURSIVE w AS (SELECT f, t, 1 AS n FROM e UNION SELECT w.f, e.t, 1 - n FROM w JOIN e ON e.f = w.t)"
        " SELECT count(*) FROM w WHERE n = 0").fetchone()[0]


def test_schema_then_data(db, other):
    fill(db)
    other.psql(dump(db, "--schema-only"))
    assert other.value("SELECT count(*) FROM pgtrickle.pgt_stream_tables") == 0
    # which does not end in the signal
    other.psql(dump(db, "--data-only"))
    other.execute("SELECT pgtrickle.restore_stream_tables()")
    check_all(other.conn)


def test_without_the_signal(db, other):
    """Whoever leaves out the last step calls the function."""
    fill(db)
    other.psql("\n".join(line for line in dump(db).splitlines() if "REFRESH MATERIALIZED VIEW" not in line))
    assert other.value("SELECT count(*) FROM pgtrickle.pgt_stream_tables") == 0
    other.execute("SELECT pgtrickle.restore_stream_tables()")
    check_all(other.conn)
    # again: nothing to do
    other.execute("SELECT pgtrickle.restore_stream_tables()")
    assert other.value("SELECT count(*) FROM pgtrickle.pgt_stream_tables") == len(TABLES)


def test_cancelled(db, other):
    """Whoever catches the cancel of a restore is left with the transaction that he had."""
    fill(db)
    other.psql("\n".join(line for line in dump(db).splitlines() if "REFRESH MATERIALIZED VIEW" not in line))
    assert other.value("SELECT count(*) FROM pgtrickle_saved.stream_tables") == len(TABLES)
    with other.server.connect(other.name, autocommit=False) as holder:
        holder.execute("LOCK TABLE shop.item")
        pid = other.value("SELECT pg_backend_pid()")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            restore = pool.submit(other.execute, "DO $$ BEGIN"
                                  " BEGIN PERFORM pgtrickle.restore_stream_tables(); EXCEPTION WHEN query_canceled THEN CREATE TABLE caught (); END;"
                                  " END $$")
            wait_for(lambda: restore.done() or holder.execute("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", (pid,)).fetchone()[0],
                     "the restore to wait")
            assert not restore.done(), f"it has not waited: {problems(other.conn)}"
            holder.execute("SELECT pg_cancel_backend(%s)", (pid,))
            restore.result()
    left = other.rows("SELECT to_regclass('caught') IS NOT NULL, (SELECT count(*) FROM pgtrickle.pgt_stream_tables)")
    assert (left, problems(other.conn)) == ([(True, 0)], {})
    other.execute("SELECT pgtrickle.restore_stream_tables()")
    check_all(other.conn)


def test_excluded_source(db, other):
    """A dump without one table: what reads it stays a table, the others are restored."""
    fill(db)
    script = dump(db, "-T", "shop.kind")
    other.psql(script)
    assert problems(other.conn) == {"joined": 'relation "shop.kind" does not exist'}
    assert other.value("SELECT count(*) FROM joined") == 100
    other.execute("SET search_path = public, shop")
    listed = {row[0] for row in other.rows("SELECT pgt_name FROM pgtrickle.pgt_stream_tables")}
    assert listed == set(TABLES) - {"joined"}
    # the cause is mended
    other.execute("CREATE TABLE shop.kind (g int PRIMARY KEY, label text)")
    other.execute("INSERT INTO shop.kind SELECT x, 'kind ' || x FROM generate_series(0, 9) AS x")
    other.execute("SELECT pgtrickle.restore_stream_tables()")
    assert problems(other.conn) == {}
    check_all(other.conn)


def test_other_columns(db, other):
    fill(db)
    other.psql(dump(db).replace("total numeric", "total text"))
    assert problems(other.conn)["groups"] == 'the table has no column "total" of the type that the query returns'
    assert set(problems(other.conn)) == {"groups", "over_groups"}


def test_single_table(db, other):
    """A dump of a stream table alone is a dump of a table."""
    fill(db)
    other.psql(dump(db, "-t", "joined"))
    assert other.value("SELECT count(*) FROM joined") == 100
    assert other.value("SELECT to_regnamespace('pgtrickle') IS NULL")


@pytest.fixture
def alice(db):
    """A role that is no superuser; gone with its objects at the end."""
    name = f"alice_{db.name}"
    db.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    db.execute(f"DROP OWNED BY {name}")


def test_owner(db, other, alice):
    """The owner of a database dumps it; the query keeps its owner's rights."""
    try:
        db.execute(f"ALTER DATABASE {db.name} OWNER TO {alice}")
        db.execute(f"CREATE SCHEMA hers AUTHORIZATION {alice}")
        with db.server.connect(db.name, user=alice) as conn:
            conn.execute("CREATE TABLE hers.t (id int PRIMARY KEY, n int)")
            conn.execute("INSERT INTO hers.t VALUES (1, 1), (2, 5)")
            conn.execute("SELECT pgtrickle.create_stream_table('hers.s', 'SELECT sum(n) AS n FROM hers.t', '1s')")
        script = db.server.program("pg_dump", "-d", db.name, "-U", alice)
        other.psql(script)
        assert other.rows("SELECT pgt_name, status FROM pgtrickle.pgt_stream_tables") == [("s", "ACTIVE")]
        with other.server.connect(other.name, user=alice) as conn:
            conn.execute("INSERT INTO hers.t VALUES (3, 10)")
            conn.execute("SELECT pgtrickle.refresh_stream_table('hers.s')")
            assert conn.execute("SELECT n FROM hers.s").fetchone() == (16,)
    finally:
        other.execute(f"DROP OWNED BY {alice}")
        db.execute(f"ALTER DATABASE {db.name} OWNER TO postgres")


def test_no_owner(db, other, alice):
    """Whoever gets the table from a restore says whether the query may have his rights (rule J17)."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    db.execute(f"ALTER TABLE t OWNER TO {alice}")
    db.execute(f"GRANT CREATE ON SCHEMA public TO {alice}")
    with db.server.connect(db.name, user=alice) as conn:
        conn.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT sum(n) AS n FROM t', '1s')")
    other.psql(dump(db, "--no-owner"))
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="is suspended"):
        other.execute("SELECT pgtrickle.refresh_stream_table('s')")
    other.execute("SELECT pgtrickle.resume_stream_table('s')")
    other.execute("INSERT INTO t VALUES (1, 4)")
    other.execute("SELECT pgtrickle.refresh_stream_table('s')")
    other.assert_fresh("s")


def test_forged_definition(db, alice):
    """Nobody gets a query run with rights that are not his (rule J21)."""
    db.execute("CREATE TABLE s (n bigint)")
    db.execute("CREATE TABLE secret (n bigint)")
    row = ("INSERT INTO pgtrickle_saved.stream_tables VALUES (NULL, 'public', 's', 'postgres', 'SELECT n FROM secret',"
           " 'SELECT n FROM public.secret', '', '{}', 'AUTO', '{schedule,1s}')")
    with db.server.connect(db.name, user=alice) as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(row)
    db.execute(f"GRANT INSERT ON pgtrickle_saved.stream_tables TO {alice}")
    with db.server.connect(db.name, user=alice) as conn:
        conn.execute(row)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT pgtrickle.restore_stream_tables()")
    db.execute("SELECT pgtrickle.restore_stream_tables()")
    assert problems(db.conn) == {"s": f'role "{alice}", which has restored the definition, is no member of the table\'s owner "postgres"'}
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_stream_tables") == 0


HELD = {
    "gates": "SELECT source_relid::regclass::text, gated, gated_at::text, ungated_at::text, gated_by FROM pgtrickle.pgt_source_gates ORDER BY 1",
    "watermarks": "SELECT source_relid::regclass::text, watermark::text, updated_at::text, advanced_by FROM pgtrickle.pgt_watermarks ORDER BY 1",
    "groups": "SELECT group_name, tolerance_secs, created_at, ARRAY(SELECT s::regclass::text FROM unnest(source_relids) AS s ORDER BY 1)"
              "  FROM pgtrickle.pgt_watermark_groups ORDER BY 1",
}


def held(conn):
    """What holds refreshes back, and that what is saved of it is complete."""
    conn.execute("SET search_path = public")
    saved = conn.execute(
        "SELECT (SELECT count(*) FROM pgtrickle_saved.sources WHERE source_relid IS NOT NULL AND problem IS NULL),"
        " (SELECT count(DISTINCT s) FROM (SELECT source_relid FROM pgtrickle.pgt_source_gates UNION ALL SELECT source_relid FROM pgtrickle.pgt_watermarks"
        "   UNION ALL SELECT unnest(source_relids) FROM pgtrickle.pgt_watermark_groups) AS x (s))").fetchone()
    assert saved[0] == saved[1]
    return {what: conn.execute(query).fetchall() for what, query in HELD.items()}


def hold(db):
    db.execute("SELECT pgtrickle.gate_source('shop.item'), pgtrickle.gate_source('shop.kind')")
    db.execute("SELECT pgtrickle.ungate_source('shop.kind')")
    db.execute("SET datestyle = 'German'; SET timezone = 'Asia/Kolkata'; SET extra_float_digits = -10")
    db.execute("SELECT pgtrickle.advance_watermark('shop.item', '2026-02-01 00:00:00.123456Z')")
    db.execute("SELECT pgtrickle.advance_watermark('shop.kind', 'infinity')")
    db.execute("SELECT pgtrickle.create_watermark_group('load \"x\"', '{shop.item,shop.kind}', 60.123456789012345)")
    db.execute("SELECT pgtrickle.create_watermark_group('same', '{shop.kind,shop.item}')")
    db.execute("SELECT pgtrickle.create_watermark_group('gone', '{shop.kind,shop.item}')")
    db.execute("SELECT pgtrickle.drop_watermark_group('gone')")
    db.execute("RESET datestyle; RESET timezone; RESET extra_float_digits")


@pytest.mark.parametrize("form", ["plain", "directory", "schema, then data"])
def test_gates_and_watermarks(db, other, form, tmp_path):
    """They come with the dump, under the names that their sources have by then."""
    fill(db)
    hold(db)
    db.execute("ALTER SCHEMA shop RENAME TO store")
    db.execute("ALTER TABLE store.kind RENAME TO sort")
    db.execute("CREATE SCHEMA shop")
    db.execute("ALTER TABLE store.sort SET SCHEMA shop")
    wanted = held(db.conn)
    assert [row[0] for row in wanted["gates"]] == ["shop.sort", "store.item"] and len(wanted["groups"]) == 2
    bring(db, other, form, tmp_path)
    assert held(other.conn) == wanted
    # what the restored say is saved again, and followed
    other.execute("SELECT pgtrickle.ungate_source('store.item')")
    other.execute("DROP TABLE shop.sort CASCADE")
    found = held(other.conn)
    assert [row[:2] for row in found["gates"]] == [("store.item", False)]
    assert [row[3] for row in found["groups"]] == [["store.item"], ["store.item"]]
    assert other.rows("SELECT table_name FROM pgtrickle_saved.sources") == [("item",)]


GROUPS = ("SELECT group_name, isolation, created_at::text, ARRAY(SELECT m::regclass::text FROM unnest(member_oids) AS m ORDER BY 1)"
          "  FROM pgtrickle.pgt_refresh_groups ORDER BY 1")


@pytest.mark.parametrize("form", ["plain", "directory", "schema, then data"])
def test_refresh_groups(db, other, form, tmp_path):
    """They come with their members, whoever of these is restored first."""
    fill(db)
    db.execute("SELECT pgtrickle.create_refresh_group('gone', '{joined,groups}')")
    db.execute("SELECT pgtrickle.drop_refresh_group('gone')")
    db.execute("SELECT pgtrickle.create_refresh_group('it''s \"one\"', '{joined,groups,parted}', 'repeatable_read')")
    db.execute("SELECT pgtrickle.create_refresh_group('two', '{viewed,recomputed}')")
    db.execute("ALTER TABLE joined RENAME TO bound")
    db.execute("ALTER TABLE bound RENAME TO joined")
    wanted = db.rows(GROUPS)
    assert [row[3] for row in wanted] == [["groups", "joined", "parted"], ["recomputed", "viewed"]]
    bring(db, other, form, tmp_path)
    other.execute("SET search_path = public")
    assert other.rows(GROUPS) == wanted
    check_all(other.conn)
    # what is restored is saved again, and followed
    other.execute("SET search_path = public")
    other.execute("SELECT pgtrickle.drop_stream_table('viewed')")
    assert [row[3] for row in other.rows(GROUPS)] == [["groups", "joined", "parted"], ["recomputed"]]
    assert other.rows("SELECT count(*) FROM pgtrickle_saved.stream_tables WHERE 'refresh_group_created_at' = ANY (options)") == [(4,)]


def test_foreign_group(db, alice):
    """Who restores a definition does not get into a group of others by it."""
    fill(db)
    db.execute("SELECT pgtrickle.create_refresh_group('theirs', '{joined,groups}')")
    with db.server.connect(db.name) as conn:
        conn.execute(f"GRANT CREATE ON SCHEMA public TO {alice}; GRANT INSERT ON pgtrickle_saved.stream_tables TO {alice}")
        conn.execute(f"SET ROLE {alice}")
        for name, group in ("a", "theirs"), ("b", "hers"), ("c", "hers"):
            conn.execute(f"CREATE TABLE public.source_{name} (id int PRIMARY KEY)")
            conn.execute(f"CREATE TABLE public.{name} (id int)")
            conn.execute("INSERT INTO pgtrickle_saved.stream_tables VALUES (NULL, 'public', %s, current_user, %s, %s, '', '{}', 'AUTO', %s)",
                         (name, f"SELECT id FROM public.source_{name}", f"SELECT id FROM public.source_{name}",
                          ["schedule", "1s", "refresh_group", group, "refresh_group_isolation", "read_committed"]))
        conn.execute("RESET ROLE")
    db.execute("SELECT pgtrickle.restore_stream_tables()")
    db.execute("SET search_path = public")
    assert problems(db.conn) == {}
    assert [(row[0], row[3]) for row in db.rows(GROUPS)] == [("hers", ["b", "c"]), ("theirs", ["groups", "joined"])]


def test_gates_that_do_not_fit(db, other, alice):
    """A missing source, a stranger, and what the other database says already."""
    fill(db)
    hold(db)
    other.psql("CREATE EXTENSION pg_trickle; CREATE SCHEMA shop; CREATE TABLE shop.kind (g int PRIMARY KEY, label text);"
               " SELECT pgtrickle.advance_watermark('shop.kind', '2020-01-01')")
    rows = dump(db, "--data-only", "-t", "pgtrickle_saved.sources")
    other.psql(rows)
    other.execute("SELECT pgtrickle.restore_stream_tables()")
    assert other.rows("SELECT table_name, problem FROM pgtrickle_saved.sources WHERE source_relid IS NULL") == [
        ("item", 'table "shop.item" does not exist')]
    assert other.value("SELECT watermark = '2020-01-01' FROM pgtrickle.pgt_watermarks")
    assert other.rows("SELECT gated FROM pgtrickle.pgt_source_gates") == [(False,)]
    # mended by another's table: he has not restored it
    other.execute("CREATE TABLE shop.item (id int)")
    other.execute(f"GRANT INSERT ON pgtrickle_saved.sources TO {alice}")
    with other.server.connect(other.name, user=alice) as conn:
        conn.execute("INSERT INTO pgtrickle_saved.sources VALUES (1, 'shop', 'item', '{gated,true,gated_at,now}', '{}', 'postgres', 0, 'x')")
    other.execute("DELETE FROM pgtrickle_saved.sources WHERE restored_by = 'postgres' AND source_relid IS NULL")
    other.execute("SELECT pgtrickle.restore_stream_tables()")
    assert other.rows("SELECT problem FROM pgtrickle_saved.sources WHERE source_relid IS NULL") == [
        (f'role "{alice}", which has restored the row, is no member of the table\'s owner "postgres"',)]
    assert other.value("SELECT count(*) FROM pgtrickle.pgt_source_gates") == 1
    other.execute(f"ALTER TABLE shop.item OWNER TO {alice}")
    other.execute("SELECT pgtrickle.restore_stream_tables()")
    assert other.value("SELECT gated FROM pgtrickle.pgt_source_gates WHERE source_relid = 'shop.item'::regclass")


def test_gated_until_it_is_opened(make_server):
    """A scheduler does not refresh what was gated when it was dumped."""
    server = make_server(preload="pg_trickle", conf={"pg_trickle.enabled": "on"})
    db = Database(server)
    fill(db)
    db.execute("SELECT pgtrickle.gate_source('shop.item')")
    change(db.conn)
    other = Database(server, extension=False)
    other.psql(dump(db))
    wait_for(lambda: {"groups", "recomputed", "viewed"} <= {row[0] for row in other.rows(
        "SELECT refresh_runs.pgt_name FROM pgtrickle.refresh_runs JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE refresh_runs.status = 'SKIPPED'")}, "the gate")
    # what only reads another stream table may be, over what that holds
    assert {row[0] for row in other.rows("SELECT refresh_runs.pgt_name FROM pgtrickle.refresh_runs JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
                                         " WHERE refresh_runs.status = 'COMPLETED' AND action <> 'NO_DATA'")} <= {"over_groups"}
    other.execute("SELECT pgtrickle.ungate_source('shop.item')")
    wait_for(lambda: other.value("SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE NOT needs_reinit AND pgt_name <> 'recomputed'") == len(TABLES) - 1,
             "the refreshes")
    other.execute("SET search_path = public, shop")
    for name in ("groups", "joined", "viewed"):
        other.assert_fresh(name)


def test_by_the_scheduler(make_server):
    """With a scheduler, restored stream tables are exact without anybody's help, with the signal and without."""
    server = make_server(preload="pg_trickle", conf={"pg_trickle.enabled": "on"})
    db = Database(server)
    fill(db)
    db.execute("SELECT pgtrickle.alter_stream_table('joined', schedule => '1s', tier => 'hot')")
    script = dump(db)
    # what is in the dump is not true any more: a source restored from elsewhere
    script = script.replace("1\t1\t1.50\t", "1\t1\t9.50\t")
    assert "9.50" in script
    for number, text in enumerate((script, "\n".join(line for line in script.splitlines() if "REFRESH MATERIALIZED" not in line))):
        other = Database(server, extension=False)
        other.psql(text)
        wait_for(lambda: other.value("SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE NOT needs_reinit AND status = 'ACTIVE'"
                                     " AND last_refresh_at IS NOT NULL") == len(TABLES), "all to be recomputed")
        other.execute("SET search_path = public, shop")
        other.execute("INSERT INTO shop.item VALUES (2000, 3, 70, '2024-03-03')")
        wait_for(lambda: other.value("SELECT count(*) FROM joined") == 101, "the scheduler to follow")
        wait_for(lambda: other.value("SELECT total FROM groups WHERE g = 3") == db.value("SELECT total + 70 FROM groups WHERE g = 3"), "the sums")
        assert other.value("SELECT amount FROM joined WHERE id = 1") == 9.5
        other.close()
    db.close()


def upgrade(old, new):
    """pg_upgrade of a stopped server, to the same version: another cluster all the same."""
    _as_pg([f"{new.bin}/pg_upgrade", "-b", old.bin, "-B", new.bin, "-d", str(old.data), "-D", str(new.data),
            "-s", str(new.dir / "sock"), "-U", "postgres"], cwd=new.dir, stdout=subprocess.DEVNULL)


def goes_on(conn, first):
    """Stream tables after an upgrade: by hand where DDL came first, else by themselves."""
    if first == "ddl":
        conn.execute("SELECT pgtrickle.refresh_stream_table('doubled')")
        check_fresh(conn, "doubled")
        conn.execute("SELECT pgtrickle.drop_stream_table('doubled')")
        check_all(conn)
    else:
        conn.execute("SELECT pgtrickle.alter_stream_table('joined', schedule => '1s', tier => 'hot')")
        for name in [*TABLES, "doubled"]:
            wait_for(lambda: is_fresh(conn, name), f"{name} to be recomputed")
        change(conn)
        for name in [*TABLES, "doubled"]:
            wait_for(lambda: is_fresh(conn, name), f"{name} to follow")


@pytest.mark.parametrize("first", ["ddl", "scheduler"])
def test_upgrade(make_server, first):
    """DDL or the scheduler, whatever comes first, relinks (rule J3)."""
    old = make_server()
    db = Database(old)
    fill(db)
    db.execute("CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * $1'")
    db.execute("SELECT pgtrickle.create_stream_table('doubled', 'SELECT id, twice(g) AS g FROM shop.item', '1s')")
    change(db)                  # in the logs
    db.close()
    old.stop()
    new = make_server(start=False, preload="pg_trickle", conf={"pg_trickle.enabled": "on" if first == "scheduler" else "off"})
    upgrade(old, new)
    new.start()
    conn = new.connect(db.name)
    conn.execute("SET search_path = public, shop")
    if first == "ddl":
        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            conn.execute("DROP TABLE shop.item")
    goes_on(conn, first)
    # history has come along
    assert conn.execute("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'INITIAL'").fetchone()[0] >= len(TABLES)
    conn.close()


def test_promotion(make_server):
    """A promoted standby goes on where the primary was, without a recompute (rule C8)."""
    primary = make_server(conf={"max_wal_senders": "4"})
    db = Database(primary)
    fill(db)
    change(db)
    all_fresh(db.conn)
    change(db)                  # in the logs
    standby = make_server(start=False)
    shutil.rmtree(standby.data)
    _as_pg([f"{primary.bin}/pg_basebackup", "-h", primary.host, "-p", str(primary.port), "-U", "postgres",
            "-D", str(standby.data), "-R", "-c", "fast"])
    conf = standby.data / "postgresql.conf"
    conf.write_text(conf.read_text() + f"\nport = {standby.port}\nunix_socket_directories = '{standby.dir}/sock'\n")
    standby.start()
    copy = standby.connect(db.name)
    copy.execute("SET search_path = public, shop")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="standby"):
        copy.execute("SELECT pgtrickle.refresh_stream_table('groups')")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="start_scheduler.. during recovery"):
        copy.execute("SELECT pgtrickle.start_scheduler()")
    change(db)
    position = db.value("SELECT pg_current_wal_lsn()")
    wait_for(lambda: copy.execute("SELECT pg_last_wal_replay_lsn() >= %s", (position,)).fetchone()[0], "the standby")
    primary.stop("immediate")
    copy.execute("SELECT pg_promote()")
    wait_for(lambda: not copy.execute("SELECT pg_is_in_recovery()").fetchone()[0], "the promotion")
    how = all_fresh(copy)
    assert how == {name: "FULL" if name == "recomputed" else "DIFFERENTIAL" for name in TABLES}
    copy.close()


def copy_server(source, make_server, *, preload="pg_trickle", conf=""):
    """Another server with a base backup of that one; not started."""
    copy = make_server(start=False, preload=preload, conf=conf)
    settings = (copy.data / "postgresql.conf").read_text()
    shutil.rmtree(copy.data)
    _as_pg([f"{source.bin}/pg_basebackup", "-h", source.host, "-p", str(source.port), "-U", "postgres", "-D", str(copy.data), "-c", "fast"])
    (copy.data / "postgresql.conf").write_text(settings)
    return copy


def names_of_transactions(conn):
    return dict(conn.execute("SELECT pgt_name, refresh_id FROM pgtrickle.pgt_stream_tables JOIN LATERAL (SELECT max(refresh_id) AS refresh_id"
                             " FROM pgtrickle.pgt_refresh_history AS h WHERE h.pgt_id = pgt_stream_tables.pgt_id) AS h ON true").fetchall())


def recomputed_since(conn, before):
    return {row[0] for row in conn.execute(
        "SELECT pgt_name FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
        " WHERE action IN ('FULL', 'REINITIALIZE') AND refresh_id > %s", (max(before.values()),)).fetchall()}


def follows_by_itself(conn):
    """The scheduler of this server, with what was in the logs and what comes."""
    conn.execute("SET search_path = public, shop")
    conn.execute("SELECT pgtrickle.alter_stream_table('joined', schedule => '1s', tier => 'hot')")
    for name in TABLES:
        wait_for(lambda: is_fresh(conn, name), f"{name} to have what was in the logs")
    change(conn)
    for name in TABLES:
        wait_for(lambda: is_fresh(conn, name), f"{name} to follow")


def test_point_in_time_recovery(make_server, tmp_path):
    """A cluster brought back to a moment goes on there, without a recompute, and is exact (rule C8):
    changes and refreshes that came later are gone from sources, logs and frontiers alike."""
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent.name.startswith("pytest-"):
            parent.chmod(0o755)
    archive = tmp_path / "archive"
    archive.mkdir()
    archive.chmod(0o777)
    primary = make_server(preload="pg_trickle", conf={
        "pg_trickle.enabled": "on", "archive_mode": "on", "archive_command": f"cp %p {archive}/%f"})
    db = Database(primary)
    fill(db)
    follows_by_itself(db.conn)
    recovered = copy_server(primary, make_server, conf={
        "pg_trickle.enabled": "on", "restore_command": f"cp {archive}/%f %p",
        "recovery_target_name": "here", "recovery_target_action": "promote"})
    db.execute("SET search_path = public, shop")
    db.execute("CREATE TABLE shop.sign AS SELECT 'before' AS t")
    # refreshed after the backup, and changes in the logs of which no refresh has happened at the target
    change(db.conn)
    for name in TABLES:
        wait_for(lambda: is_fresh(db.conn, name), f"{name} on the primary")
    db.execute("SELECT pgtrickle.drain()")
    change(db.conn)
    wanted = {table: db.rows(f"SELECT * FROM shop.{table} ORDER BY 1") for table in ("item", "kind")}
    before = names_of_transactions(db.conn)
    db.execute("SELECT pgtrickle.undrain()")
    db.execute("SELECT pgtrickle.gate_source('shop.kind')")
    db.execute("SELECT pgtrickle.ungate_source('shop.kind')")
    db.execute("SELECT pg_create_restore_point('here')")
    # lost
    db.execute("UPDATE shop.sign SET t = 'after'")
    db.execute("DELETE FROM shop.item WHERE id > 50")
    for name in TABLES:
        wait_for(lambda: is_fresh(db.conn, name), f"{name} on the primary")
    segment = db.value("SELECT pg_walfile_name(pg_switch_wal())")
    wait_for(lambda: (db.value("SELECT last_archived_wal FROM pg_stat_archiver") or "") >= segment, "the archiver")
    primary.stop()
    (recovered.data / "recovery.signal").touch()
    if os.getuid() == 0:
        shutil.chown(recovered.data / "recovery.signal", "postgres")
    recovered.start()
    with recovered.connect(db.name) as conn:
        wait_for(lambda: not conn.execute("SELECT pg_is_in_recovery()").fetchone()[0], "the end of recovery")
        assert conn.execute("SELECT t FROM shop.sign").fetchone()[0] == "before"
        assert {table: conn.execute(f"SELECT * FROM shop.{table} ORDER BY 1").fetchall() for table in wanted} == wanted
        follows_by_itself(conn)
        assert recomputed_since(conn, before) <= {"recomputed"}


def test_template(make_server):
    """A copy of a database goes on, without a recompute, while the scheduler of the original runs;
    neither sees what happens in the other (rules C8, K13)."""
    server = make_server(preload="pg_trickle", conf={"pg_trickle.enabled": "on"})
    db = Database(server)
    fill(db)
    db.execute("CREATE UNLOGGED TABLE shop.unlogged AS SELECT 1 AS n")
    db.execute("SELECT pgtrickle.create_stream_table('of_unlogged', 'SELECT n, count(*) AS c FROM shop.unlogged GROUP BY n', '1s')")
    follows_by_itself(db.conn)
    db.execute("SELECT pgtrickle.drain()")
    change(db.conn)
    db.execute("INSERT INTO shop.unlogged VALUES (2)")
    before = names_of_transactions(db.conn)
    db.execute("SELECT pgtrickle.undrain()")
    db.close()
    with server.connect() as admin:
        admin.execute(f"CREATE DATABASE {db.name}_copy TEMPLATE {db.name}")
    with server.connect(f"{db.name}_copy") as copy, server.connect(db.name) as original:
        for conn in (copy, original):
            follows_by_itself(conn)
            wait_for(lambda: is_fresh(conn, "of_unlogged"), "the unlogged one")
        assert recomputed_since(copy, before) <= {"recomputed"}
        assert recomputed_since(original, before) <= {"recomputed"}
        # nothing is shared: logs, frontiers, wake-ups
        copy.execute("DELETE FROM shop.item")
        for name in TABLES:
            wait_for(lambda: is_fresh(copy, name), f"{name} of the copy")
            assert is_fresh(original, name)
        assert original.execute("SELECT count(*) FROM shop.item").fetchone()[0] > 90
        original.execute("SELECT pgtrickle.drop_stream_table('over_groups')")
        copy.execute("INSERT INTO shop.item VALUES (1, 1, 1, '2024-05-05')")
        for name in TABLES:
            wait_for(lambda: is_fresh(copy, name), f"{name} of the copy")
