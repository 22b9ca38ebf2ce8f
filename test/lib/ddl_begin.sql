-- Runs cases of DDL: what stream tables over a few tables make of a command.
-- The tests ddl_* include it; ddl_end.sql takes it away.

CREATE ROLE ddl_role;
CREATE ACCESS METHOD ddl_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE test.ddl_query (name text PRIMARY KEY, query text);
INSERT INTO test.ddl_query VALUES
('rows', 'SELECT id, a, b FROM x.t'),
('groups', 'SELECT a, count(*) AS n, max(b) AS b FROM x.t GROUP BY a'),
('joined', 'SELECT t.id, u.id AS u FROM x.t JOIN x.u ON u.t_id = t.id'),
('lookup', 'SELECT u.id, (SELECT t.b FROM x.t WHERE t.id = u.t_id) AS b FROM x.u'),
('called', 'SELECT id, x.f(a) AS f FROM x.t'),
('viewed', 'SELECT a, count(*) AS n FROM x.v GROUP BY a'),
('typed', 'SELECT id, m::text AS m, (p).x AS px, d, (e).y AS ey FROM x.t'),
('enums', 'SELECT m, count(*) AS n FROM x.t GROUP BY m'),
('ordered', 'SELECT b COLLATE x.c AS b, count(*) AS n FROM x.t GROUP BY 1'),
('parts', 'SELECT id, k, a FROM x.p'),
('kin', 'SELECT a, count(*) AS n FROM x.i GROUP BY a'),
('keyless', 'SELECT id, a FROM x.k'),
('moved', 'SELECT id FROM y.s'),
('over', 'SELECT n, count(*) AS c FROM x.groups GROUP BY n');
/* "off": with pg_trickle.block_source_ddl off; "alone": no function may run the command */
CREATE TABLE test.ddl_case (no serial, part text, what text, command text, queries text[], off boolean, alone boolean,
                            outcome text, effect text);

/*
 * Some changes of each table that is there, whatever it and its columns are
 * called by now: by number, the first is the key.
 */
CREATE PROCEDURE test.ddl_write(step int) LANGUAGE plpgsql AS $procedure$
DECLARE
    relation regclass;
    key text;
    value text;
BEGIN
    FOR relation, key, value IN
        SELECT relid::regclass, quote_ident(a1.attname), quote_ident(a2.attname)
          FROM pg_temp.ddl_table
          JOIN pg_attribute AS a1 ON a1.attrelid = relid AND a1.attnum = 1
          LEFT JOIN pg_attribute AS a2 ON a2.attrelid = relid AND a2.attnum = 2 AND NOT a2.attisdropped
         WHERE relid IN (SELECT oid FROM pg_class) ORDER BY relid
    LOOP
        IF value IS NULL THEN
            EXECUTE format('INSERT INTO %s (%s) VALUES ($1 * 100)', relation, key) USING step;
            CONTINUE;
        END IF;
        EXECUTE format('INSERT INTO %s (%s, %s) VALUES ($1 * 100, 1), ($1 * 100 + 1, 2)', relation, key, value) USING step;
        EXECUTE format('UPDATE %s SET %s = %s + 1 WHERE %s %% 5 = $1', relation, value, value, key) USING step;
        EXECUTE format('DELETE FROM %s WHERE %s %% 11 = $1 + 4', relation, key) USING step;
    END LOOP;
END $procedure$;

/* Tables, the stream tables of the case, a refresh, and changes that are pending two. */
CREATE PROCEDURE test.ddl_before(case_no int) LANGUAGE plpgsql AS $procedure$
DECLARE
    c test.ddl_case;
    q test.ddl_query;
BEGIN
    SELECT * INTO c FROM test.ddl_case WHERE no = case_no;
    CREATE SCHEMA x;
    CREATE SCHEMA y;
    GRANT ALL ON SCHEMA x TO ddl_role;
    CREATE TYPE x.mood AS ENUM ('low', 'high');
    CREATE TYPE x.pair AS (x int, y int);
    CREATE TYPE x.free AS (y int);
    CREATE DOMAIN x.small AS int CHECK (VALUE < 100000);
    CREATE COLLATION x.c FROM "C";
    CREATE TABLE x.t (id int PRIMARY KEY, a int NOT NULL, b text, m x.mood DEFAULT 'low', p x.pair DEFAULT (1, 2), d x.small DEFAULT 3,
                      e x.free, unused int);
    CREATE TABLE x.u (id int PRIMARY KEY, t_id int);
    CREATE INDEX u_t_id ON x.u (t_id);
    CREATE TABLE x.k (id int, a int);
    CREATE TABLE x.p (k int, a int, id int) PARTITION BY RANGE (k);
    CREATE TABLE x.p1 PARTITION OF x.p FOR VALUES FROM (0) TO (10);
    CREATE TABLE x.p2 (id int, a int, k int);
    ALTER TABLE x.p ATTACH PARTITION x.p2 FOR VALUES FROM (10) TO (20);
    CREATE TABLE x.q (k int, a int, id int);
    CREATE TABLE x.i (id int, a int);
    CREATE TABLE x.i1 (more int) INHERITS (x.i);
    CREATE TABLE x.j (id int, a int);
    CREATE TABLE y.s (id int, a int);
    CREATE VIEW x.v AS SELECT id, a FROM x.t WHERE a >= 0;
    CREATE FUNCTION x.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
    INSERT INTO x.t (id, a, b, m) SELECT n, n % 3, 'b' || n, CASE WHEN n % 2 = 0 THEN 'low' ELSE 'high' END::x.mood FROM generate_series(1, 20) AS n;
    INSERT INTO x.u SELECT n, n % 20 FROM generate_series(1, 20) AS n;
    INSERT INTO x.k SELECT n, n % 3 FROM generate_series(1, 20) AS n;
    INSERT INTO x.p SELECT n, n % 3, n FROM generate_series(1, 19) AS n;
    INSERT INTO x.q VALUES (21, 1, 21), (22, 2, 22);
    INSERT INTO x.i SELECT n, n % 3 FROM generate_series(1, 10) AS n;
    INSERT INTO x.i1 SELECT n, n % 3 FROM generate_series(11, 20) AS n;
    INSERT INTO x.j VALUES (21, 1), (22, 5);
    INSERT INTO y.s VALUES (1, 1);
    CREATE TEMP TABLE IF NOT EXISTS ddl_table (relid oid);
    TRUNCATE pg_temp.ddl_table;
    INSERT INTO pg_temp.ddl_table SELECT unnest('{x.t,x.u,x.k,x.i,x.i1,y.s}'::regclass[]);
    CREATE TEMP TABLE IF NOT EXISTS ddl_schema (oid oid);
    TRUNCATE pg_temp.ddl_schema;
    INSERT INTO pg_temp.ddl_schema SELECT unnest('{x,y}'::regnamespace[]);
    CREATE TEMP TABLE IF NOT EXISTS ddl_run (name text, round int, run text);
    TRUNCATE pg_temp.ddl_run;
    COMMIT;
    FOR q IN SELECT d.* FROM unnest(c.queries) WITH ORDINALITY AS n (name, place) JOIN test.ddl_query AS d USING (name) ORDER BY place LOOP
        PERFORM pgtrickle.create_stream_table('x.' || q.name, q.query, refresh_mode => 'AUTO');
        COMMIT;
    END LOOP;
    CALL test.ddl_write(1);
    INSERT INTO x.p VALUES (3, 3, 103), (12, 4, 112);
    COMMIT;
    FOR q IN SELECT d.* FROM unnest(c.queries) WITH ORDINALITY AS n (name, place) JOIN test.ddl_query AS d USING (name) ORDER BY place LOOP
        PERFORM pgtrickle.refresh_stream_table('x.' || q.name);
    END LOOP;
    COMMIT;
    CALL test.ddl_write(2);
    INSERT INTO x.p VALUES (4, 3, 203), (13, 4, 212);
    DELETE FROM x.p WHERE k IN (5, 15);
    PERFORM set_config('pg_trickle.block_source_ddl', CASE WHEN c.off THEN 'off' ELSE 'on' END, false);
END $procedure$;

CREATE PROCEDURE test.ddl_run(case_no int) LANGUAGE plpgsql AS $procedure$
DECLARE
    command text := (SELECT command FROM test.ddl_case WHERE no = case_no);
    message text;
BEGIN
    command := replace(command, '%trigger%', coalesce((SELECT quote_ident(min(tgname)) FROM pg_trigger
                       WHERE tgrelid = CASE WHEN command LIKE '%x.rows%' THEN 'x.rows' ELSE 'x.t' END::regclass AND tgname LIKE 'pg%trickle\_%'), ''));
    EXECUTE command;
EXCEPTION WHEN OTHERS THEN
    message := regexp_replace(SQLERRM, '_\d+"?', '_N', 'g');
    -- of two that use the type, which is named depends on where vacuum has left space in pg_depend
    message := replace(message, 'because table x.typed uses it', 'because column "t.e" uses it');
    UPDATE test.ddl_case SET outcome = 'refused: ' || message WHERE no = case_no;
END $procedure$;

/*
 * Refreshes, each after changes, until they follow them again, at most three: whatever was done, the stream tables that
 * are left are exact. Writes down what it took.
 */
CREATE PROCEDURE test.ddl_after(case_no int) LANGUAGE plpgsql AS $procedure$
DECLARE
    c test.ddl_case;
    name text;
    last bigint;
    run text;
BEGIN
    SELECT * INTO c FROM test.ddl_case WHERE no = case_no;
    SET pg_trickle.block_source_ddl = on;
    FOR round IN 1..3 LOOP
        EXIT WHEN round = 3 AND NOT EXISTS (SELECT FROM pg_temp.ddl_run AS r WHERE r.round = 2 AND r.run !~ '^(DIFF|NO_D)');
        IF round > 1 OR c.outcome IS NULL THEN
            CALL test.ddl_write(2 + round);
            COMMIT;
        END IF;
        FOR name IN SELECT format('%I.%I', pgt_schema, pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id LOOP
            last := test.last_run_id(name);
            BEGIN
                PERFORM pgtrickle.refresh_stream_table(name);
                PERFORM test.assert_fresh(name);
                run := CASE WHEN test.last_run_id(name) = last THEN 'NO_DATA' ELSE test.last_run(name) END;
            EXCEPTION
                WHEN raise_exception THEN
                    RAISE EXCEPTION 'after %: %', c.command, SQLERRM;
                WHEN OTHERS THEN
                    run := 'error: ' || SQLERRM;
            END;
            INSERT INTO pg_temp.ddl_run VALUES (regexp_replace(name, '^.*\.', ''), round, run);
            COMMIT;
        END LOOP;
    END LOOP;
    UPDATE test.ddl_case SET effect = (
        SELECT coalesce(string_agg(DISTINCT CASE
                   WHEN one.run LIKE 'error%' THEN 'refreshes fail: ' || substr(one.run, 8)
                   WHEN one.run ~ '^(DIFF|NO_D)' AND two.run ~ '^(DIFF|NO_D)' THEN NULL
                   WHEN one.run ~ '^(DIFF|NO_D)' THEN 'recomputed later: ' || two.run
                   WHEN two.run ~ '^(DIFF|NO_D)' THEN 'recomputed once: ' || split_part(one.run, ': ', 2)
                   WHEN three.run ~ '^(DIFF|NO_D)' THEN 'recomputed twice: ' || split_part(two.run, ': ', 2)
                   ELSE 'recomputed each time: ' || split_part(two.run, ': ', 2) END, '; '), '')
          FROM pg_temp.ddl_run AS one JOIN pg_temp.ddl_run AS two USING (name)
          LEFT JOIN pg_temp.ddl_run AS three ON three.name = one.name AND three.round = 3
         WHERE one.round = 1 AND two.round = 2)
        || coalesce((SELECT 'dropped: ' || string_agg(n, ', ') FROM unnest(c.queries) AS n WHERE n NOT IN (SELECT r.name FROM pg_temp.ddl_run AS r)
                         AND (SELECT count(DISTINCT r.name) FROM pg_temp.ddl_run AS r) < cardinality(c.queries)), '')
     WHERE no = case_no;
    COMMIT;
    FOR name IN SELECT nspname FROM pg_namespace WHERE oid IN (SELECT oid FROM pg_temp.ddl_schema) LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    COMMIT;
    SELECT string_agg(o, E'\n') INTO name FROM test.orphans() AS o;
    IF name IS NOT NULL OR EXISTS (SELECT FROM pgtrickle.pgt_stream_tables) THEN
        RAISE EXCEPTION 'left after %: %', c.command, name;
    END IF;
END $procedure$;
