"""A throwaway server to measure on, and sessions that measure."""
import os
import pathlib
import statistics
import subprocess
import sys
import time

import psycopg

TOP = pathlib.Path(__file__).resolve().parent.parent
CONF = ("shared_buffers = 1GB\nmax_wal_size = 8GB\ncheckpoint_timeout = 1h\njit = off\nautovacuum = off\n"
        "max_parallel_workers_per_gather = 0\npg_trickle.refresh_strategy = auto")


def say(text):
    print("== " + text, file=sys.stderr, flush=True)


class Server:
    """A throwaway server through test/lib/server.sh."""

    @staticmethod
    def shell(text):
        return subprocess.run(["bash", "-c", f". '{TOP}/test/lib/server.sh'; {text}"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def __enter__(self):
        os.environ["ST_SERVER_CONF"] = CONF + "\n" + os.environ.get("ST_SERVER_CONF", "")
        self.dir = self.shell(f"st_server_init '{os.environ['PGBIN']}'").strip()
        self.shell(f"st_server_start '{self.dir}'")
        with open(self.dir + "/env", encoding="utf8") as env:
            values = dict(line.strip().replace("'", "").split("=", 1) for line in env)
        self.dsn = f"host={values['PGHOST']} port={values['PGPORT']} user=postgres dbname=postgres"
        return self

    def __exit__(self, *_):
        self.shell(f"st_server_stop '{self.dir}'")


class Session:
    """A connection, with the extension, that times statements."""

    def __init__(self, dsn):
        self.conn = psycopg.connect(dsn, autocommit=True)
        self.run("SET client_min_messages = warning")
        self.run("CREATE EXTENSION IF NOT EXISTS pg_trickle")

    def run(self, sql):
        return self.conn.execute(sql)

    def on_cpu(self):
        """Nanoseconds that the backend has been on a CPU."""
        with open(f"/proc/{self.conn.info.backend_pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0])

    def timed(self, sql, parameters=None, prepare=None):
        """Milliseconds: elapsed, and on a CPU."""
        cpu, start = self.on_cpu(), time.perf_counter()
        self.conn.execute(sql, parameters, prepare=prepare)
        return (time.perf_counter() - start) * 1000, (self.on_cpu() - cpu) / 1e6


def spread(times):
    """Of pairs (elapsed ms, ms that the backend was on a CPU): what the tables show."""
    elapsed, cpu = zip(*times)
    return {"median_ms": round(statistics.median(elapsed), 4), "min_ms": round(min(elapsed), 4),
            "cpu_ms": round(statistics.median(cpu), 4)}
