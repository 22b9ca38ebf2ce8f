-- What is installed, beside the public contract (test/lib/contract.sql): each function with its parameters, defaults and
-- columns, each table with its columns, checks, keys and indexes, each view with its columns, the event triggers, each setting.
\set ECHO none
\o /dev/null
SELECT test.restart_numbers();
SET client_min_messages = warning;
\getenv abs_srcdir PG_ABS_SRCDIR
\set contract :abs_srcdir '/lib/contract.sql'
\i :contract
\o
\set ECHO all
-- not there: what belongs to outboxes, inboxes, relays, publications, snapshots, Citus, self-monitoring, capture from the WAL
-- and mode IMMEDIATE; pgt_template_cache was internal
SELECT proname::text AS function FROM pg_proc AS c WHERE pronamespace = 'contract'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace AND proname = c.proname) ORDER BY oid;
SELECT relname::text AS relation FROM pg_class AS c WHERE relnamespace = 'contract'::regnamespace AND relkind IN ('r', 'v') AND relname <> 'settings'
   AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace AND relname = c.relname) ORDER BY oid;

-- functions: json became jsonb for both of bulk_alter_stream_tables; columns may follow those of the contract; NULL is told
-- from no value where that means something; what looks only says so
SELECT c.proname, d.what, d.contract, d.here
  FROM pg_proc AS c
  JOIN pg_proc AS o ON o.pronamespace = 'pgtrickle'::regnamespace AND o.proname = c.proname
 CROSS JOIN LATERAL (VALUES
        ('arguments', pg_get_function_arguments(c.oid), pg_get_function_arguments(o.oid)),
        ('result', pg_get_function_result(c.oid), pg_get_function_result(o.oid)),
        ('strict', CASE WHEN c.pronargs > 0 THEN c.proisstrict::text END, CASE WHEN c.pronargs > 0 THEN o.proisstrict::text END),
        ('immutable', (c.provolatile = 'i')::text, (o.provolatile = 'i')::text),
        ('parallel', c.proparallel::text, o.proparallel::text)) AS d (what, contract, here)
 WHERE c.pronamespace = 'contract'::regnamespace
   AND NOT (d.what = 'result' AND starts_with(d.here, rtrim(d.contract, ')') || ', '))
   AND d.contract IS DISTINCT FROM d.here
 ORDER BY c.oid, d.what;
SELECT c.proname, regexp_replace(pg_get_function_result(o.oid), '^.*' || regexp_replace(pg_get_function_result(c.oid), '^.*, (\w+ [^,]*)\)$', '\1'), '') AS added
  FROM pg_proc AS c
  JOIN pg_proc AS o ON o.pronamespace = 'pgtrickle'::regnamespace AND o.proname = c.proname
 WHERE c.pronamespace = 'contract'::regnamespace AND starts_with(pg_get_function_result(o.oid), rtrim(pg_get_function_result(c.oid), ')') || ', ')
 ORDER BY c.oid;
-- one function of a name: a call is never ambiguous
SELECT proname FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace GROUP BY proname HAVING count(*) > 1;

-- columns, in order
CREATE VIEW contract.columns AS
    SELECT relnamespace, relname, relkind, attnum, format('%s %s%s%s', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' NOT NULL' END,
           ' DEFAULT ' || replace(pg_get_expr(adbin, adrelid), 'contract.', 'pgtrickle.')) AS definition
      FROM pg_class AS r JOIN pg_attribute ON attrelid = r.oid AND attnum > 0 AND NOT attisdropped LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
     WHERE relkind IN ('r', 'v');
SELECT c.relname, c.attnum, c.definition AS contract, o.definition AS here
  FROM contract.columns AS c
  LEFT JOIN contract.columns AS o ON o.relnamespace = 'pgtrickle'::regnamespace AND o.relname = c.relname AND o.attnum = c.attnum
 WHERE c.relnamespace = 'contract'::regnamespace AND to_regclass('pgtrickle.' || c.relname) IS NOT NULL AND c.definition IS DISTINCT FROM o.definition
 ORDER BY c.relname, c.attnum;
SELECT o.relname, o.definition AS added
  FROM contract.columns AS o
 WHERE o.relnamespace = 'pgtrickle'::regnamespace AND to_regclass('contract.' || o.relname) IS NOT NULL
   AND NOT EXISTS (SELECT FROM contract.columns AS c WHERE c.relnamespace = 'contract'::regnamespace AND c.relname = o.relname AND c.attnum = o.attnum)
 ORDER BY o.relname, o.attnum;

-- checks, keys and indexes
CREATE VIEW contract.rules AS
    SELECT n.nspname, relname, replace(r.definition, n.nspname || '.', '') AS definition
      FROM pg_namespace AS n JOIN pg_class AS t ON relnamespace = n.oid
     CROSS JOIN LATERAL (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = t.oid AND contype <> 'n'
                          UNION ALL
                         SELECT pg_get_indexdef(indexrelid) FROM pg_index
                          WHERE indrelid = t.oid AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = t.oid)) AS r (definition)
     WHERE nspname IN ('contract', 'pgtrickle') AND relkind = 'r';
SELECT relname, definition AS "not here" FROM contract.rules AS c
 WHERE nspname = 'contract' AND EXISTS (SELECT FROM contract.rules AS o WHERE nspname = 'pgtrickle' AND o.relname = c.relname)
   AND NOT EXISTS (SELECT FROM contract.rules AS o WHERE nspname = 'pgtrickle' AND o.relname = c.relname AND o.definition = c.definition)
 ORDER BY 1, 2;
SELECT relname, definition AS added FROM contract.rules AS o
 WHERE nspname = 'pgtrickle' AND EXISTS (SELECT FROM contract.rules AS c WHERE nspname = 'contract' AND o.relname = c.relname)
   AND NOT EXISTS (SELECT FROM contract.rules AS c WHERE nspname = 'contract' AND o.relname = c.relname AND o.definition = c.definition)
 ORDER BY 1, 2;
SELECT c.relname AS sequence FROM pg_class AS c
 WHERE relnamespace = 'contract'::regnamespace AND relkind = 'S'
   AND to_regclass('pgtrickle.' || relname) IS NULL AND EXISTS (SELECT FROM pg_depend AS d JOIN pg_class AS t ON t.oid = refobjid
        WHERE d.objid = c.oid AND d.deptype = 'a' AND (SELECT relkind FROM pg_class WHERE oid = to_regclass('pgtrickle.' || t.relname)) = 'r');

-- event triggers
SELECT evtname, evtevent, evtfoid::regproc FROM pg_event_trigger WHERE evtfoid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace) ORDER BY evtname;

-- settings: what is another type, default, range or context; words that were any text are checked
SELECT c.name, d.what, d.contract, d.here
  FROM contract.settings AS c JOIN pg_settings AS o ON o.name = 'pg_trickle.' || c.name
 CROSS JOIN LATERAL (VALUES
        ('type', CASE WHEN c.type = 'string' AND vartype = 'enum' THEN 'enum' ELSE c.type END, vartype), ('default', c."default", boot_val),
        ('values', (SELECT string_agg(w, ', ' ORDER BY w) FROM unnest(string_to_array(c."values", ', ')) AS w),
                   coalesce((SELECT string_agg(w, ', ' ORDER BY w) FROM unnest(enumvals) AS w), min_val || ' to ' || max_val)),
        ('unit', NULL, unit), ('context', c.context, o.context)) AS d (what, contract, here)
 WHERE d.contract IS DISTINCT FROM d.here;
SELECT substr(name, 12) AS added FROM pg_settings
 WHERE name LIKE 'pg\_trickle.%' AND name <> 'pg_trickle.fault' AND substr(name, 12) NOT IN (SELECT name FROM contract.settings) ORDER BY 1;
-- not there: what belongs to the same, to mode IMMEDIATE, to metrics and traces, and to later storage
SELECT name FROM contract.settings WHERE current_setting('pg_trickle.' || name, true) IS NULL;
-- without effect: each says so once, and takes any value
RESET client_min_messages;
SELECT format('SET pg_trickle.%I = %L', name, coalesce(nullif("default", ''), 'x')) FROM contract.settings AS c
 WHERE current_setting('pg_trickle.' || name, true) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_settings AS o WHERE o.name = 'pg_trickle.' || c.name) ORDER BY name \gexec
SET client_min_messages = warning;
DROP SCHEMA contract CASCADE;
RESET client_min_messages;
