"""Random windows: aggregates of whole partitions over tables and joins, any
window over groups and distinct rows, DISTINCT, LIMIT and groupings above them.

The machinery, its environment variables and what is avoided are those of
test_random.py; only the queries differ.
"""
import os

import test_random as machinery

QUERIES = int(os.environ.get("PGT_RANDOM_QUERIES", "60"))


class Queries(machinery.Queries):
    def whole(self, columns, partitions):
        """An aggregate of a whole partition."""
        r = self.r
        aggregate = r.choice(["count(*)", "count({0})", "sum({0})", "min({0})", "max({0})", "sum({0} * 2) + count(*)"])
        partition = f"PARTITION BY {', '.join(r.sample(partitions, min(len(partitions), r.choice([1, 1, 2]))))}" if r.random() < 0.75 else ""
        filtered = f" FILTER (WHERE {r.choice(columns)} > 0)" if r.random() < 0.2 and "+" not in aggregate and len(columns) > 1 else ""
        window = f"({partition})"
        return aggregate.format(r.choice(columns)).replace(" + count", f" OVER {window} + count") + filtered + f" OVER {window}"

    def ordered(self, columns):
        """Any window function, over rows that these columns tell apart."""
        r = self.r
        order = ", ".join(r.sample(columns, len(columns)))
        partition = f"PARTITION BY {r.choice(columns)} " if r.random() < 0.4 else ""
        function = r.choice(["rank()", "row_number()", "dense_rank()", "ntile(3)", f"lag({columns[0]})", f"lead({columns[0]}, 2, -1)",
                             f"sum({columns[0]})", "count(*)", f"first_value({columns[0]})", f"last_value({columns[0]})"])
        frame = r.choice(["", "", " ROWS 2 PRECEDING", " GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING", " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW"])
        return f"{function} OVER ({partition}ORDER BY {order}{frame})"

    def any(self):
        r = self.r
        kind = r.random()
        if kind < 0.4:
            source = r.choice([f"{self.source()}{self.where()}", f"(SELECT a.id, a.g, a.i, c.h FROM t AS a {r.choice(['', 'LEFT '])}JOIN u AS c ON c.g = a.g) AS x"])
            items = [r.choice(["id", "g", "i", "h"]) for _ in range(r.randint(1, 3))]
            items += [self.whole(["i", "g", "id"], ["g", "i", "h"]) for _ in range(r.choice([1, 1, 2]))]
        elif kind < 0.7:
            keys = r.choice([["g"], ["g", "i"]])
            source = f"{self.source()}{self.where()} GROUP BY {', '.join(keys)}"
            shown = keys + ["count(*)"]
            items = shown + [self.ordered(shown) if r.random() < 0.7 else self.whole(shown[-1:], keys) for _ in range(r.choice([1, 2]))]
        else:
            source = f"(SELECT DISTINCT g, i FROM {self.source()}{self.where()}) AS y"
            items = ["g", "i"] + [self.ordered(["i", "g"]) for _ in range(r.choice([1, 2]))]
        columns = ", ".join(f"{item} AS c{n}" for n, item in enumerate(items))
        text = f"SELECT {r.choice(['', '', 'DISTINCT '])}{columns} FROM {source}"
        return r.choice(["{}", "{}", "SELECT c0, count(*) AS n, max(c1) AS m FROM ({}) AS z GROUP BY c0",
                         "SELECT z.*, u.id FROM ({}) AS z LEFT JOIN u ON u.i = z.c0::text::int" if items[0] != "h" else "{}",
                         "SELECT * FROM ({}) AS z ORDER BY " + ", ".join(str(n + 1) for n in range(len(items))) + " LIMIT 3"]).format(text)


def test_random_windows(server, monkeypatch):
    monkeypatch.setattr(machinery, "Queries", Queries)
    monkeypatch.setattr(machinery, "QUERIES", min(machinery.QUERIES, QUERIES))
    machinery.test_random(server)
