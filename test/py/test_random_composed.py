"""Random queries in which anything stands anywhere: subqueries in every expression,
correlated with any level around them, rows compared with rows, records, whole rows,
LATERAL queries of any kind, chains of FULL JOIN USING, CTEs within one another,
recursive ones too, and all of these below each other.

The machinery, its environment variables and what is avoided are those of
test_random.py, tables and joins those of test_random_joins.py. Equal values that
look different are keys as well: what is shown of them is what they have in common.
A query that has no delta is one of RECOMPUTED, which the manual lists.
"""
import contextlib
import os
import sys

import test_random as machinery
import test_random_joins as joins
import test_random_slices
from test_random_joins import Column, Relation

QUERIES = int(os.environ.get("PGT_RANDOM_QUERIES", "60"))
# shares of queries that have a delta
DIFFERENTIAL = 0.85
# "What is recomputed" in docs/sql-support.md, of what is made here
RECOMPUTED = [
    "a subquery within an outer join's condition or a FROM item", "preserves rows that are not stored",
    "a subquery that refers to other items of FROM and cannot be taken apart", "correlated with more than the query around it",
    "a subquery in a grouping key or an aggregate's argument", "an outer join within LATERAL", "an outer join that refers to other items of FROM",
    "a function that refers to the other side of an outer join", "an outer join of a query without a table",
    "this form of a subquery", "a correlated subquery of this form", "no type that a table can hold", "without a hash function",
    "a recursive term that groups its rows", "this form of WITH RECURSIVE", "a subquery is correlated by values that cannot be compared",
    "a join of more than 64 relations", "a scalar subquery of this type that may have several rows",
]
refresh = test_random_slices.refresh

# What equal values have in common, where they can look different.
COMMON = {"numeric": "trim_scale({})", "float": "({} + 0)", "itext": "lower({})", "pair": "(({0}).a, trim_scale(({0}).b))::text"}
LITERALS = {"int": ["0", "1", "2"], "text": ["'x'::text", "'y'::text"], "numeric": ["1.0", "1.00", "2.5"], "date": ["'2024-01-03'::date"],
            "bool": ["true"], "array": ["'{1,2}'::int[]"], "float": ["0::float8"], "dec": ["2.50::numeric(8,2)"]}


def computable(db, query):
    return not joins.failing(db, query)


class Queries(joins.Composer):
    def __init__(self, r):
        self.schema = joins.Schema(r, r.choice([2, 2, 3]))
        # what fails fails before COMMIT
        self.schema.keys = {name: key if "DEFERRABLE" not in key else "" for name, key in self.schema.keys.items()}
        columns = [Column(name, kind) for name, (_, kind) in joins.TABLE.items()]
        super().__init__(r, [Relation(name, columns, self.schema.key(name)) for name in self.schema.names])
        self.around = []        # columns of the queries around the one that is made
        self.budget = 0         # subqueries that may yet be made
        self.alone = False      # neither subqueries nor what is around may be used

    def fill(self, db, log):
        """See test_random.Queries.fill()."""
        statements = ["CREATE COLLATION IF NOT EXISTS insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
                      """CREATE OR REPLACE FUNCTION records(n int) RETURNS SETOF record LANGUAGE plpgsql IMMUTABLE AS
                         $$ BEGIN RETURN NEXT ROW(1, 'x'::text); RETURN NEXT ROW(n, NULL::text); RETURN NEXT ROW(n, 'y'::text); END $$"""]
        if db.value("SELECT to_regtype('pair') IS NULL"):
            statements += ["CREATE TYPE pair AS (a int, b numeric)", "CREATE DOMAIN small AS int CHECK (VALUE > -1000)"]
        for statement in statements + self.schema.setup():
            log.append(statement + ";")
            db.execute(statement)
        return joins.JoinChanges(self.r, self.schema)

    @contextlib.contextmanager
    def inside(self, columns):
        """What is made here is a subquery of one with these columns."""
        before = self.around
        self.budget -= 1
        self.around = before + [c for c in columns if "." in c.text]
        try:
            yield
        finally:
            self.around = before

    @contextlib.contextmanager
    def by_itself(self):
        before, self.alone = self.alone, True
        try:
            yield
        finally:
            self.alone = before

    # -- expressions

    def pick(self, columns, kinds):
        if self.around and not self.alone and self.r.random() < 0.12:
            columns = columns + self.around
        return super().pick(columns, kinds)

    def value(self, columns, kind):
        c = self.pick(columns, {kind})
        return c.text if c and self.r.random() < 0.95 else self.r.choice(LITERALS[kind])

    def expression(self, columns):
        r = self.r
        if self.budget > 0 and not self.alone and r.random() < 0.15:
            kind = r.choice(["int", "int", "int", "numeric", "text", "date", "array", "float"])
            return Column(self.scalar(columns, kind), kind)
        if r.random() < 0.1:
            i, n = self.value(columns, "int"), self.value(columns, "numeric")
            names = [c.text.split(".")[0] for c in columns if "." in c.text]
            choices = [(f"(ROW({i}, {n})::pair)", "pair"), (f"(ROW({i}, {n})::pair).b", "numeric"), (f"ROW({i}, {n})::text", "text"),
                       (f"int4range({i}::int, NULL)", "range"), (f"(abs({i})::small + 1)", "int"), (f"jsonb_build_object('k', {i}, 'n', {n})", "json")]
            if names:
                choices.append((f"to_jsonb({r.choice(names)})", "json"))
            return Column(*r.choice(choices))
        return super().expression(columns)

    def condition(self, columns):
        r = self.r
        if self.budget > 0 and not self.alone and r.random() < 0.2:
            return self.question(columns)
        if r.random() < 0.12:
            kind = r.choice(["int", "text", "numeric", "date", "float"])
            pairs = [f"{self.value(columns, 'int')}, {self.value(columns, kind)}" for _ in range(2)]
            return r.choice([f"({pairs[0]}) {r.choice(['=', '<', '>=', '<>'])} ({pairs[1]})", f"ROW({pairs[0]}) IS {r.choice(['', 'NOT '])}DISTINCT FROM ROW({pairs[1]})",
                             f"CASE WHEN {super().condition(columns)} THEN ({pairs[0]}) = ({pairs[1]}) ELSE {super().condition(columns)} END"])
        if r.random() < 0.06:
            return f"NOT ({super().condition(columns)})"
        return super().condition(columns)

    def question(self, columns):
        """A truth value that asks a subquery."""
        r = self.r
        kind = r.choice(["int", "int", "int", "text", "numeric", "date"])
        one, other = self.value(columns, kind), self.value(columns, "int")
        with self.inside(columns):
            shape = r.random()
            if shape < 0.4:
                return f"{r.choice(['', 'NOT '])}EXISTS ({self.rows([kind])})"
            if shape < 0.7:
                return f"{one} {r.choice(['', 'NOT '])}IN ({self.rows([kind])})"
            if shape < 0.8:
                return f"({one}, {other}) {r.choice(['', 'NOT '])}IN ({self.rows([kind, 'int'])})"
            if shape < 0.9:
                return f"{one} {r.choice(['<', '>', '>=', '<>', '='])} {r.choice(['ANY', 'ALL'])} ({self.rows([kind])})"
            alias = self.alias()
            row = f"SELECT {alias}.c1, {alias}.c2 FROM ({self.rows([kind, 'int'])}) AS {alias} ORDER BY {alias}.c1::text COLLATE \"C\", {alias}.c2 LIMIT 1"
            return f"({one}, {other}) {r.choice(['=', '<', '>='])} ({row})"

    def rows(self, kinds):
        """A query of columns c1, c2, ... of these kinds."""
        r = self.r
        if r.random() < 0.12 and "numeric" not in kinds:
            return f"({self.rows(kinds)}) {r.choice(['UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT', 'EXCEPT ALL'])} ({self.rows(kinds)})"
        source, columns = self.from_where(0, 2)
        with self.by_itself() if r.random() < 0.5 else contextlib.nullcontext():
            values = [self.value(columns, kind) for kind in kinds]
        items = ", ".join(f"{value} AS c{n}" for n, value in enumerate(values, 1))
        if r.random() < 0.15 and all("." in value and value.split(".")[0] in [c.text.split(".")[0] for c in columns] for value in values):
            return f"SELECT {items} FROM {source} GROUP BY {', '.join(dict.fromkeys(values))}{r.choice(['', ' HAVING count(*) > 1'])}"
        return f"SELECT {r.choice(['', '', '', 'DISTINCT '])}{items} FROM {source}"

    def scalar(self, columns, kind):
        """A subquery for one value."""
        r = self.r
        alias = self.alias()
        with self.inside(columns):
            if kind == "array" and r.random() < 0.5:
                return f"ARRAY(SELECT {alias}.c1::int FROM ({self.rows(['int'])}) AS {alias} ORDER BY 1)"
            if kind == "float" or r.random() < 0.4:
                order = r.choice(["", " DESC"])
                return f"(SELECT {alias}.c1 FROM ({self.rows([kind])}) AS {alias} ORDER BY {alias}.c1::text COLLATE \"C\"{order} LIMIT 1)"
            source, inner = self.from_where(0, 2)
            mine = [c.text for c in inner if c.kind == kind]
            number = [c.text for c in inner if c.kind == "int"]
            having = r.choice(["", "", "", " HAVING count(*) > 1", f" HAVING count(*) > {self.value(self.around[-3:], 'int')}"])
        if kind == "int":
            choices = ["count(*)"] + [f.format(x) for x in number for f in ("max({})", "count(DISTINCT {})", "sum({})", "min({}) + count(*)")]
        elif kind == "array":
            choices = [f"array_agg({x}::int ORDER BY {x}::int)" for x in number]
        elif kind == "numeric":
            choices = [f"sum({x})" for x in mine] + [f"avg({x})" for x in number]
        else:
            choices = [f.format(x) for x in mine for f in ("max({})", "min({})")]
        return f"(SELECT {r.choice(choices or [f'max({r.choice(LITERALS[kind])})'])} FROM {source}{having})"

    # -- FROM

    def tie(self, columns):
        """A condition that correlates."""
        r = self.r
        return r.choice([self.equality, self.equality, self.equality, self.inequality])(self.around, columns) or "true"

    def from_where(self, depth, most=5):
        text, columns, conditions = self.joined(depth, most)
        if self.r.random() < 0.25:
            conditions.append(self.condition(columns))
        if self.around and not self.alone and self.r.random() < 0.75:
            conditions.append(self.tie(columns))
        return text + (" WHERE " + " AND ".join(conditions) if conditions else ""), columns

    def joined(self, depth, most=5):
        r = self.r
        if r.random() < 0.35:
            return super().joined(depth, min(most, 3))
        text, columns = self.tree(depth, min(most, r.choice([1, 2, 2, 3])))
        return text, columns, []

    def tree(self, depth, size):
        """Outer joins: text and columns."""
        r = self.r
        if size == 1:
            text, alias, plain = self.item(depth)
            return text, [Column(f"{alias}.{c.text}", c.kind) for c in plain]
        left, first = self.tree(depth, r.randint(1, size - 1))
        if size == 2 and self.budget > 0 and r.random() < 0.3:
            with self.inside(first):
                query, plain = self.query(0)
            alias = self.alias()
            text = f"{left} {r.choice(['CROSS JOIN', 'LEFT JOIN'])} LATERAL ({query}) AS {alias}"
            return text + (" ON true" if " LEFT JOIN LATERAL (" + query in text else ""), first + [Column(f"{alias}.{c.text}", c.kind) for c in plain]
        right, second = self.tree(depth, size - len(set(c.text.split(".")[0] for c in first)) if size > 2 else 1)
        kind = r.choice(["LEFT", "LEFT", "RIGHT", "FULL", "INNER"])
        both = [(a.text, b.text) for a in first for b in second if a.kind == b.kind and a.kind in ("int", "text", "numeric", "itext", "date")]
        if kind == "FULL":
            condition = " = ".join(r.choice(both)) if both else "true"
        else:
            condition = " = ".join(r.choice(both)) if both and r.random() < 0.8 else self.on(first, second) or "true"
            if r.random() < 0.3:
                condition += f" AND {self.condition(first + second)}"
        return f"({left} {kind} JOIN {right} ON {condition})", first + second

    def full_using(self, depth):
        """A chain of FULL JOIN USING, and what its columns are grouped to."""
        r = self.r
        name, kind = r.choice([("g", "int"), ("i", "int"), ("h", "text"), ("n", "numeric"), ("c", "itext")])
        text, columns = "", [Column(name, kind)]
        for n in range(r.choice([2, 3, 3])):
            alias, relation = self.alias(), self.r.choice(self.schema.names)
            if r.random() < 0.3:
                relation = f"(SELECT * FROM {relation} AS y WHERE {r.choice(['y.i > 0', 'y.g IS NOT NULL', 'y.b', 'y.h <> ' + chr(39) * 2])})"
            text += f" {r.choice(['FULL', 'FULL', 'LEFT', 'RIGHT'])} JOIN {relation} AS {alias} USING ({name})" if n else f"{relation} AS {alias}"
            columns += [Column(f"{alias}.id", "int"), Column(f"{alias}.d", "date")]
        if r.random() < 0.4:
            items, shown = self.items([Column(COMMON.get(kind, "{}").format(name), kind), Column("count(*)", "int"), Column(f"sum({columns[-2].text})", "numeric")])
            return f"SELECT {items} FROM {text} GROUP BY {name}", shown
        items, shown = self.items([columns[0]] + [self.expression(columns[1:]) for _ in range(2)])
        return f"SELECT {items} FROM {text}{self.where(columns[1:])}", shown

    # -- queries

    def over(self, depth):
        """A query to be read by another: its text with an alias, and its columns by that."""
        text, columns = self.query(max(depth - 1, 0))
        alias = self.alias()
        return f"({text}) AS {alias}", [Column(f"{alias}.{c.text}", c.kind) for c in columns]

    @staticmethod
    def total(columns, words=("",)):
        return ", ".join(f"{c.text}::text COLLATE \"C\"{words[n % len(words)]}" for n, c in enumerate(columns))

    def windowed(self, depth):
        r = self.r
        source, columns = self.over(depth)
        chosen = [self.exact_column(columns) for _ in range(2)]
        functions = []
        for _ in range(r.randint(1, 2)):
            partition = f"PARTITION BY {r.choice(columns).text if r.random() < 0.3 else chosen[0]} " if r.random() < 0.6 else ""
            if " json" in partition:
                partition = ""
            peers = f"({partition}ORDER BY {chosen[1]}{r.choice(['', ' DESC', ' NULLS FIRST'])}"
            rows = f"({partition}ORDER BY {self.total(columns, r.choice([('',), ('', ' DESC')]))}"
            x, y = r.choice(columns).text, r.choice(columns).text
            functions.append(r.choice([
                Column(f"rank() OVER {peers})", "int"), Column(f"dense_rank() OVER {peers})", "int"), Column(f"count({x}) OVER {peers})", "int"),
                Column(f"count(*) OVER ({partition})", "int"), Column(f"row_number() OVER {rows})", "int"), Column(f"ntile(2) OVER {rows})", "int"),
                Column(f"lag(ROW({x}, {y})) OVER {rows})::text", "text"), Column(f"first_value({x}::text) OVER {rows})", "text"),
                Column(f"lead({x}, 2) OVER {rows}) IS NULL", "bool"), Column(f"(nth_value(ROW({x}), 2) OVER {rows}) IS NULL)", "bool"),
                Column(f"count(*) FILTER (WHERE {x} IS NULL) OVER {peers} GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING)", "int"),
                Column(f"max(length({x}::text)) OVER {rows} ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)", "int"),
                Column(f"cume_dist() OVER {peers})::text", "text"),
            ]))
        items, shown = self.items(r.sample(columns, min(2, len(columns))) + functions)
        text = f"SELECT {items} FROM {source}"
        if r.random() < 0.3:
            alias = self.alias()
            last = f"{alias}.{shown[-1].text}"
            return f"SELECT {alias}.* FROM ({text}) AS {alias} WHERE {f'{last} <= 2' if shown[-1].kind == 'int' else f'{last} IS NOT NULL'}", shown
        return text, shown

    def exact_column(self, columns):
        found = [c.text for c in columns if c.kind in joins.EXACT]
        return self.r.choice(found) if found else f"{columns[0].text}::text"

    def distinct_on(self, depth):
        source, columns = self.over(depth)
        key = self.exact_column(columns)
        items, shown = self.items(columns)
        return f"SELECT DISTINCT ON ({key}) {items} FROM {source} ORDER BY {key}, {self.total(columns, ('', ' DESC'))}", shown

    def limited(self, depth):
        r = self.r
        source, columns = self.over(depth)
        items, shown = self.items(columns)
        if r.random() < 0.3:
            return f"SELECT {items} FROM {source} ORDER BY {self.exact_column(columns)} FETCH FIRST {r.randint(1, 4)} ROWS WITH TIES", shown
        count = r.randint(0, 5) if self.budget < 1 or self.around or r.random() < 0.7 else f"(SELECT count(*) FROM ({self.rows(['int'])}) AS {self.alias()})"
        return f"SELECT {items} FROM {source} ORDER BY {self.total(columns)} LIMIT {count}{r.choice(['', '', ' OFFSET 1'])}", shown

    def set_operation(self, depth):
        r = self.r
        kinds = [r.choice(["int", "int", "text", "numeric", "float", "date", "bool", "array", "dec"]) for _ in range(r.choice([1, 2, 2, 3]))]
        arms = [f"({self.rows(kinds)})" for _ in range(r.choice([2, 2, 3]))]
        words = ["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL"]
        text = arms[0]
        for arm in arms[1:]:
            text = f"({text} {r.choice(words)} {arm})"
        alias = self.alias()
        items, shown = self.items([Column(COMMON.get(kind, "{}").format(f"{alias}.c{n}"), kind) for n, kind in enumerate(kinds, 1)])
        return f"SELECT {items} FROM {text} AS {alias}", shown

    def grouped(self, depth):
        r = self.r
        source, columns = self.from_where(depth, 3)
        keys = []
        for _ in range(r.choice([0, 1, 1, 2, 3])):
            key = self.exact(columns) if r.random() < 0.7 else self.pick(columns, set(COMMON) - {"pair"})
            if key and key.text not in [k.text for k in keys] and not key.text.isdigit() and "SELECT" not in key.text:
                keys.append(key)
        with self.by_itself():
            own = [c for c in columns if "." in c.text] or columns
            aggregates = [self.aggregate(own) for _ in range(r.randint(1, 3))]
            having = r.choice(["count(*) > 1", "count(*) < 4", f"bool_or({joins.Composer.condition(self, own)})"])
        shown = [Column(COMMON.get(k.kind, "{}").format(k.text), k.kind) for k in keys if r.random() < 0.85]
        plain = [k for k in keys if "(" not in k.text and " " not in k.text and k.kind == "int"]
        sets = len(keys) > 0 and r.random() < 0.25
        if plain and not sets and self.budget > 0 and r.random() < 0.4:
            shown.append(Column(self.scalar(plain[:1], "int"), "int"))
        items, result = self.items(shown + aggregates)
        text = f"SELECT {items} FROM {source}"
        texts = ", ".join(k.text for k in keys)
        if sets:
            text += " GROUP BY " + r.choice([f"ROLLUP ({texts})", f"CUBE ({texts})", f"GROUPING SETS (({texts}), ())", f"ROLLUP ({keys[0].text}), GROUPING SETS (({texts}), ())"])
        elif keys:
            text += f" GROUP BY {texts}"
        if r.random() < 0.25:
            if self.budget > 0 and r.random() < 0.5:
                having = f"count(*) > {self.scalar([], 'int')}"
            text += f" HAVING {having}"
        return text, result

    def recursion(self, name):
        """Text of a recursion with columns x, y and d."""
        r = self.r
        first, second = r.choice(self.schema.names), r.choice(self.schema.names)
        columns = [Column(f"e.{c}", "int") for c in ("g", "i")]
        counted = r.random() < 0.5
        start = f"SELECT e.g AS x, e.i AS y, 0 AS d FROM {first} AS e{self.where(columns)}"
        x = r.choice([f"{name}.x", "e.g"])
        clause = r.choice(["", "", " SEARCH DEPTH FIRST BY x SET o", " SEARCH BREADTH FIRST BY x, y SET o", " CYCLE x, y SET c USING p"]) if counted else ""
        step = f"SELECT {r.choice(['', 'DISTINCT ']) if not clause else ''}{x}, e.i, {f'{name}.d + 1' if counted else f'{name}.d'} FROM {name} "
        item = r.choice([second, second, f"(SELECT g, max(i) AS i FROM {second} AS y GROUP BY g)", f"(SELECT DISTINCT g, i FROM {second} AS y)"])
        step += r.choice([f"JOIN {item} AS e ON e.g = {name}.y", f"LEFT JOIN {item} AS e ON e.g = {name}.y", f"CROSS JOIN LATERAL (SELECT y.g, y.i FROM {second} AS y WHERE y.g = {name}.y) AS e"])
        step += f" WHERE {name}.d < 2" if counted else " WHERE e.i IS NOT NULL"
        return f"{name} (x, y, d) AS ({start} UNION{' ALL' if counted else ''} {step}){clause}"

    def with_queries(self, depth):
        """A query of CTEs, each of which may read those before it."""
        r = self.r
        before, around = self.relations, self.around
        parts, recursive = [], False
        for _ in range(r.choice([1, 1, 2])):
            name = f"q{self.alias()}"
            if r.random() < 0.4:
                recursive = True
                parts.append(self.recursion(name))
                made = Relation(name, [Column("x", "int"), Column("y", "int"), Column("d", "int")])
            else:
                text, columns = self.query(max(depth - 1, 0))
                parts.append(f"{name} AS {r.choice(['', 'MATERIALIZED ', 'NOT MATERIALIZED '])}({text})")
                made = Relation(name, columns)
            # read by most of the items that follow, by some more than once
            self.relations = self.relations + [made] * 3
        text, columns = self.query(max(depth - 1, 0))
        self.relations, self.around = before, around
        body = f"SELECT * FROM ({text}) AS {self.alias()}" if text.startswith("WITH ") else text
        return f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(parts)} {body}", columns

    def sets_of_rows(self, depth):
        """Set-returning functions in the select list."""
        r = self.r
        source, columns = self.from_where(depth, 2)
        items, shown = self.items([r.choice([Column(f"generate_series(0, least({self.value(columns, 'int')}, 3))", "int"), Column(f"unnest({self.value(columns, 'array')})", "int")]),
                                   self.pick(columns, {"int", "text", "numeric", "date"}) or Column("1", "int")])
        return f"SELECT {items} FROM {source}", shown

    def query(self, depth):
        r = self.r
        choices = [self.select, self.select, self.grouped, self.grouped, self.set_operation, self.full_using, self.sets_of_rows]
        if depth > 0:
            choices += [self.windowed, self.windowed, self.distinct_on, self.limited, self.with_queries, self.with_queries, self.grouped, self.twice]
        return r.choice(choices)(depth)

    def any(self):
        text = ""
        while not joins.REFERENCE.search(text):
            self.budget = self.r.choice([2, 4, 6])
            text, _ = self.query(self.r.choice([1, 2, 2, 3]))
        # of a stream table itself LIMIT must be constant
        return f"SELECT z.* FROM ({text}) AS z" if " LIMIT (" in text else text


def test_random_composed(server, monkeypatch):
    results = []
    compare = machinery.one_query

    def one_query(db, seed, log, kind=None):
        results.append(compare(db, seed, log, sys.modules[__name__]))
        return results[-1]

    monkeypatch.setattr(machinery, "one_query", one_query)
    monkeypatch.setattr(machinery, "QUERIES", min(machinery.QUERIES, QUERIES))
    machinery.test_random(server)
    assert results.count("recomputed") <= (1 - DIFFERENTIAL) * len(results) or len(results) < 20, f"{results.count('recomputed')} of {len(results)} have no delta"
