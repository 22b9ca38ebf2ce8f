"""Profile one backend with perf, and only while it does what is of interest.

    python3 bench/profiler.py ST [--change SQL] [--rounds N]     ("./dev perf ST")

refreshes a stream table of the server that the libpq variables name, N times,
each time after SQL ran in another session, and prints the functions in which
the refreshing backend spent its time.  The first refresh makes the plans and
is not profiled.

bench/run.py uses the class for its --profile, and phases() for its case "profile".
"""
import argparse
import collections
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import psycopg


class Profiler:
    """perf on one backend; nothing is recorded outside "with profiler:"."""

    def __init__(self, pid, data):
        self.data = data
        self.dir = tempfile.mkdtemp(prefix="pg_trickle.perf.")
        for fifo in "control", "ack":
            os.mkfifo(f"{self.dir}/{fifo}")
        # Held open at both ends, so that neither side waits for the other to open.
        self.control = os.open(f"{self.dir}/control", os.O_RDWR)
        self.ack = os.open(f"{self.dir}/ack", os.O_RDWR)
        self.log = open(f"{self.dir}/log", "w+", encoding="utf8")
        # 10 kHz: a refresh takes few milliseconds
        command = ["perf", "record", "-q", "-F", "10000", "-g", "-D", "-1", "-p", str(pid), "-o", data,
                   "--control", f"fifo:{self.dir}/control,{self.dir}/ack"]
        if os.getuid() != 0:
            command = ["sudo", "-n", *command]
        self.perf = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.tell("ping")

    def tell(self, command):
        os.write(self.control, command.encode() + b"\n")
        answer = b""
        os.set_blocking(self.ack, False)
        deadline = time.monotonic() + 30
        while b"\n" not in answer:
            if self.perf.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                raise RuntimeError("perf does not answer: " + self.log.read())
            try:
                answer += os.read(self.ack, 100)
            except BlockingIOError:
                time.sleep(0.001)

    def __enter__(self):
        self.tell("enable")
        return self

    def __exit__(self, *_):
        self.tell("disable")

    def stop(self):
        """End the recording."""
        self.tell("stop")
        self.perf.wait(timeout=60)
        os.close(self.control)
        os.close(self.ack)
        self.log.close()
        shutil.rmtree(self.dir)
        if os.getuid() != 0:
            subprocess.run(["sudo", "-n", "chown", f"{os.getuid()}", self.data], check=True)

    def finish(self):
        """End the recording and return the report: share, library, function."""
        self.stop()
        return report(self.data)


def perf_report(data, lines, children, library=""):
    text = subprocess.run(
        ["perf", "report", "-i", data, "--stdio", "-g", "none", "--percent-limit", "0.5", "-q",
         "--sort", "dso,symbol", children],
        check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found = [re.sub(r"(\s+-)+\s*$", "", line).rstrip() for line in text.splitlines()]
    return [line for line in found if re.match(r"\s+[\d.]+%", line) and library in line][:lines]


def report(data):
    """Where the time went, by function; then by function of ours with all that it called."""
    return "\n".join([
        "in the function itself:", *perf_report(data, 20, "--no-children"),
        "", "in functions of pg_trickle, with what they call and without:",
        *perf_report(data, 25, "--children", "pg_trickle.so")])


# What a refresh consists of. A function belongs to the phase in which it was
# called, unless it has one of its own here.
ENTRY = "st_sql_refresh_stream_table"
REST = "group, snapshot, locks"
PHASES = {
    "lock_stream_table": "name, rights, definition", "st_require_stream_table": "name, rights, definition",
    "collect": "name, rights, definition", "errfinish": "the statement around it",
    "st_frontier_read": "reading the log", "st_log_probe": "reading the log", "st_log_read": "reading the log",
    "try_differential": "subtransaction, owner's rights and settings", "st_statement_check_permissions": "looking up plans",
    "st_run_differential": "execution", "plan_for": "looking up plans", "st_apply": "apply",
    "st_applier_subtract_contents": "apply", "write_frontiers": "frontiers", "st_log_reclaim": "frontiers", "record": "catalog and history",
}
# Inside these nothing is looked for any more.
WHOLE = {"lock_stream_table", "st_require_stream_table", "collect", "errfinish", "st_log_read", "st_apply", "record", "plan_for",
         "write_frontiers"}


def phase_of(functions):
    """Of a call chain, the outermost function first."""
    if ENTRY not in functions:
        return "the statement around it"
    phase = REST
    for function in functions[functions.index(ENTRY):]:
        # what is read is netted before the subtransaction begins
        if phase == REST and function.startswith("st_zset_"):
            return "reading the log"
        phase = PHASES.get(function, phase)
        if function in WHOLE:
            break
    return phase


def phases(data):
    """Share of each phase in the samples."""
    text = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym"], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found = collections.Counter()
    for sample in text.split("\n\n"):
        functions = [line.split(None, 1)[1] for line in reversed(sample.strip().splitlines()) if len(line.split(None, 1)) == 2]
        if functions:
            found[phase_of(functions)] += 1
    return {phase: count / found.total() for phase, count in found.most_common()}


def main():
    parser = argparse.ArgumentParser(prog="./dev perf")
    parser.add_argument("stream_table")
    parser.add_argument("--change", metavar="SQL", help="run before each refresh, by another session")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--data", default="perf.data", help="where the recording is kept")
    args = parser.parse_args()
    with psycopg.connect(autocommit=True) as session, psycopg.connect(autocommit=True) as other:
        session.execute("SET client_min_messages = warning")
        refresh = "SELECT pgtrickle.refresh_stream_table(%s)"
        session.execute(refresh, (args.stream_table,))
        profiler = Profiler(session.info.backend_pid, args.data)
        times = []
        try:
            for _ in range(args.rounds):
                if args.change:
                    other.execute(args.change)
                with profiler:
                    start = time.perf_counter()
                    session.execute(refresh, (args.stream_table,))
                    times.append((time.perf_counter() - start) * 1000)
        finally:
            hot = profiler.finish()
    print(f"{args.rounds} refreshes of {args.stream_table}: median {statistics.median(times):.2f} ms,"
          f" shortest {min(times):.2f}, longest {max(times):.2f}\n")
    print(hot)
    print(f"\nwho calls them: perf report --no-children -i {args.data}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
