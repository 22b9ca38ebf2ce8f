"""Random outer, semi and anti joins and scalar subqueries, nested in any order.

The machinery, its environment variables and what is avoided are those of
test_random.py; only the queries differ.
"""
import test_random as machinery

QUERIES = 100
# What every item of FROM shows.
COLUMNS = ["id", "g", "i", "h"]


class Queries(machinery.Queries):
    def __init__(self, r):
        super().__init__(r)
        self.aliases = 0

    def alias(self):
        self.aliases += 1
        return f"x{self.aliases}"

    def relation(self):
        """An item of FROM without its alias."""
        r = self.r
        return r.choice(["t"] * 6 + ["u"] * 4 + ["v"] * 2 + [
            f"(SELECT id, g, coalesce(i, -1) AS i, upper(h) AS h FROM t{self.where()})",
            "(SELECT DISTINCT id, g, i, h FROM u)",
            f"(SELECT min(id) AS id, g, count(*) AS i, max(h) AS h FROM t{self.where()} GROUP BY g)",
            "(SELECT x.id, x.g, y.i, y.h FROM t AS x LEFT JOIN u AS y ON y.id = x.i)",
            f"(SELECT * FROM u{self.where(1)})",
        ])

    def comparison(self, left, right):
        """Between columns of two items."""
        r = self.r
        return r.choice([f"{left}.g = {right}.g"] * 4 + [f"{left}.i = {right}.i"] * 4 + [
            f"{left}.id = {right}.i", f"{left}.i = {right}.id", f"{left}.h = {right}.h", f"{left}.g < {right}.i",
            f"{left}.i = {right}.g AND {right}.h <> 'x'", f"{left}.g = {right}.g AND {left}.i > {right}.i",
            f"{left}.i IS NOT DISTINCT FROM {right}.i AND {left}.g = {right}.g", f"coalesce({left}.g, 0) = {right}.g + 1",
        ])

    def condition_on(self, alias):
        r = self.r
        return r.choice([f"{alias}.i > 0", f"{alias}.g = 1", f"{alias}.g IS NULL", f"{alias}.h <> 'x'", f"{alias}.id % 3 <> 0",
                         f"coalesce({alias}.i, 1) > 0", f"{alias}.i IS NOT NULL", f"({alias}.i > 1 OR {alias}.g = 2)"])

    def tree(self, size):
        """FROM of so many items: its text and their aliases."""
        r = self.r
        if size == 1:
            alias = self.alias()
            return f"{self.relation()} AS {alias}", [alias]
        left, first = self.tree(r.randint(1, size - 1))
        right, second = self.tree(size - len(first))
        kind = r.choice(["LEFT", "LEFT", "LEFT", "RIGHT", "FULL", "INNER", "INNER"])
        condition = self.comparison(r.choice(first), r.choice(second))
        if kind == "FULL":
            # PostgreSQL joins by hash or merge only
            condition = f"{r.choice(first)}.g = {r.choice(second)}.g"
        elif r.random() < 0.3:
            condition += " AND " + self.condition_on(r.choice(first + second))
        elif r.random() < 0.05:
            condition = r.choice(["true", "false"])
        return f"({left} {kind} JOIN {right} ON {condition})", first + second

    def subquery(self, columns, outer, correlated):
        alias = self.alias()
        conditions = []
        if correlated:
            conditions.append(self.comparison(alias, outer))
        if self.r.random() < 0.4:
            conditions.append(self.condition_on(alias))
        if self.r.random() < 0.15:
            conditions.append(self.conjunct([alias]))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT {', '.join(f'{alias}.{c}' for c in columns)} FROM {self.relation()} AS {alias}{where}"

    def conjunct(self, aliases):
        """A condition with a subquery."""
        r = self.r
        outer = r.choice(aliases)
        correlated = r.random() < 0.5
        column = r.choice(["g", "i", "id"])
        negation = r.choice(["", "NOT "])
        kind = r.random()
        if kind < 0.3:
            return f"{negation}EXISTS ({self.subquery(['g'], outer, r.random() < 0.85)})"
        if kind < 0.65:
            return f"{outer}.{column} {negation}IN ({self.subquery([r.choice(['g', 'i'])], outer, correlated)})"
        if kind < 0.72:
            return f"({outer}.g, {outer}.i) {negation}IN ({self.subquery(['g', 'i'], outer, correlated)})"
        if kind < 0.9:
            word = r.choice(["ANY", "ALL"])
            operator = r.choice(["=", "<>", "<", ">="])
            return f"{negation}({outer}.{column} {operator} {word} ({self.subquery([r.choice(['g', 'i'])], outer, correlated)}))"
        return f"({self.condition_on(outer)} OR {self.exists(outer)})"

    def equality(self, outer):
        """A subquery's FROM and WHERE, correlated by equality, and its alias."""
        r = self.r
        alias = self.alias()
        condition = r.choice([f"{alias}.g = {outer}.g", f"{outer}.i = {alias}.i", f"{alias}.i + 1 = {outer}.g",
                              f"{alias}.g = {outer}.g AND {alias}.i = {outer}.i"])
        if r.random() < 0.3:
            condition += f" AND {self.condition_on(alias)}"
        return f"FROM {self.relation()} AS {alias} WHERE {condition}", alias

    def exists(self, outer):
        return f"{self.r.choice(['', 'NOT '])}EXISTS (SELECT {self.equality(outer)[0]})"

    def scalar(self, aliases):
        r = self.r
        outer = r.choice(aliases)
        source, alias = self.equality(outer)
        if r.random() < 0.3:
            alias = self.alias()
            source = f"FROM {self.relation()} AS {alias}"
        aggregate = r.choice(["count(*)", "count({0}.i) + 1", "sum({0}.i)", "max({0}.g)", "min({0}.id)", "sum({0}.i) * 2 - count(*)",
                              "coalesce(max({0}.i), 0)"])
        return f"(SELECT {aggregate.format(alias)} {source})"

    def where_of(self, aliases):
        r = self.r
        conditions = []
        if r.random() < 0.3:
            conditions.append(self.condition_on(r.choice(aliases)))
        for _ in range(r.choice([0, 0, 1, 1, 2])):
            conditions.append(self.conjunct(aliases))
        if r.random() < 0.15:
            conditions.append(f"{r.choice(aliases)}.i >= {self.scalar(aliases)}")
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def any(self):
        r = self.r
        tree, aliases = self.tree(r.choice([1, 2, 2, 2, 3, 3, 4]))
        if r.random() < 0.15:
            source, inner = self.equality(r.choice(aliases))
            alias = self.alias()
            tree += (f" {r.choice(['CROSS JOIN', 'CROSS JOIN', 'LEFT JOIN'])} LATERAL (SELECT max({inner}.id) AS id, count(*) AS g,"
                     f" sum({inner}.i) AS i, min({inner}.h) AS h {source}) AS {alias}")
            tree += " ON true" if "LEFT JOIN LATERAL" in tree else ""
            aliases.append(alias)
        where = self.where_of(aliases)
        if r.random() < 0.35:
            key = f"{r.choice(aliases)}.{r.choice(['g', 'i', 'h'])}"
            having = r.choice(["", "", " HAVING count(*) > 1", f" HAVING sum({r.choice(aliases)}.i) > (SELECT min(i) FROM u)"])
            text = (f"SELECT {key} AS k, count(*) AS n, count({r.choice(aliases)}.id) AS c, sum({r.choice(aliases)}.i) AS s"
                    f" FROM {tree}{where} GROUP BY {key}{having}")
            if r.random() < 0.3:
                text = f"SELECT y.g, z.k, z.n FROM u AS y LEFT JOIN ({text}) AS z ON y.i = z.n"
            return text
        items = [f"{r.choice(aliases)}.{r.choice(COLUMNS)}" for _ in range(r.randint(1, 4))]
        if r.random() < 0.3:
            items.append(self.scalar(aliases))
        if r.random() < 0.1:
            items.append(self.exists(r.choice(aliases)))
        if r.random() < 0.3:
            items.append(f"coalesce({r.choice(aliases)}.i, -99)")
        listed = ", ".join(f"{item} AS c{n}" for n, item in enumerate(items))
        return f"SELECT {r.choice(['', '', 'DISTINCT '])}{listed} FROM {tree}{where}"


def test_random_outer(server, monkeypatch):
    monkeypatch.setattr(machinery, "Queries", Queries)
    monkeypatch.setattr(machinery, "QUERIES", min(machinery.QUERIES, QUERIES))
    machinery.test_random(server)
