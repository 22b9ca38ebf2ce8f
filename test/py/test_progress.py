"""What is shown of a refresh that is running, in each of its phases.

The regress test obs_progress looks from inside, by functions that the refresh calls.
"""
import signal
import threading

from conftest import Database, create_faulty_extension, wait_for
from test_scheduler import send, stopped


class StoppedCall(threading.Thread):
    """A call that stops once at a place of src/util/fault.h."""

    def __init__(self, database, call, place):
        super().__init__()
        self.call, self.conn = call, database.connect()
        self.pid = self.conn.info.backend_pid
        self.conn.execute("SELECT set_config('pg_trickle.fault', %s, false)", (f"once;stop {place}",))
        self.start()
        wait_for(lambda: stopped(self.pid) or not self.is_alive(), f"{self.call} to come to {place}")

    def run(self):
        self.conn.execute(self.call)

    def go_on(self):
        send(signal.SIGCONT, [self.pid])
        self.join()
        self.conn.close()


def test_phases_of_a_refresh(make_server):
    """What another session sees at each place where a refresh can be stopped."""
    server = make_server()
    database = Database(server, extension=False)
    create_faulty_extension(server, database.name)
    database.reconnect()
    database.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    progress = "SELECT pid, pgt_schema, pgt_name, phase, initiated_by, members, members_done, current_member, rows_read FROM pgtrickle.refresh_progress"
    call = StoppedCall(database, "SELECT pgtrickle.create_stream_table('s', 'SELECT id, n FROM t')", "recomputed")
    assert database.rows(progress) == [(call.pid, None, None, "recomputing", "INITIAL", 1, 0, None, 0)], "nobody else sees its name yet"
    assert database.rows("SELECT status FROM pgtrickle.refresh_timeline()") == []
    call.go_on()
    database.execute("SELECT pgtrickle.create_stream_table('above', 'SELECT id, n FROM s')")
    name = "public.above"
    for place, phase, done, at, read in (
            ("logs probed", "starting", 0, None, 0), ("snapshot taken", "starting", 0, None, 0),
            ("changes read", "reading changes", 0, "public.s", 1), ("delta applied", "following changes", 0, "public.s", 1),
            ("frontiers written", "finishing", 0, "public.s", 1), ("node done", "finishing", 1, "public.s", 1),
            ("space reclaimed", "finishing", 2, name, 1), ("recomputed", "recomputing", 0, "public.s", 0)):
        if place == "recomputed":
            database.execute("TRUNCATE t")
        database.execute("INSERT INTO t SELECT coalesce(max(id), 0) + 1, 1 FROM t")
        call = StoppedCall(database, "SELECT pgtrickle.refresh_stream_table('above')", place)
        assert database.rows(progress) == [(call.pid, "public", "above", phase, "MANUAL", 2, done, at, read)], place
        assert database.rows("SELECT stream_table, action FROM pgtrickle.refresh_timeline() WHERE status = 'RUNNING'") == [(name, "DIFFERENTIAL")]
        call.go_on()
        assert database.rows(progress) == []
        for each in "s", "above":
            database.assert_fresh(each)
