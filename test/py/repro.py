"""Shrinks a failure of test_random.py and its kin to the statements that matter.

    ./dev repro SEED [--kind outer] [--output FILE]

runs the query of that seed (of test_random_outer.py), recording what each session executes, takes
statements away for as long as the failure stays the same, and writes what is
left as a script for psql: build/repro-SEED.sql.  If it takes several sessions
the script is an isolation spec, build/repro-SEED.spec.
"""
import argparse
import collections
import contextlib
import importlib
import itertools
import os
import pathlib
import re
import sys

import psycopg
import psycopg.sql

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import conftest  # noqa: E402

# What makes queries of one kind: the module with its Queries.
KINDS = {"random": "test_random", "outer": "test_random_outer", "setops": "test_random_setops",
         "subqueries": "test_random_subqueries", "windows": "test_random_windows", "recursive": "test_random_recursive",
         "slices": "test_random_slices", "composed": "test_random_composed"}

# What one session does.  A text of None refreshes the stream table `name` and
# compares it with its query; session 0 is the one that creates it.
Step = collections.namedtuple("Step", "session text name", defaults=(None,))


@contextlib.contextmanager
def recording(steps):
    """Note what is executed on every connection, in order, with BEGIN and COMMIT as sent."""
    numbers = {}
    connection, cursor = psycopg.Connection, psycopg.Cursor
    original = {"execute": cursor.execute, "commit": connection.commit,
                "rollback": connection.rollback, "check": conftest.check_fresh}
    silent = []

    def note(conn, text):
        if not silent:
            steps.append(Step(numbers.setdefault(id(conn), len(numbers)), text))

    def execute(self, query, params=None, **options):
        conn = self.connection
        if not conn.autocommit and conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            note(conn, "BEGIN")
        text = query.as_string(conn) if hasattr(query, "as_string") else query
        note(conn, psycopg.ClientCursor(conn).mogrify(text, params) if params else text)
        return original["execute"](self, query, params, **options)

    def ending(name):
        def end(self):
            if self.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                note(self, name.upper())
            return original[name](self)
        return end

    def check(conn, name, *arguments, **options):
        if not silent:
            steps.append(Step(numbers.setdefault(id(conn), len(numbers)), None, name))
        silent.append(True)
        try:
            return original["check"](conn, name, *arguments, **options)
        finally:
            silent.pop()

    cursor.execute, conftest.check_fresh = execute, check
    connection.commit, connection.rollback = ending("commit"), ending("rollback")
    try:
        yield
    finally:
        cursor.execute, conftest.check_fresh = original["execute"], original["check"]
        connection.commit, connection.rollback = original["commit"], original["rollback"]


CALL = re.compile(r"\s*SELECT pgtrickle\.(create|refresh)_stream_table\b", re.IGNORECASE)
RUN = """SELECT refresh_id, refresh_reason FROM pgtrickle.pgt_refresh_history
          WHERE action <> 'NO_DATA' ORDER BY refresh_id DESC LIMIT 1"""


def forget(server, name):
    """Drop a database with what is prepared in it."""
    with server.connect(name) as conn:
        for gid, in conn.execute("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()").fetchall():
            conn.execute(psycopg.sql.SQL("ROLLBACK PREPARED {}").format(gid))
    with server.connect() as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Replayer:
    """Runs steps in databases of its own and tells how they fail."""

    def __init__(self, server):
        self.server = server
        self.names = (f"repro{i}" for i in itertools.count())
        self.tries = 0
        with server.connect() as conn:
            conn.execute("DROP DATABASE IF EXISTS repro_template")
            conn.execute("CREATE DATABASE repro_template")
        with server.connect("repro_template") as conn:
            conn.execute("CREATE EXTENSION pg_trickle")

    def failure(self, steps):
        """The first thing that must not happen, or None."""
        self.tries += 1
        name = next(self.names)
        with self.server.connect() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE repro_template")
        sessions = {}
        try:
            for step in steps:
                if step.session not in sessions:
                    sessions[step.session] = self.server.connect(name)
                    # a writer that waits for another one is no failure
                    sessions[step.session].execute("SET lock_timeout = '200ms'")
                found = self.take(sessions[step.session], step)
                if found:
                    return found
            return None
        finally:
            for conn in sessions.values():
                conn.close()
            forget(self.server, name)

    def take(self, conn, step):
        if step.text is not None:
            return self.run(conn, step.text)
        # The sources may have changed since the last refresh that is left.
        found = self.run(conn, refresh(step.name))
        try:
            if found is None:
                conftest.check_fresh(conn, step.name)
        except AssertionError as e:
            # without the rows: they change while it shrinks
            return None if "is not a stream table" in str(e) else re.sub(r":.*", "", str(e).split("\n")[0])
        except psycopg.errors.DataError:
            pass                # the query itself fails
        return found

    @staticmethod
    def run(conn, text):
        call = CALL.match(text)
        try:
            before = conn.execute(RUN).fetchone() if call else None
            conn.execute(text)
            after = conn.execute(RUN).fetchone() if call else None
        except psycopg.Error as e:
            if conn.closed:
                return "the server process died"
            # what statements of the user raise is no failure, nor what a query may raise
            harmless = not call or isinstance(e, (
                psycopg.errors.DataError, psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedTable,
                psycopg.errors.LockNotAvailable, psycopg.errors.InFailedSqlTransaction))
            return None if harmless else f"{call[1]} fails with {e.sqlstate}"
        if call and call[1] == "refresh" and after != before and after[1] is not None:
            return f"recomputed, {after[1]}"
        return None


def refresh(name):
    return f"SELECT pgtrickle.refresh_stream_table('{name}')"


def rows_apart(step):
    """An INSERT of several rows as one statement a row."""
    if step.text is None:
        return [step]
    start = re.match(r"\s*INSERT INTO [^(]*? VALUES ", step.text)
    if not start:
        return [step]
    rows, depth, quoted, begin = [], 0, False, start.end()
    for i in range(start.end(), len(step.text)):
        c = step.text[i]
        if c == "'":
            quoted = not quoted
        elif not quoted and c in "([":
            depth += 1
        elif not quoted and c in ")]":
            depth -= 1
        elif not quoted and depth == 0 and c == ",":
            rows.append(step.text[begin:i])
            begin = i + 1
        elif not quoted and depth == 0 and not c.isspace():
            return [step]       # more follows than rows
    rows.append(step.text[begin:])
    return [step._replace(text=step.text[:start.end()] + row.strip()) for row in rows]


def shrink(replayer, steps):
    """As few steps as still fail in the same way; and that way."""
    wanted = replayer.failure(steps)
    if wanted is None:
        return steps, None

    def same(candidate):
        return replayer.failure(candidate) == wanted

    apart = [one for step in steps for one in rows_apart(step)]
    if same(apart):
        steps = apart
    size = len(steps) // 2
    while size >= 1:
        removed = False
        i = len(steps) - size
        while i > -size:
            candidate = steps[:max(i, 0)] + steps[i + size:]
            if same(candidate):
                steps, removed = candidate, True
            i -= size
        if size == 1 and not removed:
            break
        size = max(size // 2, 1)
    # Rarely does it take more than one session.
    alone = [step._replace(session=0) for step in steps]
    if same(alone):
        steps = alone
    return steps, wanted


def comparison(name):
    """Refresh; then what is in the query and not in the table, and the other way round, as text."""
    return (statement(refresh(name)) +
            "SELECT action, refresh_reason FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 1;\n"
            f"SELECT defining_query AS query FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = '{name}'::regclass \\gset\n"
            "SELECT 'missing' AS side, r FROM (SELECT q::text AS r FROM (:query) AS q\n"
            f"       EXCEPT ALL SELECT s::text FROM {name} AS s) AS m\n"
            "UNION ALL\n"
            f"SELECT 'unexpected', r FROM (SELECT s::text AS r FROM {name} AS s\n"
            "       EXCEPT ALL SELECT q::text FROM (:query) AS q) AS u;\n")


def statement(text):
    return text.strip().rstrip(";") + ";\n"


def script(steps, wanted, seed, kind="random"):
    """(suffix, text) of a file that shows the failure."""
    head = f"Seed {seed} of test/py/{KINDS[kind]}.py: {wanted}"
    sessions = sorted({step.session for step in steps})
    if len(sessions) == 1:
        body = "".join(comparison(step.name) if step.text is None else statement(step.text) for step in steps)
        return ".sql", (f"-- {head}.\n-- psql -f this file in a new database: the last refresh must be DIFFERENTIAL, the last\n-- statement return no row.\n"
                        f"CREATE EXTENSION IF NOT EXISTS pg_trickle;\nSET extra_float_digits = 3;\n{body}")
    lines = [f"# {head}.\n"]
    names = []
    for session in sessions:
        lines.append(f"\nsession s{session}\n")
        for number, step in enumerate(steps):
            if step.session == session:
                text = (statement(refresh(step.name)) +
                        f"SELECT exact, missing, unexpected FROM pgtrickle.verify_stream_table('{step.name}');\n"
                        if step.text is None else statement(step.text))
                lines.append(f"step p{number:03}\n{{\n\t{text}}}\n")
    names = [f"p{number:03}" for number in range(len(steps))]
    return ".spec", "".join(lines) + "\npermutation " + " ".join(names) + "\n"


def record(server, seed, kind="random"):
    """What query number `seed` executes."""
    import test_random
    steps = []
    db = conftest.Database(server)
    try:
        with recording(steps):
            test_random.one_query(db, seed, [], importlib.import_module(KINDS[kind]))
        return steps, None
    except (AssertionError, psycopg.Error) as e:
        return steps, f"{type(e).__name__}: {e}"
    finally:
        db.close()
        forget(server, db.name)


def reproduce(server, seed, kind="random", output=None):
    """(exit status, what became of it): the script is written if the failure is found again."""
    steps, error = record(server, seed, kind)
    if error is None:
        return 0, f"seed {seed} does not fail"
    replayer = Replayer(server)
    short, wanted = shrink(replayer, steps)
    if wanted is None:
        return 1, f"seed {seed} failed, but its {len(steps)} statements do not fail again:\n{error}"
    suffix, text = script(short, wanted, seed, kind)
    output = output or str(conftest.TOP / "build" / f"repro-{'' if kind == 'random' else kind + '-'}{seed}")
    pathlib.Path(output + suffix).write_text(text, encoding="utf8")
    return 0, f"{wanted}\n{len(steps)} statements, {len(short)} after {replayer.tries} tries: {output}{suffix}"


def main():
    parser = argparse.ArgumentParser(prog="./dev repro")
    parser.add_argument("seed", type=int)
    parser.add_argument("--kind", default="random", choices=KINDS, help="default random")
    parser.add_argument("--output", help="without suffix; default build/repro-SEED")
    args = parser.parse_args()
    server = conftest.Server(preload=os.environ.get("ST_PRELOAD", ""), conf=os.environ.get("ST_SERVER_CONF", ""))
    try:
        server.start()
        failed, text = reproduce(server, args.seed, args.kind, args.output)
        print(text)
        return failed
    finally:
        server.remove()


if __name__ == "__main__":
    sys.exit(main())
