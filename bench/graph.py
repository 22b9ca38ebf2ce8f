"""Many stream tables in one database: as one hub, as one chain, as islands.

    ./dev bench graph                     10,000 of each; about an hour
    ./dev bench graph --tables 1000 hub   fewer, some of them
    ./dev bench graph --show bench/graph.json

It starts servers of its own, with the scheduler on, and removes them.

hub      all read one table, each a part of it
chain    each reads the one before, the first a table
islands  each reads a table of its own

create   ms for each of the first and the last hundred, while the scheduler runs: more would mean that creation depends on how many there are
settle   seconds until the scheduler has nothing to do any more, after the last was created
path     COMMIT returned to visible, of a row that concerns one stream table (of the chain: goes through all)
manual   refresh_stream_table() of one after such a change (of the chain: of the last)
read     a new scheduler's start to its first refresh of one path: it reads the whole graph, and looks at everything once
show     explain_dag(), diamond_groups() and freshness()
idle     CPU of the scheduler while nothing happens

At the end the stream tables concerned are compared with their queries; the exit status is 1 if one differs, never for a figure.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import time

import report
from freshness import CONF, Measured, cpu_seconds
from server import Server, say

SAMPLES = 9


def shape(kind, i):
    if kind == "hub":
        return f"SELECT id, n FROM t WHERE g = {i}"
    if kind == "chain":
        return f"SELECT id, g, n FROM {'t' if i == 0 else f's{i - 1}'} WHERE n > 0"
    return f"SELECT id, g, n FROM t{i} WHERE n > 0"


def create(m, kind, count):
    times = []
    for i in range(count):
        if kind == "islands":
            m.conn.execute(f"CREATE TABLE t{i} (id bigserial PRIMARY KEY, g int NOT NULL, n int NOT NULL)")
        start = time.perf_counter()
        last = kind != "chain" or i == count - 1
        m.create(f"s{i}", shape(kind, i), "1s" if last else "calculated")
        times.append((time.perf_counter() - start) * 1000)
    return times


def quiet(m, seconds=1.0):
    """The scheduler has used hardly any CPU for a while."""
    pid = m.value("SELECT pgtrickle.scheduler_pid()")
    while True:
        before = cpu_seconds(pid)
        busy = m.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker' AND state = 'active'")
        time.sleep(seconds)
        if not busy and cpu_seconds(pid) - before < 0.02 * seconds:
            return


def path(m, kind, count, samples, base=1_000_000):
    """A row that the last one shows: the source, the stream table, milliseconds."""
    source = f"t{count - 1}" if kind == "islands" else "t"
    target = f"s{count - 1}"
    times = []
    for i in range(samples):
        number = base + i
        m.conn.execute(f"INSERT INTO {source} (g, n) VALUES ({count - 1}, {number})")
        start = time.perf_counter()
        m.wait(f"SELECT EXISTS (SELECT 1 FROM {target} WHERE n = {number})", 600)
        times.append((time.perf_counter() - start) * 1000)
        time.sleep(0.05)
    return round(statistics.median(times), 2)


def shown(m):
    result = {}
    for name, query in (("explain_dag", "SELECT length(pgtrickle.explain_dag())"), ("diamond_groups", "SELECT count(*) FROM pgtrickle.diamond_groups()"),
                        ("freshness", "SELECT count(*) FROM pgtrickle.freshness()")):
        start = time.perf_counter()
        m.value(query)
        result[name] = round((time.perf_counter() - start) * 1000)
    return result


def measure(m, kind, count):
    m.source(100)
    times = create(m, kind, count)
    result = {"create_ms": round(statistics.mean(times)), "first_ms": round(statistics.median(times[:100]), 1),
              "last_ms": round(statistics.median(times[-100:]), 1)}
    start = time.perf_counter()
    m.wait("SELECT pgtrickle.scheduler_pid() IS NOT NULL")
    quiet(m)
    result["settle_s"] = round(time.perf_counter() - start, 1)
    result["path_ms"] = path(m, kind, count, 2 if kind == "chain" else SAMPLES)
    quiet(m)
    pid = m.value("SELECT pgtrickle.scheduler_pid()")
    before = cpu_seconds(pid)
    time.sleep(10)
    result["idle_percent"] = round((cpu_seconds(pid) - before) * 10, 3)
    m.conn.execute("SELECT pg_terminate_backend(%s)", (pid,))
    m.wait(f"SELECT coalesce(pgtrickle.scheduler_pid(), {pid}) <> {pid}")
    result["read_ms"] = path(m, kind, count, 1, 2_000_000)
    quiet(m)
    result["shown_ms"] = shown(m)
    m.conn.execute("SELECT pgtrickle.pause_all()")
    source = f"t{count - 1}" if kind == "islands" else "t"
    m.conn.execute(f"INSERT INTO {source} (g, n) VALUES ({count - 1}, 5)")
    start = time.perf_counter()
    m.conn.execute("SELECT pgtrickle.refresh_stream_table(%s)", (f"s{count - 1}",))
    result["manual_ms"] = round((time.perf_counter() - start) * 1000, 2)
    query = f"SELECT id, n FROM t WHERE g = {count - 1}" if kind == "hub" else f"SELECT id, g, n FROM {source} WHERE n > 0"
    result["exact"] = m.value(f"SELECT NOT EXISTS ((TABLE s{count - 1} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE s{count - 1}))")
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shapes", nargs="*", metavar="SHAPE")
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--show", type=pathlib.Path)
    args = parser.parse_args()
    unknown = [s for s in args.shapes if s not in ("hub", "chain", "islands")]
    if unknown:
        sys.exit(f"no shape is called {unknown[0]}; there are: hub, chain, islands")
    if args.show:
        print(report.graph_text(json.loads(args.show.read_text())))
        return 0
    results = {"cores": os.cpu_count(), "tables": args.tables, "shapes": {}}
    for kind in args.shapes or ("hub", "chain", "islands"):
        say(kind)
        os.environ["ST_SERVER_CONF"] = CONF + "fsync = off\nmax_locks_per_transaction = 1000\n"
        os.environ["ST_PRELOAD"] = "pg_trickle"
        with Server() as server:
            m = Measured(server)
            results["version"] = m.value("SELECT split_part(version(), ' on ', 1)")
            results["shapes"][kind] = measure(m, kind, args.tables)
            m.conn.close()
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    print(report.graph_text(results))
    return 0 if all(s["exact"] for s in results["shapes"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
