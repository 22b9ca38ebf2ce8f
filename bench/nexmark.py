"""Nexmark Q0 to Q9: refresh of stream tables against REFRESH MATERIALIZED VIEW.

    ./dev bench nexmark                   all queries, 100,000 events
    ./dev bench nexmark q4 q9 --events 1000000 --percent 0.1
    ./dev bench nexmark --show bench/nexmark.json

Tables, queries and batches are those of bench/nexmark_data.py; how it is
measured says bench/tpch.py.  The exit status is 1 if a result was not exact or
a stream table was not refreshed by its delta, never for a figure.
"""
import argparse
import json
import os
import pathlib
import sys

import report
from nexmark_data import BATCHES, QUERIES, Nexmark
from server import TOP, Server, say
from tpch import Bench


class NexmarkBench(Bench):
    def __init__(self, dsn, args):
        super().__init__(dsn, args, QUERIES)
        self.nexmark = Nexmark(self.conn, args.seed)
        self.nexmark.load(args.events)

    def change(self, kind):
        changed = self.nexmark.batch(kind, round(self.args.events * self.args.percent / 100))
        self.run("ANALYZE person, auction, bid")
        return sum(changed.values())


def measure(args, names):
    with Server() as server:
        say(f"loading {args.events:,} events")
        bench = NexmarkBench(server.dsn, args)
        say(f"creating {len(names)} stream tables and materialized views")
        bench.create(names)
        results = {"server_version": bench.run("SHOW server_version").fetchone()[0], "cores": os.cpu_count(),
                   "events": args.events, "percent": args.percent, "rounds": args.rounds, "seed": args.seed, "runs": []}
        for kind in BATCHES:
            results["runs"] += bench.batch(kind, names)
        bench.conn.close()
    return results


def main():
    parser = argparse.ArgumentParser(prog="./dev bench nexmark", usage="./dev bench nexmark [QUERY...] [options]",
                                     description="Queries: " + ", ".join(QUERIES) + "; without one: all.")
    parser.add_argument("query", nargs="*", default="all", type=str.lower, choices=["all", *QUERIES], metavar="QUERY")
    parser.add_argument("--events", type=int, default=100_000, help="persons, auctions and bids at first (default 100000)")
    parser.add_argument("--percent", type=float, default=0.5, help="share of them that a batch changes (default 0.5)")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    parser.add_argument("--json", metavar="FILE", default=str(TOP / "build" / "nexmark.json"), help="default build/nexmark.json")
    parser.add_argument("--show", metavar="FILE", help="measure nothing, print the table of that file")
    args = parser.parse_args()
    if args.show:
        print(report.nexmark_text(json.loads(pathlib.Path(args.show).read_text(encoding="utf8"))))
        return 0
    names = list(QUERIES) if "all" in args.query else [q for q in QUERIES if q in args.query]
    results = measure(args, names)
    pathlib.Path(args.json).parent.mkdir(exist_ok=True)
    pathlib.Path(args.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf8")
    print(report.nexmark_text(results))
    return 0 if all(r["exact"] and r["action"] in ("DIFFERENTIAL", "NO_DATA") for r in results["runs"]) else 1


if __name__ == "__main__":
    sys.exit(main())
