"""What refreshes execute: statements, plans, buffers; and what moved since the committed artifact.

An artifact has for each query the percentiles of its refreshes and, for the last
one, each generated statement as auto_explain saw it run: a hash of its text, the
plan with actual rows, blocks touched, and temporary blocks.
"""
import hashlib
import json
import re
import statistics

REFRESHES = 20
# the engine's own catalog, which every refresh of anything reads and writes
CATALOG = re.compile(r"pgtrickle\.(pgt_|stream_table_internals|source_frontier|refresh_stream_table)")
# by what factor a figure must have moved to be named, and what is too little to
MOVED = 1.5
FEW_BLOCKS = 100
FEW_MS = 1


def hash_of(text):
    """States have the stream table's number in their name."""
    return hashlib.sha256(re.sub(r"\bstate_\d+_", "state_", text).encode()).hexdigest()[:16]


def blocks(node):
    return node["Shared Hit Blocks"] + node["Shared Read Blocks"]


def plan_lines(node, indent=0):
    """A plan as text, with what differs between two runs of the same plan at the end of each line."""
    what = node["Node Type"]
    if node.get("Join Type", "Inner") != "Inner":
        what += " " + node["Join Type"]
    for key, word in (("Index Name", "using"), ("Relation Name", "on"), ("Tuplestore Name", "on"), ("CTE Name", "on"), ("Function Name", "on")):
        if key in node:
            what += f" {word} {re.sub(r'state_[0-9]+_', 'state_', node[key])}"
    figures = f"rows {node['Actual Rows']:g} loops {node['Actual Loops']:g} blocks {blocks(node)}" if node.get("Actual Loops") else "never executed"
    lines = [f"{'  ' * indent}{what} | {figures}"]
    for child in node.get("Plans", []):
        lines += plan_lines(child, indent + 1)
    return lines


def statement(message):
    """Of a message of auto_explain: what the artifact says of the statement; None if it is none of ours."""
    found = re.match(r"duration: [\d.]+ ms  plan:\n(.*)", message, re.DOTALL)
    if not found:
        return None
    explained = json.loads(found[1])
    text, plan = explained["Query Text"], explained["Plan"]
    if CATALOG.search(text):
        return None
    return {"hash": hash_of(text), "blocks": blocks(plan),
            "temp_blocks": plan["Temp Read Blocks"] + plan["Temp Written Blocks"], "plan": plan_lines(plan)}


def watch(session):
    """Begin to explain what the session executes; returns the list where messages gather."""
    messages = []
    session.run("LOAD 'auto_explain'")
    for setting in ("log_min_duration = 0", "log_analyze = on", "log_buffers = on", "log_timing = off", "log_format = json",
                    "log_nested_statements = on", "log_level = notice"):
        session.run(f"SET auto_explain.{setting}")
    session.run("SET client_min_messages = notice")
    session.conn.add_notice_handler(lambda diagnostic: messages.append(diagnostic.message_primary))
    return messages


def percentiles(times):
    elapsed = sorted(pair[0] for pair in times)
    cpu = sorted(pair[1] for pair in times)
    return {"p50_ms": round(statistics.median(elapsed), 3), "p99_ms": round(elapsed[-1 - len(elapsed) // 100], 3),
            "p50_cpu_ms": round(statistics.median(cpu), 3), "p99_cpu_ms": round(cpu[-1 - len(cpu) // 100], 3)}


def record(bench, kind, names, say):
    """The artifact's part by query: REFRESHES refreshes each after a batch of this kind, and one that is looked at."""
    times = {name: [] for name in names}
    for number in range(REFRESHES):
        say(f"plans, {kind}, refresh {number + 1}")
        bench.change(kind)
        for name in names:
            times[name].append(bench.timed(f"SELECT pgtrickle.refresh_stream_table('{name}')"))
    bench.change(kind)
    messages = watch(bench)
    queries = {}
    for name in names:
        messages.clear()
        bench.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
        queries[name] = {**percentiles(times[name]), "statements": [s for s in map(statement, messages) if s]}
    bench.run("SET auto_explain.log_min_duration = -1")
    bench.run("SET client_min_messages = warning")
    return queries


def shape(lines):
    return [line.split(" | ")[0] for line in lines]


def moved(what, old, new, few):
    if max(old, new) <= few or max(old, new) < MOVED * min(old, new):
        return []
    return [f"{what} {old:,g} -> {new:,g}"]


def differences(old, new):
    """Lines: what moved between two artifacts, by query."""
    for key in ("server_version", "scale", "percent"):
        if old[key] != new[key]:
            yield f"other {key}: {old[key]} -> {new[key]}"
    for name, now in new["queries"].items():
        before = old["queries"].get(name)
        if before is None:
            yield f"{name}: not measured before"
            continue
        for figure in ("p50_cpu_ms", "p99_cpu_ms"):
            for line in moved(figure, before[figure], now[figure], FEW_MS):
                yield f"{name}: {line}"
        hashes = [s["hash"] for s in before["statements"]]
        if hashes != [s["hash"] for s in now["statements"]]:
            came = sum(s["hash"] not in hashes for s in now["statements"])
            yield f"{name}: {len(hashes)} -> {len(now['statements'])} statements, {came} of them other ones"
        known = {s["hash"]: s for s in before["statements"]}
        for number, one in enumerate(now["statements"], 1):
            was = known.get(one["hash"])
            if was is None:
                continue
            if shape(was["plan"]) != shape(one["plan"]):
                yield f"{name}: statement {number} ({one['hash']}) has another plan"
            for line in [*moved("blocks", was["blocks"], one["blocks"], FEW_BLOCKS), *moved("temp_blocks", was["temp_blocks"], one["temp_blocks"], 0)]:
                yield f"{name}: statement {number} ({one['hash']}): {line}"
