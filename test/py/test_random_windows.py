"""Random windows: aggregates of whole partitions over tables and joins, windows
over all rows of these in one order, several windows with partitions, orders and
frames of their own, any window over groups and distinct rows; DISTINCT, LIMIT
and groupings above them.

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

    def in_order(self, columns, order):
        """A window function over all rows in one order that these columns, or their ties, do not change."""
        r = self.r
        peers = f"ORDER BY {order}"
        rows = f"ORDER BY {order}, {', '.join(columns)} ROWS"
        column = r.choice(["i", "g", "id"])
        return r.choice([f"rank() OVER ({peers})", f"dense_rank() OVER ({peers})", f"count(*) OVER ({peers})", f"sum({column}) OVER ({peers})",
                         f"count({column}) FILTER (WHERE g > 1) OVER ({peers})", f"sum({column}) FILTER (WHERE i > 1) OVER ({peers})"]
                        if r.random() < 0.5 else
                        [f"row_number() OVER ({rows} UNBOUNDED PRECEDING)", f"sum({column}) OVER ({rows} UNBOUNDED PRECEDING)",
                         f"lag({column}) OVER ({rows} UNBOUNDED PRECEDING)", f"lead({column}, 3, -1) OVER ({rows} UNBOUNDED PRECEDING)",
                         f"max({column}) OVER ({rows} BETWEEN 2 PRECEDING AND 1 FOLLOWING)", f"count({column}) OVER ({rows} 3 PRECEDING EXCLUDE CURRENT ROW)",
                         f"first_value({column}) OVER ({rows} BETWEEN 1 FOLLOWING AND 2 FOLLOWING)", f"avg({column}) OVER ({rows} 1 PRECEDING)"])

    def mixed(self, columns):
        """A window function with a partition and an order of its own; the order ends with all columns where ties would tell."""
        r = self.r
        partition = f"PARTITION BY {', '.join(r.sample(columns, r.choice([1, 1, 2])))} " if r.random() < 0.65 else ""
        orders = [f"{column}{r.choice(['', '', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}" for column in r.sample(columns + ["g + i", "i % 2", "g::numeric / 3", "h::text"], r.choice([1, 1, 2]))]
        column = r.choice(columns)
        kept = f" FILTER (WHERE {r.choice(columns)} > 1)" if r.random() < 0.2 else ""
        peers = f"({partition}ORDER BY {', '.join(orders)}"
        rows = f"({partition}ORDER BY {', '.join(orders + columns + ['h'])}"
        aggregate = r.choice([f"sum({column})", f"count({column})", "count(*)", f"min({column})", f"max({column})", f"avg({column})"]) + kept
        choices = [f"rank() OVER {peers})", f"dense_rank() OVER {peers})", f"row_number() OVER {rows})", f"lag({column}) OVER {rows})",
                   f"lead({column}, 2, -1) OVER {rows})", f"first_value({column}) OVER {rows})", f"last_value({column}) OVER {rows} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"]
        choices += [f"{aggregate} OVER {peers}{frame})" for frame in ("", "", " GROUPS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
                                                                      " GROUPS BETWEEN 1 PRECEDING AND 2 FOLLOWING", " GROUPS BETWEEN 1 FOLLOWING AND 1 FOLLOWING", " RANGE CURRENT ROW",
                                                                      " GROUPS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE TIES")]
        choices += [f"{aggregate} OVER {rows} ROWS {frame})" for frame in ("UNBOUNDED PRECEDING", "BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", "BETWEEN 1 PRECEDING AND 2 FOLLOWING",
                                                                           "BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW", "BETWEEN 3 FOLLOWING AND 4 FOLLOWING")]
        choices += [f"last_value({column}) OVER {rows} RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)", f"nth_value({column}, 2) OVER {rows} ROWS BETWEEN 1 PRECEDING AND 3 FOLLOWING)"]
        near = r.choice(["i", "id", "i", "g"])
        choices += [f"{aggregate} OVER ({partition}ORDER BY {near}{r.choice(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])} RANGE {frame})"
                    for frame in ("2 PRECEDING", "BETWEEN 1 PRECEDING AND 2 FOLLOWING", "BETWEEN 3 FOLLOWING AND 5 FOLLOWING", "BETWEEN 4 PRECEDING AND 1 PRECEDING EXCLUDE CURRENT ROW")]
        choices += [f"ntile({r.choice([1, 3, 7, 1000])}) OVER {rows})", f"percent_rank() OVER {peers})", f"cume_dist() OVER {peers})", f"{aggregate} OVER ({partition})",
                    f"{aggregate} OVER {peers} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)", f"nth_value({column}, 2) OVER {rows})",
                    f"rank() OVER ({partition})", f"cume_dist() OVER ({partition})", f"{aggregate} OVER {rows} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)",
                    f"{aggregate} OVER {peers} GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)", f"{aggregate} OVER {peers} RANGE UNBOUNDED PRECEDING EXCLUDE GROUP)"]
        return r.choice(choices)

    def any(self):
        r = self.r
        kind = r.random()
        if r.random() < 0.4:
            source = r.choice([f"{self.source()}{self.where()}", f"{self.source()}{self.where()}", f"(SELECT a.id, a.g, a.i, c.h FROM t AS a {r.choice(['', 'LEFT '])}JOIN u AS c ON c.g = a.g) AS x"])
            items = ["id", "g", "i", "h"]
            for _ in range(r.choice([1, 2, 2, 3])):
                item = self.mixed(items[:3])
                # rows that look alike may have any place, in each of two orders
                if ", h" not in item or not any(", h" in other for other in items[4:]):
                    items.append(item)
        elif kind < 0.3:
            source = r.choice([f"{self.source()}{self.where()}", f"(SELECT a.id, a.g, a.i, c.h FROM t AS a {r.choice(['', 'LEFT '])}JOIN u AS c ON c.g = a.g) AS x"])
            items = ["id", "g", "i", "h"]
            order = r.choice(["id", "g", "i", "i DESC", "g NULLS FIRST", "g DESC NULLS LAST", "g + i", "i % 2, g", "h"])
            function = self.in_order(items, order)
            items = items + [function]
            while r.random() < 0.5:
                other = self.in_order(items[:4], order)
                if (" ROWS" in other) == (" ROWS" in function):
                    items.append(other)
        elif kind < 0.5:
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
        text = f"SELECT {r.choice(['', '', 'DISTINCT ', 'DISTINCT ON (c0) '])}{columns} FROM {source}"
        # of the rows with a key, the first in an order of everything
        if "DISTINCT ON" in text:
            text += f" ORDER BY {', '.join(str(n + 1) for n in range(len(items)))}"
        return r.choice(["{}", "{}", "SELECT c0, count(*) AS n, max(c1) AS m FROM ({}) AS z GROUP BY c0",
                         "SELECT z.*, u.id FROM ({}) AS z LEFT JOIN u ON u.i = z.c0::text::int" if items[0] != "h" else "{}",
                         "SELECT * FROM ({}) AS z " + self.first(len(items)), "SELECT count(*) AS n, max(c0) AS m FROM (SELECT * FROM ({}) AS z " + self.first(len(items)) + ") AS y"]).format(text)

    def first(self, n):
        """The first rows in an order that tells all of them apart, or with those that are equal to the last."""
        r = self.r
        columns = [f"{column + 1}{r.choice(['', '', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}" for column in r.sample(range(n), n)]
        offset = r.choice(["", "", " OFFSET 2", " OFFSET 1000", " OFFSET 0", " OFFSET NULL"])
        if r.random() < 0.3:
            return f"ORDER BY {', '.join(columns[:r.choice([1, 1, 2])])} FETCH FIRST {r.choice([1, 3, 7, 200])} ROWS WITH TIES"
        if r.random() < 0.1:
            return f"ORDER BY {', '.join(columns)} LIMIT {r.choice(['NULL', 'ALL'])}"
        return f"ORDER BY {', '.join(columns)} LIMIT {r.choice([0, 1, 3, 10, 1000])}{offset}"


def test_random_windows(server, monkeypatch):
    monkeypatch.setattr(machinery, "Queries", Queries)
    monkeypatch.setattr(machinery, "QUERIES", min(machinery.QUERIES, QUERIES))
    machinery.test_random(server)
