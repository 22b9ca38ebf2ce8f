-- What refreshes stream tables by itself, and telling it not to.

CREATE OR REPLACE FUNCTION pgtrickle.resume_stream_table(name text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_resume_stream_table';
COMMENT ON FUNCTION pgtrickle.resume_stream_table(text) IS
    'Makes a stream table in status SUSPENDED or ERROR ACTIVE again and forgets its errors. Errors: 42P01 unknown, 42501 not the owner, 22023 another status.';

CREATE OR REPLACE FUNCTION pgtrickle.adopt_settings(name text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_adopt_settings';
COMMENT ON FUNCTION pgtrickle.adopt_settings(text) IS
    'Gives a stream table the settings of this session that its result depends on: TimeZone, DateStyle, IntervalStyle, extra_float_digits, bytea_output, lc_monetary, lc_numeric, lc_time, default_text_search_config, xmloption, xmlbinary and array_nulls. They were those of the session that created it, whoever refreshes it; debug_stream_table() shows them. The next refresh recomputes it. Waits for a refresh that is going on. Errors: 42P01 unknown, 42501 not the owner.';

CREATE OR REPLACE FUNCTION pgtrickle.repair_stream_table(name text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_repair_stream_table';
COMMENT ON FUNCTION pgtrickle.repair_stream_table(text) IS
    'Makes a stream table ACTIVE whatever its status, forgets its errors, arms its fuse, captures again what is not captured of its sources, and recomputes it. Returns what was wrong and how many rows were. What makes a refresh fail is raised, and then nothing was done. Errors: 42P01 unknown, 42501 not the owner, 55006 another session refreshes it.';

CREATE OR REPLACE FUNCTION pgtrickle.set_stream_table_sla(name text, sla interval)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_set_stream_table_sla';
COMMENT ON FUNCTION pgtrickle.set_stream_table_sla(text, interval) IS
    'Promises how old the contents of a stream table may be. It is refreshed at least twice in that time, whatever its duration or tier say; a cron expression stays as it is. The tier becomes hot (up to 5 s), warm (up to 30 s) or cold. NULL takes the promise back, and the tier is hot. A month counts as 30 days. sla_summary() shows whether it is kept. Errors: 42P01 unknown, 42501 not the owner, 22023 not positive, 22004 no name.';

CREATE OR REPLACE FUNCTION pgtrickle.pause_all()
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_pause_all';
COMMENT ON FUNCTION pgtrickle.pause_all() IS
    'Keeps the scheduler from refreshing the stream tables that there are, until resume_all(). Their status stays as it is, and they can be refreshed by hand. Error: 42501 unless the caller owns them all.';

CREATE OR REPLACE FUNCTION pgtrickle.resume_all()
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_resume_all';
COMMENT ON FUNCTION pgtrickle.resume_all() IS
    'Lets the scheduler refresh again what pause_all() has paused, and takes back drain(). What was suspended stays suspended. Error: 42501 unless the caller owns all stream tables.';

CREATE OR REPLACE FUNCTION pgtrickle.start_scheduler()
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_start_scheduler';
COMMENT ON FUNCTION pgtrickle.start_scheduler() IS
    'Starts the launcher of a server that has not loaded pg_trickle by shared_preload_libraries, and with it the scheduler of this database; does nothing if they run. The first create_stream_table() does the same. Errors: 53000 no background worker is free, 25006 on a standby.';

CREATE OR REPLACE FUNCTION pgtrickle.scheduler_pid()
RETURNS integer LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_scheduler_pid';
COMMENT ON FUNCTION pgtrickle.scheduler_pid() IS
    'Process that refreshes the stream tables of this database; NULL: there is none, maybe because nothing has happened for five minutes (scheduler_follows()).';

CREATE OR REPLACE FUNCTION pgtrickle.scheduler_follows()
RETURNS boolean LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_scheduler_follows';
COMMENT ON FUNCTION pgtrickle.scheduler_follows() IS
    'Is there a scheduler in this database, or does the launcher start it at the next commit, because nothing has happened for a while?';

CREATE OR REPLACE FUNCTION pgtrickle.next_fire_time(schedule text, after timestamptz DEFAULT clock_timestamp())
RETURNS timestamptz LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_next_fire_time';
COMMENT ON FUNCTION pgtrickle.next_fire_time(text, timestamptz) IS
    'When a schedule is due next after a time: of a cron expression, when it fires (infinity: never); of a duration, that much later; NULL for ''calculated''. Error: 22023 no schedule.';

CREATE OR REPLACE FUNCTION pgtrickle._signal_launcher_rescan()
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_signal_launcher';
COMMENT ON FUNCTION pgtrickle._signal_launcher_rescan() IS 'Lets the launcher look at this database when the transaction commits. Internal.';
REVOKE ALL ON FUNCTION pgtrickle._signal_launcher_rescan() FROM PUBLIC;
