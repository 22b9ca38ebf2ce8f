"""Random queries that only slices follow: windows over joins and subqueries.

The machinery, its environment variables and what is avoided are those of
test_random.py; only the queries differ. What a slice's key does not reach is
joined by equality of some column, so that its changes can be followed over
that (rule E5); some are not, or not worth it, and recomputed, which the test counts.
"""
import collections
import threading

import test_random as machinery
import test_random_outer

QUERIES = 60
# shares of refreshes that change something
DIFFERENTIAL = 0.8


class Queries(test_random_outer.Queries):
    def link(self, left, right):
        r = self.r
        condition = f"{left}.{r.choice(['g', 'i', 'id'])} = {right}.{r.choice(['g', 'g', 'i', 'id'])}"
        if r.random() < 0.2:
            condition += " AND " + self.condition_on(right)
        return condition

    def linked_value(self, outer):
        r = self.r
        alias = self.alias()
        aggregate = r.choice(["count(*)", "sum({0}.i)", "max({0}.g)"]).format(alias)
        return f"(SELECT {aggregate} FROM {self.relation()} AS {alias} WHERE {self.link(outer, alias)})"

    def restriction(self, aliases):
        r = self.r
        outer = r.choice(aliases)
        alias = self.alias()
        return r.choice([
            f"EXISTS (SELECT FROM {self.relation()} AS {alias} WHERE {self.link(outer, alias)})",
            f"NOT EXISTS (SELECT FROM {self.relation()} AS {alias} WHERE {self.link(outer, alias)})",
            f"({self.condition_on(outer)} OR EXISTS (SELECT FROM {self.relation()} AS {alias} WHERE {self.link(outer, alias)}))",
            f"{outer}.g IN (SELECT {alias}.i FROM {self.relation()} AS {alias} WHERE {self.condition_on(alias)})",
            self.condition_on(outer),
        ])

    def any(self):
        r = self.r
        first = self.alias()
        aliases = [first]
        tree = f"{r.choice(['t', 'u'])} AS {first}"
        for _ in range(r.choice([1, 1, 2, 2, 3])):
            alias = self.alias()
            tree += (f" {r.choice(['LEFT JOIN', 'LEFT JOIN', 'JOIN'])} {self.relation()} AS {alias}"
                     f" ON {self.link(r.choice(aliases), alias)}")
            aliases.append(alias)
        # rows that are equal in everything that is ordered by may come in any order
        window = f"OVER (PARTITION BY {first}.g ORDER BY {r.choice(aliases)}.{r.choice(['id', 'i', 'g'])})"
        items = [f"{r.choice(aliases)}.{r.choice(test_random_outer.COLUMNS)}" for _ in range(r.randint(1, 3))]
        items.append(f"{r.choice(['rank()', 'dense_rank()', 'count(*)', 'sum({0}.i)', 'max({0}.id)']).format(r.choice(aliases))} {window}")
        if r.random() < 0.3:
            items.append(self.linked_value(r.choice(aliases)))
        listed = ", ".join(f"{item} AS c{n}" for n, item in enumerate(items))
        where = f" WHERE {self.restriction(aliases)}" if r.random() < 0.4 else ""
        return f"SELECT {listed} FROM {tree}{where}"


runs = collections.Counter()
lock = threading.Lock()


def refresh(db, names, log):
    for name in names:
        before = machinery.last_run(db)
        log.append(f"SELECT pgtrickle.refresh_stream_table('{name}');")
        db.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        run = machinery.last_run(db)
        if run != before:
            assert run[2] is None or "slices" in run[2], f"refreshed as {run[1:]}"
            with lock:
                runs[run[1]] += 1
    for name in names:
        db.assert_fresh(name)


def test_random_slices(server, monkeypatch):
    monkeypatch.setattr(machinery, "Queries", Queries)
    monkeypatch.setattr(machinery, "QUERIES", min(machinery.QUERIES, QUERIES))
    monkeypatch.setattr(machinery, "refresh", refresh)
    runs.clear()
    machinery.test_random(server)
    assert sum(runs.values()) < 20 or runs["DIFFERENTIAL"] >= DIFFERENTIAL * sum(runs.values()), dict(runs)
    print(dict(runs))
