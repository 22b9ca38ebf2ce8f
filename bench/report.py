"""The figures of bench/run.py as tables, each beside its target.

Times are what the backend spent on a CPU, but for statements of one row.
"""
import math

from tpch_queries import SPECIFICATION

TPCH_BATCHES = ["RF1", "RF2", "UP", "MIX"]


def aligned(head, lines, left=1):
    widths = [max(len(x[c]) for x in [head, *lines]) for c in range(len(head))]
    return "\n".join("  ".join(v.ljust(w) if c < left else v.rjust(w)
                               for c, (v, w) in enumerate(zip(line, widths))).rstrip() for line in [head, *lines])


def verdict(met):
    return "met" if met else "MISSED"


def refresh_target(result):
    """The most that a refresh may take, in ms: a share of REFRESH, with a floor where that is quick itself;
    and a third of the implementation to compare with."""
    view = result["view"]["cpu_ms"]
    if result["percent"] > 0.1:
        most = 0.5 * view
    else:
        most = max(0.1 * view, 3.0 if view < 30 else 0)
    return min(most, result["peer"] * view / 3) if result.get("peer") else most


def refresh_lines(results):
    for r in results["refresh"]:
        ours, view = (r[k]["cpu_ms"] for k in ("refresh", "view"))
        hand = r["hand"]["cpu_ms"] if "hand" in r else None
        most = refresh_target(r)
        yield (r["case"], r["batch"], str(r["changed"]), f"{ours:.1f}", f"{view:.1f}", f"{hand:.1f}" if hand else "", f"{ours / view:.2f}",
               f"{ours / hand:.1f}" if hand else "", f"{most:.1f}", verdict(ours <= most), f"{r['idle']['cpu_ms']:.2f}",
               verdict(r["idle"]["cpu_ms"] <= 0.3), "yes" if r["exact"] else "no", r["action"])


def growth_lines(results):
    for r in results["growth"]:
        small, large = (r[str(n)] for n in (results["rows"], 10 * results["rows"]))
        ours = large["refresh"]["cpu_ms"] / small["refresh"]["cpu_ms"]
        hand = f"{large['hand']['cpu_ms'] / small['hand']['cpu_ms']:.2f}" if "hand" in small else ""
        yield (r["case"], f"{small['refresh']['cpu_ms']:.1f}", f"{large['refresh']['cpu_ms']:.1f}", f"{ours:.2f}",
               hand, verdict(ours <= 1.3), "yes" if r["exact"] else "no")


def chain_lines(results):
    for r in results.get("chains", []):
        together, each, view = (r[k]["cpu_ms"] for k in ("together", "each", "view"))
        yield (r["chain"], str(r["tables"]), str(r["changed"]), f"{together:.1f}", f"{each:.1f}", f"{view:.1f}", f"{each / view:.2f}",
               str(r["most_ms"]), verdict(max(together, each) <= r["most_ms"]), "yes" if r["exact"] else "no")


BULK_TARGETS = {"INSERT": 1.25, "UPDATE": 1.5, "DELETE": 1.7}


def bulk_lines(results):
    for r in results["capture"].get("bulk", []):
        bare, captured = r["bare"]["cpu_ms"], r["captured"]["cpu_ms"]
        target = BULK_TARGETS[r["statement"]]
        yield (r["statement"], str(r["rows"]), f"{bare:.0f}", f"{captured:.0f}", f"{captured / bare:.2f}",
               f"{1000 * (captured - bare) / r['rows']:.2f}", f"{target:.2f}", verdict(captured <= target * bare))


def single_lines(results):
    for r in results["capture"].get("single", []):
        bare, captured = (1000 * r[k]["median_ms"] for k in ("bare", "captured"))
        unneeded = "another" in r["statement"]
        met = captured - bare <= 15 and (not unneeded or r["log_bytes"] == 0)
        yield (r["statement"], f"{bare:.0f}", f"{captured:.0f}", f"{captured - bare:+.0f}", str(r["log_bytes"]), verdict(met))


def share(run):
    """What a refresh takes of what REFRESH takes."""
    return run["refresh"]["cpu_ms"] / run["view"]["cpu_ms"]


def too_slow(run):
    """Slower than REFRESH, with a grace of 1 ms where that takes less than 10."""
    view = run["view"]["cpu_ms"]
    return run["refresh"]["cpu_ms"] > view + (1 if view < 10 else 0)


def tpch_lines(by_query, batches):
    for query, runs in by_query.items():
        line = [query, next(iter(runs.values()))["mode"]]
        for batch in batches:
            r = runs.get(batch)
            line += [f"{r['refresh']['cpu_ms']:.1f}", f"{r['view']['cpu_ms']:.1f}", f"{share(r):.2f}"] if r else ["", "", ""]
        target = ("MISSED" if any(too_slow(r) for r in runs.values()) else
                  "met" if all(share(r) <= 0.5 for r in runs.values()) else "above 0.5")
        actions = {r["action"] for r in runs.values()} - {"DIFFERENTIAL", "NO_DATA"}
        yield (*line, "yes" if all(r["exact"] for r in runs.values()) else "no", target, ", ".join(sorted(actions)))


def tpch_totals(runs):
    """How many of the specification's queries meet what, over these runs."""
    by_query = {}
    for r in runs:
        if r["query"] in SPECIFICATION:
            by_query.setdefault(r["query"], []).append(r)
    shares = [share(r) for rs in by_query.values() for r in rs]
    mean = math.exp(sum(map(math.log, shares)) / len(shares))
    return (f"{sum(all(share(r) <= 0.5 for r in rs) for rs in by_query.values())} of {len(by_query)} at most 0.5 x REFRESH,"
            f" {sum(any(too_slow(r) for r in rs) for rs in by_query.values())} above 1.0 x, geometric mean {mean:.3f}")


def tpch_text(results):
    runs = results["runs"]
    batches = [b for b in TPCH_BATCHES if any(r["batch"] == b for r in runs)]
    by_query = {}
    for r in runs:
        by_query.setdefault(r["query"], {})[r["batch"]] = r
    head = ["query", "mode"]
    for batch in batches:
        head += [batch, "REFRESH", "ratio"]
    blocks = [f"PostgreSQL {results['server_version']}, TPC-H of scale {results['scale']:g}, {results['cores']} cores,"
              f" batches of {results['percent']:g} %, medians of {results['rounds']} rounds, ms",
              aligned([*head, "exact", "target 7", ""], list(tpch_lines(by_query, batches)), 2)]
    counted = [r for r in runs if r["query"] in SPECIFICATION]
    if counted:
        names = {r["query"] for r in counted}
        inexact = {r["query"] for r in counted if not r["exact"]}
        other = {r["query"] for r in counted if r["action"] not in ("DIFFERENTIAL", "NO_DATA")}
        lines = [f"of the specification's 22 queries {len(names)}: {len(names - inexact)} exact, {len(names - other)} differential"]
        for kinds in dict.fromkeys([tuple(b for b in batches if b != "MIX"), tuple(batches)]):
            if kinds:
                lines.append(f"{', '.join(kinds)}: {tpch_totals([r for r in counted if r['batch'] in kinds])}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def nexmark_text(results):
    runs = results["runs"]
    batches = list(dict.fromkeys(r["batch"] for r in runs))
    by_query = {}
    for r in runs:
        by_query.setdefault(r["query"], {})[r["batch"]] = r
    head = ["query", "mode"]
    lines = []
    for batch in batches:
        head += [batch, "REFRESH", "ratio"]
    for query, of_query in by_query.items():
        line = [query, next(iter(of_query.values()))["mode"]]
        for batch in batches:
            r = of_query[batch]
            line += [f"{r['refresh']['cpu_ms']:.1f}", f"{r['view']['cpu_ms']:.1f}", f"{share(r):.2f}"]
        actions = {r["action"] for r in of_query.values()} - {"DIFFERENTIAL", "NO_DATA"}
        lines.append([*line, "yes" if all(r["exact"] for r in of_query.values()) else "no", ", ".join(sorted(actions))])
    mean = math.exp(sum(math.log(share(r)) for r in runs) / len(runs))
    return (f"PostgreSQL {results['server_version']}, {results['events']:,} events of seed {results['seed']}, {results['cores']} cores,"
            f" batches of {results['percent']:g} %, medians of {results['rounds']} rounds, ms\n\n"
            f"{aligned([*head, 'exact', ''], lines, 2)}\n\n"
            f"at most 0.5 x REFRESH: {sum(share(r) <= 0.5 for r in runs)} of {len(runs)}, above 1.0 x: {sum(too_slow(r) for r in runs)},"
            f" geometric mean {mean:.3f}\n")


# COMMIT to visible: p50 and p99 at most, in ms
FRESHNESS_TARGETS = {"row": (5, 25)}


def freshness_text(results):
    lines = []
    for name, result in results["cases"].items():
        for what, times in (result.items() if name == "writers" else [("", result)]):
            note = ""
            if "looks" in times:
                note = f"a client waited for a lock of ours in {times['waited']} of {times['looks']} looks"
            if name == "idle":
                note = f"{times['cpu_percent']} % of a core, {times['catalog_writes']} catalog writes in {times['seconds']} s"
            elif name == "databases":
                note = (f"{times['databases']} databases: {times['processes']} process of ours, {times['cpu_percent']} % of a core;"
                        f" quiet {times['quiet_after_s']} s after the last was created")
            elif name in FRESHNESS_TARGETS:
                p50, p99 = FRESHNESS_TARGETS[name]
                note = verdict(times["p50_ms"] <= p50 and times["p99_ms"] <= p99)
            lines.append([f"{name} {what}".strip(), *(str(times.get(k, "")) for k in ("p50_ms", "p99_ms", "max_ms", "samples")), note])
    head = ["case", "p50 ms", "p99 ms", "max ms", "samples", "target 8"]
    return f"{results['server']}, {results['cores']} cores, all exact at the end: {'yes' if results['exact'] else 'NO'}\n\n{aligned(head, lines)}\n"


def text(results):
    blocks = [f"PostgreSQL {results['server_version']}, {results['rows']} rows, {results['cores']} cores,"
              f" medians of {results['rounds']} rounds"]
    if results["refresh"]:
        blocks.append("Refresh, ms\n" + aligned(
            ("case", "batch", "changed", "refresh", "REFRESH MV", "by hand", "/ REFRESH", "/ by hand", "at most", "target 2",
             "nothing changed", "target 4", "exact", "action"), list(refresh_lines(results)), 2))
    if results["growth"]:
        small, large = (f"{n:,}" for n in (results["rows"], 10 * results["rows"]))
        blocks.append("1,000 rows changed, ms\n" + aligned(
            ("case", f"at {small}", f"at {large}", "ratio", "ratio by hand", "target 3", "exact"), list(growth_lines(results))))
    if results.get("chains"):
        blocks.append("Stream tables over stream tables, ms\n" + aligned(
            ("", "stream tables", "changed", "the last refreshed", "each refreshed", "REFRESH MV", "ratio", "at most", "target 6", "exact"),
            list(chain_lines(results))))
    if results.get("profile"):
        total = results["profile"]["us"]
        blocks.append(f"One changed row of aggregate-5, µs on a CPU: {total:.0f} in all\n" + aligned(
            ("", "µs", "%"), [(phase, f"{total * s:.0f}", f"{100 * s:.0f}") for phase, s in results["profile"]["phases"].items()]))
    if results["capture"]:
        blocks.append("Capture, bulk statements, ms\n" + aligned(
            ("statement", "rows", "bare", "captured", "ratio", "µs more a row", "at most", "target 5"),
            list(bulk_lines(results))))
        blocks.append("Capture, statements of one row, µs from sending it to the answer\n" + aligned(
            ("statement", "bare", "captured", "more", "bytes of log", "target 5"), list(single_lines(results))))
    return "\n\n".join(blocks) + "\n"


def markdown(results):
    """The table of the README."""
    lines = ["| query | changed rows | refresh | REFRESH MATERIALIZED VIEW | ratio | by hand | exact |", "|---|---|---|---|---|---|---|"]
    for r in results["refresh"]:
        ours, view = (r[k]["cpu_ms"] for k in ("refresh", "view"))
        hand = f"{r['hand']['cpu_ms']:.1f}" if "hand" in r else ""
        lines.append(f"| {r['case']} | {r['changed']:,} ({r['batch']}) | {ours:.1f} | {view:.1f} | {ours / view:.2f} |"
                     f" {hand} | {'yes' if r['exact'] else 'no'} |")
    return "\n".join(lines)


def auto_lines(results):
    for name, q in results["queries"].items():
        auto, delta, full = (q["sums"][mode] for mode in ("AUTO", "DIFFERENTIAL", "FULL"))
        yield (name, f"{auto:.0f}", f"{delta:.0f}", f"{full:.0f}", f"{auto / min(delta, full):.2f}",
               verdict(auto <= results["target"] * min(delta, full)),
               *(" / ".join(f"{p[mode]:.0f}" for mode in ("AUTO", "DIFFERENTIAL", "FULL")) for p in q["phases"].values()),
               f"{q['actions']['DIFFERENTIAL']} / {q['actions']['FULL']}", "yes" if q["exact"] else "no")


def auto_text(results):
    phases = list(next(iter(results["queries"].values()))["phases"])
    return (f"{results['version']}, {results['cores']} cores, source of {results['rows']:,} rows; ms, AUTO / DIFFERENTIAL / FULL\n\n"
            + aligned(["query", "AUTO", "DIFF.", "FULL", "of the cheaper", f"at most {results['target']}", *phases,
                       "deltas / recomputes", "exact"], list(auto_lines(results))) + "\n")


def graph_text(results):
    lines = [(kind, f"{r['first_ms']:.0f}", f"{r['last_ms']:.0f}", f"{r['settle_s']:.0f}", f"{r['path_ms']:.1f}", f"{r['manual_ms']:.1f}",
              f"{r['read_ms']:.0f}", *(str(ms) for ms in r["shown_ms"].values()), f"{r['idle_percent']:.2f} %", "yes" if r["exact"] else "no")
             for kind, r in results["shapes"].items()]
    return (f"{results['version']}, {results['cores']} cores, {results['tables']:,} stream tables; ms but for settle, in s\n\n"
            + aligned(["shape", "create first", "create last", "settle", "path", "manual", "read", "explain_dag", "diamond_groups", "freshness",
                       "idle", "exact"], lines) + "\n")
