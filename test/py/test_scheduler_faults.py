"""The processes of the scheduler where something is amiss: too many databases, no
room, processes that end at the wrong moment.

Each server here has the scheduler switched on and says what processes it starts.
"""
import datetime
import os
import re
import signal

import pytest

from conftest import create_faulty_extension, wait_for
from test_scheduler import LIBRARY, SLOW, Scheduled, at_work

CONF = {"pg_trickle.enabled": "on", "log_min_messages": "debug1"}


@pytest.fixture
def telling(make_server):
    return make_server(preload=LIBRARY, conf=CONF)


def started(server, kind="scheduler"):
    """How many processes of a kind the server has started so far."""
    return len(re.findall(f'starting background worker process "pg_trickle {kind}"', server.log.read_text()))


def commits(database, number, first=1000):
    for i in range(number):
        database.execute("INSERT INTO t VALUES (%s, 1)", (first + i,))


def follow_elsewhere(server):
    """By the time another database has a scheduler, the launcher has heard of all that was before."""
    other = Scheduled(server)
    other.source()
    other.create("s", "SELECT count(*) AS n FROM t")
    other.follows("s")


def test_writers_start_nothing_where_nothing_may_run(telling):
    """All stream tables are paused: commits must not start a scheduler each."""
    database = Scheduled(telling)
    database.source()
    database.create("s", "SELECT count(*) AS n FROM t")
    database.follows("s")
    follow_elsewhere(telling)
    database.execute("SELECT pgtrickle.pause_all()")
    wait_for(lambda: database.pid() is None, "its end")
    before = started(telling)
    commits(database, 2000)
    follow_elsewhere(telling)
    assert started(telling) == before + 1
    database.execute("SELECT pgtrickle.resume_all()")
    database.follows("s")


def test_scheduler_that_cannot_start_is_not_started_by_each_commit(telling):
    """Somebody keeps the catalog locked."""
    database = Scheduled(telling)
    database.source()
    database.create("s", "SELECT count(*) AS n FROM t")
    database.follows("s")
    holder = database.connect(autocommit=False)
    holder.execute("LOCK TABLE pgtrickle.scheduler_run IN ACCESS EXCLUSIVE MODE")
    database.execute("SELECT pg_terminate_backend(%s)", (database.pid(),))
    wait_for(lambda: database.pid() is None, "its end")
    before = started(telling)
    commits(database, 500)
    wait_for(lambda: started(telling) > before, "a try")
    wait_for(lambda: database.pid() is None, "its end")
    commits(database, 500, 2000)
    assert started(telling) <= before + 1
    holder.rollback()
    database.follows("s")


def test_second_launcher_leaves_schedulers_alone(telling):
    """A launcher that comes back starts none where one runs, which its predecessor started."""
    database = Scheduled(telling)
    database.source()
    database.create("s", "SELECT count(*) AS n FROM t")
    database.follows("s")
    follow_elsewhere(telling)
    pid = wait_for(database.pid, "the scheduler")
    launcher = database.value("SELECT pgtrickle.launcher_pid()")
    database.execute("SELECT pg_terminate_backend(%s)", (launcher,))
    wait_for(lambda: database.value("SELECT pgtrickle.launcher_pid()") not in (None, launcher), "another launcher")
    follow_elsewhere(telling)
    assert database.pid() == pid
    assert not re.search(r'"pg_trickle scheduler" \(PID [0-9]+\) exited with exit code 1', telling.log.read_text())
    # it comes back at once although nobody writes
    database.execute("SELECT pg_terminate_backend(%s)", (pid,))
    wait_for(lambda: database.pid() not in (None, pid), "another scheduler", 15)
    database.follows("s")


@pytest.mark.parametrize("extension", [False, True])
def test_many_databases_without_preload(make_server, extension):
    """There is room for few in shared memory; the others are polled, and databases without
    the extension need none."""
    server = make_server(conf={**CONF, "max_worker_processes": "40"})
    first = Scheduled(server)
    first.source()
    first.create("s", "SELECT count(*) AS n FROM t")
    others = [Scheduled(server, extension=extension) for _ in range(15)]
    if extension:
        for database in others:
            database.source()
            database.create("s", "SELECT count(*) AS n FROM t", "1s")
    else:
        # the launcher has looked at them
        wait_for(lambda: started(server) >= 17, "a look at all")
        others = [Scheduled(server)]
        others[0].source()
        others[0].create("s", "SELECT count(*) AS n FROM t", "1s")
    for database in others:
        database.follows("s", 90)
    for database in others:
        database.execute("INSERT INTO t VALUES (50, 1)")
    for database in others:
        database.follows("s", 90)
        # one more of them, and without
        database.create("s2", "SELECT sum(n) AS n FROM t", "1s")
        database.execute("INSERT INTO t VALUES (51, 1)")
    for database in others:
        database.follows("s2", 90)
    assert extension or others[0].pid() is not None


def test_error_of_the_only_one(telling):
    """What its own error has stopped is tried again an hour later: somebody has to."""
    database = Scheduled(telling)
    database.source()
    database.create("s", "SELECT 10 / n AS n FROM t")
    pid = wait_for(database.pid, "the scheduler")
    database.execute("INSERT INTO t VALUES (50, 0)")
    wait_for(lambda: database.status("s") == "ERROR", "the error")
    follow_elsewhere(telling)
    assert database.pid() == pid
    database.execute("SELECT pgtrickle.drop_stream_table('s')")
    wait_for(lambda: database.pid() is None, "its end")


def stopped(server, kind):
    """Processes of a kind that a stop point has stopped."""
    found = []
    for line in os.popen(f"ps --ppid {server.postmaster_pid()} -o pid,stat,args").read().splitlines()[1:]:
        number, state, command = line.split(None, 2)
        if state.startswith("T") and f"pg_trickle {kind}" in command:
            found.append(int(number))
    return found


def faulty(make_server, conf):
    """A server, and a database on it, with the library that has fault points."""
    server = make_server(conf={**CONF, **conf}, start=False)
    with open(server.data / "postgresql.conf", "a", encoding="ascii") as file:
        file.write(f"pg_trickle.fault_library = '{server.dir}/pg_trickle.so'\n")
    server.start()
    database = Scheduled(server, extension=False)
    create_faulty_extension(server, database.name)
    database.reconnect()
    return server, database


def test_job_of_a_worker_that_has_gone(make_server):
    """It ends its job and then itself before the scheduler looks for a free worker: the result counts."""
    server, database = faulty(make_server, {"pg_trickle.max_concurrent_refreshes": "2"})
    database.source()
    database.execute("CREATE TABLE u (n int)")
    database.execute(SLOW)
    database.create("a", "SELECT slow(n) AS n FROM t")
    database.create("b", "SELECT count(*) AS n FROM u")
    database.follows("a")
    database.follows("b")
    holder = database.connect(autocommit=False)
    holder.execute("SELECT pg_advisory_xact_lock(7)")
    database.execute("INSERT INTO t VALUES (50, -7)")
    wait_for(lambda: "a" in at_work(database), "the refresh")
    database.execute("ALTER SYSTEM SET pg_trickle.fault = 'once;stop scheduler dispatches'")
    server.reload()

    def is_stopped():
        database.execute("INSERT INTO u VALUES (1)")
        return stopped(server, "scheduler")

    (scheduler,) = wait_for(is_stopped, "the scheduler to stop")
    wait_for(lambda: not at_work(database), "the end of the job")
    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker'")
    wait_for(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle worker'") == 0, "its end")
    holder.rollback()
    os.kill(scheduler, signal.SIGCONT)
    database.follows("b")
    database.follows("a")


@pytest.mark.parametrize("fault", ["K17 jobs", "K17 memory"])
def test_worn_worker_is_replaced(make_server, fault):
    """After so many jobs, or with so much memory, of which the tests allow three and none."""
    server, database = faulty(make_server, {"pg_trickle.fault": fault, "pg_trickle.max_concurrent_refreshes": "1"})
    database.source()
    database.create("s", "SELECT count(*) AS n FROM t")
    database.follows("s")
    before = started(server, "worker")
    for i in range(7):
        database.execute("INSERT INTO t VALUES (%s, 1)", (50 + i,))
        wait_for(lambda: database.value("SELECT n FROM s") == 11 + i, "the row")
    assert started(server, "worker") >= before + 2
    assert database.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'") == 0
    database.follows("s")


def test_idle_database_has_no_process(make_server):
    """Where nothing happens (here: for a second) the scheduler goes; a commit, or what is due, brings it back."""
    server, database = faulty(make_server, {"pg_trickle.fault": "K17 soon"})
    database.source()
    database.create("s", "SELECT count(*) AS n FROM t")
    wait_for(database.pid, "the scheduler")
    database.follows("s")

    def gone():
        return database.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle scheduler'") == 0

    for i in range(3):
        wait_for(gone, "its end")
        assert database.rows("SELECT lag, stale FROM pgtrickle.freshness()") == [(datetime.timedelta(0), False)]
        assert database.rows("SELECT scheduler_running, status FROM pgtrickle.quick_health") == [(True, "OK")]
        assert database.value("SELECT pgtrickle.scheduler_status()") == "ACTIVE"
        assert database.rows("SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'scheduler_running'") == \
            [("OK", "nothing has happened for a while; the next commit starts a scheduler")]
        database.execute("INSERT INTO t VALUES (%s, 1)", (50 + i,))
        database.follows("s")
    # nobody has to commit for what is recomputed every three seconds
    database.create("f", "SELECT count(*) AS n FROM t", "3s", "FULL")
    before = started(server)
    first = database.value("SELECT last_refresh_at FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'f'")
    wait_for(lambda: started(server) >= before + 2, "it to come back twice")
    assert database.value("SELECT last_refresh_at FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'f'") > first
    database.execute("SELECT pgtrickle.drop_stream_table('f')")
    # the end of a prepared transaction asks for nobody
    with database.connect(autocommit=False) as writer:
        writer.execute("INSERT INTO t VALUES (60, 1)")
        writer.execute("PREPARE TRANSACTION 'idle'")
        writer.rollback()
    wait_for(lambda: not gone(), "the scheduler")
    database.execute("COMMIT PREPARED 'idle'")
    database.follows("s")
    # nor is anything lost with the launcher: the next one starts a scheduler once in each database
    wait_for(gone, "its end")
    database.execute("SELECT pg_terminate_backend(pgtrickle.launcher_pid())")
    database.execute("INSERT INTO t VALUES (61, 1)")
    database.follows("s")


def test_more_databases_than_processes(make_server):
    """They take turns, whoever has something to do."""
    server = make_server(preload=LIBRARY, conf={**CONF, "max_worker_processes": "5", "max_logical_replication_workers": "0"})
    databases = [Scheduled(server) for _ in range(8)]
    for database in databases:
        database.source()
        database.create("s", "SELECT count(*) AS n FROM t")
    for i in range(3):
        for database in databases:
            database.execute("INSERT INTO t VALUES (%s, 1)", (50 + i,))
        for database in databases:
            database.follows("s")


def switch(server, setting):
    with server.connect() as conn:
        conn.execute(f"ALTER SYSTEM SET pg_trickle.enabled = {setting}")
    server.reload()


def test_turns_at_the_start(make_server):
    """A scheduler that begins looks at everything, one stream table after the other (here: in five seconds), and
    follows commits meanwhile."""
    server, database = faulty(make_server, {"pg_trickle.fault": "H2 slow"})
    names = [f"s{i}" for i in range(4)]
    for name in names:
        database.execute(f"CREATE TABLE of_{name} (n int)")
        database.create(name, f"SELECT count(*) AS n FROM of_{name}")
        database.follows(name)
    # nobody hears of these commits: where they are told goes with the server
    switch(server, "off")
    wait_for(lambda: database.value("SHOW pg_trickle.enabled") == "off", "the setting")
    for name in names:
        database.execute(f"INSERT INTO of_{name} VALUES (1)")
    database.close()
    server.restart()
    switch(server, "on")
    database.reconnect()
    wait_for(lambda: database.value("SHOW pg_trickle.enabled") == "on", "the setting")
    database.execute("SELECT pgtrickle.start_scheduler()")

    def done():
        return [name for name in names if database.value(f"SELECT n FROM {name}") > 0]

    first = wait_for(done, "the first")
    assert len(first) < 3, "all at once"
    last = [name for name in names if name not in first][-1]
    database.execute(f"INSERT INTO of_{last} VALUES (2)")
    wait_for(lambda: database.value(f"SELECT n FROM {last}") == 2, "the commit")
    assert len(done()) < 4, "its turn may have come"
    for name in names:
        database.follows(name)
