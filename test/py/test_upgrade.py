"""pg_upgrade from another major version: stream tables are there, and exact, with changes that were still in the logs."""
import fcntl
import os
import pathlib
import subprocess

import pytest
from conftest import Database, Server, _as_pg
from test_restore import all_fresh, change, fill, goes_on, upgrade

TOP = pathlib.Path(__file__).resolve().parents[2]


def installed(major):
    """The programs of another major version, with this extension."""
    config = os.environ.get(f"ST_PG_CONFIG_{major}")
    if config is None:
        config = subprocess.run(["bash", str(TOP / "tools" / "install_postgres.sh"), str(major)], check=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout.strip()
    directory = TOP / "build" / f"pg{major}"
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # one goal after another: what is installed is what was built
        for goal in "all", "install":
            done = subprocess.run(["make", "--no-print-directory", "-s", f"-j{os.cpu_count()}", "-C", str(directory), "-f", str(TOP / "Makefile"),
                                   f"PG_CONFIG={config}", goal], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-4000:]
    return subprocess.run([config, "--bindir"], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def old_server(monkeypatch, request):
    """old_server(major): a server of that version."""
    servers = []

    def make(major):
        # Debian's 15 writes an attribute option that 18 does not know
        if os.environ.get("PG_MAJOR") != "18":
            pytest.skip("upgrades lead to 18")
        with monkeypatch.context() as context:
            context.setenv("PGBIN", installed(major))
            servers.append(Server())
        servers[-1].start()
        return servers[-1]

    yield make
    for server in servers:
        server.remove()


# the first one of a version builds its server
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("major", [16, 17])
@pytest.mark.parametrize("first", ["ddl", "scheduler"])
def test_upgrade(old_server, make_server, major, first):
    old = old_server(major)
    db = Database(old)
    fill(db)
    db.execute("CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * $1'")
    db.execute("SELECT pgtrickle.create_stream_table('doubled', 'SELECT id, public.twice(g) AS g FROM shop.item', '1s')")
    db.execute("SELECT pgtrickle.gate_source('shop.kind')")
    db.execute("SELECT pgtrickle.advance_watermark('shop.item', '2030-01-01')")
    db.execute("SELECT pgtrickle.create_watermark_group('loads', ARRAY['shop.item', 'shop.kind'], 5)")
    all_fresh(db.conn)
    change(db)                  # in the logs
    db.close()
    old.stop()
    new = make_server(start=False, preload="pg_trickle", conf={"pg_trickle.enabled": "on" if first == "scheduler" else "off"})
    # 18 has them from the start, its predecessors do not
    _as_pg([f"{new.bin}/pg_checksums", "--disable", "-D", str(new.data)], stdout=subprocess.DEVNULL)
    upgrade(old, new)
    new.start()
    conn = new.connect(db.name)
    conn.execute("SET search_path = public, shop")
    # what holds refreshes back is what it was
    assert conn.execute("SELECT source_table, gated FROM pgtrickle.source_gates()").fetchall() == [("kind", True)]
    assert conn.execute("SELECT source_table, watermark = '2030-01-01' FROM pgtrickle.watermarks()").fetchall() == [("item", True)]
    assert conn.execute("SELECT group_name, source_count, tolerance_secs FROM pgtrickle.watermark_groups()").fetchall() == [("loads", 2, 5)]
    conn.execute("SELECT pgtrickle.ungate_source('shop.kind')")
    conn.execute("SELECT pgtrickle.drop_watermark_group('loads')")
    if first == "ddl":
        conn.execute("ALTER TABLE shop.item ADD COLUMN more int")
        conn.execute("ALTER TABLE shop.item DROP COLUMN more")
    goes_on(conn, first)
    conn.close()
