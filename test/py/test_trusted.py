"""The extension is trusted: whoever may create objects in a database installs it, and gets no right by it (rules J20, J21)."""
import psycopg
import pytest
from conftest import Database, check_fresh, wait_for

DENIED = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def alice(server):
    """A role that owns databases and is no superuser; gone with its databases at the end."""
    with server.connect() as admin:
        name = f"alice_{admin.info.backend_pid}"
        admin.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    with server.connect() as admin:
        for row in admin.execute("SELECT datname FROM pg_database WHERE datdba = %s::regrole", (name,)).fetchall():
            admin.execute(f'DROP DATABASE "{row[0]}" WITH (FORCE)')
        admin.execute(f"DROP ROLE {name}")


def own(server, alice):
    """A new database of hers, without the extension."""
    database = Database(server, extension=False)
    database.execute(f"ALTER DATABASE {database.name} OWNER TO {alice}")
    database.close()
    return database


@pytest.fixture
def hers(server, alice):
    database = own(server, alice)
    with server.connect(database.name, user=alice) as conn:
        conn.execute("CREATE EXTENSION pg_trickle")
        yield conn


def fill(conn):
    conn.execute("CREATE SCHEMA shop")
    conn.execute("CREATE TABLE shop.item (id int PRIMARY KEY, g int, n numeric)")
    conn.execute("INSERT INTO shop.item SELECT x, x % 7, x FROM generate_series(1, 50) AS x")
    conn.execute("SELECT pgtrickle.create_stream_table('shop.groups', 'SELECT g, sum(n) AS n FROM shop.item GROUP BY g', '1s', 'DIFFERENTIAL')")
    conn.execute("SELECT pgtrickle.create_stream_table('shop.over', 'SELECT count(*) AS c FROM shop.groups WHERE n > 100', '1s', 'DIFFERENTIAL')")


def check(conn):
    """All is exact, incrementally, as hers."""
    def refresh():
        conn.execute("SELECT pgtrickle.refresh_stream_table('shop.over')")
        for name in "shop.groups", "shop.over":
            check_fresh(conn, name)

    refresh()
    conn.execute("UPDATE shop.item SET n = n * 2 WHERE id % 3 = 0")
    refresh()
    assert conn.execute("SELECT action FROM pgtrickle.refresh_runs WHERE pgt_name = 'groups' ORDER BY refresh_id DESC LIMIT 1").fetchone()[0] == "DIFFERENTIAL"


def test_install(hers, alice):
    fill(hers)
    check(hers)
    # what the extension is made of is not hers
    owners = hers.execute(
        "SELECT DISTINCT nspowner::regrole::text FROM pg_namespace WHERE nspname LIKE 'pgtrickle%'"
        " UNION SELECT relowner::regrole::text FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'pgtrickle%' AND relname <> 'relink'"
        " UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace"
        " UNION SELECT evtowner::regrole::text FROM pg_event_trigger").fetchall()
    assert owners == [("postgres",)]
    assert hers.execute("SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'pg_trickle'").fetchone()[0] == alice
    assert hers.execute("SELECT relowner::regrole::text FROM pg_class WHERE oid = 'pgtrickle_saved.relink'::regclass").fetchone()[0] == alice


@pytest.mark.parametrize("statement", [
    "CREATE FUNCTION pgtrickle.version(int) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'",
    "CREATE OR REPLACE FUNCTION pgtrickle.version() RETURNS text LANGUAGE sql AS 'SELECT NULL::text'",
    "ALTER FUNCTION pgtrickle.version() OWNER TO CURRENT_USER",
    "ALTER EXTENSION pg_trickle DROP FUNCTION pgtrickle.version()",
    "DROP FUNCTION pgtrickle.version()",
    "CREATE TABLE pgtrickle_changes.x (a int)",
    "CREATE TRIGGER x BEFORE INSERT ON pgtrickle_saved.stream_tables FOR EACH ROW EXECUTE FUNCTION pgtrickle.capture_row()",
    "ALTER TABLE pgtrickle_saved.stream_tables DISABLE TRIGGER ALL",
    "UPDATE pgtrickle_saved.stream_tables SET table_owner = 'postgres'",
    "DELETE FROM pgtrickle_saved.stream_tables",
    "UPDATE pgtrickle.pgt_stream_tables SET status = 'ACTIVE'",
    "SELECT pgtrickle.debug_stream_table('shop.groups')",
    "SET pg_trickle.max_consecutive_errors = 5",
    "ALTER EVENT TRIGGER pg_trickle_drop_tracker DISABLE",
    "ALTER SCHEMA pgtrickle RENAME TO mine",
])
def test_no_more_rights(hers, statement):
    fill(hers)
    with pytest.raises(DENIED):
        hers.execute(statement)


def test_forged_definition(hers, server, alice):
    """What she puts among the saved definitions is judged by who she is."""
    with server.connect(hers.info.dbname) as admin:
        admin.execute("CREATE TABLE secret (n bigint)")
        admin.execute("CREATE TABLE target (n bigint)")
    row = ("INSERT INTO pgtrickle_saved.stream_tables VALUES (NULL, 'public', 'target', 'postgres', 'SELECT n FROM secret',"
           " 'SELECT n FROM public.secret', '', %s, 'AUTO', '{schedule,1s}')")
    hers.execute(row, ([],))
    hers.execute(row, (["role", "postgres"],))
    hers.execute("SELECT pgtrickle.restore_stream_tables()")
    problems = {row[0] for row in hers.execute("SELECT problem FROM pgtrickle_saved.stream_tables").fetchall()}
    assert problems == {f'role "{alice}", which has restored the definition, is no member of the table\'s owner "postgres"'}
    assert hers.execute("SELECT count(*) FROM pgtrickle.pgt_stream_tables").fetchone()[0] == 0


def test_settings_of_the_restored(hers):
    """Those of a saved definition are applied as hers."""
    hers.execute("CREATE TABLE t (n bigint)")
    hers.execute("CREATE TABLE target (n bigint)")
    for settings in (["role", "postgres"], ["session_authorization", "postgres"], ["log_min_messages", "panic"]):
        hers.execute("INSERT INTO pgtrickle_saved.stream_tables VALUES (NULL, 'public', 'target', current_user, 'SELECT n FROM t',"
                     " 'SELECT n FROM public.t', '', %s, 'AUTO', '{schedule,1s}')", (settings,))
    hers.execute("SELECT pgtrickle.restore_stream_tables()")
    assert hers.execute("SELECT count(*) FROM pgtrickle_saved.stream_tables WHERE problem LIKE '%%parameter%%' OR problem LIKE '%%permission denied%%'").fetchone()[0] == 3


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_dump_and_restore_as_owner(hers, server, alice, form, tmp_path):
    """Not one error, and nothing to be done by hand."""
    fill(hers)
    copy = own(server, alice)
    if form == "plain":
        script = server.program("pg_dump", "-U", alice, "-d", hers.info.dbname)
        assert "REFRESH MATERIALIZED VIEW pgtrickle_saved.relink" in script
        (tmp_path / "dump.sql").write_text(script)
        server.program("psql", "-X", "-q", "-U", alice, "-d", copy.name, "-v", "ON_ERROR_STOP=1", "-f", str(tmp_path / "dump.sql"))
    else:
        tmp_path.chmod(0o777)
        path = str(tmp_path / "dump")
        server.program("pg_dump", "-U", alice, "-F", form, "-f", path, "-d", hers.info.dbname)
        server.program("pg_restore", "-U", alice, "--exit-on-error", "-d", copy.name, path)
    with server.connect(copy.name, user=alice) as conn:
        assert conn.execute("SELECT count(*) FROM pgtrickle.pgt_stream_tables").fetchone()[0] == 2
        check(conn)


def test_restore_as_superuser(hers, server, alice):
    """The signal is hers, and the extension is not: it counts all the same."""
    fill(hers)
    copy = own(server, alice)
    server.psql(server.program("pg_dump", "-d", hers.info.dbname), dbname=copy.name)
    with server.connect(copy.name, user=alice) as conn:
        assert conn.execute("SELECT count(*) FROM pgtrickle.pgt_stream_tables").fetchone()[0] == 2
        assert conn.execute("SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'pg_trickle'").fetchone()[0] == "postgres"
        check(conn)


def test_stranger_amidst_a_restore(hers, server):
    """Only who has installed it, and superusers, say that a restore has come to its end."""
    with server.connect(hers.info.dbname) as admin:
        stranger = f"stranger_{admin.info.backend_pid}"
        admin.execute(f"CREATE ROLE {stranger} LOGIN")
    try:
        fill(hers)
        hers.execute("CREATE TABLE t (n bigint)")
        hers.execute("CREATE TABLE target (n bigint)")
        hers.execute("INSERT INTO pgtrickle_saved.stream_tables VALUES (NULL, 'public', 'target', current_user, 'SELECT n FROM t',"
                     " 'SELECT n FROM public.t', '', '{}', 'AUTO', '{schedule,1s}')")
        with server.connect(hers.info.dbname, user=stranger) as conn:
            assert conn.execute("SELECT pgtrickle.relink()").fetchone()[0] == 0
            with pytest.raises(DENIED):
                conn.execute("SELECT pgtrickle.restore_stream_tables()")
            # reading it is not refreshing it, and refreshing takes its owner
            with pytest.raises(DENIED):
                conn.execute("REFRESH MATERIALIZED VIEW pgtrickle_saved.relink")
        assert hers.execute("SELECT pgtrickle.relink()").fetchone()[0] == 1
    finally:
        with server.connect() as admin:
            admin.execute(f"DROP ROLE {stranger}")


def test_drop(hers):
    """She can take it away again; the tables stay."""
    fill(hers)
    hers.execute("DROP EXTENSION pg_trickle CASCADE")
    assert hers.execute("SELECT count(*) FROM shop.groups").fetchone()[0] == 7
    assert hers.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pgtrickle%'").fetchone()[0] == 0
    assert hers.execute("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.item'::regclass").fetchone()[0] == 0
    hers.execute("CREATE EXTENSION pg_trickle")
    hers.execute("DROP TABLE shop.groups, shop.over")
    hers.execute("DROP SCHEMA shop CASCADE")
    fill(hers)
    check(hers)


def test_public_goes(hers):
    """Rule J20: nothing of the extension lies in a schema that users drop."""
    hers.execute("DROP SCHEMA public CASCADE")
    fill(hers)
    check(hers)


def test_reassigned(hers, server, alice):
    """To a superuser and out of the way: what was hers goes on when he has said so (rule J17)."""
    fill(hers)
    with server.connect(hers.info.dbname) as admin:
        admin.execute(f"REASSIGN OWNED BY {alice} TO postgres")
        admin.execute(f"DROP OWNED BY {alice}")
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="suspended"):
            admin.execute("SELECT pgtrickle.refresh_stream_table('shop.groups')")
        for name in "groups", "over":
            admin.execute(f"SELECT pgtrickle.resume_stream_table('shop.{name}')")
        check(admin)
        # the database is his now, and the fixture drops hers
        admin.execute(f"ALTER DATABASE {hers.info.dbname} OWNER TO {alice}")


def test_scheduler(make_server):
    """The scheduler refreshes hers, with her rights."""
    server = make_server(preload="pg_trickle", conf={"pg_trickle.enabled": "on"})
    with server.connect() as admin:
        admin.execute("CREATE ROLE alice LOGIN")
    database = own(server, "alice")
    with server.connect(database.name, user="alice") as conn:
        conn.execute("CREATE EXTENSION pg_trickle")
        fill(conn)
        conn.execute("CREATE FUNCTION who() RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN current_user; END'")
        conn.execute("SELECT pgtrickle.create_stream_table('shop.who', 'SELECT public.who() AS w, g FROM shop.item', '1s', 'FULL')")
        conn.execute("INSERT INTO shop.item VALUES (100, 99, 99)")
        wait_for(lambda: conn.execute("SELECT w FROM shop.who WHERE g = 99").fetchall() == [("alice",)], "the scheduler")
        wait_for(lambda: conn.execute("SELECT n FROM shop.groups WHERE g = 99").fetchone() == (99,), "the scheduler")
