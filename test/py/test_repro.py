"""./dev repro leaves of a failure what matters, in a script that shows it."""
import argparse

import conftest
import long_check
import repro
import test_random
from repro import Step

# The comparison is with the text: a row of group 2 is then one too many.
PLANTED = ["UPDATE pgtrickle.pgt_stream_tables SET defining_query ="
           " 'SELECT g, count(*) AS n FROM t WHERE g <> 2 GROUP BY g'"]


def statements(*texts, session=0):
    return [Step(session, text) for text in texts]


def failing_run():
    """A stream table whose query is changed behind its back, amid other work."""
    return [
        *statements("CREATE TABLE t (id int PRIMARY KEY, g int, note text)",
                    "CREATE TABLE u (LIKE t INCLUDING ALL)",
                    "INSERT INTO t VALUES (1, 1, 'it''s, (one'), (2, 2, 'two'), (3, 3, 'three')",
                    "SELECT pgtrickle.create_stream_table('st', 'SELECT g, count(*) AS n FROM t GROUP BY g')"),
        Step(0, None, "st"),
        *statements("BEGIN", "INSERT INTO u VALUES (1, 1, 'x')", "COMMIT", session=1),
        *statements("INSERT INTO t VALUES (4, 1, 'four')", *PLANTED, "DELETE FROM u"),
        Step(0, None, "st"),
    ]


def test_shrink(server):
    """Each step of what is left is needed, and psql shows the wrong row."""
    steps, wanted = repro.shrink(repro.Replayer(server), failing_run())
    assert wanted == "public.st is not what its query returns"
    texts = [step.text for step in steps]
    assert texts[0].startswith("CREATE TABLE t") and texts[2].startswith("SELECT pgtrickle.create")
    # of the three rows the one of group 2
    assert texts[1] == "INSERT INTO t VALUES (2, 2, 'two')" and texts[3:] == [*PLANTED, None]

    suffix, text = repro.script(steps, wanted, 1)
    assert suffix == ".sql"
    database = conftest.Database(server, extension=False)
    try:
        lines = database.psql(text).splitlines()
    finally:
        database.drop()
    assert lines[-2:] == ["FULL|first fill", "unexpected|(2,1)"]


def test_sessions_stay(server):
    """What takes two sessions becomes an isolation spec."""
    steps = [*failing_run()[:4], *statements("BEGIN", "INSERT INTO t VALUES (9, 2, 'nine')", session=1),
             *statements(*PLANTED, "ROLLBACK", session=0), Step(0, None, "st")]
    suffix, text = repro.script(steps, "wrong", 1)
    assert suffix == ".spec"
    assert text.splitlines()[-1].split() == ["permutation", *(f"p{i:03}" for i in range(len(steps)))]


def test_no_failure(server):

    steps = failing_run()
    del steps[-3]
    assert repro.shrink(repro.Replayer(server), steps)[1] is None


def test_prepared(server):
    """What a try leaves prepared does not disturb the next one."""
    steps = [*failing_run()[:4], *statements("BEGIN", "INSERT INTO u VALUES (7, 7, 'seven')",
                                             "PREPARE TRANSACTION 'repro'", session=1)]
    replayer = repro.Replayer(server)
    assert [replayer.failure(steps), replayer.failure(steps)] == [None, None]
    with server.connect() as conn:
        assert conn.execute("SELECT count(*) FROM pg_prepared_xacts WHERE gid = 'repro'").fetchone()[0] == 0


def test_recording(server):
    """What is recorded fails as the run itself does."""
    steps = []
    database = conftest.Database(server)
    try:
        with repro.recording(steps):
            for step in failing_run():
                if step.text is None:
                    try:
                        database.assert_fresh(step.name)
                    except AssertionError:
                        pass
                elif step.session == 0:
                    database.execute(step.text)
            other = database.connect(autocommit=False)
            other.execute("INSERT INTO u VALUES (%s, 2, %s)", (5, "it's"))
            other.commit()
    finally:
        database.drop()
    assert [s.text for s in steps[-3:]] == ["BEGIN", "INSERT INTO u VALUES (5, 2, 'it''s')", "COMMIT"]
    assert repro.Replayer(server).failure(steps) == "public.st is not what its query returns"


def check_of(server, **arguments):
    defaults = {"queries": 7, "seed": 31, "minutes": 10, "kinds": list(repro.KINDS)}
    return long_check.LongCheck(server, argparse.Namespace(**{**defaults, **arguments}))


def test_long_check(server):
    """Each kind makes queries that can be compared."""
    check = check_of(server)
    assert check.run() == 0 and not check.failures
    assert check.results["compared"] >= 7 and sum(check.results[kind] > 0 for kind in repro.KINDS) >= 5, check.results


def test_long_check_fails(server, monkeypatch):
    """A failure is shrunk and told at the end, and the others are compared nevertheless."""
    original = test_random.one_query
    shrunk = []

    def one_query(db, seed, *arguments):
        assert seed != 42, "planted"
        return original(db, seed, *arguments)

    monkeypatch.setattr(test_random, "one_query", one_query)
    monkeypatch.setattr(repro, "reproduce", lambda server, seed, kind: shrunk.append((kind, seed)) or (0, ""))
    check = check_of(server, seed=41, queries=4, kinds=["random", "setops"])
    assert check.run() == 1
    assert sorted(check.failures) == [(kind, 42, "AssertionError: planted") for kind in ("random", "setops")]
    assert sorted(shrunk) == [("random", 42), ("setops", 42)]
    assert check.results["compared"] >= 2


def test_long_check_out_of_time(server):
    assert check_of(server, minutes=0).run() == 1
