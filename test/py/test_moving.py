"""Moving from the Rust implementation: its catalogue is read, the same stream tables are made here."""
import os
import pathlib
import re

import pytest
from conftest import Database, check_fresh

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TOP / "contrib" / "moving" / "from_rust.sql"


@pytest.fixture
def old(server):
    """A database of the other implementation, made from what the contract says of its catalogue."""
    database = Database(server, extension=False)
    database.execute("CREATE ROLE moving_owner")
    database.psql((TOP / "test" / "py" / "rust_catalogue.sql").read_text(encoding="utf8"))
    yield database
    database.close()
    with server.connect() as admin:
        admin.execute(f"DROP DATABASE {database.name}")
        admin.execute("DROP ROLE moving_owner")


def written(old, *variables):
    return old.server.program("psql", "-XAtq", *variables, "-f", str(SCRIPT), "-d", old.name)


def sources(new):
    """What pg_dump would bring: the tables that are read."""
    new.execute("CREATE SCHEMA shop")
    new.execute("CREATE TABLE shop.kind (g int PRIMARY KEY, label text)")
    new.execute("CREATE TABLE shop.item (id int PRIMARY KEY, g int, amount numeric(10, 2), note text)")
    new.execute("INSERT INTO shop.kind SELECT x, 'kind ' || x FROM generate_series(0, 4) AS x")
    new.execute("INSERT INTO shop.item SELECT x, x %% 5, x * 1.5, 'it''s ' || x FROM generate_series(1, 50) AS x", ())
    new.execute("GRANT USAGE, CREATE ON SCHEMA shop TO moving_owner")
    new.execute("GRANT SELECT, TRIGGER ON shop.kind, shop.item TO moving_owner")


def test_moving(old, server, request):
    script = written(old)
    db = Database(server)
    try:
        sources(db)
        db.psql(script)
        check(db, script)
    finally:
        db.drop()


def check(db, script):
    names = {"Best ones", "sums", "labelled", "sampled", "at_once", "best"}
    assert {row[0] for row in db.rows("SELECT pgt_name FROM pgtrickle.pgt_stream_tables")} == names
    rows = db.rows("SELECT pgt_name, schedule, refresh_mode, status, refresh_tier, fuse_mode, fuse_ceiling, freshness_deadline_ms, max_delta_fraction,"
                   " diamond_consistency, max_differential_joins, st_partition_key, topk_limit, topk_offset FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name COLLATE \"C\"")
    assert rows == [
        ("Best ones", None, "DIFFERENTIAL", "ACTIVE", "hot", "off", None, None, None, "atomic", None, None, None, None),
        ("at_once", "1s", "DIFFERENTIAL", "ACTIVE", "hot", "off", None, None, None, "atomic", None, None, None, None),
        ("best", "1h", "DIFFERENTIAL", "ACTIVE", "hot", "off", None, None, None, "atomic", None, None, 5, 2),
        ("labelled", "0 4 * * *", "DIFFERENTIAL", "SUSPENDED", "hot", "off", None, None, None, "atomic", 3, "LIST:label", None, None),
        ("sampled", "1h", "FULL", "ACTIVE", "warm", "off", None, 10000, None, "atomic", None, None, None, None),
        ("sums", "5m", "DIFFERENTIAL", "ACTIVE", "cold", "on", 1000, None, 0.5, "none", None, None, None, None),
    ]
    assert db.value("SELECT relowner::regrole::text FROM pg_class WHERE oid = 'shop.labelled'::regclass") == "moving_owner"
    # what hangs on the tables
    assert db.value("SELECT pg_get_indexdef('shop.sums_total'::regclass)").endswith("(total DESC) WHERE (n > 1)")
    assert db.value("SELECT to_regclass('shop.sums_row_id') IS NULL")
    assert db.value("SELECT obj_description('shop.sums'::regclass)") == 'What there is of each kind; "it\'s" so'
    assert db.value("SELECT col_description('shop.sums'::regclass, attnum) FROM pg_attribute WHERE attrelid = 'shop.sums'::regclass AND attname = 'total'") == "its sum"
    assert db.value("SELECT has_table_privilege('public', 'shop.sums', 'SELECT') AND has_table_privilege('moving_owner', 'shop.sums', 'SELECT WITH GRANT OPTION')")
    # what holds refreshes back
    assert db.rows("SELECT source_table, gated FROM pgtrickle.source_gates()") == [("kind", True)]
    assert db.rows("SELECT source_table, watermark = '2030-01-01 12:00+00' FROM pgtrickle.watermarks()") == [("item", True)]
    assert db.rows("SELECT group_name, source_count, tolerance_secs FROM pgtrickle.watermark_groups()") == [("it's loads", 2, 2.5)]
    assert db.rows("SELECT group_name, isolation, ARRAY(SELECT m::regclass::text FROM unnest(member_oids) AS m) FROM pgtrickle.pgt_refresh_groups") == [
        ("it's together", "repeatable_read", ["shop.sums", "shop.labelled"])]
    # what is not carried over is said
    for name, what in (("at_once", "refresh mode IMMEDIATE"), ("sampled", "refresh mode FULL"), ("sums", "a blown fuse")):
        assert re.search(rf"^-- shop\.{name} leaves behind: .*{what}", script, re.MULTILINE), what
    # exact, and it goes on
    db.execute("SELECT pgtrickle.resume_stream_table('shop.labelled')")
    for _ in range(2):
        for name in ("sums", '"Best ones"', "labelled", "sampled", "at_once", "best"):
            db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (f"shop.{name}",))
            check_fresh(db.conn, f"shop.{name}")
        db.execute("UPDATE shop.item SET amount = amount + 100, g = (g + 1) %% 5 WHERE id < 20", ())
        db.execute("DELETE FROM shop.item WHERE id = (SELECT max(id) FROM shop.item)")


def test_dumped_without_its_traces(old, server, tmp_path):
    """pg_dump leaves out what the filter names; pg_dump knows filters since 17."""
    wanted = written(old, "-v", "what=filter").splitlines()
    assert wanted == ["exclude extension pg_trickle", "exclude schema pgtrickle", "exclude schema pgtrickle_changes",
                      'exclude table shop."Best ones"', "exclude table shop.sums", "exclude table shop.labelled",
                      "exclude table shop.sampled", "exclude table shop.at_once", "exclude table shop.best"]
    if int(os.environ.get("PG_MAJOR", "15")) < 17:
        return
    path = tmp_path / "filter.txt"
    path.write_text("\n".join(wanted) + "\n")
    script = server.program("pg_dump", "--filter", str(path), "-d", old.name)
    assert "CREATE TABLE shop.item" in script
    assert "pgtrickle" not in script and "CREATE TABLE shop.sums" not in script
    new = Database(server, extension=False)
    try:
        new.psql(script)
        new.execute("CREATE EXTENSION pg_trickle")
        new.psql(written(old))
        check(new, written(old))
    finally:
        new.drop()


def test_every_column(server):
    """The page says of each column of the old catalogue what becomes of it; the script reads those that are carried over."""
    database = Database(server, extension=False)
    try:
        database.psql((TOP / "test" / "lib" / "contract.sql").read_text(encoding="utf8"))
        columns = database.rows("SELECT relname::text, attname::text FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
                                " WHERE relnamespace = 'contract'::regnamespace AND relkind = 'r' AND attnum > 0 AND relname <> 'settings'")
    finally:
        database.drop()
    page = (TOP / "docs" / "moving.md").read_text(encoding="utf8").split("## What becomes of each column", 1)[1].split("\n## ", 1)[0]
    script = SCRIPT.read_text(encoding="utf8")
    fates = {}
    for tables, names, fate in re.findall(r"^\| (`[^|]*) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE):
        for table in re.findall(r"`(\w+)`", tables):
            for name in re.findall(r"`(\w+)`", names) or ["*"]:
                assert (table, name) not in fates, (table, name)
                fates[table, name] = fate
    assert len(columns) > 150
    for table, name in columns:
        fate = fates.get((table, name)) or fates.get((table, "*"))
        assert fate, f"{table}.{name}"
        if fate.startswith("carried over"):
            assert re.search(rf"\b{name}\b", script) and f"pgtrickle.{table}" in script, f"{table}.{name}"
    assert {key for key in fates if key[1] != "*"} <= set(columns)
