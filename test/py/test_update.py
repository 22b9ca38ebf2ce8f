"""What one release owes the next one (rules J28, J29)."""
import os
import pathlib
import re
import subprocess

import pytest
from conftest import TOP

SQL = TOP / "sql"

# What users may have built on: by name, with types.
PUBLIC = """
    SELECT p.oid::regprocedure::text || ' ' || pg_get_function_result(p.oid) || ' ' || pg_get_function_arguments(p.oid) AS what
      FROM pg_proc AS p WHERE p.pronamespace = 'pgtrickle'::regnamespace
    UNION ALL
    SELECT format('%s %s %s', c.oid::regclass, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum),
                  pg_get_viewdef(c.oid))
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
     WHERE c.relnamespace = 'pgtrickle'::regnamespace AND c.relkind = 'v' GROUP BY c.oid
    UNION ALL
    SELECT evtname || ' ' || array_to_string(evttags, ' ') FROM pg_event_trigger
     ORDER BY 1"""


def rerun():
    """What the build appends to an update script."""
    names = " ".join(line.split("#")[0] for line in (SQL / "order.txt").read_text().splitlines()).split()
    return "\n".join((SQL / name).read_text() for name in names if name.startswith(("functions/", "views/")))


@pytest.fixture
def scripts():
    """Write an update script beside those that are installed."""
    directory = subprocess.run([os.environ["PG_CONFIG"], "--sharedir"], check=True, capture_output=True, text=True).stdout.strip()
    written = []

    def write(versions, text):
        path = pathlib.Path(directory) / "extension" / f"pg_trickle--{versions}.sql"
        try:
            path.write_text(text)
        except PermissionError:
            pytest.skip("no right to install a script")
        path.chmod(0o644)
        written.append(path)

    yield write
    for path in written:
        path.unlink()


def test_update(db, scripts):
    """An update runs every function and view again, each as it was: what users have built on stays, and so do the stream tables."""
    version = db.value("SELECT pgtrickle.version()")
    before = db.rows(PUBLIC)
    db.execute("CREATE TABLE t (id int, n int)")
    db.execute("INSERT INTO t VALUES (1, 1), (2, 2)")
    db.execute("SELECT pgtrickle.create_stream_table('s', 'SELECT n, count(*) AS c FROM t GROUP BY n')")
    db.execute("CREATE VIEW mine AS SELECT pgt_name, pgtrickle.stream_table_id(pgt_name) AS id FROM pgtrickle.stream_tables_info")
    db.execute("INSERT INTO t VALUES (3, 1)")
    scripts(f"0.0.1--{version}", rerun())
    db.execute("UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'pg_trickle'")
    # captured by the one, read by the other
    db.execute("INSERT INTO t VALUES (4, 2)")
    db.execute("ALTER EXTENSION pg_trickle UPDATE")
    assert db.value("SELECT extversion FROM pg_extension WHERE extname = 'pg_trickle'") == version
    assert db.rows(PUBLIC) == before
    assert db.rows("SELECT pgt_name FROM mine") == [("s",)]
    db.execute("INSERT INTO t VALUES (5, 3)")
    for conn in db.conn, db.connect():
        conn.execute("SELECT pgtrickle.refresh_stream_table('s')")
        db.assert_fresh("s")
    assert db.value("SELECT action FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 1") != "REINITIALIZE"
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE was_full_fallback") == 0


def test_what_update_scripts_hold():
    """By hand they take nothing away that is public; tools/check_sql.py says so of each."""
    for script, wanted in [("ALTER TABLE pgtrickle.pgt_stream_tables ADD COLUMN x int;", 0),
                           ("DROP FUNCTION pgtrickle.version();", 1), ("drop view if exists pgtrickle.quick_health;", 1),
                           ("ALTER FUNCTION pgtrickle.version() RENAME TO v;", 1)]:
        done = subprocess.run(["python3", str(TOP / "tools" / "check_sql.py"), "--script", "-"], input=script, capture_output=True, text=True)
        assert done.returncode == wanted, script + done.stdout
    # those that are run again say OR REPLACE, which refuses another result and fewer columns
    assert not re.search(r"^CREATE (FUNCTION|PROCEDURE|VIEW)", rerun(), re.MULTILINE)
