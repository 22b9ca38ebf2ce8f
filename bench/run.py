"""Benchmark: stream tables against REFRESH MATERIALIZED VIEW and against statements written by hand.

    ./dev bench                             everything, 100,000 and 1,000,000 rows
    ./dev bench scan Q1 growth capture      some of it
    ./dev bench scan --profile              and where the refresh spends its time
    ./dev bench --show bench/results.json   the table of an earlier run

It starts a server of its own and removes it.  bench/README.md says what is
measured; the figures go to a file as JSON, too.  The exit status is 1 if a
result was not exact, never for a figure.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import sys

import psycopg

import cases
import profiler
import report
from server import TOP, Server, Session, say, spread

OTHERS = ["growth", "chains", "capture", "profile"]
CASES = {c.name: c for c in cases.SYNTHETIC + cases.TPCH}
REFRESH = "SELECT pgtrickle.refresh_stream_table('st')"


class Bench(Session):
    def __init__(self, dsn, args):
        super().__init__(dsn)
        self.args = args
        self.synthetic = cases.Synthetic(self.conn, args.rows)
        self.lineitem = cases.Lineitem(self.conn, TOP)
        self.profiles = {}

    def refresh(self, profile):
        if profile is None:
            return self.timed(REFRESH)
        with profile:
            return self.timed(REFRESH)

    def profiler(self, name):
        """With --profile: of this backend, recording nothing yet."""
        if not self.args.profile:
            return None
        data = re.sub(r"\W+", "-", name)
        profile = profiler.Profiler(self.conn.info.backend_pid, str(TOP / "build" / f"perf-{data}.data"))
        profile.name = name
        return profile

    def end(self, profile):
        if profile:
            self.profiles[profile.name] = profile.finish()

    # -- a query

    def set_up(self, case, source, load=True, view=True):
        if load:
            source.load()
        self.run(f"DROP TABLE IF EXISTS delta; CREATE TEMP TABLE delta AS SELECT 1 AS w, * FROM {source.table} LIMIT 0")
        self.conn.execute("SELECT pgtrickle.create_stream_table('st', %s, refresh_mode => 'DIFFERENTIAL')", (case.query,))
        if view:
            self.run(f"CREATE MATERIALIZED VIEW mv AS {case.query}")
            if case.key:
                self.run(f"CREATE UNIQUE INDEX ON mv ({', '.join(case.key)})")
        if case.hand:
            self.run(f"{case.hand}; ANALYZE hand")

    def tear_down(self):
        self.run("SELECT pgtrickle.drop_stream_table('st')")
        self.run("DROP MATERIALIZED VIEW IF EXISTS mv; DROP TABLE IF EXISTS hand")

    def differing(self, one, other):
        """Rows that are in one query and not in the other, as text, both ways."""
        return self.run(f"""
            WITH a AS MATERIALIZED (SELECT t::text AS r FROM ({one}) t),
                 b AS MATERIALIZED (SELECT t::text AS r FROM ({other}) t)
            SELECT (SELECT count(*) FROM (TABLE a EXCEPT ALL TABLE b) x)
                 + (SELECT count(*) FROM (TABLE b EXCEPT ALL TABLE a) x)""").fetchone()[0]

    def case(self, case, source):
        """Every batch in rounds: change, then refresh all three, one right after the other."""
        self.set_up(case, source)
        profile = self.profiler(case.name)
        results = []
        try:
            for label, percent, what in source.batches():
                times = {"refresh": [], "view": [], "hand": []}
                for number in range(self.args.rounds + 1):
                    self.run("TRUNCATE delta")
                    changed = source.change(what)
                    self.run("ANALYZE delta")
                    ours = self.refresh(profile)
                    view = self.timed("REFRESH MATERIALIZED VIEW mv")
                    hand = self.timed(";".join(case.maintain)) if case.hand else None
                    if number > 0:      # the first round makes the plans
                        for name, ms in ("refresh", ours), ("view", view), ("hand", hand):
                            times[name].append(ms)
                results.append({"case": case.name, "batch": label, "percent": percent, "changed": changed,
                                "peer": case.peer and case.peer[percent > 0.1],
                                **{name: spread(ms) for name, ms in times.items() if ms[0]}})
        finally:
            self.end(profile)
        idle = spread([self.timed(REFRESH) for _ in range(100)])
        exact = self.differing("SELECT * FROM st", case.query) == 0
        if case.hand and self.differing(case.hand_query, case.query) != 0:
            raise RuntimeError(f"{case.name}: the statements written by hand are wrong")
        action = self.run("SELECT action FROM pgtrickle.pgt_refresh_history WHERE action <> 'NO_DATA'"
                          " ORDER BY refresh_id DESC LIMIT 1").fetchone()[0]
        self.tear_down()
        for result in results:
            result.update(idle=idle, exact=exact, action=action)
        return results

    # -- cost follows the change

    def follow(self, case, source, rows, profile=None):
        """Change rows, then refresh, and do the same by hand: what both took."""
        self.run("TRUNCATE delta")
        source.change(rows)
        self.run("ANALYZE delta")
        return self.refresh(profile), self.timed(";".join(case.maintain)) if case.hand else None

    def use(self, case, source):
        """Tables of both sizes as in use: the same share of the rows of each page has changed, and this backend has been there."""
        for _ in range(3):
            self.follow(case, source, source.rows // 100)
        for _ in range(3):
            self.follow(case, source, 1000)

    # -- stream tables over stream tables

    def connected(self, tables, last, changed, label, most):
        """100 rows changed under stream tables that read each other; the last ones are refreshed, or all."""
        say(f"chains, {label}")
        self.synthetic.load()
        self.run("DROP TABLE IF EXISTS delta; CREATE TEMP TABLE delta AS SELECT 1 AS w, * FROM src LIMIT 0")
        for name, query, upstream in tables:
            self.conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => 'DIFFERENTIAL')", (name, query.format(upstream)))
            self.run(f"CREATE MATERIALIZED VIEW {name}_view AS " + query.format(upstream if upstream == "src" else upstream + "_view"))
        times = {"together": [], "each": [], "view": []}
        for _ in range(self.args.rounds + 1):
            for how, names in ("together", last), ("each", [name for name, *_ in tables]):
                self.synthetic.change(changed)
                times[how].append(self.all_timed(f"SELECT pgtrickle.refresh_stream_table('{name}')" for name in names))
            times["view"].append(self.all_timed(f"REFRESH MATERIALIZED VIEW {name}_view" for name, *_ in tables))
        exact = sum(self.differing(f"SELECT * FROM {name}", query.format(upstream)) for name, query, upstream in tables) == 0
        for name, *_ in reversed(tables):
            self.run(f"SELECT pgtrickle.drop_stream_table('{name}')")
            self.run(f"DROP MATERIALIZED VIEW {name}_view")
        return {"chain": label, "tables": len(tables), "changed": changed, "most_ms": most, "exact": exact,
                **{how: spread(pairs[1:]) for how, pairs in times.items()}}

    def all_timed(self, statements):
        elapsed, cpu = zip(*map(self.timed, statements))
        return sum(elapsed), sum(cpu)

    def chains(self):
        ten, sixty = cases.chain(10), cases.levels(20)
        return [self.connected(ten, [ten[-1][0]], 100, "chain of 10", 30),
                self.connected(sixty, [name for name, *_ in sixty[-20:]], 100, "60 in 3 levels", 150)]

    # -- one changed row

    def one_row(self):
        """Where a refresh of one changed row spends its time: µs, then the share of each phase with perf."""
        say("profile, one changed row")
        self.synthetic.load()
        case = next(c for c in cases.SYNTHETIC if c.name == "aggregate-5")
        self.conn.execute("SELECT pgtrickle.create_stream_table('st', %s, refresh_mode => 'DIFFERENTIAL')", (case.query,))
        with psycopg.connect(self.conn.info.dsn, autocommit=True) as writer:

            def rounds(count):
                for i in range(1, count + 1):
                    writer.execute("UPDATE src SET amount = amount + 1 WHERE id = %s", (i,))
                    yield self.timed(REFRESH)

            list(rounds(100))
            cpu = [ms for _, ms in rounds(2000)]
            profile = profiler.Profiler(self.conn.info.backend_pid, str(TOP / "build" / "perf-one-row.data"))
            with profile:
                list(rounds(4000))
            profile.stop()
        exact = self.differing("SELECT * FROM st", case.query) == 0
        self.run("SELECT pgtrickle.drop_stream_table('st')")
        return {"us": round(1000 * statistics.median(cpu), 1), "phases": profiler.phases(profile.data), "exact": exact}

    # -- capture

    def bulk(self, rows, verbs=("INSERT", "UPDATE", "DELETE")):
        """The same statement on a captured table and on a bare one, in turns."""
        listed = "cust, region, category, amount, score"
        statements = {
            "INSERT": f"INSERT INTO {{}} ({listed}) SELECT {listed} FROM fresh",
            "UPDATE": f"UPDATE {{}} SET amount = amount + 1 WHERE id <= {rows // 2}",
            "DELETE": f"DELETE FROM {{}} WHERE id <= {rows // 2}"}
        source = cases.Synthetic(self.conn, rows)
        times = {}
        profile = self.profiler(f"capture of INSERT, {rows:,} rows")
        try:
            for number in range(self.args.rounds):
                for name in "bare", "src":
                    source.load(name)
                self.run("DROP TABLE IF EXISTS fresh;"
                         "CREATE TABLE fresh (cust int, region text, category text, amount int, score int)")
                self.run(f"INSERT INTO fresh SELECT {source.columns()} FROM generate_series(1, {rows})")
                self.run("SELECT pgtrickle.create_stream_table('st', 'SELECT * FROM src', refresh_mode => 'DIFFERENTIAL')")
                self.run("CHECKPOINT")
                for verb in verbs:
                    for name in ("bare", "src") if number % 2 else ("src", "bare"):
                        sql = statements[verb].format(name)
                        if profile and name == "src" and verb == "INSERT":
                            with profile:
                                ms = self.timed(sql)
                        else:
                            ms = self.timed(sql)
                        times.setdefault((verb, name), []).append(ms)
                self.run("SELECT pgtrickle.drop_stream_table('st')")
        finally:
            self.end(profile)
        return [{"statement": verb, "rows": rows if verb == "INSERT" else rows // 2,
                 "bare": spread(times[verb, "bare"]), "captured": spread(times[verb, "src"])} for verb in verbs]

    def single(self):
        """Statements of one row, each its own transaction, on a captured table and a bare one in turns."""
        source = cases.Synthetic(self.conn, 100000)
        for name in "bare", "src":
            source.load(name)
        self.run("SELECT pgtrickle.create_stream_table('st', 'SELECT id, cust, amount FROM src',"
                 " refresh_mode => 'DIFFERENTIAL')")
        values = "(cust, region, category, amount, score) VALUES (1, 'north', 'a', 1, 1)"
        statements = {
            "INSERT": lambda i: (f"INSERT INTO {{}} {values}", None),
            "UPDATE": lambda i: ("UPDATE {} SET amount = amount + 1 WHERE id = %s", (i,)),
            "UPDATE of another column": lambda i: ("UPDATE {} SET score = score + 1 WHERE id = %s", (i,)),
            "DELETE": lambda i: ("DELETE FROM {} WHERE id = %s", (i,))}
        results = []
        for verb, make in statements.items():
            times = {"bare": [], "src": []}
            before = self.log_bytes()
            for i in range(1, 3001):
                sql, parameters = make(i)
                for name in ("bare", "src") if i % 2 else ("src", "bare"):
                    times[name].append(self.timed(sql.format(name), parameters, True))
            results.append({"statement": verb, "bare": spread(times["bare"][500:]), "captured": spread(times["src"][500:]),
                            "log_bytes": self.log_bytes() - before})
        self.run("SELECT pgtrickle.drop_stream_table('st')")
        return results

    def log_bytes(self):
        return self.run("SELECT sum(buffer_bytes)::bigint FROM pgtrickle.change_buffer_sizes()").fetchone()[0]

    def capture(self):
        say("capture, bulk statements")
        bulk = self.bulk(self.args.rows)
        say("capture, bulk statements, ten times the rows")
        rounds, self.args.rounds = self.args.rounds, min(self.args.rounds, 3)
        bulk += self.bulk(10 * self.args.rows)
        self.args.rounds = rounds
        say("capture, statements of one row")
        return {"bulk": bulk, "single": self.single()}


def growth(server, args, profiles):
    """1,000 changed rows at two sizes of the source, with groups of the same size: a database each, in turns."""
    benches = []
    for rows in args.rows, 10 * args.rows:
        with psycopg.connect(server.dsn, autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE growth_{rows}")
        bench = Bench(psycopg.conninfo.make_conninfo(server.dsn, dbname=f"growth_{rows}"), args)
        bench.source = cases.Synthetic(bench.conn, rows)
        bench.source.load()
        benches.append(bench)
    results = []
    for case in cases.SYNTHETIC:
        say(f"growth, {case.name}")
        result = {"case": case.name, "changed": 1000, "exact": True}
        times = [{"refresh": [], "hand": []} for _ in benches]
        recorded = []
        for bench in benches:
            bench.set_up(case, bench.source, load=False, view=False)
            bench.use(case, bench.source)
            recorded.append(bench.profiler(f"{case.name}, 1,000 of {bench.source.rows:,} rows changed"))
        for _ in range(2 * args.rounds):
            for bench, profile, pairs in zip(benches, recorded, times):
                for name, pair in zip(pairs, bench.follow(case, bench.source, 1000, profile)):
                    pairs[name] += [pair] if pair else []
        for bench, profile, pairs in zip(benches, recorded, times):
            bench.end(profile)
            result[str(bench.source.rows)] = {name: spread(pair) for name, pair in pairs.items() if pair}
            result["exact"] &= bench.differing("SELECT * FROM st", case.query) == 0
            bench.tear_down()
        results.append(result)
    for bench in benches:
        profiles.update(bench.profiles)
        bench.conn.close()
    return results


def measure(args):
    results = {"refresh": [], "growth": [], "chains": [], "capture": {}, "profile": {}}
    with Server() as server:
        bench = Bench(server.dsn, args)
        results["server_version"] = bench.run("SHOW server_version").fetchone()[0]
        results["cores"] = os.cpu_count()
        results["rows"] = args.rows
        results["rounds"] = args.rounds
        for name in args.case or [*CASES, *OTHERS]:
            say(name)
            if name == "growth":
                results["growth"] = growth(server, args, bench.profiles)
            elif name == "chains":
                results["chains"] = bench.chains()
            elif name == "profile":
                results["profile"] = bench.one_row()
            elif name == "capture":
                results["capture"] = bench.capture()
            else:
                case = CASES[name]
                source = bench.lineitem if case in cases.TPCH else bench.synthetic
                results["refresh"] += bench.case(case, source)
        profiles = bench.profiles
        bench.conn.close()
    return results, profiles


def merged(path, results):
    """With what an earlier run of the same kind has measured and this one has not."""
    kind = ("server_version", "cores", "rows")
    old = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
    if any(old.get(k) != results[k] for k in kind):
        return results
    measured = {r["case"] for r in results["refresh"]}
    results["refresh"] += [r for r in old["refresh"] if r["case"] not in measured]
    results["refresh"].sort(key=lambda r: list(CASES).index(r["case"]))
    return {**results, **{part: results[part] or old.get(part, results[part]) for part in OTHERS}}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", usage="./dev bench [CASE...] [options]",
                                     description="Cases: " + ", ".join([*CASES, *OTHERS]) + "; without one: all.")
    parser.add_argument("case", nargs="*", default="all", choices=["all", *CASES, *OTHERS], metavar="CASE")
    parser.add_argument("--rows", type=int, default=100000, help="of the smaller size (default 100000)")
    parser.add_argument("--rounds", type=int, default=7, help="default 7")
    parser.add_argument("--json", metavar="FILE", default=str(TOP / "build" / "bench.json"),
                        help="where the figures go, in place of those of the same cases (default build/bench.json)")
    parser.add_argument("--profile", action="store_true", help="print where each refresh spends its time")
    parser.add_argument("--show", metavar="FILE", help="measure nothing, print the table of that file")
    args = parser.parse_args()
    if args.show:
        print(report.text(json.loads(pathlib.Path(args.show).read_text(encoding="utf8"))))
        return 0
    if "all" in args.case:
        args.case = []
    results, profiles = measure(args)
    results = merged(pathlib.Path(args.json), results)
    pathlib.Path(args.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf8")
    print(report.text(results))
    for name, text in profiles.items():
        print(f"--- profile: {name}\n{text}\n")
    exact = all(r["exact"] for r in results["refresh"] + results["growth"] + results["chains"])
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
