"""What the scheduler costs and how fresh stream tables are that refresh themselves.

    ./dev bench freshness                 all of it, about two minutes
    ./dev bench freshness row chain       some of it
    ./dev bench freshness databases       1,000 databases, which takes 15 GB of disk and 15 minutes: only if named
    ./dev bench freshness --show bench/freshness.json

It starts servers of its own, with the scheduler on, and removes them.

row      COMMIT returned to visible in a stream table, one row, nothing else going on
load     the same while four writers commit 200 times a second to the same source
chain    the same through five stream tables, each over the one before
bulk     60 stream tables in three levels of 20: a commit of 100 rows to visible in all
idle     1,000 stream tables that nothing happens to: CPU of the scheduler, catalog writes
writers  latency of pgbench, with 60 stream tables that follow it and without
databases  1,000 databases of one stream table each that nothing happens to: processes, CPU of the launcher;
         then COMMIT in one of them to visible, for which a scheduler is started

Everything is measured by clients. At the end every stream table is compared
with its query; the exit status is 1 if one differs, never for a figure.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import psycopg

import report
from server import Server, say

CONF = "\npg_trickle.enabled = on\nfsync = on\n"
SAMPLES = 300
GROUPS = "SELECT g, count(*), max(n) FROM t GROUP BY g"
DATABASES = int(os.environ.get("ST_BENCH_DATABASES", "1000"))


def percentiles(times):
    times = sorted(times)
    at = lambda share: round(times[min(int(len(times) * share), len(times) - 1)], 2)  # noqa: E731
    return {"p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": round(times[-1], 2), "samples": len(times)}


class Measured:
    def __init__(self, server, database="postgres"):
        self.server = server
        self.dsn = server.dsn.replace("dbname=postgres", f"dbname={database}")
        self.conn = self.session()
        self.conn.execute("CREATE EXTENSION IF NOT EXISTS pg_trickle")

    def session(self):
        conn = psycopg.connect(self.dsn, autocommit=True)
        conn.execute("SET client_min_messages = warning")
        conn.prepare_threshold = 1
        return conn

    def value(self, query):
        return self.conn.execute(query).fetchone()[0]

    def source(self, rows=1000):
        self.conn.execute("CREATE TABLE t (id bigserial PRIMARY KEY, g int NOT NULL, n int NOT NULL)")
        self.conn.execute("INSERT INTO t (g, n) SELECT x %% 100, x FROM generate_series(1, %s) AS x", (rows,))

    def create(self, name, query, schedule="1s"):
        self.conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s)", (name, query, schedule))

    def wait(self, condition, seconds=60):
        deadline = time.perf_counter() + seconds
        while not self.value(condition):
            if time.perf_counter() > deadline:
                raise AssertionError(f"waited {seconds} s for {condition}")

    def settle(self):
        self.wait("SELECT pgtrickle.scheduler_pid() IS NOT NULL OR NOT EXISTS (SELECT FROM pgtrickle.pgt_stream_tables)")
        for (name, query) in self.conn.execute("SELECT pgt_name, defining_query FROM pgtrickle.pgt_stream_tables").fetchall():
            self.wait(f"SELECT NOT EXISTS ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name}))")

    def sample(self, look, samples, pause=0.02):
        """Insert a row with a value of its own and poll until "look" finds it."""
        writer, reader = self.session(), self.session()
        times = []
        for i in range(samples + 20):
            number = 1_000_000 + i
            writer.execute("INSERT INTO t (g, n) VALUES (7, %s)", (number,))
            start = time.perf_counter()
            while not reader.execute(look, (number,)).fetchone():
                pass
            if i >= 20:
                times.append((time.perf_counter() - start) * 1000)
            time.sleep(pause)
        return percentiles(times)


def row(m):
    m.source()
    m.create("s", GROUPS)
    m.settle()
    return m.sample("SELECT 1 FROM s WHERE g = 7 AND max >= %s", SAMPLES)


def load(m):
    m.source()
    m.create("s", GROUPS)
    m.settle()
    over = threading.Event()

    def write(number):
        conn = m.session()
        due = time.perf_counter()
        while not over.is_set():
            conn.execute("UPDATE t SET n = n %% 1000 WHERE id = %s", (number * 100 + int(due * 50) % 100,))
            due += 0.02
            time.sleep(max(due - time.perf_counter(), 0))
        conn.close()

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    try:
        return m.sample("SELECT 1 FROM s WHERE g = 7 AND max >= %s", SAMPLES)
    finally:
        over.set()
        for writer in writers:
            writer.join()


def chain(m):
    m.source()
    m.create("s1", "SELECT id, g, n FROM t WHERE n > 10", "calculated")
    for i in range(2, 5):
        m.create(f"s{i}", f"SELECT id, g, n FROM s{i - 1} WHERE n > 10", "calculated")
    m.create("s5", "SELECT g, max(n) FROM s4 GROUP BY g")
    m.settle()
    return m.sample("SELECT 1 FROM s5 WHERE g = 7 AND max >= %s", SAMPLES)


def sixty(m, schedule="1s"):
    for i in range(20):
        m.create(f"a{i}", f"SELECT id, g, n FROM t WHERE g % 20 = {i}", "calculated")
        m.create(f"b{i}", f"SELECT g, count(*), sum(n) FROM a{i} GROUP BY g", "calculated")
        m.create(f"c{i}", f"SELECT sum(count) AS rows, sum(sum) AS total FROM b{i}", schedule)
    m.settle()


def bulk(m):
    m.source(10000)
    sixty(m)
    times = []
    for i in range(23):
        m.conn.execute("UPDATE t SET n = n + 1 WHERE id IN (SELECT id FROM t ORDER BY id OFFSET %s LIMIT 100)", (i * 100,))
        start = time.perf_counter()
        m.wait("SELECT (SELECT sum(n) FROM t) = (" + " + ".join(f"(SELECT total FROM c{k})" for k in range(20)) + ")")
        if i >= 3:
            times.append((time.perf_counter() - start) * 1000)
        time.sleep(0.3)
    return percentiles(times)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e9


def idle(m):
    m.source(100)
    for i in range(1000):
        m.create(f"s{i}", f"SELECT id, n FROM t WHERE g = {i % 100}")
    m.settle()
    # statistics of what workers did before are sent by then
    time.sleep(20)
    writes = ("SELECT pg_stat_force_next_flush(); SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)"
              " FROM pg_stat_all_tables WHERE schemaname = 'pgtrickle'")

    def written():
        with psycopg.connect(m.server.dsn, autocommit=True) as conn:
            cursor = conn.execute(writes)
            cursor.nextset()
            return int(cursor.fetchone()[0])

    def spent():
        """By process, of what was there all the time: a worker that ends costs nothing any more."""
        found = {}
        for (p,) in m.conn.execute("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'").fetchall():
            found[p] = cpu_seconds(p)
        return found

    before, before_cpu, start = written(), spent(), time.perf_counter()
    time.sleep(30)
    seconds = time.perf_counter() - start
    used = sum(now - before_cpu.get(p, 0) for p, now in spent().items())
    return {"cpu_percent": round(100 * used / seconds, 3), "seconds": round(seconds),
            "catalog_writes": written() - before}


def databases(m):
    m.conn.execute("CREATE DATABASE original")
    original = Measured(m.server, "original")
    original.source(100)
    original.create("s", GROUPS)
    original.settle()
    original.conn.close()
    for i in range(DATABASES):
        m.conn.execute(f"CREATE DATABASE d{i} TEMPLATE original STRATEGY file_copy")
    created = quiet = time.perf_counter()
    # each is looked at once, and its process is given back
    while time.perf_counter() - quiet < 20:
        time.sleep(1)
        left = m.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle scheduler'")
        if left > 0:
            quiet = time.perf_counter()
        if time.perf_counter() - created > 1800:
            raise AssertionError(f"{left} schedulers stay")
    launcher = m.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle launcher'")
    used, start = cpu_seconds(launcher), time.perf_counter()
    time.sleep(60)
    used, seconds = cpu_seconds(launcher) - used, time.perf_counter() - start
    processes = m.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'")
    times = []
    for i in range(0, DATABASES, max(DATABASES // 50, 1)):
        copy = Measured(m.server, f"d{i}")
        copy.conn.execute("INSERT INTO t (g, n) VALUES (7, 1000000)")
        start = time.perf_counter()
        copy.wait("SELECT EXISTS (SELECT FROM s WHERE g = 7 AND max = 1000000)")
        times.append((time.perf_counter() - start) * 1000)
        copy.settle()
        copy.conn.close()
    return {**percentiles(times), "databases": DATABASES, "processes": processes, "cpu_percent": round(100 * used / seconds, 3),
            "quiet_after_s": round(quiet - created)}


class Watch(threading.Thread):
    """Looks 50 times a second whether a client of pgbench waits for a lock that we hold."""

    def __init__(self, m):
        super().__init__()
        self.conn = m.session()
        self.over = threading.Event()
        self.looks = self.waiting = 0

    def run(self):
        while not self.over.wait(0.02):
            self.looks += 1
            self.waiting += self.conn.execute(
                "SELECT count(*) FROM pg_stat_activity AS a WHERE a.application_name = 'pgbench' AND a.wait_event_type = 'Lock' AND EXISTS"
                " (SELECT FROM pg_stat_activity AS b WHERE b.pid = ANY (pg_blocking_pids(a.pid)) AND b.backend_type LIKE 'pg_trickle%%')"
            ).fetchone()[0]


def pgbench(m, table, seconds, directory):
    """Milliseconds of each transaction: one row, eight clients, 400 a second in all, which leaves the CPU some rest."""
    script = directory / "script.sql"
    script.write_text(f"\\set id random(1, 10000)\nUPDATE {table} SET n = n + 1 WHERE id = :id;\n", encoding="ascii")
    for old in directory.glob("log.*"):
        old.unlink()
    subprocess.run([f"{os.environ['PGBIN']}/pgbench", "-n", "-M", "prepared", "-c", "8", "-j", "2", "-R", "400", "-T", str(seconds),
                    "-l", f"--log-prefix={directory}/log", "-f", str(script), m.server.dsn],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # the last field is how late the transaction began, which the third contains
    fields = (line.split() for log in directory.glob("log.*") for line in log.read_text(encoding="ascii").splitlines())
    return [(int(f[2]) - int(f[-1])) / 1000 for f in fields]


def writers(m):
    """pgbench on a table that nothing reads, on one that 60 stream tables read, and on that one while they rest, in turns."""
    m.source(10000)
    m.conn.execute("CREATE TABLE twin (LIKE t INCLUDING ALL)")
    m.conn.execute("INSERT INTO twin TABLE t")
    sixty(m)
    times = {"bare": [], "captured": [], "followed": []}
    watch = Watch(m)
    watch.start()
    with tempfile.TemporaryDirectory() as directory:
        pgbench(m, "t", 3, pathlib.Path(directory))
        for turn in range(15):
            mode = list(times)[turn % 3]
            m.conn.execute("SELECT pgtrickle.pause_all()" if mode == "captured" else "SELECT pgtrickle.resume_all()")
            time.sleep(0.5)
            times[mode] += pgbench(m, "twin" if mode == "bare" else "t", 5, pathlib.Path(directory))
    watch.over.set()
    watch.join()
    m.conn.execute("SELECT pgtrickle.resume_all()")
    result = {mode: percentiles(of) for mode, of in times.items()}
    result["followed"].update(looks=watch.looks, waited=watch.waiting)
    return result


CASES = {f.__name__: f for f in (row, load, chain, bulk, idle, writers, databases)}


def measure(names):
    results = {"cases": {}, "exact": True, "cores": os.cpu_count()}
    os.environ["ST_SERVER_CONF"] = CONF
    os.environ["ST_PRELOAD"] = "pg_trickle"
    for name in names:
        say(name)
        with Server() as server:
            m = Measured(server)
            results["server"] = m.value("SELECT 'PostgreSQL ' || current_setting('server_version')")
            results["cases"][name] = CASES[name](m)
            try:
                m.settle()
            except AssertionError as error:
                results["exact"] = False
                say(f"{name}: NOT EXACT: {error}")
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--show", type=pathlib.Path)
    args = parser.parse_args()
    unknown = [c for c in args.cases if c not in CASES]
    if unknown:
        sys.exit(f"no case is called {unknown[0]}; there are: {', '.join(CASES)}")
    if args.show:
        print(report.freshness_text(json.loads(args.show.read_text())))
        return 0
    results = measure(args.cases or [name for name in CASES if name != "databases"])
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    print(report.freshness_text(results))
    return 0 if results["exact"] else 1


if __name__ == "__main__":
    sys.exit(main())
