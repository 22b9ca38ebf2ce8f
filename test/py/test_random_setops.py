"""Random set operations, grouping sets and aggregates of many kinds.

The machinery, its environment variables and what is avoided are those of
test_random.py; only the queries differ.
"""
import os

import test_random as machinery

QUERIES = int(os.environ.get("PGT_RANDOM_QUERIES", "100"))


class Queries(machinery.Queries):
    def aggregate(self):
        r = self.r
        if r.random() < 0.6:
            return super().aggregate()
        function = r.choice(["variance", "var_pop", "stddev", "stddev_pop"])
        filtered = f" FILTER (WHERE {self.condition()})" if r.random() < 0.2 else ""
        return f"{function}({r.choice(['i', 's', 'l', 'n', 'n2', 'n * n2', 'n2 / 3', 'i + 1'])}){filtered}"

    def arm(self, columns):
        """Some give these columns as they are, some made, some grouped."""
        r = self.r
        listed = ", ".join(columns)
        kind = r.random()
        if kind < 0.7:
            return f"SELECT {listed} FROM {self.source()}{self.where()}"
        if kind < 0.8:
            return f"SELECT DISTINCT {listed} FROM {self.source()}{self.where()}"
        if kind < 0.9:
            return f"SELECT {listed} FROM t GROUP BY {listed} HAVING {r.choice(['count(*) > 1', 'max(i) > 0', 'bool_or(b)'])}"
        return f"SELECT {', '.join('x.' + c for c in columns)} FROM t AS x JOIN u AS y ON x.g = y.g{r.choice(['', ' AND x.i < y.i'])}"

    def tree(self, columns, depth, words):
        r = self.r
        if depth == 0 or r.random() < 0.25:
            return self.arm(columns)
        return f"({self.tree(columns, depth - 1, words)}) {r.choice(words)} ({self.tree(columns, depth - 1, words)})"

    def set_operation(self):
        r = self.r
        words = ["UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL"]
        columns = r.choice([["g", "h"], ["i"], ["t", "n2"], ["b", "d", "i"], ["g"], ["a"], ["s"], ["l", "g"], ["g", "i"]])
        text = f"({self.tree(columns, r.choice([0, 1, 1, 2]), words)}) {r.choice(words[2:])} ({self.tree(columns, r.choice([0, 0, 1]), words)})"
        if r.random() < 0.3:
            text = f"SELECT {columns[0]}, count(*) AS n FROM ({text}) AS x GROUP BY {columns[0]}"
        elif r.random() < 0.2:
            text = f"SELECT {columns[0]} AS c FROM ({text}) AS x WHERE {columns[0]} IS NOT NULL"
        return text

    def sets(self, keys):
        """The clause, and the keys that one of its sets has."""
        r = self.r
        kind = r.random()
        if kind < 0.25:
            return f"ROLLUP ({', '.join(keys)})", keys
        if kind < 0.5:
            return f"CUBE ({', '.join(keys)})", keys
        if kind < 0.6:
            return f"{r.choice(['', 'DISTINCT '])}ROLLUP ({', '.join(keys)}), CUBE ({keys[-1]})", keys
        sets = [[k for k in keys if r.random() < 0.5] for _ in range(r.randint(1, 4))]
        text = f"GROUPING SETS ({', '.join('(' + ', '.join(s) + ')' for s in sets)})"
        if kind < 0.75:
            sets.append(keys[:1])
            text = f"{keys[0]}, {text}"
        return text, [k for k in keys if any(k in s for s in sets)]

    def grouping_sets(self):
        r = self.r
        source = self.source()
        keys = self.keys(r.choice([1, 2, 2, 3]))
        sets, used = self.sets(keys)
        items = [f"{k} AS k{c}" for c, k in enumerate(used) if r.random() < 0.8]
        items += [f"{self.aggregate()} AS a{c}" for c in range(r.randint(1, 3))]
        if used and r.random() < 0.5:
            items.append(f"GROUPING({', '.join(used)}) AS grouping")
        text = f"SELECT {', '.join(items)} FROM {source}{self.where()} GROUP BY {sets}"
        if r.random() < 0.25:
            text += " HAVING " + r.choice(["count(*) > 2", "max(i) IS NOT NULL", "bool_or(b)"])
        return self.total_order(text, source)

    def distinct_on(self):
        r = self.r
        source = self.source()
        keys = self.keys(r.choice([1, 1, 2]))
        order = [r.choice(machinery.NAMES) + r.choice(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]) for _ in range(r.randint(0, 2))]
        items = [f"{r.choice(machinery.NAMES) if r.random() < 0.7 else self.expression()} AS c{c}" for c in range(r.randint(1, 4))]
        items += [f"{k} AS k{c}" for c, k in enumerate(keys) if r.random() < 0.8]
        last = [f"{c}::text" for c in machinery.NAMES]
        text = (f"SELECT DISTINCT ON ({', '.join(keys)}) {', '.join(items)} FROM {source}{self.where()} "
                f"ORDER BY {', '.join(r.sample(keys, len(keys)) + order + last)}")
        if "c0" in text and r.random() < 0.2:
            text = f"SELECT count(*) AS n, count(c0) AS k FROM ({text}) AS x"
        return text

    def top(self):
        r = self.r
        items = [f"{r.choice(machinery.NAMES) if r.random() < 0.7 else self.expression()} AS c{c}" for c in range(r.randint(1, 4))]
        order = [r.choice(machinery.NAMES) + r.choice(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]) for _ in range(r.randint(0, 2))]
        last = [f"x.{c}::text" for c in machinery.NAMES]
        source = f"(SELECT * FROM {self.source()}{self.where()}) AS x"
        text = (f"SELECT {', '.join(items)} FROM {source} ORDER BY {', '.join(order + last)} "
                f"LIMIT {r.choice([0, 1, 3, 10])}{r.choice(['', '', ' OFFSET 2', ' OFFSET 30'])}")
        if r.random() < 0.2:
            text = f"SELECT g, count(*) AS n, sum(i) AS s FROM t GROUP BY g ORDER BY {r.choice(['count(*)', 'sum(i) DESC', 'g'])}, g LIMIT 2"
        elif r.random() < 0.2:
            text = f"SELECT count(*) AS n, count(c0) AS k FROM ({text}) AS x"
        elif r.random() < 0.2:
            text = (f"SELECT {r.choice(['g', 'i', 'n2', 'd', 't'])} AS c FROM {self.source()}{self.where()} ORDER BY 1 {r.choice(['', 'DESC'])} "
                    f"{r.choice(['', 'OFFSET 3'])} FETCH FIRST {r.randint(1, 5)} ROWS WITH TIES")
        return text

    def any(self):
        return self.r.choice([self.set_operation, self.set_operation, self.grouping_sets, self.grouped,
                              self.distinct_on, self.top])()


def test_random_setops(server, monkeypatch):
    monkeypatch.setattr(machinery, "Queries", Queries)
    monkeypatch.setattr(machinery, "QUERIES", QUERIES)
    machinery.test_random(server)
