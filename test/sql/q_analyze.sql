-- Statements and plans outlive ANALYZE of what they read, and nothing that changes how it may be read (rules F1, F5).
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE q_customer (id int PRIMARY KEY, area int NOT NULL);
CREATE TABLE q_sale (id int PRIMARY KEY, customer int, amount int);
CREATE INDEX q_sale_customer ON q_sale (customer);
INSERT INTO q_customer SELECT x, x % 7 FROM generate_series(1, 500) AS x;
INSERT INTO q_sale SELECT x, x % 500 + 1, x % 90 FROM generate_series(1, 5000) AS x;
ANALYZE q_customer, q_sale;
SELECT test.create('q_rows', 'SELECT s.id, s.amount, c.area FROM q_sale s JOIN q_customer c ON c.id = s.customer');
SELECT test.create('q_areas', 'SELECT area, sum(amount) AS amount, count(*) AS n FROM q_sale s JOIN q_customer c ON c.id = s.customer GROUP BY area');
-- plans for few and for many rows; what is replaced goes with the refresh after the next
CREATE PROCEDURE q_change(rows int, step int) LANGUAGE sql AS $$
    UPDATE q_sale SET amount = amount + step WHERE id <= rows;
    UPDATE q_customer SET area = (area + step) % 7 WHERE id = 2 * step;
$$;
CREATE FUNCTION q_plans() RETURNS bigint LANGUAGE sql AS
    $$SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'pg_trickle plan'$$;
CALL q_change(3, 1);
SELECT test.refresh_all();
CALL q_change(2000, 2);
SELECT test.refresh_all();
SELECT q_plans() AS plans \gset
ANALYZE q_customer, q_sale;
CALL q_change(3, 3);
SELECT test.refresh_all();
CALL q_change(3, 23);
SELECT test.refresh_all();
SELECT q_plans() >= :plans AS kept_after_analyze;
VACUUM ANALYZE q_sale;
CALL q_change(3, 4);
SELECT test.refresh_all();
CALL q_change(3, 24);
SELECT test.refresh_all();
SELECT q_plans() >= :plans AS kept_after_vacuum;
-- a table that has grown is planned for anew
INSERT INTO q_sale SELECT x, x % 500 + 1, x % 90 FROM generate_series(5001, 20000) AS x;
SELECT test.refresh_all();
SELECT q_plans() AS plans \gset
ANALYZE q_sale;
CALL q_change(3, 5);
SELECT test.refresh_all();
CALL q_change(3, 25);
SELECT test.refresh_all();
SELECT q_plans() < :plans AS made_anew_after_growth;
-- what a plan searched
DROP INDEX q_sale_customer;
CALL q_change(3, 6);
SELECT test.refresh('q_rows', NULL), test.refresh('q_areas', NULL);
SELECT test.assert_fresh('q_rows'), test.assert_fresh('q_areas');
CREATE INDEX q_sale_customer ON q_sale (customer);
ANALYZE q_sale;
CALL q_change(3, 7);
SELECT test.refresh_all();
REINDEX TABLE q_sale;
CALL q_change(3, 8);
SELECT test.refresh_all();
-- a key on which the identity of rows rests
ALTER TABLE q_customer DROP CONSTRAINT q_customer_pkey;
INSERT INTO q_customer VALUES (16, 1), (18, 2);
CALL q_change(3, 9);
SELECT test.refresh('q_rows', NULL), test.refresh('q_areas', NULL);
SELECT test.assert_fresh('q_rows'), test.assert_fresh('q_areas');
DELETE FROM q_customer WHERE ctid NOT IN (SELECT min(ctid) FROM q_customer GROUP BY id);
ALTER TABLE q_customer ADD PRIMARY KEY (id);
CALL q_change(3, 10);
SELECT test.refresh('q_rows', NULL), test.refresh('q_areas', NULL);
SELECT test.assert_fresh('q_rows'), test.assert_fresh('q_areas');
-- NULL where there was none
ALTER TABLE q_customer ALTER area DROP NOT NULL;
UPDATE q_customer SET area = NULL WHERE id IN (3, 4);
CALL q_change(3, 11);
SELECT test.refresh('q_rows', NULL), test.refresh('q_areas', NULL);
SELECT test.assert_fresh('q_rows'), test.assert_fresh('q_areas');
-- rows of a child
CREATE TABLE q_child () INHERITS (q_sale);
INSERT INTO q_child VALUES (30000, 5, 1000);
SELECT test.refresh('q_rows', NULL), test.refresh('q_areas', NULL);
SELECT test.assert_fresh('q_rows'), test.assert_fresh('q_areas');
ANALYZE q_sale;
UPDATE q_child SET amount = 7;
CALL q_change(3, 12);
SELECT test.refresh('q_rows', NULL), test.refresh('q_areas', NULL);
SELECT test.assert_fresh('q_rows'), test.assert_fresh('q_areas');
SELECT test.drop_all();
DROP TABLE q_child, q_sale, q_customer;
DROP PROCEDURE q_change;
DROP FUNCTION q_plans;
