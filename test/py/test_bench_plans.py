"""The artifact of statements and plans of ./dev bench tpch --plans."""
import copy
import sys

from conftest import TOP

sys.path.insert(0, str(TOP / "bench"))
import plans  # noqa: E402
from server import Session  # noqa: E402


class Small(Session):
    def __init__(self, dsn):
        super().__init__(dsn)
        self.number = 0
        self.run("CREATE TABLE t (id int PRIMARY KEY, g int, n numeric); CREATE TABLE u (g int PRIMARY KEY, name text)")
        self.run("INSERT INTO t SELECT x, x % 10, x FROM generate_series(1, 1000) AS x; INSERT INTO u SELECT x, x FROM generate_series(0, 9) AS x")
        self.run("VACUUM ANALYZE")
        self.run("SELECT pgtrickle.create_stream_table('st', 'SELECT u.name, sum(t.n) AS s FROM t JOIN u USING (g) GROUP BY u.name')")

    def change(self, kind):
        self.number += 1
        self.run(f"UPDATE t SET n = n + 1 WHERE id % 50 = {self.number}")


def artifact(server, dbname):
    session = Small(server.dsn(dbname))
    try:
        return {"server_version": "x", "scale": 1, "percent": 1, "queries": plans.record(session, "", ["st"], lambda text: None)}
    finally:
        session.conn.close()


def test_record(db, server):
    made = artifact(server, db.name)
    st = made["queries"]["st"]
    assert 0 < st["p50_ms"] <= st["p99_ms"] and 0 < st["p50_cpu_ms"] <= st["p99_cpu_ms"]
    lines = [line for s in st["statements"] for line in s["plan"]]
    assert any("Tuplestore" in line for line in lines) and any(" on u " in line for line in lines), lines
    assert all(s["temp_blocks"] == 0 for s in st["statements"]) and any(s["blocks"] for s in st["statements"])
    db.assert_fresh("st")


def test_differences(db, server):
    old = artifact(server, db.name)
    assert not list(plans.differences(old, copy.deepcopy(old)))
    new = copy.deepcopy(old)
    st = new["queries"]["st"]
    st["p50_cpu_ms"] = 2 * st["p50_cpu_ms"] + plans.FEW_MS
    first, last = st["statements"][0], st["statements"][-1]
    assert first is not last
    first["plan"][0] = "Seq Scan on t | " + first["plan"][0].split(" | ")[1]
    first["temp_blocks"] = 7
    last["hash"] = plans.hash_of("another statement")
    said = list(plans.differences(old, new))
    n = len(st["statements"])
    assert said[0].startswith("st: p50_cpu_ms ") and said[1] == f"st: {n} -> {n} statements, 1 of them other ones"
    assert said[2] == f"st: statement 1 ({first['hash']}) has another plan"
    assert said[3] == f"st: statement 1 ({first['hash']}): temp_blocks 0 -> 7" and len(said) == 4
    # rows and blocks within a plan are no other plan
    new = copy.deepcopy(old)
    plan = new["queries"]["st"]["statements"][0]["plan"]
    plan[0] = plan[0].split(" | ")[0] + " | rows 999 loops 9 blocks 99"
    assert not list(plans.differences(old, new))
    # the states of another stream table are the same states
    assert plans.hash_of("SELECT 1 FROM pgtrickle_changes.state_1_0") == plans.hash_of("SELECT 1 FROM pgtrickle_changes.state_22_0")
