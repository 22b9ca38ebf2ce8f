"""Random subqueries where a value is wanted: as columns, under OR, NOT and CASE,
in HAVING, in ON of outer joins, LATERAL ones; correlated by anything, also from
several levels below.

The machinery, its environment variables and what is avoided are those of
test_random.py; only the queries differ.
"""
import test_random as machinery
import test_random_outer

QUERIES = int(__import__("os").environ.get("PGT_RANDOM_QUERIES", "100"))
# "What is recomputed" in docs/sql-support.md, of what is rarely made here
RECOMPUTED = ["a grouping key has no type that a table can hold", "a join of more than 64 relations"]


class Queries(test_random_outer.Queries):
    def __init__(self, r):
        super().__init__(r)
        self.depth = 0

    def relation(self):
        r = self.r
        return r.choice(["t"] * 6 + ["u"] * 4 + ["v"] + [
            f"(SELECT id, g, i, h FROM t{self.where()} UNION ALL SELECT id, i, g, h FROM u)",
            f"(SELECT min(id) AS id, g, count(*) AS i, max(h) AS h FROM t{self.where()} GROUP BY g)",
        ])

    def correlation(self, alias, outers, within_join=False):
        """
        Conditions that tie a subquery to one or more rows around it. In ON of an outer join a subquery asks about
        its own side: one that compares with what is around has no delta rule.
        """
        r = self.r
        outer = r.choice(outers)
        ties = [r.choice([
            f"{alias}.g = {outer}.g", f"{alias}.i = {outer}.i", f"{alias}.i < {outer}.g", f"{alias}.id = {outer}.i",
            f"{alias}.g + {outer}.g = 3", f"({alias}.g = {outer}.g OR {alias}.h = {outer}.h)", f"{alias}.i IS NOT DISTINCT FROM {outer}.i",
            f"{alias}.i BETWEEN {outer}.g AND {outer}.i", f"coalesce({alias}.h, 'x') <> {outer}.h", f"{alias}.g = {outer}.i AND {alias}.i > {outer}.g",
        ])]
        if r.random() < 0.2:
            ties.append(self.condition_on(alias))
        if self.depth < 2 and r.random() < 0.2:
            ties.append(self.value([alias] if within_join else [alias] + outers))
        return " AND ".join(ties)

    def source(self, outers, chance=0.8):
        """FROM and WHERE of a subquery, and its alias."""
        r = self.r
        alias = self.alias()
        where = f" WHERE {self.correlation(alias, outers)}" if r.random() < chance else ""
        if r.random() < 0.12:
            side = self.alias()
            join = f"{r.choice(['LEFT', 'LEFT', 'RIGHT'])} JOIN {self.relation()} AS {side} ON {side}.g = {alias}.i AND {self.correlation(side, outers, within_join=True)}"
            return f"FROM {self.relation()} AS {alias} {join}{where if r.random() < 0.5 else ''}", alias
        return f"FROM {self.relation()} AS {alias}{where}", alias

    def limit(self, outer):
        """A part of the rows of a subquery, also by columns from around it."""
        r = self.r
        rows = lambda: r.choice(["1", "2", "1", f"greatest({outer}.g, 0)", "(SELECT count(*) FROM v)"])
        return r.choice([f"LIMIT {rows()} OFFSET {rows()}", f"LIMIT {rows()}", f"OFFSET {rows()}"])

    def value(self, outers):
        """A truth value that asks a subquery."""
        r = self.r
        self.depth += 1
        source, alias = self.source(outers)
        outer = r.choice(outers)
        kind = r.random()
        row = f"{alias}.id, {alias}.g, {alias}.i, {alias}.h"
        if r.random() < 0.2:
            text = self.compared(outers, source, alias)
        elif kind < 0.2:
            text = f"EXISTS (SELECT {source})"
        elif kind < 0.25:
            text = f"EXISTS (SELECT {source} {r.choice(['OFFSET 1', 'LIMIT 2 OFFSET 2', 'HAVING count(*) < 2', f'HAVING sum({alias}.i) > {outer}.g'])})"
        elif kind < 0.3:
            text = f"EXISTS (SELECT {alias}.h, count(*) {source} GROUP BY {alias}.h HAVING count(*) > 1)"
        elif kind < 0.6:
            text = f"{outer}.{r.choice(['g', 'i'])} {r.choice(['', 'NOT '])}IN (SELECT {alias}.{r.choice(['g', 'i'])} {source})"
        elif kind < 0.7:
            text = f"({outer}.g, {outer}.i) {r.choice(['', 'NOT '])}IN (SELECT {alias}.g, {alias}.i {source})"
        elif kind < 0.8:
            text = f"{outer}.i {r.choice(['=', '<>', '<', '>='])} {r.choice(['ANY', 'ALL'])} (SELECT {alias}.{r.choice(['g', 'i', 'g + 1'])} {source})"
        elif kind < 0.83:
            text = f"{outer}.i {r.choice(['', 'NOT '])}IN (SELECT {alias}.i {source} ORDER BY {row} {self.limit(outer)})"
        elif kind < 0.86:
            text = f"{outer}.i IN (SELECT max({alias}.i) {source} GROUP BY {alias}.g)"
        else:
            text = f"{outer}.i >= {self.number(outers)}"
        self.depth -= 1
        return f"NOT ({text})" if r.random() < 0.2 else text

    def compared(self, outers, source, alias):
        """A row compared with that of a subquery, or a subquery with those of another."""
        r = self.r
        outer = r.choice(outers)
        one = f"ORDER BY {alias}.id, {alias}.g, {alias}.i, {alias}.h LIMIT 1"
        pair = f"{outer}.{r.choice(['g', 'id'])}, {outer}.i"
        operator = r.choice(["=", "<>", "<", ">=", "="])
        columns = r.choice([f"{alias}.g, {alias}.i {source} {one}", f"max({alias}.g), count(*) {source}", f"max({alias}.g), {outer}.i + 1 {source}",
                            f"{alias}.g, count(*) {source} GROUP BY {alias}.g ORDER BY {alias}.g LIMIT 1"])
        number = self.number(outers)
        return r.choice([
            f"({pair}) {operator} (SELECT {columns})",
            f"({number}, {outer}.i) {operator} (SELECT {columns})",
            f"ROW({pair}) IS {r.choice(['', 'NOT '])}DISTINCT FROM (SELECT ROW({alias}.g, {alias}.i) {source} {one})",
            f"{number} {r.choice(['', 'NOT '])}IN (SELECT {alias}.{r.choice(['g', 'i'])} {source})",
            f"{number} {operator} {r.choice(['ANY', 'ALL'])} (SELECT {alias}.i {source})",
            f"({number}, {outer}.h) {r.choice(['', 'NOT '])}IN (SELECT {alias}.g, {alias}.h {source})",
            f"ROW({pair}) = ANY (ARRAY(SELECT ROW({alias}.g, {alias}.i) {source}))",
        ])

    def number(self, outers):
        """A scalar subquery."""
        r = self.r
        self.depth += 1
        source, alias = self.source(outers)
        outer = r.choice(outers)
        self.depth -= 1
        aggregate = r.choice(["count(*)", "sum({0}.i)", "max({0}.g)", "min({0}.id)", "count(DISTINCT {0}.g)", "sum({0}.i * {1}.g)",
                              "max({0}.i) + count(*)", "coalesce(sum({0}.g), {1}.i)"]).format(alias, outer)
        kind = r.random()
        if kind < 0.5:
            return f"(SELECT {aggregate} {source})"
        if kind < 0.6:
            return f"(SELECT {aggregate} {source} {r.choice(['LIMIT 1', 'OFFSET 0', 'GROUP BY ()', 'HAVING count(*) <> 2', f'HAVING {outer}.g > 0 LIMIT 2'])})"
        row = f"{alias}.id, {alias}.g, {alias}.i, {alias}.h"
        if kind < 0.8:
            return f"(SELECT {alias}.{r.choice(['g', 'i', 'id'])} {source} ORDER BY {alias}.{r.choice(['i', 'g'])} {r.choice(['', 'DESC '])}, {row} LIMIT 1{r.choice(['', '', ' OFFSET 1', f' OFFSET greatest({outer}.i, 0)'])})"
        if kind < 0.9:
            return r.choice([
                f"cardinality(ARRAY(SELECT {alias}.i {source} ORDER BY {row}))", f"cardinality(ARRAY(SELECT DISTINCT {alias}.i {source}))",
                f"(ARRAY(SELECT {alias}.i {source} ORDER BY {row} {self.limit(outer)}))[1]", f"cardinality(ARRAY(SELECT ARRAY[{alias}.i, {alias}.g] {source}))",
                f"(ARRAY(SELECT count(*) {source} GROUP BY {alias}.g ORDER BY {alias}.g))[2]",
            ])
        return f"(SELECT DISTINCT 1 {source})"

    def lateral(self, outers):
        r = self.r
        source, alias = self.source(outers, 1)
        row = f"{alias}.i, {alias}.id, {alias}.g, {alias}.h"
        return r.choice([
            f"(SELECT {alias}.id, {alias}.g, {alias}.i, {alias}.h {source} ORDER BY {row} LIMIT 1)",
            f"(SELECT {alias}.id, {alias}.g, {alias}.i, {alias}.h {source} ORDER BY {row} {self.limit(r.choice(outers))})",
            f"(SELECT {alias}.id, {alias}.g, {alias}.i, {alias}.h {source} ORDER BY {alias}.i FETCH FIRST {r.choice(['1', '2', '0'])} ROWS WITH TIES)",
            f"(SELECT count(*) AS id, {alias}.g, GROUPING({alias}.g) AS i, max({alias}.h) AS h {source} GROUP BY {r.choice(['ROLLUP', 'CUBE'])} ({alias}.g))",
            f"(SELECT max({alias}.id) AS id, count(*) AS g, sum(count(*)) OVER () AS i, min({alias}.h) AS h {source} {r.choice(['', 'LIMIT 1', 'HAVING count(*) < 3'])})",
            f"(SELECT min({alias}.id) AS id, {alias}.g, count(*) AS i, max({alias}.h) AS h {source} GROUP BY {alias}.g)",
            f"(SELECT DISTINCT 0 AS id, {alias}.g, {alias}.i, {alias}.h {source})",
            f"(SELECT max({alias}.id) AS id, count(*) AS g, sum({alias}.i) AS i, min({alias}.h) AS h {source})",
        ])

    def any(self):
        r = self.r
        tree, aliases = self.tree(r.choice([1, 1, 2, 2, 3]))
        if r.random() < 0.2 and len(aliases) > 1:
            left, right = self.alias(), self.alias()
            side = r.choice([left, right])
            tree = (f"({self.relation()} AS {left} {r.choice(['LEFT', 'RIGHT', 'FULL'])} JOIN {self.relation()} AS {right}"
                    f" ON {left}.g = {right}.g AND {self.value([side])})")
            aliases = [left, right]
        if r.random() < 0.25:
            alias = self.alias()
            join = r.choice(["CROSS JOIN LATERAL {} AS {}", "LEFT JOIN LATERAL {} AS {} ON true"])
            tree += " " + join.format(self.lateral(aliases), alias)
            aliases.append(alias)
        conditions = [self.condition_on(r.choice(aliases))] if r.random() < 0.3 else []
        if r.random() < 0.4:
            conditions.append(f"({self.condition_on(r.choice(aliases))} OR {self.value(aliases)})")
        if r.random() < 0.2:
            conditions.append(self.value(aliases))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        if r.random() < 0.25:
            outer = r.choice(aliases)
            self.aliases += 1
            alias = f"x{self.aliases}"
            having = r.choice([
                f"EXISTS (SELECT FROM u AS {alias} WHERE {alias}.g = {outer}.g)", f"sum({outer}.i) > (SELECT count(*) FROM u AS {alias} WHERE {alias}.i < {outer}.g)",
                f"{outer}.g IN (SELECT {alias}.i FROM u AS {alias})", f"(SELECT max({alias}.i) FROM t AS {alias} WHERE {alias}.i <= sum({outer}.i)) > 0",
            ])
            return (f"SELECT {outer}.g AS k, count(*) AS n, sum({outer}.i) AS s, (SELECT count(*) FROM u AS y WHERE y.i = {outer}.g) AS y"
                    f" FROM {tree}{where} GROUP BY {outer}.g HAVING {having}")
        items = [f"{r.choice(aliases)}.{r.choice(['id', 'g', 'i', 'h'])}" for _ in range(r.randint(1, 3))]
        for _ in range(r.choice([0, 1, 1, 2])):
            items.append(r.choice([self.value, self.number])(aliases))
        if r.random() < 0.3:
            items.append(f"CASE WHEN {self.value(aliases)} THEN {self.number(aliases)} ELSE -1 END")
        if r.random() < 0.15:
            alias = r.choice(aliases)
            items.append(f"rank() OVER ({r.choice(['', f'PARTITION BY {alias}.g '])}ORDER BY {alias}.i)")
        listed = ", ".join(f"{item} AS c{n}" for n, item in enumerate(items))
        return f"SELECT {r.choice(['', '', 'DISTINCT '])}{listed} FROM {tree}{where}"


def test_random_subqueries(server, monkeypatch):
    monkeypatch.setattr(machinery, "Queries", Queries)
    monkeypatch.setattr(machinery, "QUERIES", min(machinery.QUERIES, QUERIES))
    machinery.test_random(server)
