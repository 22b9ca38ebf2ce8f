"""DDL of all kinds at random, beside writers, refreshes by hand and the scheduler.

Four sessions alter, move, replace, drop and make sources and stream tables of
two schemas; others write to whatever tables there are. Afterwards no backend
has crashed, no deadlock had a part of ours in it, every stream table that is left
is exact, and nothing is left of the others (test/lib/orphans.sql).

PGT_DDL_SECONDS says how long (default 30), PGT_DDL_WRITERS how many write
(default 4), PGT_DDL_SEED which run. ./dev check-long takes two minutes, eight
writers and another run each time.
"""
import collections
import os
import random
import re
import threading

import psycopg

from conftest import TOP, check_fresh
from test_scheduler import LIBRARY, Scheduled

SECONDS = float(os.environ.get("PGT_DDL_SECONDS", "30"))
SEED = int(os.environ.get("PGT_DDL_SEED", "1"))
WRITERS = int(os.environ.get("PGT_DDL_WRITERS", "4"))
SESSIONS = 4
REFRESHERS = 2

# What a session must expect when others alter the same things: that it is not there, is there already, is
# used, has another shape, is locked. By class, and single errors.
EXPECTED = ("42", "2B", "23", "22", "0A", "40", "55", "57014", "25001", "54", "2F", "21", "3F")
# PostgreSQL's own words when the same row of a catalog is written by two at once, or an object goes in between.
RACES = re.compile(r"tuple concurrently (updated|deleted)|cache lookup failed for|could not open relation with OID"
                   r"|could not find (tuple|catalog)|pg_attribute catalog is missing|relation \d+ deleted while"
                   r"|no owned sequence|missing pg_")

BASE = """SELECT format('%%I.%%I', relnamespace::regnamespace, relname) FROM pg_class c WHERE relnamespace = ANY (ARRAY(SELECT oid FROM pg_namespace WHERE nspname IN ('s1', 's2')))
          AND relkind = ANY (%s) AND NOT EXISTS (SELECT FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = c.oid) ORDER BY c.oid"""
SETUP = """
CREATE SCHEMA IF NOT EXISTS s1;
CREATE SCHEMA IF NOT EXISTS s2;
GRANT ALL ON SCHEMA s1, s2 TO ddl_role;
"""


class Ddl:
    """One session's statements, chosen by what there is."""

    def __init__(self, rng, conn):
        self.rng, self.conn = rng, conn

    def some(self, query, parameters=()):
        rows = self.conn.execute(query, parameters).fetchall()
        return self.rng.choice(rows)[0] if rows else None

    def table(self, kinds="rp"):
        return self.some(BASE, (list(kinds),))

    def stream_table(self):
        return self.some("SELECT pgt_relid::regclass::text FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id")

    def column(self, table):
        return self.some("SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 1 AND NOT attisdropped", (table,))

    def name(self, kind):
        return f"{kind}{self.rng.randrange(5)}"

    def schema(self):
        return self.rng.choice(["s1", "s2"])

    def function(self):
        return self.some("SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace::regnamespace::text IN ('s1', 's2') ORDER BY oid")

    def type(self):
        return self.some("SELECT oid::regtype::text FROM pg_type WHERE typtype = 'e' AND typnamespace::regnamespace::text IN ('s1', 's2') ORDER BY oid")

    def query(self):
        """For a view or a stream table."""
        table = self.table("rpv") or self.stream_table()
        if self.rng.random() < 0.3:
            table = self.stream_table() or table
        column = table and self.column(table)
        if not column:
            return None
        other = self.table("r") or table
        return self.rng.choice([
            f"SELECT {column} AS x, count(*) AS n FROM {table} GROUP BY 1",
            f"SELECT {column} AS x FROM {table}",
            f"SELECT DISTINCT {column} AS x FROM {table}",
            f"SELECT q.{column} AS x, o.tableoid::regclass IS NULL AS n FROM {table} q JOIN {other} o ON o.id::text = q.{column}::text",
            f"SELECT q.{column} AS x, (SELECT count(*) FROM {other} o WHERE o.id::text = q.{column}::text) AS n FROM {table} q",
            f"SELECT {self.schema()}.f{self.rng.randrange(2)}({column}::text) AS x FROM {table}",
            f"SELECT x.id AS x FROM {other} x WHERE EXISTS (SELECT FROM {table} q WHERE q.{column}::text = x.id::text)"])

    # -- what it does

    def on_columns(self):
        table = self.table()
        column = table and self.column(table)
        if not column:
            return None
        type_ = self.rng.choice(["int", "bigint", "numeric", "text"])
        return self.rng.choice([
            f"ALTER TABLE {table} ADD COLUMN c{self.rng.randrange(5)} {type_}",
            f"ALTER TABLE {table} DROP COLUMN {column}",
            f"ALTER TABLE {table} DROP COLUMN {column} CASCADE",
            f"ALTER TABLE {table} ALTER {column} TYPE {type_} USING NULL",
            f"ALTER TABLE {table} RENAME {column} TO c{self.rng.randrange(5)}",
            f"ALTER TABLE {table} ALTER {column} SET DEFAULT NULL",
            f"ALTER TABLE {table} ALTER {column} DROP NOT NULL",
            f"ALTER TABLE {table} ALTER {column} SET STATISTICS 5"])

    def on_tables(self):
        table = self.table("r")
        if not table:
            return None
        return self.rng.choice([
            f"ALTER TABLE {table} RENAME TO {self.name('t')}",
            f"ALTER TABLE {table} SET SCHEMA {self.schema()}",
            f"TRUNCATE {table}", f"TRUNCATE {table} RESTART IDENTITY CASCADE",
            f"ALTER TABLE {table} SET UNLOGGED", f"ALTER TABLE {table} SET LOGGED",
            f"CLUSTER {table} USING {table.split('.')[1]}_pkey", f"VACUUM FULL {table}", f"ANALYZE {table}", f"REINDEX TABLE {table}",
            f"ALTER TABLE {table} DROP CONSTRAINT {table.split('.')[1]}_pkey", f"ALTER TABLE {table} ADD PRIMARY KEY (id)",
            f"CREATE INDEX ON {table} (id)", f"ALTER TABLE {table} REPLICA IDENTITY FULL",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL", f"ALTER TABLE {table} ENABLE TRIGGER ALL", f"ALTER TABLE {table} DISABLE TRIGGER USER",
            f"ALTER TABLE {table} OWNER TO ddl_role", f"ALTER TABLE {table} OWNER TO CURRENT_USER",
            f"GRANT SELECT ON {table} TO ddl_role", f"REVOKE ALL ON {table} FROM ddl_role",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            f"CREATE POLICY p ON {table} USING (id > 5)", f"DROP POLICY p ON {table}",
            f"DROP TABLE {table}", f"DROP TABLE {table} CASCADE"])

    def on_trees(self):
        root = self.table("p")
        table = self.table("r")
        if not root or not table:
            return None
        low = 100 * self.rng.randrange(5)
        return self.rng.choice([
            f"CREATE TABLE {self.schema()}.{self.name('t')} PARTITION OF {root} FOR VALUES FROM ({low}) TO ({low + 100})",
            f"ALTER TABLE {root} ATTACH PARTITION {table} FOR VALUES FROM ({low}) TO ({low + 100})",
            f"ALTER TABLE {root} DETACH PARTITION {table}", f"ALTER TABLE {root} DETACH PARTITION {table} CONCURRENTLY",
            f"ALTER TABLE {table} INHERIT {self.table('r')}", f"ALTER TABLE {table} NO INHERIT {self.table('r')}",
            f"TRUNCATE {root}", f"DROP TABLE {root} CASCADE"])

    def make(self):
        query = self.query()
        where = self.schema()
        function = f"{where}.f{self.rng.randrange(2)}(text) RETURNS text LANGUAGE sql"
        return self.rng.choice([
            f"CREATE TABLE {where}.{self.name('t')} (id int PRIMARY KEY, c0 int, c1 numeric, c2 text)",
            f"CREATE TABLE {where}.{self.name('p')} (id int, c0 int, c1 numeric) PARTITION BY RANGE (id)",
            f"CREATE OR REPLACE FUNCTION {function} IMMUTABLE AS 'SELECT $1 || ''{self.rng.randrange(9)}'''",
            f"CREATE OR REPLACE FUNCTION {function} {self.rng.choice(['STABLE', 'IMMUTABLE', 'IMMUTABLE STRICT'])} AS 'SELECT $1'",
            f"CREATE TYPE {where}.e0 AS ENUM ('a', 'b')",
            SETUP,
            query and f"CREATE VIEW {where}.{self.name('v')} AS {query}",
            query and f"CREATE OR REPLACE VIEW {where}.{self.name('v')} AS {query}",
            query and f"SELECT pgtrickle.create_stream_table('{where}.{self.name('s')}', $q${query}$q$, '1s')",
            query and f"SELECT pgtrickle.create_stream_table('{where}.{self.name('s')}', $q${query}$q$, '1s')"])

    def on_views(self):
        view = self.table("v")
        query = self.query()
        if not view or not query:
            return None
        return self.rng.choice([
            f"CREATE OR REPLACE VIEW {view} AS {query}", f"ALTER VIEW {view} RENAME TO {self.name('v')}",
            f"ALTER VIEW {view} SET SCHEMA {self.schema()}", f"ALTER VIEW {view} OWNER TO ddl_role", f"ALTER VIEW {view} OWNER TO CURRENT_USER",
            f"ALTER VIEW {view} SET (security_barrier)", f"ALTER VIEW {view} RESET (security_barrier)",
            f"DROP VIEW {view}", f"DROP VIEW {view} CASCADE"])

    def on_stream_tables(self):
        table = self.stream_table()
        column = table and self.column(table)
        if not column:
            return None
        query = self.query() or "SELECT 1"
        return self.rng.choice([
            f"SELECT pgtrickle.drop_stream_table('{table}')", f"SELECT pgtrickle.drop_stream_table('{table}', true)",
            f"DROP TABLE {table}", f"DROP TABLE {table} CASCADE",
            f"SELECT pgtrickle.alter_stream_table('{table}', query => $q${query}$q$)",
            f"SELECT pgtrickle.alter_stream_table('{table}', refresh_mode => '{self.rng.choice(['FULL', 'AUTO', 'DIFFERENTIAL'])}')",
            f"SELECT pgtrickle.alter_stream_table('{table}', status => 'ACTIVE')",
            f"SELECT pgtrickle.verify_stream_table('{table}')", f"SELECT pgtrickle.explain_stream_table('{table}')",
            f"SELECT pgtrickle.repair_stream_table('{table}')", f"SELECT pgtrickle.resume_stream_table('{table}')",
            f"ALTER TABLE {table} RENAME TO {self.name('s')}", f"ALTER TABLE {table} SET SCHEMA {self.schema()}",
            f"ALTER TABLE {table} ADD COLUMN z int", f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"CREATE INDEX ON {table} ({column})", f"ALTER TABLE {table} SET UNLOGGED", f"VACUUM FULL {table}", f"TRUNCATE {table}",
            f"COMMENT ON TABLE {table} IS 'x'", f"ALTER TABLE {table} ALTER {column} SET STATISTICS 5", f"ANALYZE {table}"])

    def on_the_rest(self):
        function, type_ = self.function() or "s1.f(text)", self.type() or "s1.e0"
        return self.rng.choice([
            f"ALTER FUNCTION {function} {self.rng.choice(['STABLE', 'IMMUTABLE', 'COST 5'])}",
            f"ALTER FUNCTION {function} RENAME TO f{self.rng.randrange(2)}", f"DROP FUNCTION {function}", f"DROP FUNCTION {function} CASCADE",
            f"ALTER TYPE {type_} ADD VALUE 'x{self.rng.randrange(99)}'", f"DROP TYPE {type_} CASCADE",
            "DROP OWNED BY ddl_role", "DROP OWNED BY ddl_role CASCADE", "REASSIGN OWNED BY ddl_role TO CURRENT_USER",
            "ALTER SCHEMA s2 RENAME TO s3", "ALTER SCHEMA s3 RENAME TO s2",
            "DROP SCHEMA s2 CASCADE" if self.rng.random() < 0.2 else SETUP])

    def statement(self):
        kind = self.rng.choices([self.on_columns, self.on_tables, self.on_trees, self.make, self.on_views, self.on_stream_tables, self.on_the_rest],
                                [5, 5, 2, 8, 3, 4, 2])[0]
        return kind()


class Run:
    def __init__(self, server, dbname):
        self.server, self.dbname = server, dbname
        self.over = threading.Event()
        self.problems = []
        self.done = collections.Counter()
        self.names = {}

    def connect(self):
        conn = self.server.connect(self.dbname)
        conn.execute("SET pg_trickle.block_source_ddl = off")
        conn.execute("SET client_min_messages = error")
        conn.execute("SET lock_timeout = '2s'")
        return conn

    def attempt(self, conn, statement, kind):
        try:
            conn.execute(statement)
            self.done[kind] += 1
        except psycopg.Error as error:
            code = error.sqlstate or ""
            message = str(error).split("\n")[0]
            self.done[f"{kind} refused"] += 1
            if conn.broken or not (code.startswith(EXPECTED) or (code == "XX000" and RACES.search(message))):
                self.problems.append(f"{code} {message} <- {statement}")
                self.over.set()

    def alter(self, number):
        rng = random.Random(f"{SEED} ddl {number}")
        with self.connect() as conn:
            ddl = Ddl(rng, conn)
            while not self.over.is_set():
                try:
                    statement = ddl.statement()
                except psycopg.Error:
                    continue
                if not statement:
                    continue
                if rng.random() < 0.2 and not re.match("VACUUM|SELECT pgtrickle|ALTER SCHEMA", statement) and "CONCURRENTLY" not in statement:
                    statement = f"BEGIN; {statement}; ROLLBACK"
                self.attempt(conn, statement, "ddl")
                if conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    conn.execute("ROLLBACK")

    def write(self, number):
        rng = random.Random(f"{SEED} write {number}")
        with self.connect() as conn:
            ddl = Ddl(rng, conn)
            while not self.over.is_set():
                try:
                    table = ddl.table()
                    column = table and ddl.column(table)
                except psycopg.Error:
                    continue
                if not table:
                    continue
                n = rng.randrange(400)
                self.attempt(conn, rng.choice([
                    f"INSERT INTO {table} (id) SELECT generate_series({n}, {n + 3}) ON CONFLICT DO NOTHING",
                    f"INSERT INTO {table} (id{f', {column}' if column else ''}) VALUES ({n}{f', {n % 7}' if column else ''})",
                    column and f"UPDATE {table} SET {column} = {n % 7} WHERE id % 9 = {n % 9}" or f"DELETE FROM {table} WHERE id = {n}",
                    f"DELETE FROM {table} WHERE id % 13 = {n % 13}"]), "write")

    def refresh(self, number):
        rng = random.Random(f"{SEED} refresh {number}")
        with self.connect() as conn:
            ddl = Ddl(rng, conn)
            while not self.over.is_set():
                try:
                    table = ddl.stream_table()
                except psycopg.Error:
                    continue
                if table:
                    self.attempt(conn, f"SELECT pgtrickle.refresh_stream_table('{table}')", "refresh")

    def watch(self, number):
        """What relations are called while they live: a deadlock is told with their OIDs."""
        with self.connect() as conn:
            while not self.over.wait(0.02):
                for oid, name in conn.execute("SELECT oid, relkind::text || ' ' || oid::regclass::text FROM pg_class WHERE oid >= 16384"):
                    self.names[str(oid)] = name

    def with_names(self, detail):
        return re.sub(r"relation (\d+)", lambda found: f"relation {self.names.get(found[1], found[1])}", detail)

    def thread(self, function, number):
        def run():
            try:
                function(number)
            except Exception as error:  # noqa: BLE001: told by the test
                self.problems.append(f"{function.__name__} {number}: {type(error).__name__}: {error}")
                self.over.set()
        thread = threading.Thread(target=run)
        thread.start()
        return thread


def deadlocks_of_ours(log):
    """Each deadlock that the server's log tells of in which a lock of ours has a part, a process of ours, or a call that
    waits for more than any query does.  The others are between the users: of plain DDL and writers, which take a table
    and its partition, a view and its table, or two tables of a cascade in the one order and in the other.  A call of
    ours may be in one of those only as any SELECT would, with a table that it reads and waiting to read another, or as
    one that stands in a queue between them: they wait for each other without it, or are told to just afterwards; or where
    what the two want cannot both be."""
    found = [Deadlock(match["detail"]) for match in
             re.finditer(r"ERROR:  deadlock detected\n.*?DETAIL:  (?P<detail>.*?)\n(?=\d{4}-)", log, re.DOTALL)]
    return [deadlock.detail for i, deadlock in enumerate(found)
            if deadlock.is_ours() and not any(later.waits < deadlock.waits for later in found[i + 1:i + 10])]


class Deadlock:
    def __init__(self, detail):
        self.detail = detail
        self.calls = dict(re.findall(r"Process (\d+): (.*)", detail))
        self.blocked = {process: (mode, on, blocker) for process, mode, on, blocker in
                        re.findall(r"Process (\d+) waits for (\w+) on (.*?); blocked by process (\d+)", detail)}
        self.waits = {(process, f"{mode} on {on}") for process, (mode, on, _) in self.blocked.items()}

    def needed(self):
        """The waits without which there is no circle.  Who waits for a lock that conflicts with every other waits for
        whoever holds the object, and not only for those in the queue before it."""
        queued = set()
        for process, (mode, on, blocker) in self.blocked.items():
            passed = set()
            while mode == "AccessExclusiveLock" and blocker != process and self.blocked[blocker][1] == on:
                passed.add(blocker)
                blocker = self.blocked[blocker][2]
            if blocker != process:
                queued |= passed
        return {wait for wait in self.waits if wait[0] not in queued}

    def closes_a_circle(self):
        """A view that is to read a stream table which is to read the view: whoever comes second is to be refused, and here both are."""
        view = re.search(r"CREATE OR REPLACE VIEW ([\w.]+) AS (.*)", self.detail)
        table = re.search(r"SELECT pgtrickle\.alter_stream_table\('([\w.]+)', query => (.*)", self.detail)
        return (view and table and len(self.calls) == 2
                and re.search(rf"\b{view[1]}\b", table[2]) and re.search(rf"\b{table[1]}\b", view[2]))

    def is_ours(self):
        if self.closes_a_circle():
            return False
        for process, wait in self.needed():
            call = self.calls.get(process, "")
            # objects of a class of ours, and databases: PostgreSQL locks schemas and the like itself
            if (re.search(r"advisory|of class (1262|\d{5,}) ", wait) or re.search("pg_trickle|installing capture", call)
                    or ("pgtrickle." in call and not wait.startswith("AccessShareLock"))):
                return True
        return False


def test_whose_deadlock():
    text = """Process 1 waits for AccessExclusiveLock on relation 30 of database 5; blocked by process 2.
	Process 2 waits for ShareRowExclusiveLock on relation {} of database 5; blocked by process 3.
	Process 3 waits for AccessShareLock on relation 40 of database 5; blocked by process 1.
	Process 1: ALTER TABLE parent RENAME a TO b
	Process 2: SELECT pgtrickle.alter_stream_table('s', refresh_mode => 'FULL')
	Process 3: INSERT INTO part VALUES (1)"""
    assert not Deadlock(text.format(30)).is_ours(), "a partition and its parent: we stand in the queue"
    assert Deadlock(text.format(50)).is_ours()
    upgrade = """Process 1 waits for AccessExclusiveLock on relation 30 of database 5; blocked by process 2.
	Process 2 waits for ShareRowExclusiveLock on relation 30 of database 5; blocked by process 1.
	Process 1: ALTER TABLE t ADD c int
	Process 2: SELECT pgtrickle.alter_stream_table('s', refresh_mode => 'FULL')"""
    assert Deadlock(upgrade).is_ours(), "each holds what the other waits for"
    circle = """Process 1 waits for AccessExclusiveLock on relation 30 of database 5; blocked by process 2.
\tProcess 2 waits for AccessExclusiveLock on relation 40 of database 5; blocked by process 1.
\tProcess 1: CREATE OR REPLACE VIEW a.v AS SELECT n FROM {}
\tProcess 2: SELECT pgtrickle.alter_stream_table('a.s', query => $q$SELECT n FROM a.v$q$)"""
    assert not Deadlock(circle.format("a.s")).is_ours()
    assert Deadlock(circle.format("a.s2")).is_ours(), "both can be had"


def test_ddl(make_server):
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on", "deadlock_timeout": "300ms",
                                                 "max_worker_processes": "16", "autovacuum": "off"})
    database = Scheduled(server)
    database.execute("CREATE SCHEMA test")
    database.execute((TOP / "test" / "lib" / "orphans.sql").read_text())
    database.execute("CREATE ROLE ddl_role")
    database.execute(SETUP)
    rng = random.Random(f"{SEED} begin")
    ddl = Ddl(rng, database.conn)
    for i in range(4):
        database.execute(f"CREATE TABLE s{i % 2 + 1}.t{i} (id int PRIMARY KEY, c0 int, c1 numeric, c2 text)")
    database.execute("CREATE FUNCTION s1.f0(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'")
    database.execute("CREATE TABLE s1.p0 (id int, c0 int, c1 numeric) PARTITION BY RANGE (id)")
    database.execute("CREATE TABLE s1.p00 PARTITION OF s1.p0 FOR VALUES FROM (0) TO (100)")
    database.execute("CREATE VIEW s1.v0 AS SELECT id, c0 FROM s1.t0")
    for i in range(5):
        try:
            database.execute("SELECT pgtrickle.create_stream_table(%s, %s, '1s')", (f"s1.s{i}", ddl.query()))
        except psycopg.Error:
            pass
    run = Run(server, database.name)
    threads = [run.thread(run.alter, i) for i in range(SESSIONS)]
    threads += [run.thread(run.write, i) for i in range(WRITERS)]
    threads += [run.thread(run.refresh, i) for i in range(REFRESHERS)]
    threads.append(run.thread(run.watch, 0))
    run.over.wait(SECONDS)
    run.over.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), f"seed {SEED}: a session hangs"
    print(f"seed {SEED}: {dict(run.done)}")
    log = server.log.read_text(errors="replace")
    assert not re.search("TRAP:|PANIC|was terminated by signal", log), f"seed {SEED}: {server.log_tail()}"
    assert not run.problems, f"seed {SEED}: {run.problems}"
    ours = deadlocks_of_ours(log)
    between_users = log.count("ERROR:  deadlock detected") - len(ours)
    print(f"{between_users} deadlocks between users")
    assert not ours, f"seed {SEED}: " + "\n".join(run.with_names(detail) for detail in ours)
    assert run.done["ddl"] > SECONDS and run.done["refresh"] > SECONDS and run.done["write"] > SECONDS, f"seed {SEED}: {run.done}"

    # exact, or refused for a reason that the query has
    assert database.value("SELECT pgtrickle.drain()")
    compared = 0
    for name, in database.rows("SELECT pgt_relid::regclass::text FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id"):
        database.execute("SELECT pgtrickle.alter_stream_table(%s, status => 'ACTIVE')", (name,))
        try:
            database.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        except psycopg.Error as error:
            assert error.sqlstate.startswith(("42", "0A", "22", "25")), f"seed {SEED}: {name}: {error}"
            continue
        check_fresh(database.conn, name)
        compared += 1
    print(f"{compared} stream tables compared")
    assert database.rows("SELECT test.orphans()") == [], f"seed {SEED}"
    for schema in "s1", "s2", "s3":
        database.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    assert database.rows("SELECT test.orphans()") == [], f"seed {SEED}, after all was dropped"
    assert not database.rows("SELECT pgt_name FROM pgtrickle.pgt_stream_tables")
    assert not database.rows("SELECT relname FROM pg_class WHERE relnamespace = 'pgtrickle_changes'::regnamespace AND relkind = 'r'")
    database.close()
