-- What ddl_begin.sql has made.
DROP TABLE test.ddl_case, test.ddl_query;
DROP PROCEDURE test.ddl_before, test.ddl_run, test.ddl_after, test.ddl_write;
DROP ACCESS METHOD ddl_heap;
DROP ROLE ddl_role;
