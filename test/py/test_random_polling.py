"""The random queries of test_random.py and some of its kin over a foreign table and a materialized view.

Both are followed through copies; the server of the foreign table is the same one.
The queries find them first in their search_path, what changes is below them.
"""
import os
import random

import psycopg

import test_random as machinery
import test_random_outer
import test_random_setops
import test_random_windows

QUERIES = int(os.environ.get("PGT_RANDOM_QUERIES", "25"))
KINDS = (machinery, test_random_outer, test_random_setops, test_random_windows)
BATCHES = 3


def prepare(db):
    db.execute("CREATE EXTENSION postgres_fdw; CREATE SCHEMA f; SET pg_trickle.foreign_table_polling = on; SET pg_trickle.matview_polling = on")
    db.execute("CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS"
               f" (host '{db.conn.info.host}', port '{db.conn.info.port}', dbname '{db.name}')")
    db.execute("CREATE USER MAPPING FOR CURRENT_USER SERVER loop")


def one_query(db, changer, seed):
    """Compare query number "seed"; returns what became of it."""
    r = random.Random(seed)
    query = r.choice(KINDS).Queries(r).any()
    changes = machinery.Changes(r)
    db.execute(f"SET search_path = public; CREATE TABLE t ({machinery.COLUMNS.format('')}); CREATE TABLE u (LIKE t);"
               f"CREATE FOREIGN TABLE f.t ({machinery.COLUMNS.format('')}) SERVER loop OPTIONS (schema_name 'public', table_name 't');"
               "CREATE MATERIALIZED VIEW f.u AS TABLE u; SET search_path = f, public;"
               "CREATE VIEW f.v AS SELECT * FROM t WHERE i IS NULL OR i > -4")
    for _ in range(4):
        changer.execute(f"INSERT INTO t VALUES {', '.join(changes.row() for _ in range(6))}")
    changer.execute(f"INSERT INTO u VALUES {', '.join(changes.row() for _ in range(4))}")
    db.execute("REFRESH MATERIALIZED VIEW u")
    if not machinery.computable(db, query):
        return "not computable"
    try:
        db.execute("SELECT pgtrickle.create_stream_table('public.st', %s, refresh_mode => 'DIFFERENTIAL')", (query,))
    except psycopg.errors.FeatureNotSupported as e:
        assert "row value" in str(e), query
        return "row values"
    for _ in range(BATCHES):
        for _ in range(r.randint(1, 4)):
            # there is no key that ON CONFLICT could mean
            changer.execute(changes.statement().replace(" ON CONFLICT DO NOTHING", ""))
        if r.random() < 0.7:
            db.execute("REFRESH MATERIALIZED VIEW u")
        if not machinery.computable(db, query):
            return "not computable"
        machinery.refresh(db, ["st"], [])
    return "compared"


def test_random_polling(db):
    prepare(db)
    changer = db.connect()
    results = dict.fromkeys(("compared", "row values", "not computable"), 0)
    seed = machinery.SEED
    while results["compared"] < QUERIES:
        try:
            results[one_query(db, changer, seed)] += 1
        except Exception as e:
            raise AssertionError(f"PGT_RANDOM_SEED={seed} PGT_RANDOM_QUERIES=1: {type(e).__name__}: {e}") from e
        if db.value("SELECT to_regclass('public.st') IS NOT NULL"):
            db.execute("SELECT pgtrickle.drop_stream_table('public.st')")
        assert db.value("SELECT count(*) FROM pgtrickle.source_copy") == 0
        db.execute("DROP MATERIALIZED VIEW f.u; DROP FOREIGN TABLE f.t CASCADE; DROP TABLE public.t, public.u")
        seed += 1
    assert results["not computable"] + results["row values"] < results["compared"], results
    print(results)
