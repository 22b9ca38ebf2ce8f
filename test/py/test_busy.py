"""Sixty stream tables of all kinds under fifty writers: none wrong, none stuck, nothing grows.

Writers deadlock, roll back and prepare transactions, a user refreshes by hand.
A few times they rest, and every stream table must become what its query says.
Memory of the processes that refresh, and the size of the database, are at the
end what they were when half of the time was over; logs and history, which fill
before they are used again, stay within their bounds.

PGT_BUSY_SECONDS   how long (default 90; ./dev check-long takes 1200)
PGT_BUSY_SEED      which run; every other one is with mode AUTO as it is by default;
                   ./dev check-long takes another one each time
"""
import os
import random
import time

from busy import QUERIES, SOURCES, Busy, follows_all
from test_scheduler import LIBRARY, Scheduled
from test_soak import resident_kb

SECONDS = float(os.environ.get("PGT_BUSY_SECONDS", "90"))
SEED = int(os.environ.get("PGT_BUSY_SEED", "1"))
WRITERS = 50
# Time between two looks: writers rest, all is compared
ROUND = max(SECONDS / 10, 15)
# Half of a short run is not enough for every session to have met every kind of change.
SETTLED = SECONDS >= 600
GROWTH = 1.1 if SETTLED else 2
MB = 1024 * 1024
# A log begins another segment after so much (store/segment.c); while one is read the next is written.
LOG_BYTES = 2 * 8 * MB
# The newest so many runs of a stream table stay in the history, whatever their age; pruning takes a thousand at a time.
HISTORY_ROWS = 1000 * len(QUERIES) + 5000
LOG = "pgtrickle_changes.log_N_N"
HISTORY = "pgtrickle.pgt_refresh_history"


def memory_kb(database):
    """Of the processes that refresh, as many as there are; the greatest."""
    sizes = []
    for (pid,) in database.rows("SELECT pid FROM pg_stat_activity WHERE backend_type IN ('pg_trickle scheduler', 'pg_trickle worker')"):
        try:
            sizes.append(resident_kb(pid))
        except (FileNotFoundError, ProcessLookupError):
            pass                # it has ended meanwhile
    return max(sizes, default=0)


def sizes(database):
    """Of relations in bytes; logs and states, of which there are many, together."""
    return dict(database.rows("SELECT regexp_replace(oid::regclass::text, '\\d+', 'N', 'g'), sum(pg_relation_size(oid))::bigint"
                              "  FROM pg_class WHERE relkind IN ('r', 'i', 't', 'm', 'S') GROUP BY 1"))


def bounded_bytes(parts):
    """Of what sizes() has told, the bytes that fill up to a bound."""
    return sum(size for name, size in parts.items() if name == LOG or name.startswith((HISTORY, "pgtrickle.idx_hist")))


def stuck(database):
    """Stream tables that are far behind, or have stopped."""
    return database.rows("SELECT t.pgt_name, t.status, t.last_error_message, f.lag FROM pgtrickle.pgt_stream_tables AS t"
                         "  JOIN pgtrickle.freshness() AS f USING (pgt_id)"
                         " WHERE t.status <> 'ACTIVE' OR f.lag > interval '1 minute' AND t.schedule <> '* * * * *'")


def test_busy(make_server):
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on", "max_connections": "120", "max_prepared_transactions": "60",
                                                 "deadlock_timeout": "300ms",
                                                 "pg_trickle.refresh_strategy": "auto" if SEED % 2 else "differential",
                                                 "pg_trickle.volatile_function_policy": "allow"})
    database = Scheduled(server)
    database.execute(SOURCES)
    assert len(QUERIES) == 60
    for name, (query, schedule) in QUERIES.items():
        database.create(name, query, schedule)
    busy = Busy(server, database.name, SEED)
    busy.start_writers(WRITERS, pause=0.4)
    threads = [busy.thread(busy.refresh, list(QUERIES))]
    memory, disk, parts = [], [], []
    began = time.monotonic()
    try:
        while (passed := time.monotonic() - began) < SECONDS:
            while time.monotonic() - began - passed < ROUND and not busy.errors:
                memory.append(memory_kb(database))
                assert not (found := stuck(database)), f"seed {SEED}, after {passed:.0f} s: {found}"
                busy.over.wait(1)
            busy.rest()
            follows_all(database, [name for name in QUERIES if name != "by_minute"])
            parts.append(sizes(database))
            disk.append(database.value("SELECT pg_database_size(current_database())") - bounded_bytes(parts[-1]))
            print(f"{passed:.0f} s: {busy.transactions} transactions, {memory[-1]} kB,"
                  f" {disk[-1] // 1024} kB beside {bounded_bytes(parts[-1]) // 1024} kB of logs and history", flush=True)
            busy.resume()
    finally:
        busy.end(threads)
    follows_all(database, ["by_minute"], 75)
    errors = database.rows("SELECT pgt_name, error_code, count(*) FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
                           " WHERE pgt_refresh_history.status = 'FAILED' AND left(error_code, 2) NOT IN ('40', '55', '57') GROUP BY 1, 2")
    assert not errors, f"seed {SEED}: {errors}"
    inconsistent = database.rows("SELECT pgt_name, count(*) FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)"
                                 " WHERE refresh_reason = 'inconsistent' GROUP BY 1")
    assert not inconsistent, f"seed {SEED}: {inconsistent}"
    assert database.value("SELECT count(*) FROM pg_prepared_xacts") == 0
    early, late = max(memory[:len(memory) // 2]), max(memory[len(memory) // 2:])
    assert late < early * GROWTH + 4096, f"seed {SEED}: {early} kB, then {late} kB"
    half = len(disk) // 2
    grown = sorted(((parts[-1][name] - parts[half - 1].get(name, 0), name) for name in parts[-1]), reverse=True)[:10]
    assert max(disk[half:]) < max(disk[:half] or disk) * GROWTH + 8 * MB, f"seed {SEED}: {disk}, most of it {grown}"
    logs = database.rows("SELECT substring(relname FROM 'log_(\\d+)_') AS source, sum(pg_relation_size(oid))::bigint FROM pg_class"
                         " WHERE relnamespace = 'pgtrickle_changes'::regnamespace AND relkind = 'r' AND relname LIKE 'log%' GROUP BY 1")
    assert logs and not (large := [log for log in logs if log[1] > LOG_BYTES]), f"seed {SEED}: {large}"
    assert database.value(f"SELECT count(*) FROM {HISTORY}") < HISTORY_ROWS, f"seed {SEED}"
    database.close()
