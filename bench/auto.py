"""Mode AUTO beside twins pinned to each mode, over a workload that changes.

    ./dev bench auto                      all queries, about five minutes
    ./dev bench auto groups join          some of them
    ./dev bench auto --show bench/auto.json

Per query three stream tables over the same source: one of mode AUTO, one DIFFERENTIAL, one FULL. A round changes some rows,
then refreshes the three in turns. The workload goes through phases of few, of many and of mixed changes, twice: the first time
is warm-up, the second is measured. Times are what the backend spent on a CPU. Target: the sum of AUTO's times is at most 1.2 times
that of the cheaper twin. At the end all three are compared with the query; the exit status is 1 if one differs, never for a figure.
"""
import argparse
import json
import os
import pathlib
import random
import sys

import report
from server import Server, Session, say

ROWS = 100_000
TARGET = 1.2
MODES = ("AUTO", "DIFFERENTIAL", "FULL")
# share of the source per round; a phase is so many rounds
PHASES = [("few", [0.0001] * 12), ("many", [0.5] * 12), ("some", [0.02] * 12),
          ("mixed", [0.0001, 0.3, 0.001, 0.8, 0.0001, 0.05, 0.5, 0.0001, 0.01, 0.3, 0.0001, 0.2])]
QUERIES = {
    "filter": "SELECT id, k, n FROM a WHERE n % 10 = 0",
    "groups": "SELECT k, count(*) AS c, sum(n) AS s FROM a GROUP BY k",
    "few groups": "SELECT k % 7 AS g, max(n) AS m, min(n) AS l, count(*) AS c FROM a GROUP BY k % 7",
    "join": "SELECT b.g, count(*) AS c, sum(a.n) AS s FROM a JOIN b ON b.k = a.k GROUP BY b.g",
    "window": "SELECT id, k, n, row_number() OVER (PARTITION BY k ORDER BY n, id) AS place FROM a",
}


def prepare(session):
    session.run("CREATE TABLE a (id int PRIMARY KEY, k int NOT NULL, n int NOT NULL)")
    session.run("CREATE TABLE b (k int PRIMARY KEY, g int NOT NULL)")
    session.run(f"INSERT INTO a SELECT x, x % 1000, x FROM generate_series(1, {ROWS}) AS x")
    session.run("INSERT INTO b SELECT x, x % 50 FROM generate_series(0, 999) AS x")
    session.run("CREATE INDEX ON a (k, n)")
    session.run("VACUUM ANALYZE")


def name(mode):
    return "s_" + mode.lower()


def measure(session, query):
    for mode in MODES:
        session.conn.execute("SELECT pgtrickle.create_stream_table(%s, %s, '1d', %s)", (name(mode), query, mode))
    dice = random.Random(1)
    phases = {}
    sums = dict.fromkeys(MODES, 0.0)
    actions = {"DIFFERENTIAL": 0, "FULL": 0}
    turn = 0
    for warm in (False, True):
        for phase, shares in PHASES:
            spent = dict.fromkeys(MODES, 0.0)
            for share in shares:
                count = max(int(ROWS * share), 1)
                first = dice.randrange(ROWS)
                session.run(f"UPDATE a SET n = n + {dice.randrange(1, 100)}"
                            f" WHERE id - 1 >= {first} AND id - 1 < {first + count} OR id - 1 < {first + count - ROWS}")
                turn += 1
                for mode in MODES[turn % 3:] + MODES[:turn % 3]:
                    spent[mode] += session.timed(f"SELECT pgtrickle.refresh_stream_table('{name(mode)}')")[1]
                if warm:
                    done = session.run("SELECT action FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
                                       " WHERE pgt_name = 's_auto' ORDER BY refresh_id DESC LIMIT 1").fetchone()[0]
                    actions[done] += 1
            session.run("VACUUM a")
            if warm:
                phases[phase] = {mode: round(ms, 1) for mode, ms in spent.items()}
                for mode in MODES:
                    sums[mode] += spent[mode]
    exact = all(session.run(f"SELECT NOT EXISTS ((TABLE {name(m)} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name(m)}))")
                .fetchone()[0] for m in MODES)
    for mode in MODES:
        session.conn.execute("SELECT pgtrickle.drop_stream_table(%s)", (name(mode),))
    return {"phases": phases, "sums": {mode: round(ms, 1) for mode, ms in sums.items()}, "actions": actions, "exact": exact}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("queries", nargs="*", metavar="QUERY")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--show", type=pathlib.Path)
    args = parser.parse_args()
    unknown = [q for q in args.queries if q not in QUERIES]
    if unknown:
        sys.exit(f"no query is called {unknown[0]}; there are: {', '.join(QUERIES)}")
    if args.show:
        print(report.auto_text(json.loads(args.show.read_text())))
        return 0
    results = {"rows": ROWS, "target": TARGET, "queries": {}}
    with Server() as server:
        session = Session(server.dsn)
        results["version"] = session.run("SELECT split_part(version(), ' on ', 1)").fetchone()[0]
        results["cores"] = os.cpu_count()
        prepare(session)
        for query in args.queries or QUERIES:
            say(query)
            results["queries"][query] = measure(session, QUERIES[query])
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    print(report.auto_text(results))
    return 0 if all(q["exact"] for q in results["queries"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
