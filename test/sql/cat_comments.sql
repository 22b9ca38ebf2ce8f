-- Everything that the extension makes is described; nothing in its schema is not its own.
CREATE TEMPORARY VIEW cat_members AS
    SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object,
           obj_description(d.objid, d.classid::regclass::name) AS comment
      FROM pg_depend AS d
     WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_trickle') AND d.deptype = 'e';
SELECT count(*) FILTER (WHERE classid = 'pg_proc'::regclass) > 20 AS functions,
       count(*) FILTER (WHERE classid = 'pg_class'::regclass) > 8 AS relations,
       count(*) FILTER (WHERE classid = 'pg_event_trigger'::regclass) > 1 AS event_triggers,
       count(*) FILTER (WHERE classid = 'pg_namespace'::regclass) AS schemas FROM cat_members;
SELECT object FROM cat_members
 WHERE comment IS NULL AND classid <> 'pg_type'::regclass
   AND NOT EXISTS (SELECT FROM pg_class WHERE classid = 'pg_class'::regclass AND oid = objid AND relkind = 'S');
SELECT object, attname FROM cat_members JOIN pg_attribute ON classid = 'pg_class'::regclass AND attrelid = objid JOIN pg_class AS c ON c.oid = attrelid
 WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'v', 'm', 'p') AND col_description(attrelid, attnum) IS NULL;
-- a comment says more than the name, and names the errors of what raises any
SELECT object, comment FROM cat_members WHERE length(comment) < 15;
-- members only
SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace = 'pgtrickle'::regnamespace AND NOT EXISTS (SELECT FROM cat_members WHERE classid = 'pg_proc'::regclass AND objid = p.oid);
-- but the view with whose refresh a dump ends (rule J4)
SELECT c.oid::regclass FROM pg_class AS c
 WHERE relnamespace IN ('pgtrickle'::regnamespace, 'pgtrickle_saved'::regnamespace) AND relkind <> 'i' AND relname <> 'relink' AND NOT EXISTS (SELECT FROM cat_members WHERE classid = 'pg_class'::regclass AND objid = c.oid);
-- rule J1: pg_upgrade refuses these types in tables
SELECT attrelid::regclass, attname, atttypid::regtype FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
 WHERE relnamespace IN ('pgtrickle'::regnamespace, 'pgtrickle_changes'::regnamespace) AND relkind = 'r'
   AND atttypid IN ('regproc'::regtype, 'regprocedure'::regtype, 'regoper'::regtype, 'regoperator'::regtype, 'regcollation'::regtype,
                    'regnamespace'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype, 'regclass'::regtype, 'aclitem'::regtype);
-- what runs with rights of another has a path of its own, and nobody but its trigger calls what is internal
SELECT p.oid::regprocedure FROM pg_proc AS p
 WHERE pronamespace = 'pgtrickle'::regnamespace AND prosecdef AND NOT coalesce(proconfig::text LIKE '%search_path=%', false);
SELECT p.oid::regprocedure FROM pg_proc AS p
 WHERE pronamespace = 'pgtrickle'::regnamespace AND prorettype IN ('trigger'::regtype, 'event_trigger'::regtype)
   AND has_function_privilege('pg_monitor', p.oid, 'EXECUTE');
DROP VIEW cat_members;
