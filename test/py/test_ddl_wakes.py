"""DDL that changes results reaches the scheduler as commits do: it looks by itself once a minute only."""
from test_scheduler import running, scheduled  # noqa: F401

BEFORE = """
    SET client_min_messages = warning;
    CREATE TABLE p (id int, k int) PARTITION BY LIST (k);
    CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
    CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
    CREATE TABLE apart (id int, k int);
    INSERT INTO apart VALUES (30, 3);
    INSERT INTO p VALUES (10, 1), (20, 2);
    CREATE TABLE h (id int);
    CREATE TABLE child () INHERITS (h);
    CREATE TABLE stepchild (id int);
    INSERT INTO child VALUES (1);
    INSERT INTO stepchild VALUES (2);
    CREATE VIEW v AS SELECT id FROM h;
    CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
    CREATE TYPE e AS ENUM ('a', 'b');
    CREATE TABLE l (id int PRIMARY KEY, x e, n int);
    INSERT INTO l VALUES (1, 'a', 1), (2, 'b', 2);
"""

QUERIES = {
    "of_p": "SELECT id, k FROM p",
    "of_v": "SELECT id FROM v",
    "of_f": "SELECT f(id) AS i FROM l",
    "of_e": "SELECT x::text AS x FROM l",
    "of_l": "SELECT n FROM l",
}

DDL = [
    ("of_p", "ALTER TABLE p DETACH PARTITION p2"),
    ("of_p", "ALTER TABLE p ATTACH PARTITION apart FOR VALUES IN (3)"),
    ("of_p", "DROP TABLE p1"),
    ("of_p", "TRUNCATE apart"),
    ("of_v", "ALTER TABLE stepchild INHERIT h"),
    ("of_v", "ALTER TABLE child NO INHERIT h"),
    ("of_v", "CREATE OR REPLACE VIEW v AS SELECT id + 1 AS id FROM h"),
    ("of_f", "CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 10 * $1'"),
    ("of_e", "ALTER TYPE e RENAME VALUE 'a' TO 'c'"),
    ("of_l", "SET pg_trickle.block_source_ddl = off; ALTER TABLE l ALTER n TYPE int USING n + 100"),
    ("of_l", "ALTER TABLE l ALTER n TYPE bigint USING n + 100"),
]


def test_ddl_wakes(scheduled):  # noqa: F811
    scheduled.execute(BEFORE)
    for name, query in QUERIES.items():
        scheduled.create(name, query)
    for name, statement in DDL:
        scheduled.follows(name)
        before = scheduled.rows(f"SELECT t::text FROM {name} AS t ORDER BY 1")
        scheduled.execute(statement)
        assert scheduled.rows(f"SELECT t::text FROM ({QUERIES[name]}) AS t ORDER BY 1") != before, statement
        scheduled.follows(name, seconds=25)


def test_drop_of_a_partition_before_the_first_look(scheduled):  # noqa: F811
    """A scheduler that has just come knows what a source was like when it refreshed the stream table for the first time."""
    for i in range(5):
        scheduled.execute(f"CREATE TABLE q{i} (id int, k int) PARTITION BY LIST (k)")
        scheduled.execute(f"CREATE TABLE q{i}_1 PARTITION OF q{i} FOR VALUES IN (1)")
        scheduled.execute(f"INSERT INTO q{i} VALUES (1, 1)")
        scheduled.create(f"s{i}", f"SELECT id FROM q{i}")
        scheduled.execute(f"INSERT INTO q{i} VALUES (2, 1)")
        scheduled.follows(f"s{i}")
        scheduled.execute(f"DROP TABLE q{i}_1")
    for i in range(5):
        scheduled.follows(f"s{i}", seconds=25)
