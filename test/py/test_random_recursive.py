"""Random recursions: closures and walks over graphs with circles, with filters,
joins and subqueries in the step, and grouped, joined or limited above.

The machinery, its environment variables and what is avoided are those of
test_random.py; only the queries differ.
"""
import os

import test_random as machinery

QUERIES = int(os.environ.get("PGT_RANDOM_QUERIES", "100"))


class Queries(machinery.Queries):
    def table(self, first=False):
        r = self.r
        # in a step this has no delta rule below EXISTS and IN
        both = ["(SELECT g, i, id, h FROM t UNION ALL SELECT i, g, id, h FROM u)"] if first else []
        return r.choice(["t", "t", "u", "v", f"(SELECT * FROM t{self.where(1)})"] + both)

    def filter(self, alias):
        r = self.r
        return r.choice([f"{alias}.id % 3 <> 0", f"{alias}.h <> 'x'", f"{alias}.i < 4", f"{alias}.g IS NOT NULL",
                         f"EXISTS (SELECT FROM u AS z WHERE z.g = {alias}.g)", f"{alias}.i IN (SELECT z.i FROM u AS z)",
                         f"NOT EXISTS (SELECT FROM u AS z WHERE z.i = {alias}.i)", f"{alias}.i >= (SELECT min(z.g) FROM u AS z)"])

    def recursion(self):
        """Text of a recursion with columns x, y and d."""
        r = self.r
        counted = r.random() < 0.4
        word = "UNION ALL" if counted else "UNION"
        depth = "r.d + 1" if counted or r.random() < 0.2 else "r.d"
        bound = f"r.d < {r.randint(1, 2)}" if depth != "r.d" else "true"
        first = r.choice([f"SELECT a.g, a.i, 0 FROM {self.table(True)} AS a", "SELECT 1, 2, 0", "SELECT a.id % 4, a.g, 0 FROM t AS a",
                          "SELECT a.g, min(a.i), 0 FROM t AS a GROUP BY a.g", "SELECT DISTINCT a.g, a.g, 0 FROM u AS a"])
        if "FROM" in first and "GROUP" not in first and r.random() < 0.5:
            first += " WHERE " + self.filter("a")
        shape = r.random()
        x = r.choice(["r.x", "r.x", "e.g"])
        if shape < 0.6:
            step = f"SELECT {x}, e.i, {depth} FROM r JOIN {self.table()} AS e ON e.g = r.y"
        elif shape < 0.7:
            step = f"SELECT {x}, f.g, {depth} FROM r, t AS e, u AS f WHERE e.g = r.y AND f.i = e.i"
        elif shape < 0.8:
            step = f"SELECT r.x, coalesce(e.i, 0), {depth} FROM r LEFT JOIN t AS e ON e.g = r.y AND e.i > 0"
        elif shape < 0.9:
            step = f"SELECT r.x, r.y + 1, {depth} FROM r JOIN t AS e ON e.g < r.y WHERE r.y < 5"
        else:
            step = f"SELECT r.x, m.i, {depth} FROM r JOIN (SELECT g, max(i) AS i, count(*) AS h, min(id) AS id FROM t GROUP BY g) AS m ON m.g = r.y"
        conditions = [bound]
        if " AS e" in step and "LEFT" not in step and r.random() < 0.4:
            conditions.append(self.filter("e"))
        distinct = counted and r.random() < 0.3
        if distinct:
            step = step.replace("SELECT", "SELECT DISTINCT", 1)
        step += (" AND " if " WHERE " in step else " WHERE ") + " AND ".join(conditions)
        # paths are as many as there are ways: only where their length is bounded
        self.paths = []
        clauses = ""
        if depth != "r.d" and not distinct and r.random() < 0.5:
            if r.random() < 0.7:
                clauses += f" SEARCH {r.choice(['DEPTH', 'BREADTH'])} FIRST BY {r.choice(['x', 'y, x', 'd, y'])} SET o"
                self.paths.append("o")
            if not self.paths or r.random() < 0.5:
                values = r.choice(["", " TO 'yes' DEFAULT 'no'"])
                clauses += f" CYCLE {r.choice(['x', 'y', 'y, x'])} SET c{values} USING p"
                self.paths += ["c", "p"]
        return f"r (x, y, d) AS ({first} {word} {step}){clauses}"

    def any(self):
        recursion = self.recursion()
        if self.paths and self.r.random() < 0.6:
            columns = ", ".join(f"r.{path}::text AS {path}" for path in self.paths)
            above = self.r.choice([
                f"SELECT x, y, {columns} FROM r", f"SELECT x, max(r.{self.paths[0]}::text) AS m FROM r GROUP BY x",
                f"SELECT x, {columns} FROM r ORDER BY {', '.join(self.paths)}, x, y, d LIMIT 3", f"SELECT t.id, {columns} FROM t LEFT JOIN r ON r.x = t.g",
                f"SELECT t.id FROM t WHERE EXISTS (SELECT FROM r WHERE r.x = t.g AND r.{self.paths[-1]} IS NOT NULL)",
            ])
            return f"WITH RECURSIVE {recursion} {above}"
        above = self.r.choice([
            "SELECT x, y, d FROM r", "SELECT x, y, d FROM r", "SELECT x, count(*) AS c, sum(y) AS s FROM r GROUP BY x", "SELECT DISTINCT y FROM r WHERE x > 0",
            "SELECT r.x, r.d, u.h FROM r LEFT JOIN u ON u.i = r.y", "SELECT t.id, t.g FROM t WHERE t.i IN (SELECT y FROM r)",
            "SELECT t.id FROM t WHERE NOT EXISTS (SELECT FROM r WHERE r.x = t.g AND r.y = t.i)", "SELECT t.id, r.y FROM t JOIN r ON r.x = t.g", "SELECT a.x, b.y FROM r AS a JOIN r AS b ON b.x = a.y",
            "SELECT x, y FROM r ORDER BY y, x, d LIMIT 3", "SELECT x FROM r UNION SELECT i FROM u",
        ])
        return f"WITH RECURSIVE {recursion} {above}"


def test_random_recursive(server, monkeypatch):
    monkeypatch.setattr(machinery, "Queries", Queries)
    monkeypatch.setattr(machinery, "QUERIES", min(machinery.QUERIES, QUERIES))
    machinery.test_random(server)
