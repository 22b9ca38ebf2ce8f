"""Stream tables of many kinds, under writers, while their scheduler is shot at.

Processes are terminated and cancelled at random, transactions prepared, rolled
back and deadlocked; at the end everything is there, exact, and running.
PGT_CHAOS_SHOTS says how many shots (default 40, about 20 s), PGT_CHAOS_SEED
which run; every other one is with mode AUTO as it is by default.
"""
import os
import random

from busy import QUERIES, SOURCES, Busy, follows_all
from conftest import wait_for
from test_scheduler import LIBRARY, Scheduled

SHOTS = int(os.environ.get("PGT_CHAOS_SHOTS", "40"))
SEED = int(os.environ.get("PGT_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
WRITERS = 6
NAMES = ("scan", "groups", "joined", "outer_joined", "existing", "ranked", "top", "distinct_n", "minus", "over_groups", "diamond", "recomputed",
         "listed", "bag", "full_joined")


class Shooting(Busy):
    shots = 0

    def shoot(self, rng):
        """Terminates and cancels what refreshes stream tables."""
        with self.server.connect() as conn:
            while not self.over.wait(rng.uniform(0.05, 1.0)):
                found = conn.execute("SELECT pid, backend_type FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'").fetchall()
                if found:
                    pid, _ = rng.choice(found)
                    conn.execute(rng.choice(["SELECT pg_cancel_backend(%s)", "SELECT pg_terminate_backend(%s)"]), (pid,))
                    self.shots += 1


def test_chaos(make_server):
    server = make_server(preload=LIBRARY, conf={"pg_trickle.enabled": "on", "deadlock_timeout": "200ms",
                                                 "pg_trickle.refresh_strategy": "auto" if SEED % 2 else "differential",
                                                 "pg_trickle.volatile_function_policy": "allow"})
    database = Scheduled(server)
    database.execute(SOURCES)
    for name in NAMES:
        database.create(name, *QUERIES[name])
    shooting = Shooting(server, database.name, SEED)
    shooting.start_writers(WRITERS)
    threads = [shooting.thread(shooting.shoot), shooting.thread(shooting.refresh, NAMES)]
    wait_for(lambda: shooting.shots >= SHOTS or shooting.errors, f"{SHOTS} shots", seconds=SHOTS * 5)
    shooting.end(threads)
    print(f"seed {SEED}, {shooting.shots} shots")
    # one change more: everything runs again, and follows
    database.execute("INSERT INTO t VALUES (1000, 3, 33)")
    database.execute("UPDATE u SET label = label || '' WHERE g = 1")
    follows_all(database, NAMES)
    stopped = database.rows("SELECT pgt_name, status, last_error_message FROM pgtrickle.pgt_stream_tables WHERE status <> 'ACTIVE'")
    assert not stopped, f"seed {SEED}: {stopped}"
    wait_for(database.pid, "a scheduler")
    inconsistent = database.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE refresh_reason = 'inconsistent'")
    assert inconsistent == 0, f"seed {SEED}: {inconsistent} recomputes of what did not fit"
    database.close()
