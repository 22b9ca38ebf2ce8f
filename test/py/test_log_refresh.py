"""Setting pg_trickle.log_refresh: each step of a refresh in the server log, with rows and time."""
import re


def entries(server, since):
    """Messages about refreshes, each with its steps."""
    text = server.log.read_text()[since:]
    found = re.findall(r'LOG:  refreshed "(.*?)": (\w+), .*?\n(?:.*?DETAIL:  (.*?)\n)?((?:\t.*\n)*)', text)
    return [(name, action, [first, *(line.strip() for line in rest.splitlines())] if first else [])
            for name, action, first, rest in found]


def test_steps(server, db, assert_fresh):
    conn = db.connect()
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, a int)")
    conn.execute("INSERT INTO t SELECT i, i % 3 FROM generate_series(1, 9) AS i")
    conn.execute("SELECT pgtrickle.create_stream_table('st', 'SELECT a, count(*) AS c, string_agg(id::text, '','') AS l FROM t GROUP BY a')")
    conn.execute("UPDATE t SET a = 1 WHERE id = 3")
    since = len(server.log.read_text())
    conn.execute("SELECT pgtrickle.refresh_stream_table('st')")
    assert entries(server, since) == []

    conn.execute("SET pg_trickle.log_refresh = on")
    conn.execute("INSERT INTO t VALUES (20, 7), (21, 7)")
    conn.execute("DELETE FROM t WHERE id = 1")
    conn.execute("SELECT pgtrickle.refresh_stream_table('st')")
    conn.execute("TRUNCATE t")
    conn.execute("SELECT pgtrickle.refresh_stream_table('st')")
    # the log's writer may be behind us by a moment, but writes in order
    conn.execute("SELECT pgtrickle.refresh_stream_table('st')")
    first, second, third = entries(server, since)

    ms = r"\d+\.\d{3} ms"
    assert first[:2] == ("public.st", "DIFFERENTIAL")
    for step, wanted in zip(first[2], [
            rf'read "t": 3 rows, netted to 3, {ms}', rf"state 0 delta: 2 groups, 2 computed again, {ms}",
            rf"state 0 apply: 1 inserted, 1 updated, 0 deleted, {ms}", rf"delta: 3 rows, {ms}",
            rf"apply: 1 inserted, 1 updated, 0 deleted, {ms}"], strict=True):
        assert re.fullmatch(wanted, step), step
    assert second[:2] == ("public.st", "FULL")
    assert re.match(r'read "t": ', second[2][0])
    assert re.match("recompute because: ", second[2][1])
    assert re.fullmatch(rf"apply: 0 inserted, 0 updated, 4 deleted, {ms}", second[2][-1])
    assert third[:2] == ("public.st", "NO_DATA")
    assert_fresh(conn, "st")
