"""Every alert of the contract that can come is brought about, and says what the contract has it say."""
import json
import pathlib
import re
import time

import pytest
from conftest import wait_for
from test_control import WAIT, Listener, restart_scheduler
from test_scheduler import running, scheduled  # noqa: F401

TOP = pathlib.Path(__file__).resolve().parents[2]

# by event: is it of a stream table, what else it says (numbers are marked), and more that we say
EVENTS = {
    "stale_data": (True, "staleness_seconds# schedule_seconds# ratio#"),
    "auto_suspended": (True, "consecutive_errors#"),
    "resumed": (True, "previous_status"),
    "reinitialize_needed": (True, "reason"),
    "append_only_reverted": (True, ""),
    "refresh_completed": (True, "action rows_inserted# rows_deleted# duration_ms# rows_updated#"),
    "refresh_failed": (True, "action error"),
    "scheduler_falling_behind": (True, "elapsed_ms# schedule_ms# ratio#"),
    "predicted_sla_breach": (True, "predicted_ms# sla_ms# pct_over#"),
    "fuse_blown": (True, "stream_table pending# ceiling#"),
    "fuse_blown_reminder": (True, "blown_seconds# reason"),
    "frozen_tier_skip": (True, "frozen_seconds#"),
    "cdc_trigger_disabled": (False, "source_oid#"),
    "buffer_growth_warning": (False, "slot_name pending_bytes# source_oid# held_by open_writers"),
    "refresh_blocked": (True, "held_by blocked_seconds#"),
    "refresh_blocks": (True, "pid# waiting"),
    "watermark_stuck": (False, "group source_oid# age_secs#"),
    "watermark_resumed": (False, "source_oid#"),
}

# those of which the mutants K25 and K12 are the tests
ELSEWHERE = {"refresh_blocked", "refresh_blocks"}

# of what there is not, or what another event tells
NEVER = {
    "no_upstream_changes", "cleanup_failure", "spill_threshold_exceeded", "slot_lag_warning",
    "change_buffer_backpressure", "self_monitor_anomaly",
}


def test_all_are_known():
    sent = set()
    for path in TOP.glob("src/**/*.c"):
        sent |= set(re.findall(r'(?:st_alert_begin\(&alert, |\bkeep\()"(\w+)"', path.read_text(encoding="utf8")))
    assert sent == set(EVENTS)
    table = (TOP / "docs/monitoring.md").read_text(encoding="utf8").split("## Alerts")[1].split("\n## ")[0]
    rows = {event: line.split("|")[3].strip() for line in table.splitlines() if line.startswith("| `")
            for event in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert set(rows) == set(EVENTS) and all(rows.values()), "the manual says of each what to do"
    moving = (TOP / "docs/moving.md").read_text(encoding="utf8")
    assert all(f"`{event}`" in moving for event in NEVER)


@pytest.fixture
def told(scheduled):  # noqa: F811
    """What has come so far, by event and the stream table or source that it is of."""
    listener = Listener(scheduled.connect())
    events = {}

    def look(event, of=None):
        listener.backlog += [json.loads(n.payload) for n in listener.conn.notifies(timeout=0.2)]
        for one in listener.backlog:
            events.setdefault((one["event"], one.get("st", one.get("source_oid"))), one)
            events.setdefault((one["event"], None), one)
        listener.backlog.clear()
        return events.get((event, of))

    return look


def check(event, payload):
    of_table, more = EVENTS[event]
    keys = more.split()
    assert payload["event"] == event
    assert set(payload) == {"event", *(("pgt_schema", "pgt_name", "st") if of_table else ()), *(key.rstrip("#") for key in keys)}, payload
    for key in keys:
        assert isinstance(payload[key.rstrip("#")], (int, float) if key.endswith("#") else str), payload
    if of_table:
        assert payload["st"] == f"{payload['pgt_schema']}.{payload['pgt_name']}"


def test_each_comes(scheduled, told):  # noqa: F811
    execute = scheduled.execute
    tables = "failing", "truncated", "appended", "slow", "gated", "fused", "frozen", "grown", "disabled", "marked", "marked_too"
    for table in tables:
        execute(f"CREATE TABLE {table} (id int PRIMARY KEY, n int)")
        execute(f"INSERT INTO {table} VALUES (0, 1)")
    oid = {table: scheduled.value(f"SELECT '{table}'::regclass::oid::bigint") for table in tables}
    execute("CREATE FUNCTION fail(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
            "$$BEGIN IF n = 0 THEN RAISE 'no' USING ERRCODE = 'XX000'; END IF; RETURN n; END$$")
    execute(WAIT)
    scheduled.create("s_failing", "SELECT id, fail(n) AS n FROM failing")
    scheduled.create("s_truncated", "SELECT n, count(*) AS rows FROM truncated GROUP BY n")
    scheduled.create("s_appended", "SELECT sum(n) AS n FROM appended")
    execute("SELECT pgtrickle.alter_stream_table('s_appended', append_only => true)")
    scheduled.create("s_slow", "SELECT count(*) AS n FROM slow", "2s")
    execute("CREATE TRIGGER wait AFTER INSERT OR UPDATE ON s_slow FOR EACH STATEMENT EXECUTE FUNCTION wait()")
    scheduled.create("s_promised", "SELECT count(*) AS n FROM truncated", "1h")
    execute("SELECT pgtrickle.set_stream_table_sla('s_promised', '1 second')")
    execute("CREATE TRIGGER wait AFTER INSERT OR UPDATE ON s_promised FOR EACH STATEMENT EXECUTE FUNCTION wait()")
    scheduled.create("s_gated", "SELECT count(*) AS n FROM gated")
    execute("SELECT pgtrickle.gate_source('gated')")
    scheduled.create("s_fused", "SELECT count(*) AS n FROM fused")
    execute("SELECT pgtrickle.alter_stream_table('s_fused', fuse => 'on', fuse_ceiling => 2)")
    scheduled.create("s_frozen", "SELECT count(*) AS n FROM frozen")
    scheduled.create("s_grown", "SELECT count(*) AS n FROM grown")
    for name in "s_frozen", "s_grown":
        execute(f"SELECT pgtrickle.alter_stream_table('{name}', tier => 'frozen')")
    scheduled.create("s_disabled", "SELECT count(*) AS n FROM disabled", "1h")
    for table in "marked", "marked_too":
        execute(f"SELECT pgtrickle.advance_watermark('{table}', '2026-01-01 00:00Z')")
    execute("SELECT pgtrickle.create_watermark_group('loads', ARRAY['marked', 'marked_too'], 1000)")
    for setting, value in (("notify_refresh", "on"), ("max_log_bytes", "200kB"), ("watermark_holdback_timeout", "1"), ("max_consecutive_errors", "2")):
        execute(f"ALTER DATABASE {scheduled.name} SET pg_trickle.{setting} = '{value}'")
    execute("INSERT INTO grown SELECT i, i FROM generate_series(1, 6000) AS i")
    writer, prepared = scheduled.connect(autocommit=False), scheduled.connect(autocommit=False)
    writer.execute("INSERT INTO grown VALUES (-1, 1)")
    prepared.execute("INSERT INTO grown VALUES (-2, 1)")
    prepared.execute("PREPARE TRANSACTION 'grown'")
    restart_scheduler(scheduled)

    def wait(event, of=None):
        payload = wait_for(lambda: told(event, of), f"{event} of {of}", 120)
        check(event, payload)
        return payload

    holder = scheduled.connect(autocommit=False)
    holder.execute("SELECT pg_advisory_xact_lock(4711)")
    insert_one = "INSERT INTO {} VALUES (1, 1)"
    for table in "truncated", "slow", "gated", "frozen":
        execute(insert_one.format(table))
    execute("INSERT INTO fused SELECT i, i FROM generate_series(1, 5) AS i")
    execute("INSERT INTO failing VALUES (1, 0)")
    assert wait("refresh_completed", "public.s_truncated")["action"] == "DIFFERENTIAL"
    long = "SELECT count(*) FROM pgtrickle.refresh_progress WHERE current_member IN ('public.s_slow', 'public.s_promised') AND elapsed > '2.2 seconds'"
    wait_for(lambda: scheduled.value(long) == 2, "two refreshes that take long")
    holder.rollback()
    execute("UPDATE appended SET n = 2")
    wait("append_only_reverted", "public.s_appended")
    execute("TRUNCATE truncated")
    assert wait("reinitialize_needed", "public.s_truncated")["reason"] == "truncated"
    fuse = wait("fuse_blown", "public.s_fused")
    assert (fuse["stream_table"], fuse["pending"], fuse["ceiling"]) == ("public.s_fused", 5, 2)
    assert wait("refresh_failed", "public.s_failing")["error"] == "XX000"
    assert wait("auto_suspended", "public.s_failing")["consecutive_errors"] == 2
    execute("SELECT pgtrickle.resume_stream_table('s_failing')")
    assert wait("resumed", "public.s_failing")["previous_status"] == "SUSPENDED"
    behind = wait("scheduler_falling_behind", "public.s_slow")
    assert behind["schedule_ms"] == 2000 and behind["elapsed_ms"] >= 2200 and behind["ratio"] >= 1.1
    breach = wait("predicted_sla_breach", "public.s_promised")
    assert breach["sla_ms"] == 1000 and breach["predicted_ms"] >= 2200 and breach["pct_over"] >= 120
    stale = wait("stale_data", "public.s_gated")
    assert stale["schedule_seconds"] == 1 and stale["ratio"] >= 2
    wait("frozen_tier_skip", "public.s_frozen")
    growth = wait("buffer_growth_warning", oid["grown"])
    assert growth["pending_bytes"] > 100 * 1024 and growth["held_by"] == "public.s_grown (frozen)"
    assert sorted(growth["open_writers"].split(", ")) == ['prepared transaction "grown"', f"process {writer.info.backend_pid}"]
    writer.commit()
    execute("COMMIT PREPARED 'grown'")
    assert wait("watermark_stuck", oid["marked"])["group"] == "loads"
    execute("SELECT pgtrickle.advance_watermark('marked', '2026-01-01 00:01Z')")
    wait("watermark_resumed", oid["marked"])
    execute("ALTER TABLE disabled DISABLE TRIGGER ALL")
    wait("cdc_trigger_disabled", oid["disabled"])
    # those who come later are reminded
    restart_scheduler(scheduled)
    assert wait("fuse_blown_reminder", "public.s_fused")["reason"] == "change buffer count (5) exceeded ceiling (2)"
    assert {event for event in EVENTS if not told(event)} == ELSEWHERE


def test_both_channels_and_none_for_poolers(scheduled):  # noqa: F811
    scheduled.source(0)
    scheduled.create("s", "SELECT id, 1 / n AS n FROM t")
    scheduled.create("quiet", "SELECT id, 2 / n AS n FROM t")
    scheduled.execute("UPDATE pgtrickle.pgt_stream_tables SET pooler_compatibility_mode = true WHERE pgt_name = 'quiet'")
    restart_scheduler(scheduled)
    channels = {channel: scheduled.connect() for channel in ("pg_trickle_alert", "pgtrickle_alert")}
    for channel, conn in channels.items():
        conn.execute(f"LISTEN {channel}")
    scheduled.execute("INSERT INTO t VALUES (1, 0)")
    wait_for(lambda: scheduled.status("s") == scheduled.status("quiet") == "ERROR", "both to fail")
    for channel, conn in channels.items():
        conn.execute("SELECT pg_notify(%s, '{\"st\": \"end\"}')", (channel,))
        seen, deadline = [], time.monotonic() + 60
        while "end" not in seen and time.monotonic() < deadline:
            seen += [json.loads(n.payload)["st"] for n in conn.notifies(timeout=1, stop_after=1)]
        assert seen == ["public.s", "end"]
