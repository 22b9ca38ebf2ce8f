"""Many random queries, each failure shrunk.

    ./dev check-long [--queries 2000] [--seed N] [--minutes 115] [--kinds random,outer] [--queries-only]

compares that many queries, the kinds in turn (repro.py names them), each under
the five batches of mixed changes of test_random.py.  Seeds follow the day unless
one is given, and are not those of ./dev check.  A failure does not end the run;
at the end each is shrunk to a script in build/, as ./dev repro does.  Fewer
queries than wanted when the time is over is a failure as well.
"""
import argparse
import collections
import concurrent.futures
import datetime
import importlib
import itertools
import os
import sys
import threading
import time

import conftest
import repro
import test_random

# failures that are shrunk; more of them are named only
SHRUNK = 10


class LongCheck:
    def __init__(self, server, args):
        self.server = server
        self.args = args
        self.end = time.monotonic() + 60 * args.minutes
        self.results = collections.Counter()
        self.failures = []
        self.lock = threading.Lock()
        self.work = ((kind, seed) for seed in itertools.count(args.seed) for kind in args.kinds)

    def take(self):
        with self.lock:
            if self.results["compared"] + len(self.failures) >= self.args.queries or time.monotonic() > self.end:
                return None
            return next(self.work)

    def note(self, kind, seed, outcome):
        with self.lock:
            self.results[outcome] += 1
            if outcome == "compared":
                self.results[kind] += 1
                if self.results["compared"] % 100 == 0:
                    print(f"== {self.results['compared']} compared, {len(self.failures)} failed", flush=True)

    def worker(self):
        """Take queries until there are enough, or the time is over."""
        db = conftest.Database(self.server)
        while (work := self.take()) is not None:
            kind, seed = work
            try:
                self.note(kind, seed, test_random.one_query(db, seed, [], importlib.import_module(repro.KINDS[kind])))
                test_random.clean(db)
            except Exception as e:
                text = f"{type(e).__name__}: {e}".split("\n")[0]
                print(f"FAILED  {kind} {seed}: {text}", flush=True)
                with self.lock:
                    self.failures.append((kind, seed, text))
                db.close()
                if not self.server.running():
                    return
                repro.forget(self.server, db.name)
                db = conftest.Database(self.server)
        db.drop()

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(test_random.WORKERS) as pool:
            list(pool.map(lambda _: self.worker(), range(test_random.WORKERS)))
        for kind, seed, _ in self.failures[:SHRUNK]:
            if not self.server.running():
                self.server.start()
            print(f"== shrinking {kind} {seed}", flush=True)
            print(repro.reproduce(self.server, seed, kind)[1], flush=True)
        print(dict(self.results))
        if self.results["compared"] + len(self.failures) < self.args.queries:
            print(f"the time was over after {self.results['compared']} of {self.args.queries} queries")
            return 1
        return 1 if self.failures else 0


def kinds(text):
    names = text.split(",")
    if not set(names) <= set(repro.KINDS):
        raise argparse.ArgumentTypeError(f"there are {', '.join(repro.KINDS)}")
    return names


def main():
    parser = argparse.ArgumentParser(prog="./dev check-long")
    parser.add_argument("--queries", type=int, default=2000, help="to compare (default 2000)")
    parser.add_argument("--seed", type=int, default=1_000_000 * datetime.date.today().toordinal(), help="default: another one each day")
    parser.add_argument("--minutes", type=float, default=115, help="default 115")
    parser.add_argument("--queries-only", action="store_true", help="without TPC-H afterwards")
    parser.add_argument("--kinds", type=kinds, default=list(repro.KINDS), help="default " + ",".join(repro.KINDS))
    args = parser.parse_args()
    print(f"== {args.queries} queries from seed {args.seed}", flush=True)
    server = conftest.Server(preload=os.environ.get("ST_PRELOAD", ""), conf=os.environ.get("ST_SERVER_CONF", ""))
    try:
        server.start()
        return LongCheck(server, args).run()
    finally:
        server.remove()


if __name__ == "__main__":
    sys.exit(main())
