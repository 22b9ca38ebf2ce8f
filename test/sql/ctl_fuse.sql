-- Fuses, draining: what the functions take, keep and refuse. What they do to the scheduler: test/py/test_control.py.
\set VERBOSITY terse
SELECT test.restart_numbers() IS NOT NULL AS numbers;
CREATE ROLE ctl_other;
GRANT USAGE ON SCHEMA pgtrickle TO ctl_other;
CREATE TABLE ctl_t (id int PRIMARY KEY, n int);
SELECT pgtrickle.create_stream_table('ctl_s', 'SELECT n, count(*) FROM ctl_t GROUP BY n');
SELECT * FROM pgtrickle.fuse_status();
SELECT pgtrickle.alter_stream_table('ctl_s', fuse => 'ON', fuse_ceiling => 100, fuse_sensitivity => 2);
SELECT * FROM pgtrickle.fuse_status();
SELECT pgtrickle.alter_stream_table('ctl_s', fuse => 'auto', fuse_ceiling => 0);
SELECT * FROM pgtrickle.fuse_status();
SET pg_trickle.fuse_default_ceiling = 500;
SELECT * FROM pgtrickle.fuse_status();
RESET pg_trickle.fuse_default_ceiling;
SELECT pgtrickle.alter_stream_table('ctl_s', fuse => 'off');
SELECT pgtrickle.alter_stream_table('ctl_s', fuse => 'of');
SELECT pgtrickle.alter_stream_table('ctl_s', fuse_ceiling => -1);
SELECT pgtrickle.alter_stream_table('ctl_s', fuse_sensitivity => 0);
SELECT pgtrickle.reset_fuse('ctl_s');
SELECT pgtrickle.reset_fuse('ctl_s', 'nonsense');
SELECT pgtrickle.reset_fuse('ctl_missing');
-- as the scheduler does it
CREATE FUNCTION pg_temp.blow() RETURNS void LANGUAGE sql AS $$
    UPDATE pgtrickle.pgt_stream_tables SET fuse_state = 'blown', status = 'SUSPENDED', blown_at = now(), blow_reason = 'change buffer count (6) exceeded ceiling (5)'
$$;
SELECT pg_temp.blow();
SELECT stream_table, fuse_state, clock_timestamp() - blown_at < '1 minute' AS just_now, blow_reason FROM pgtrickle.fuse_status();
SELECT pgtrickle.refresh_stream_table('ctl_s');
SELECT pgtrickle.reset_fuse('ctl_s', 'nonsense');
SET ROLE ctl_other;
SELECT pgtrickle.reset_fuse('ctl_s');
SELECT stream_table, fuse_state FROM pgtrickle.fuse_status();
RESET ROLE;
INSERT INTO ctl_t VALUES (1, 1), (2, 1);
SELECT pgtrickle.reset_fuse('ctl_s', 'Apply');
SELECT f.fuse_state, f.blown_at, f.blow_reason, t.status FROM pgtrickle.fuse_status() AS f, pgtrickle.pgt_stream_tables AS t;
SELECT test.refresh('ctl_s');
SELECT pg_temp.blow();
INSERT INTO ctl_t VALUES (3, 1), (4, 2);
SELECT pgtrickle.reset_fuse('ctl_s', 'reinitialize');
SELECT needs_reinit FROM pgtrickle.pgt_stream_tables;
SELECT test.refresh('ctl_s', 'REINITIALIZE');
-- what is forgotten by one is not by another
SELECT pgtrickle.create_stream_table('ctl_s2', 'SELECT sum(n) FROM ctl_t');
SELECT pg_temp.blow();
INSERT INTO ctl_t VALUES (5, 7), (6, 8);
SELECT pgtrickle.reset_fuse('ctl_s', 'skip_changes');
SELECT pgtrickle.reset_fuse('ctl_s2');
SELECT pgtrickle.refresh_stream_table('ctl_s');
TABLE ctl_s ORDER BY n;
SELECT test.refresh('ctl_s2');
INSERT INTO ctl_t VALUES (7, 9), (8, 1);
SELECT pgtrickle.refresh_stream_table('ctl_s');
TABLE ctl_s ORDER BY n;
SELECT pgtrickle.repair_stream_table('ctl_s');
SELECT test.assert_fresh('ctl_s');
-- resuming, making it active, and repairing it reset it as well
SELECT pg_temp.blow();
SELECT pgtrickle.resume_stream_table('ctl_s');
SELECT pgtrickle.alter_stream_table('ctl_s2', status => 'active');
SELECT stream_table, fuse_state, blow_reason FROM pgtrickle.fuse_status();
SELECT pg_temp.blow();
SELECT pgtrickle.repair_stream_table('ctl_s');
SELECT pgtrickle.repair_stream_table('ctl_s2');
SELECT stream_table, fuse_state, blow_reason FROM pgtrickle.fuse_status();
-- draining
SELECT pgtrickle.is_drained();
BEGIN;
SELECT pgtrickle.drain();
SELECT pgtrickle.is_drained();
ROLLBACK;
SELECT pgtrickle.is_drained();
SELECT pgtrickle.drain(0);
SELECT pgtrickle.drain(timeout_s => 5);
SELECT pgtrickle.is_drained();
SELECT drained_by = current_user AS me, clock_timestamp() - drained_at < '1 minute' AS just_now FROM pgtrickle.scheduler_drain;
-- by hand
INSERT INTO ctl_t VALUES (9, 9);
SELECT test.refresh('ctl_s');
SELECT test.refresh('ctl_s2');
SET ROLE ctl_other;
SELECT pgtrickle.drain();
SELECT pgtrickle.undrain();
SELECT pgtrickle.pause_all();
SELECT pgtrickle.is_drained();
RESET ROLE;
SELECT pgtrickle.undrain();
SELECT pgtrickle.is_drained();
SELECT pgtrickle.drain();
SELECT pgtrickle.resume_all();
SELECT pgtrickle.is_drained();
BEGIN READ ONLY;
SELECT pgtrickle.drain();
ROLLBACK;
BEGIN;
SELECT pgtrickle.drain();
PREPARE TRANSACTION 'drain';
SELECT pgtrickle.is_drained();
SELECT test.drop_all();
-- of none everybody is the owner
SET ROLE ctl_other;
SELECT pgtrickle.drain();
RESET ROLE;
DROP TABLE ctl_t;
REVOKE USAGE ON SCHEMA pgtrickle FROM ctl_other;
DROP ROLE ctl_other;
