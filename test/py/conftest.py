"""Fixtures of the tests that need more than one session or server.

"./dev check" and "./dev test NAME" run them with PGBIN set to the directory of
the PostgreSQL programs.  The servers are throwaway clusters made by
test/lib/server.sh; that of a failed run is stopped but kept, and its path
printed.

    server        one running server for the whole session (class Server)
    make_server   a function that makes another one, for a test that needs
                  settings of its own or breaks things
    db            a fresh database with the extension (class Database)
    assert_fresh  the oracle: assert_fresh(conn, "name of stream table")
"""
import collections
import fcntl
import itertools
import os
import pathlib
import pwd
import select
import shutil
import signal
import subprocess
import threading
import time

import psycopg
from psycopg import sql
import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
_numbers = itertools.count(1)
_kept = []


def _as_pg(command, **options):
    """Run a server program as a user who may run one."""
    if os.getuid() == 0:
        pwd.getpwnam("postgres")
        command = ["runuser", "-u", "postgres", "--", *command]
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **options)


def wait_for(condition, what, seconds=60):
    """The condition's value, once it is true: for what a server tells nobody by itself."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        # between two questions, that the asked one gets the processor
        time.sleep(0.002)
    return value


class Server:
    """A throwaway cluster."""

    def __init__(self, preload="", conf=""):
        if isinstance(conf, dict):
            conf = "\n".join(f"{k} = '{v}'" for k, v in conf.items())
        self.bin = os.environ["PGBIN"]
        env = dict(os.environ, ST_PRELOAD=preload, ST_SERVER_CONF=conf)
        out = subprocess.run(
            ["bash", "-c", '. "$1/test/lib/server.sh" && st_server_init "$2"',
             "init", str(TOP), self.bin],
            check=True, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True).stdout
        self.dir = pathlib.Path(out.strip())
        self.data = self.dir / "data"
        self.log = self.dir / "log"
        settings = dict(line.split("=", 1) for line in
                        (self.dir / "env").read_text().split())
        self.host = settings["PGHOST"].strip("'")
        self.port = int(settings["PGPORT"].strip("'"))

    # -- starting and stopping

    def _pg_ctl(self, *arguments):
        try:
            _as_pg([f"{self.bin}/pg_ctl", "-D", str(self.data), "-s", "-w",
                    "-t", "120", "-l", str(self.log), *arguments])
        except subprocess.CalledProcessError:
            raise AssertionError("pg_ctl %s failed; end of %s:\n%s" % (
                arguments[0], self.log, self.log_tail())) from None

    def start(self):
        self._pg_ctl("start")

    def stop(self, mode="fast"):
        self._pg_ctl("stop", "-m", mode)

    def restart(self, mode="fast"):
        self._pg_ctl("restart", "-m", mode)

    def reload(self):
        self._pg_ctl("reload")

    def postmaster_pid(self):
        try:
            return int((self.data / "postmaster.pid").read_text().split()[0])
        except FileNotFoundError:
            return None

    def running(self):
        pid = self.postmaster_pid()
        return pid is not None and _alive(pid)

    def kill9(self):
        """Kill this server and its backends as a power cut would."""
        pid = self.postmaster_pid()
        assert pid is not None, "the server is not running"
        # The postmaster first, so that it starts no more children.
        children = _children(pid)
        _end([pid, *children])
        # Dead but not yet reaped by init, it would look alive to its successor.
        (self.data / "postmaster.pid").unlink()
        (self.dir / "sock" / f".s.PGSQL.{self.port}.lock").unlink()

    def remove(self):
        if self.running():
            self.stop("immediate")
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- talking to it

    def dsn(self, dbname="postgres", **more):
        return psycopg.conninfo.make_conninfo(
            "", host=self.host, port=self.port,
            **{"user": "postgres", "dbname": dbname, **more})

    def connect(self, dbname="postgres", autocommit=True, **more):
        return psycopg.connect(self.dsn(dbname, **more), autocommit=autocommit)

    def psql(self, command, dbname="postgres", check=True, arguments=()):
        """Run psql and return what it printed on standard output."""
        done = subprocess.run(
            [f"{self.bin}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1",
             "-d", self.dsn(dbname), *arguments, "-f", "-"],
            input=command, capture_output=True, text=True)
        if check and done.returncode:
            raise AssertionError(f"psql: {done.stderr}")
        return done.stdout.rstrip("\n")

    def program(self, name, *arguments, **options):
        """Run another program of this PostgreSQL, as pg_dump, against it."""
        env = dict(os.environ, PGHOST=self.host, PGPORT=str(self.port),
                   PGUSER="postgres")
        return subprocess.run([f"{self.bin}/{name}", *arguments], env=env,
                              check=True, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, **options).stdout

    def log_tail(self, lines=40):
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def _end(pids):
    """Kill processes that need not be our children, and wait for their end."""
    killed = []
    for pid in pids:
        try:
            killed.append(os.pidfd_open(pid))
            signal.pidfd_send_signal(killed[-1], signal.SIGKILL)
        except ProcessLookupError:
            pass
    for process in killed:
        assert select.select([process], [], [], 30)[0], "processes outlived SIGKILL"
        os.close(process)


def _children(pid):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


class Database:
    """A fresh database with the extension, and one open connection to it."""

    def __init__(self, server, extension=True):
        self.server = server
        self.name = f"t{next(_numbers)}"
        with server.connect() as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name)))
        self._open = []
        self.conn = self.connect()
        if extension:
            self.conn.execute("CREATE EXTENSION pg_trickle")

    def connect(self, **options):
        """Another session; closed at the end of the test."""
        conn = self.server.connect(self.name, **options)
        self._open.append(conn)
        return conn

    def reconnect(self):
        """Make self.conn usable again after the server was restarted."""
        self.conn = self.connect()
        return self.conn

    def execute(self, query, parameters=None):
        return self.conn.execute(query, parameters)

    def rows(self, query, parameters=None):
        return self.conn.execute(query, parameters).fetchall()

    def value(self, query, parameters=None):
        row = self.conn.execute(query, parameters).fetchone()
        return None if row is None else row[0]

    def psql(self, command, **options):
        return self.server.psql(command, dbname=self.name, **options)

    def assert_fresh(self, name):
        check_fresh(self.conn, name)

    def close(self):
        for conn in self._open:
            conn.close()

    def drop(self):
        """Rule A4: a delta that did not fit the contents is a defect, although the
        recompute made up for it."""
        self.close()
        if self.server.running():
            with self.server.connect(self.name) as conn:
                if conn.execute("SELECT to_regclass('pgtrickle.pgt_refresh_history')").fetchone()[0]:
                    found = conn.execute("SELECT pgt_id, start_time FROM pgtrickle.pgt_refresh_history"
                                         " WHERE refresh_reason = 'inconsistent'").fetchall()
                    assert not found, f"recomputed as inconsistent: {found}"
            with self.server.connect() as conn:
                conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                             .format(sql.Identifier(self.name)))


# -- the test build

_library = None
_library_lock = threading.Lock()


def fault_library():
    """The library with fault points, built apart from the normal one."""
    global _library
    with _library_lock:
        if _library is None:
            directory = TOP / "build" / f"pg{os.environ.get('PG_MAJOR', '15')}" / "fault"
            directory.mkdir(parents=True, exist_ok=True)
            with open(directory / "lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                done = subprocess.run(
                    ["make", "--no-print-directory", "-s", f"-j{os.cpu_count()}", "-C", str(directory),
                     "-f", str(TOP / "Makefile"), f"PG_CONFIG={os.environ['PG_CONFIG']}", "FAULT_POINTS=1", "pg_trickle.so"],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"the build with fault points failed:\n{done.stderr[-4000:]}")
            _library = directory / "pg_trickle.so"
    return _library


def create_faulty_extension(server, dbname):
    """The extension with the library of the test build (src/util/fault.h), which
    lies beside the server's data: the one installed in PostgreSQL stays as it is.
    In a session of its own, since that has loaded the installed one."""
    copy = server.dir / "pg_trickle.so"
    if not copy.exists():
        shutil.copyfile(fault_library(), copy)
        copy.chmod(0o755)
    with server.connect(dbname) as conn:
        conn.execute("CREATE EXTENSION pg_trickle")
        changed = conn.execute("UPDATE pg_proc SET probin = %s WHERE probin = '$libdir/pg_trickle'", (str(copy),))
        assert changed.rowcount > 0


# -- the oracle

def check_fresh(conn, name, same_session=False):
    """Fail unless the stream table prints what its defining query prints.

    Compares the user's original text of the query with the table: names and
    types of the columns, then the rows as multisets of output text.  In a
    session of its own and in one snapshot, unless same_session is given (for
    changes that are not committed yet).
    """
    path = conn.execute("SHOW search_path").fetchone()[0]
    if same_session:
        _compare(conn, name)
        return
    with psycopg.connect(conn.info.dsn, password=conn.info.password or None) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT set_config('search_path', %s, true)", (path,))
        _compare(other, name)


def is_fresh(conn, name):
    try:
        check_fresh(conn, name)
    except AssertionError:
        return False
    return True


def _columns(conn, query):
    """Names, and types with their modifiers, of what a query returns."""
    cursor = conn.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(query))
    result = cursor.pgresult
    names = [d.name for d in cursor.description]
    types = [(result.ftype(i), result.fmod(i)) for i in range(result.nfields)]
    printed = [conn.execute("SELECT format_type(%s::oid, %s)", t).fetchone()[0]
               for t in types]
    return list(zip(names, printed))


def _rows(conn, query, count, wanted):
    """The rows of a query as a multiset of output text."""
    aliases = [sql.Identifier(f"c{i}") for i in range(count)]
    if not aliases:
        n = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(query)).fetchone()[0]
        return collections.Counter({(): n})
    statement = sql.SQL("SELECT {} FROM {} ({})").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(aliases[i]) for i in wanted),
        query, sql.SQL(", ").join(aliases))
    return collections.Counter(conn.execute(statement).fetchall())


def _compare(conn, name):
    conn.execute("SELECT set_config('extra_float_digits', '3', true)")
    found = conn.execute(
        "SELECT pgt_schema, pgt_name, defining_query"
        "  FROM pgtrickle.pgt_stream_tables"
        " WHERE to_regclass(%s) ="
        "       to_regclass(format('%%I.%%I', pgt_schema, pgt_name))",
        (name,)).fetchone()
    assert found is not None, f"{name} is not a stream table"
    schema, table, text = found

    # The text may end in a semicolon or in a comment.
    query = sql.SQL("({}\n) AS q").format(sql.SQL(text.strip().rstrip(";")))
    stored = sql.SQL("{} AS q").format(sql.Identifier(schema, table))

    want_columns = _columns(conn, query)
    all_columns = _columns(conn, stored)
    visible = [i for i, c in enumerate(all_columns) if not c[0].startswith("__pgt_")]
    have_columns = [all_columns[i] for i in visible]
    assert have_columns == want_columns, (
        f"{name}: columns differ\n  query: {want_columns}\n  table: {have_columns}")

    want = _rows(conn, query, len(want_columns), range(len(want_columns)))
    have = _rows(conn, stored, len(all_columns), visible)
    missing, extra = want - have, have - want
    if missing or extra:
        lines = [f"{schema}.{table} is not what its query returns: "
                 f"{sum(want.values())} rows expected, {sum(have.values())} found",
                 f"query: {text}"]
        for mark, rows in (("missing", missing), ("extra", extra)):
            for row, n in sorted(rows.items(), key=repr)[:20]:
                lines.append(f"  {mark} x{n}: {row}")
            if len(rows) > 20:
                lines.append(f"  ... {len(rows) - 20} more {mark}")
        raise AssertionError("\n".join(lines))


# -- fixtures

def _finish(server, failed):
    if failed:
        if server.running():
            server.stop("fast")
        _kept.append(server.dir)
    else:
        server.remove()


def serve(request, **options):
    """The body of a fixture: a server, which stays when a test fails while it is there."""
    failed_before = request.session.testsfailed
    server = Server(**options)
    server.start()
    yield server
    _finish(server, request.session.testsfailed > failed_before)


@pytest.fixture(scope="session")
def server(request):
    yield from serve(request, preload=os.environ.get("ST_PRELOAD", ""), conf=os.environ.get("ST_SERVER_CONF", ""))


@pytest.fixture(autouse=True)
def quiet(request):
    """On the server that tests share nothing refreshes by itself: whoever wants
    that makes a server of his own, or ends the launcher."""
    yield
    if "server" in request.fixturenames and (server := request.getfixturevalue("server")).running():
        with server.connect() as conn:
            found = conn.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle launcher'").fetchone()
            assert not found, "a launcher runs on the server that tests share"


@pytest.fixture
def make_server(request):
    """make_server(preload="", conf={}) starts a server of its own."""
    servers = []

    def make(preload="", conf="", start=True):
        servers.append(Server(preload=preload, conf=conf))
        if start:
            servers[-1].start()
        return servers[-1]

    failed_before = request.session.testsfailed
    yield make
    for server in servers:
        _finish(server, request.session.testsfailed > failed_before)


@pytest.fixture
def db(server, request):
    """A failed test's database stays, and so does its server."""
    if not server.running():    # left down by a test that failed
        server.start()
    failed_before = request.session.testsfailed
    database = Database(server)
    yield database
    if request.session.testsfailed > failed_before:
        database.close()
    else:
        database.drop()


@pytest.fixture
def assert_fresh():
    return check_fresh


def pytest_terminal_summary(terminalreporter):
    as_postgres = "runuser -u postgres -- " if os.getuid() == 0 else ""
    for directory in _kept:
        terminalreporter.write_line(f"kept the stopped server of a failed test: {directory}")
        terminalreporter.write_line(f"  to open it: . {directory}/env && {as_postgres}$PGBIN/pg_ctl -w -D {directory}/data -l {directory}/log start"
                                    f" && $PGBIN/psql -h $PGHOST -p $PGPORT -U postgres -l")
