"""TPC-H: refresh of stream tables against REFRESH MATERIALIZED VIEW.

    ./dev bench tpch                      all queries, scale 0.1
    ./dev bench tpch q3 q5 --rounds 5
    ./dev bench tpch --scale 1 --percent 0.1
    ./dev bench tpch --show bench/tpch.json
    ./dev bench tpch --plans bench/tpch-plans.json     statements and plans, against that file

It starts a server of its own and removes it.  Every query has a stream table
and a materialized view over the same tables with the same indexes.  After each
batch of changes (bench/tpch_data.py) both are refreshed, one right after the
other, and the stream table is compared with its query as text.  The first round
of each batch makes the plans and is not counted.  The exit status is 1 if a
result was not exact, never for a figure.
"""
import argparse
import json
import os
import pathlib
import sys

import plans
import report
from server import TOP, Server, Session, say, spread
from tpch_data import BATCHES, Tpch, differing, directory
from tpch_queries import QUERIES


class Bench(Session):
    """Stream tables and materialized views of the same queries, under batches of changes that a subclass makes."""

    def __init__(self, dsn, args, queries):
        super().__init__(dsn)
        self.args = args
        self.queries = queries

    def change(self, kind):
        """Make a batch of changes; returns the number of rows."""
        raise NotImplementedError

    def create(self, names):
        self.modes = {}
        for name in names:
            self.run(f"CREATE MATERIALIZED VIEW {name}_view AS {self.queries[name]}")
            self.conn.execute("SELECT pgtrickle.create_stream_table(%s, %s)", (name, self.queries[name]))
            self.modes[name] = self.run("SELECT refresh_mode FROM pgtrickle.pgt_stream_tables"
                                        f" WHERE pgt_name = '{name}'").fetchone()[0]

    def last_run(self, name):
        """What the last refresh did, and why if it is a recompute; one without changes has no history."""
        return self.run(f"""
            SELECT CASE WHEN effective_refresh_mode = 'NO_DATA' THEN 'NO_DATA' ELSE action END,
                   CASE WHEN effective_refresh_mode <> 'NO_DATA' THEN refresh_reason END
              FROM pgtrickle.pgt_stream_tables JOIN pgtrickle.pgt_refresh_history USING (pgt_id)
             WHERE pgt_name = '{name}' ORDER BY refresh_id DESC LIMIT 1""").fetchone()

    def batch(self, kind, names):
        """All queries under one kind of batch."""
        times = {name: {"refresh": [], "view": []} for name in names}
        results = {name: {"query": name, "batch": kind, "mode": self.modes[name], "exact": True} for name in names}
        for number in range(self.args.rounds + 1):
            say(f"{kind}, round {number}")
            changed = self.change(kind)
            for name in names:
                ours = self.timed(f"SELECT pgtrickle.refresh_stream_table('{name}')")
                view = self.timed(f"REFRESH MATERIALIZED VIEW {name}_view")
                if number > 0:
                    times[name]["refresh"].append(ours)
                    times[name]["view"].append(view)
                result = results[name]
                result["changed"] = changed
                result["exact"] &= differing(self.conn, name, self.queries[name]) == 0
                result["action"], result["reason"] = self.last_run(name)
        for name in names:
            results[name].update({who: spread(pairs) for who, pairs in times[name].items()})
        return list(results.values())


class TpchBench(Bench):
    def __init__(self, dsn, args):
        super().__init__(dsn, args, QUERIES)
        self.tpch = Tpch(self.conn, args.percent)
        self.number = 0

    def change(self, kind):
        self.number += 1
        return sum(self.tpch.batch(kind, self.number).values())


def measure(args, names):
    with Server() as server:
        bench = TpchBench(server.dsn, args)
        say(f"loading TPC-H, scale {args.scale}")
        bench.tpch.load(directory(TOP, args.scale))
        say(f"creating {len(names)} stream tables and materialized views")
        bench.create(names)
        results = {"server_version": bench.run("SHOW server_version").fetchone()[0], "cores": os.cpu_count(),
                   "scale": args.scale, "percent": args.percent, "rounds": args.rounds, "runs": []}
        for kind in args.batches:
            results["runs"] += bench.batch(kind, names)
        if args.plans:
            results["plans"] = plans.record(bench, "MIX", names, say)
        bench.conn.close()
    return results


def compare_plans(path, results, keep):
    """Print what moved since the artifact was written; write it anew if asked to, or if there is none."""
    artifact = {key: results[key] for key in ("server_version", "cores", "scale", "percent")}
    artifact["queries"] = results.pop("plans")
    if path.exists():
        lines = list(plans.differences(json.loads(path.read_text(encoding="utf8")), artifact))
        print("\n".join([f"{path.name}: {len(lines)} things moved", *lines]))
    if keep or not path.exists():
        path.write_text(json.dumps(artifact, indent=1) + "\n", encoding="utf8")


def merged(path, results):
    """With what an earlier run of the same kind has measured and this one has not."""
    kind = ("server_version", "cores", "scale", "percent")
    old = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
    if all(old.get(k) == results[k] for k in kind):
        measured = {(r["query"], r["batch"]) for r in results["runs"]}
        results["runs"] += [r for r in old["runs"] if (r["query"], r["batch"]) not in measured]
    names = list(QUERIES)
    results["runs"].sort(key=lambda r: (names.index(r["query"]), BATCHES.index(r["batch"])))
    return results


def batches(text):
    kinds = text.split(",")
    if not set(kinds) <= set(BATCHES):
        raise argparse.ArgumentTypeError(f"there are {', '.join(BATCHES)}")
    return kinds


def main():
    parser = argparse.ArgumentParser(prog="./dev bench tpch", usage="./dev bench tpch [QUERY...] [options]",
                                     description="Queries: " + ", ".join(QUERIES) + "; without one: all.")
    parser.add_argument("query", nargs="*", default="all", type=str.lower, choices=["all", *QUERIES], metavar="QUERY")
    parser.add_argument("--scale", type=float, default=0.1, help="of the data (default 0.1)")
    parser.add_argument("--percent", type=float, default=1, help="share of the orders that a batch changes (default 1)")
    parser.add_argument("--batches", type=batches, default=BATCHES, help="default " + ",".join(BATCHES))
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--json", metavar="FILE", default=str(TOP / "build" / "tpch.json"),
                        help="where the figures go, in place of those of the same queries (default build/tpch.json)")
    parser.add_argument("--plans", metavar="FILE", help="20 refreshes more of each query; what moved of its statements since that"
                        " file was written, which is written if there is none")
    parser.add_argument("--keep-plans", action="store_true", help="write that file anew")
    parser.add_argument("--show", metavar="FILE", help="measure nothing, print the table of that file")
    args = parser.parse_args()
    if args.show:
        print(report.tpch_text(json.loads(pathlib.Path(args.show).read_text(encoding="utf8"))))
        return 0
    names = list(QUERIES) if "all" in args.query else [q for q in QUERIES if q in args.query]
    results = measure(args, names)
    if args.plans:
        compare_plans(pathlib.Path(args.plans), results, args.keep_plans)
    exact = all(r["exact"] for r in results["runs"])
    results = merged(pathlib.Path(args.json), results)
    pathlib.Path(args.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf8")
    print(report.tpch_text(results))
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
