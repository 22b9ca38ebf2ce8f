"""Random joins, states over joins, and chains of stream tables, against the oracle.

PGT_RANDOM_JOINS     stream table groups to try (default 60), four batches of changes each
PGT_RANDOM_SEED      where to begin: group number N of seed S is run alone with
                     PGT_RANDOM_SEED=S+N PGT_RANDOM_JOINS=1

A group is up to four stream tables, of which later ones may read earlier ones;
some groups are chains or diamonds by design. What has to be among the groups is
counted. After each batch the last is refreshed, and every table that it reads through
others must then be what its query returns, without any having been recomputed.

Avoided are queries with more than one right answer, as an unordered array_agg
or a group that shows a key whose equal values print differently.
"""
import collections
import os
import random
import re

import psycopg
import pytest

from test_random import Changes, value

GROUPS = int(os.environ.get("PGT_RANDOM_JOINS", "60"))
SEED = int(os.environ.get("PGT_RANDOM_SEED", "20260101"))
CHUNKS = min(6, GROUPS)
BATCHES = 4
MOST_ROWS = 3000

# Of each column its type and its kind. Columns of one kind can stand in one
# place of a UNION, and their expressions have one collation.
TABLE = {
    "id": ("int", "int"), "g": ("int", "int"), "h": ("text", "text"), "i": ("int", "int"), "s": ("smallint", "int"),
    "l": ("bigint", "big"), "n": ("numeric", "numeric"), "n2": ("numeric(8,2)", "dec"), "f": ("float8", "float"), "b": ("bool", "bool"),
    "t": ('text COLLATE "C"', "ctext"), "c": ("text COLLATE insensitive", "itext"), "v": ("varchar(12)", "text"), "p": ("char(3)", "char"),
    "j": ("jsonb", "json"), "a": ("int[]", "array"), "d": ("date", "date"),
}
NAMES = list(TABLE)
# Equal values of these print alike.
EXACT = {"int", "big", "text", "ctext", "char", "bool", "date", "dec", "array"}
NUMBERS = {"int", "big", "dec", "numeric", "float"}
TEXTS = {"text", "ctext", "itext", "char"}

KEYS = ["", "", "PRIMARY KEY (id)", "PRIMARY KEY (id)", "PRIMARY KEY (i)", "PRIMARY KEY (g, i)", "PRIMARY KEY (n)", "PRIMARY KEY (t)",
        "PRIMARY KEY (c)", "PRIMARY KEY (p)", "PRIMARY KEY (f, d)", "PRIMARY KEY (v, i)", "UNIQUE (i)", "UNIQUE NULLS NOT DISTINCT (i)",
        "UNIQUE (id) DEFERRABLE INITIALLY DEFERRED", "PRIMARY KEY (id) DEFERRABLE", "UNIQUE (g, h, i)", "PRIMARY KEY (l)"]

Column = collections.namedtuple("Column", "text kind")
# What stands before AS, its columns by name, and the names of those in its key.
Relation = collections.namedtuple("Relation", "text columns key", defaults=((),))


# Few values, so that joins find partners.
CELLS = {
    "i": ["0", "1", "2", "3", "4", "-1"], "s": ["0", "1", "2", "-3", "7"], "l": ["0", "1", "2", "9223372036854775807"],
    "n": ["0", "1", "1.0", "1.00", "2", "2.50", "3", "0.000", "'NaN'"], "n2": ["0", "1", "2", "2.5", "-1"],
    "f": ["0", "'-0'", "1", "2", "2.5", "'NaN'", "'Infinity'"], "h": ["'x'", "'y'", "'X'", "''", "'p'"], "t": ["'x'", "'p'", "'y'", "'é'"],
    "c": ["'a'", "'A'", "'x'", "'X'", "'p'"], "v": ["'x'", "'y'", "''", "'x '"], "p": ["'x'", "'y'", "'xy'"],
}


def cell(r, name):
    """A value as SQL."""
    if name not in CELLS:
        return value(r, name)
    return "NULL" if r.random() < 0.12 else r.choice(CELLS[name])


class Schema:
    """The tables of one group and what changes them."""

    def __init__(self, r, count):
        self.r = r
        self.names = [f"r{n}" for n in range(1, count + 1)]
        keyed = r.random() < 0.4
        self.keys = {name: "PRIMARY KEY (id)" if keyed else r.choice(KEYS) for name in self.names}
        self.next = 0

    def setup(self):
        r = self.r
        statements = []
        columns = ", ".join(f"{name} {kind[0]}" for name, kind in TABLE.items())
        for name, key in self.keys.items():
            extra = f", {key}" if key else ""
            shape = r.random()
            if shape < 0.75:
                statements.append(f"CREATE TABLE {name} ({columns}{extra})")
            elif shape < 0.83:
                statements.append(f"CREATE TABLE {name} (gone int, {columns}{extra}); ALTER TABLE {name} DROP COLUMN gone")
            elif shape < 0.91:
                if not key.startswith("PRIMARY KEY (id)"):
                    extra = self.keys[name] = ""
                statements.append(f"CREATE TABLE {name} ({columns}{extra}) PARTITION BY HASH (id);"
                                  f"CREATE TABLE {name}_0 PARTITION OF {name} FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
                                  f"CREATE TABLE {name}_1 PARTITION OF {name} FOR VALUES WITH (MODULUS 2, REMAINDER 1)")
            else:
                statements.append(f"CREATE TABLE {name} ({columns}{extra}); CREATE TABLE {name}_child () INHERITS ({name})")
            if r.random() < 0.4:
                statements.append(f"CREATE INDEX ON {name} ({r.choice(['g', 'i', 'id', 'h', 'n', 'd', 'c', 'g, i'])})")
            if r.random() < 0.15:
                statements.append(f"CREATE UNIQUE INDEX ON {name} (id, g) WHERE b")
            count = r.choice([0, 4, 6, 6, 8])
            self.next = 0
            if count:
                statements.append(self.insert(name, count))
        return statements

    def key(self, table):
        """The columns of its constraint."""
        text = self.keys[table]
        return tuple(text[text.index("(") + 1:text.index(")")].split(", ")) if text else ()

    def is_key(self, table, column):
        return self.keys[table].startswith("PRIMARY") and column in self.key(table)

    def cell(self, table, column):
        for _ in range(40):
            text = cell(self.r, column)
            if text != "NULL" or not self.is_key(table, column):
                return text
        raise AssertionError("no value")

    def row(self, table):
        self.next += 1
        # some rows share their id, where they may
        first = str(self.next) if self.r.random() < 0.9 or "(id)" in self.keys[table] else str(self.r.randint(1, 9))
        return "(" + ", ".join([first] + [self.cell(table, n) for n in NAMES[1:]]) + ")"

    def insert(self, table, count):
        conflict = "" if "DEFERRABLE" in self.keys[table] else " ON CONFLICT DO NOTHING"
        return f"INSERT INTO {table} VALUES {', '.join(self.row(table) for _ in range(count))}{conflict}"


class JoinChanges(Changes):
    """Statements over the tables of a schema."""

    def __init__(self, r, schema):
        super().__init__(r)
        self.schema = schema
        schema.next = 20

    def some(self):
        r = self.r
        return r.choice([f"id = {r.randint(1, 9)}", f"i = {r.randint(-5, 5)}", f"g = {r.randint(0, 3)}", "b", "n = 1", "n IS NULL",
                         f"id % 3 = {r.randint(0, 2)}", "h = 'x'", "d = '2024-01-03'", "c = 'a'", "id > 20",
                         f"id = {r.randint(1, 9)}", f"id = {r.randint(1, 9)}", f"id = {r.randint(1, 9)}",
                         "true" if r.random() < 0.1 else "g IS NULL"])

    def statement(self):
        r = self.r
        table = r.choice(self.schema.names)
        kind = r.random()
        if kind < 0.35:
            return self.schema.insert(table, r.randint(1, 3))
        if kind < 0.7:
            column = r.choice([n for n in NAMES if n != "id"])
            to = self.schema.cell(table, column)
            if r.random() < 0.35:
                column, to = r.choice([("i", "i + 1"), ("n", "n * 1.0"), ("g", "i"), ("h", "t"), ("n", "n2"), ("f", "-f"), ("b", "NOT b"),
                                       ("id", "-id"), ("i", "i"), ("a", "a || 1"), ("n2", "n2 + 0.01"), ("g", "(g + 1) % 4"),
                                       ("c", "upper(c)"), ("h", "v"), ("i", "g")])
            return f"UPDATE {table} SET {column} = {to} WHERE {self.some()}"
        if kind < 0.9:
            return f"DELETE FROM {table} WHERE {self.some()}"
        if kind < 0.93:
            return self.schema.insert(table, 6)
        if kind < 0.95:
            return f"DELETE FROM {table}"
        return f"UPDATE {table} SET g = g + 0, n = n + 0.0"


class Composer:
    """Makes queries over some relations. A query is (text, [Column])."""

    def __init__(self, r, relations):
        self.r = r
        self.relations = relations
        self.aliases = 0
        self.crosses = 1

    def alias(self):
        self.aliases += 1
        return f"x{self.aliases}"

    # -- expressions

    def pick(self, columns, kinds):
        found = [c for c in columns if c.kind in kinds]
        return self.r.choice(found) if found else None

    def expression(self, columns):
        r = self.r
        c = r.choice(columns)
        if r.random() < 0.55:
            return c
        x = c.text
        other = self.pick(columns, {c.kind}).text
        choices = [(f"{x} IS NULL", "bool"), (f"coalesce({x}, {other})", c.kind),
                   (f"CASE WHEN {self.condition(columns)} THEN {x} ELSE {other} END", c.kind)]
        if c.kind == "int":
            choices += [(f"{x} + {other}", "int"), (f"{x} * 2 - {other}", "int"), (f"abs({x})", "int"), (f"{x} % 3", "int"), (f"{x}::text", "text"),
                        (f"nullif({x}, 0)", "int"), (f"greatest({x}, {other})", "int"), (f"{x}::numeric(6,1)", "numeric")]
        elif c.kind in ("text", "ctext", "itext"):
            choices += [(f"upper({x})", c.kind), (f"{x} || '-' || {other}", c.kind), (f"length({x})", "int"), (f"{x} = {other}", "bool")]
        elif c.kind in ("numeric", "dec", "float", "json"):
            choices += [(f"{x}::text", "text")]
            if c.kind in ("numeric", "dec"):
                choices += [(f"round({x}, 1)", "numeric"), (f"scale({x})", "int"), (f"{x} + {other}", "numeric")]
            elif c.kind == "json":
                choices += [(f"{x}->>'k'", "text"), (f"jsonb_typeof({x})", "text")]
        elif c.kind == "date":
            choices += [(f"{x} + 1", "date"), (f"({x} - {other})", "int"), (f"extract(day FROM {x})::int", "int")]
        elif c.kind == "array":
            choices += [(f"cardinality({x})", "int"), (f"{x}[1]", "int"), (f"{x} || {other}", "array")]
        elif c.kind == "big":
            choices += [(f"{x} % 10", "big")]
        return Column(*r.choice(choices))

    def exact(self, columns):
        """A grouping key that may be shown, or None."""
        for _ in range(12):
            e = self.expression(columns)
            if e.kind in EXACT and "::numeric" not in e.text:
                return e
        return None

    def condition(self, columns):
        r = self.r
        c = r.choice(columns)
        x = c.text
        y = self.pick(columns, {c.kind}).text
        choices = [f"{x} IS NOT NULL"] * 3 + [f"{x} IS NULL", f"({x} IS DISTINCT FROM {y} OR {x} IS NOT NULL)"]
        if c.kind in NUMBERS:
            choices += [f"{x} > 0", f"{x} > 0", f"{x} <= 2", f"{x} <> 1", f"{x} IN (0, 1, 2)", f"{x} BETWEEN -2 AND 3", f"{x} >= {y}"] * 2
        elif c.kind in TEXTS:
            choices += [f"{x} <> 'x'", f"{x} IN ('x', 'p', 'A')", f"{x} < {y}", f"{x} <> ''"]
        elif c.kind == "bool":
            choices += [x, f"NOT {x}", f"{x} IS NOT TRUE"]
        elif c.kind == "date":
            choices += [f"{x} >= '2024-01-03'", f"{x} <> {y}"]
        elif c.kind == "array":
            choices += [f"1 = ANY ({x})", f"cardinality({x}) > 0"]
        elif c.kind == "json":
            choices += [f"{x} @> '{{}}'", f"{x} <> 'null'"]
        text = r.choice(choices)
        return f"({text} OR {r.choice(choices)})" if r.random() < 0.15 else text

    def where(self, columns, chance=0.4):
        if self.r.random() > chance:
            return ""
        return " WHERE " + " AND ".join(self.condition(columns) for _ in range(self.r.choice([1, 1, 2])))

    # -- what can stand in FROM

    def base(self):
        return self.r.choice(self.relations)

    def projection(self):
        """Few columns of a table, some renamed, so that NATURAL finds few in common."""
        r = self.r
        relation = self.base()
        some = r.sample(relation.columns, min(r.randint(2, 4), len(relation.columns)))
        columns = []
        for c in some:
            name = c.text if r.random() < 0.7 else f"y{r.randint(1, 3)}"
            if name not in [d.text for d in columns]:
                columns.append(Column(name, c.kind))
            else:
                columns.append(Column(f"z{len(columns)}", c.kind))
        items = ", ".join(f"y.{c.text} AS {d.text}" for c, d in zip(some, columns))
        return Relation(f"(SELECT {items} FROM {relation.text} AS y{self.where([Column('y.' + c.text, c.kind) for c in some], 0.3)})", columns)

    def constant(self):
        return self.r.choice([
            Relation("(VALUES (1, 'x'), (2, 'y'), (NULL, 'x'), (1, NULL)) AS ALIAS(g, h)", [Column("g", "int"), Column("h", "text")]),
            Relation("(VALUES (0, 1.0), (1, 1.00), (2, 2.5)) AS ALIAS(i, n)", [Column("i", "int"), Column("n", "numeric")]),
            Relation("generate_series(0, 3) AS ALIAS(g)", [Column("g", "int")]),
            Relation("unnest('{1,2,2,NULL}'::int[]) WITH ORDINALITY AS ALIAS(i, o)", [Column("i", "int"), Column("o", "int")]),
            Relation("jsonb_array_elements('[1, 1.0, {\"k\": 1}, null]') AS ALIAS(j)", [Column("j", "json")]),
            Relation("ROWS FROM (generate_series(1, 2), unnest('{x,y,z}'::text[])) WITH ORDINALITY AS ALIAS(g, h, o)",
                     [Column("g", "int"), Column("h", "text"), Column("o", "int")]),
            Relation("records(2) AS ALIAS(g int, h text)", [Column("g", "int"), Column("h", "text")]),
            Relation("(SELECT 1 AS g, 'x' AS h UNION ALL SELECT 2, 'y') AS ALIAS", [Column("g", "int"), Column("h", "text")]),
        ])

    def lateral(self, columns):
        """A FROM item that refers to the left, or None."""
        r = self.r
        c = r.choice(columns)
        x = c.text
        relation = self.base()
        target = self.pick(relation.columns, {c.kind})
        choices = [Relation(f"LATERAL (VALUES ({x}), ({self.pick(columns, {c.kind}).text})) AS ALIAS(e)", [Column("e", c.kind)]),
                   Relation(f"LATERAL (SELECT {x} AS e, {r.choice(columns).text} IS NULL AS o) AS ALIAS", [Column("e", c.kind), Column("o", "bool")])]
        if c.kind == "array":
            choices += [Relation(f"unnest({x}) AS ALIAS(e)", [Column("e", "int")]),
                        Relation(f"unnest({x}) WITH ORDINALITY AS ALIAS(e, o)", [Column("e", "int"), Column("o", "int")])] * 3
        elif c.kind == "json":
            choices += [Relation(f"jsonb_array_elements(CASE WHEN jsonb_typeof({x}) = 'array' THEN {x} ELSE '[1, 2]' END) AS ALIAS(e)",
                                 [Column("e", "json")]),
                        Relation(f"jsonb_path_query({x}, '$.k') WITH ORDINALITY AS ALIAS(e, o)", [Column("e", "json"), Column("o", "int")])] * 2
        elif c.kind == "int":
            choices += [Relation(f"generate_series({x} % 3, 2) AS ALIAS(e)", [Column("e", "int")]),
                        Relation(f"ROWS FROM (generate_series(1, {x} % 3), unnest(ARRAY[{x}, 7])) WITH ORDINALITY AS ALIAS(e, e2, o)",
                                 [Column("e", "int"), Column("e2", "int"), Column("o", "int")])]
        elif c.kind in ("text", "ctext"):
            choices += [Relation(f"regexp_split_to_table({x}, '') WITH ORDINALITY AS ALIAS(e, o)", [Column("e", c.kind), Column("o", "int")])]
        if target:
            some = r.sample(relation.columns, min(3, len(relation.columns)))
            choices += [Relation(f"LATERAL (SELECT {', '.join('y.' + s.text for s in some)} FROM {relation.text} AS y WHERE y.{target.text} = {x}) AS ALIAS",
                                 [Column(s.text, s.kind) for s in some])] * 2
        return r.choice(choices)

    def item(self, depth, table=False):
        """A FROM item, that reads a table if asked for: (text with its alias, alias, columns by plain name)."""
        r = self.r
        alias = self.alias()
        kind = 1 if table and r.random() < 0.2 else r.uniform(0.12 if table else 0, 1)
        if kind < 0.12:
            relation = self.constant()
            return relation.text.replace("ALIAS", alias), alias, relation.columns
        if kind < 0.3:
            relation = self.projection()
        elif kind < 0.55 and depth > 0:
            text, columns = self.query(depth - 1)
            relation = Relation(f"({text})", columns)
        else:
            relation = self.base()
        if r.random() < 0.12 and len(relation.columns) < 30:
            names = [f"w{n}" if r.random() < 0.5 else c.text for n, c in enumerate(relation.columns)]
            if len(set(names)) == len(names):
                return (f"{relation.text} AS {alias}({', '.join(names)})", alias,
                        [Column(n, c.kind) for n, c in zip(names, relation.columns)])
        return f"{relation.text} AS {alias}", alias, relation.columns

    # -- joins

    def equality(self, left, right):
        """A condition over two lists of columns, or None."""
        r = self.r
        keys = [c for c in right if c.text.endswith(".id")]
        if keys and r.random() < 0.3:
            a = self.pick(left, {"int"})
            if a:
                return f"{keys[0].text} = {a.text}"
        for _ in range(10):
            a = r.choice(left)
            if r.random() < 0.3:
                # a key, perhaps
                a = r.choice([c for c in left if c.text.endswith((".id", ".i", ".k", ".c1"))] or left)
            family = next((f for f in (NUMBERS, TEXTS) if a.kind in f), {a.kind})
            b = self.pick(right, family if r.random() < 0.4 else {a.kind})
            if r.random() < 0.35:
                b = next((c for c in right if c.text.split(".")[1] == a.text.split(".")[1] and c.kind in family), b)
            if b is None or (a.kind == "bool" and r.random() < 0.7):
                continue
            x, y = (a.text, b.text) if r.random() < 0.5 else (b.text, a.text)
            kinds = {a.kind, b.kind}
            if kinds <= TEXTS and len(kinds - {"char"}) > 1:
                x += ' COLLATE "C"' if r.random() < 0.5 or "itext" not in kinds else " COLLATE insensitive"
            elif r.random() < 0.15 and a.kind == "int" and b.kind == "int":
                return f"{x} + 1 = {y}" if r.random() < 0.5 else f"{x} = abs({y})"
            elif r.random() < 0.08 and a.kind in ("int", "date", "dec") and a.kind == b.kind:
                return f"{x} BETWEEN {y} AND {y} + 1"
            return f"{x} = {y}"
        return None

    def inequality(self, left, right):
        a = self.pick(left, NUMBERS)
        b = self.pick(right, NUMBERS)
        if a is None or b is None:
            return None
        return f"{a.text} {self.r.choice(['<', '<=', '>', '<>'])} {b.text}"

    def on(self, left, right):
        r = self.r
        parts = [self.equality(left, right)]
        if r.random() < 0.12:
            parts.append(self.inequality(left, right))
        if r.random() < 0.1:
            parts.append(self.condition(right))
        if r.random() < 0.1:
            parts.append(self.equality(left, right))
        parts = [p for p in parts if p]
        return " AND ".join(parts) if parts else None

    def using(self, left_names, left, right, alias):
        """Names in common: of one kind, and only once on the left."""
        found = []
        for c in right:
            if left_names[c.text] != 1:
                continue
            mine = [l for l in left if l.text.split(".")[-1] == c.text]
            if mine and (mine[0].kind == c.kind or {mine[0].kind, c.kind} <= NUMBERS):
                found.append(c.text)
        return found

    def joined(self, depth, most=5):
        """FROM: (text, columns to use, conditions for WHERE)."""
        r = self.r
        count = min(most, r.choice([1, 2, 2, 2, 3, 3, 4, 5, 5]))
        text, alias, plain = self.item(depth, table=True)
        columns = [Column(f"{alias}.{c.text}", c.kind) for c in plain]
        names = collections.Counter(c.text for c in plain)
        conditions = []
        comma = r.random() < 0.25
        for _ in range(count - 1):
            if r.random() < 0.17:
                relation = self.lateral(columns)
                alias = self.alias()
                item = relation.text.replace("ALIAS", alias)
                text += (", " if comma else " CROSS JOIN ") + item
                plain = relation.columns
                columns += [Column(f"{alias}.{c.text}", c.kind) for c in plain]
                names.update(c.text for c in plain)
                continue
            item, alias, plain = self.item(depth)
            if r.random() < 0.1 and depth > 0 and not comma:
                # a join of its own on the right
                item2, alias2, plain2 = self.item(depth - 1)
                right = [Column(f"{alias}.{c.text}", c.kind) for c in plain] + [Column(f"{alias2}.{c.text}", c.kind) for c in plain2]
                inner = self.on(right[:len(plain)], right[len(plain):])
                outer = self.on(columns, right)
                if inner and outer:
                    if r.random() < 0.4:
                        k = self.alias()
                        item = f"({item} JOIN {item2} ON {inner}) AS {k}({', '.join(f'k{n}' for n in range(len(right)))})"
                        plain = [Column(f"k{n}", c.kind) for n, c in enumerate(right)]
                        right = [Column(f"{k}.{c.text}", c.kind) for c in plain]
                        outer = self.on(columns, right)
                        if outer:
                            text = f"{text} JOIN {item} ON {outer}"
                            columns += right
                            names.update(c.text for c in plain)
                            continue
                    else:
                        text = f"{text} JOIN ({item} JOIN {item2} ON {inner}) ON {outer}"
                        columns += right
                        names.update(c.text for c in plain + plain2)
                        continue
                item, alias, plain = self.item(depth)
            right = [Column(f"{alias}.{c.text}", c.kind) for c in plain]
            condition = self.on(columns, right)
            common = self.using(names, columns, plain, alias)
            everywhere = [c.text for c in plain if names[c.text]]
            if comma:
                text += f", {item}"
                if condition:
                    conditions.append(condition)
                elif self.crosses:
                    self.crosses -= 1
                else:
                    conditions.append(self.inequality(columns, right) or "false")
            elif everywhere and len(everywhere) <= 3 and sorted(everywhere) == sorted(common) and r.random() < 0.6:
                text = f"{text} NATURAL JOIN {item}"
                names.subtract(everywhere)
            elif common and r.random() < 0.3:
                used = r.sample(common, min(r.choice([1, 1, 2]), len(common)))
                text = f"{text} JOIN {item} USING ({', '.join(used)})" + (f" AS {self.alias()}" if r.random() < 0.2 else "")
                names.subtract(used)
            elif condition and r.random() < 0.92:
                text = f"{text} {r.choice(['JOIN', 'JOIN', 'INNER JOIN'])} {item} ON {condition}"
            elif self.crosses and r.random() < 0.7:
                self.crosses -= 1
                text = f"{text} CROSS JOIN {item}"
            else:
                text = f"{text} JOIN {item} ON {self.inequality(columns, right) or condition or 'false'}"
            columns += right
            names.update(c.text for c in plain)
        if count == 1 and r.random() < 0.25:
            relation = self.lateral(columns)
            alias = self.alias()
            text += r.choice([', ', ' CROSS JOIN ']) + relation.text.replace("ALIAS", alias)
            columns += [Column(f"{alias}.{c.text}", c.kind) for c in relation.columns]
        return text, columns, conditions

    def from_where(self, depth, most=5):
        text, columns, conditions = self.joined(depth, most)
        if self.r.random() < 0.25:
            conditions.append(self.condition(columns))
        return text + (" WHERE " + " AND ".join(conditions) if conditions else ""), columns

    # -- queries

    @staticmethod
    def items(expressions):
        """The select list and its columns, named c1, c2, ..."""
        columns = [Column(f"c{n}", e.kind) for n, e in enumerate(expressions, 1)]
        return ", ".join(f"{e.text} AS {c.text}" for e, c in zip(expressions, columns)), columns

    def select(self, depth):
        r = self.r
        source, columns = self.from_where(depth)
        expressions = [self.expression(columns) for _ in range(r.randint(1, 5))]
        # often something that is a key, so that results have an identity
        chance = r.choice([0, 0.5, 1, 1])
        expressions += [c for c in columns if c.text.endswith(".id") and r.random() < chance]
        if r.random() < 0.06:
            array = self.pick(columns, {"array"})
            expressions.append(Column(f"unnest({array.text})", "int") if array else Column("generate_series(1, 2)", "int"))
        items, shown = self.items(expressions)
        return f"SELECT {items} FROM {source}", shown

    def by_key(self, depth):
        """Tables found by their keys, so that some keys identify the result."""
        r = self.r
        relations = [x for x in self.relations if x.key] or self.relations
        parts = []
        shown = []
        columns = []
        for _ in range(r.choice([2, 2, 3, 4, 5])):
            relation = r.choice(relations)
            alias = self.alias()
            mine = [Column(f"{alias}.{c.text}", c.kind) for c in relation.columns]
            conditions = []
            for name in relation.key or [relation.columns[0].text]:
                key = next(c for c in mine if c.text == f"{alias}.{name}")
                other = self.pick(columns, NUMBERS if key.kind in NUMBERS and r.random() < 0.3 else {key.kind})
                same = [c for c in columns if c.text.endswith("." + name)]
                if same and r.random() < 0.5:
                    other = r.choice(same)
                if other and r.random() < 0.9:
                    conditions.append(f"{key.text} = {other.text}" if r.random() < 0.5 else f"{other.text} = {key.text}")
                if r.random() < 0.75:
                    shown.append(key)
            item = f"{relation.text} AS {alias}"
            if not parts:
                parts.append(item)
            elif conditions:
                parts.append(f"JOIN {item} ON {' AND '.join(conditions)}")
            elif self.crosses:
                self.crosses -= 1
                parts.append(f"CROSS JOIN {item}")
            else:
                continue
            columns += mine
        shown = [c for c in shown if c in columns] + [self.expression(columns)]
        r.shuffle(shown)
        items, result = self.items(shown)
        if r.random() < 0.1 and all(c.kind in EXACT for c in shown):
            return f"SELECT DISTINCT {items} FROM {' '.join(parts)}", result
        return f"SELECT {items} FROM {' '.join(parts)}", result

    def keys(self, columns, many):
        keys = []
        for _ in range(many):
            key = self.exact(columns)
            if key and key.text not in [k.text for k in keys]:
                keys.append(key)
        return keys

    def distinct(self, depth):
        source, columns = self.from_where(depth)
        keys = self.keys(columns, self.r.randint(1, 3)) or [Column(f"{columns[0].text}::text", "text")]
        items, shown = self.items(keys)
        return f"SELECT DISTINCT {items} FROM {source}", shown

    def aggregate(self, columns):
        r = self.r
        c = r.choice(columns)
        x = c.text
        choices = [("count(*)", "int"), (f"count({x})", "int"), (f"count(DISTINCT {x})", "int"),
                   (f'array_agg({x}::text ORDER BY {x}::text COLLATE "C")', "texts"),
                   (f"string_agg({x}::text, ',' ORDER BY {x}::text COLLATE \"C\")", "text")]
        if c.kind in EXACT and c.kind not in ("bool", "array"):
            choices += [(f"min({x})", c.kind), (f"max({x})", c.kind)] * 2
        if c.kind in ("int", "dec", "numeric"):
            choices += [(f"sum({x})", "sum"), (f"sum({x})", "sum"), (f"avg({x})", "numeric"), (f"sum(DISTINCT {x})", "numeric")] * 2
            choices += [(f"variance({x})", "numeric")]
        if c.kind == "big":
            choices += [(f"sum({x})", "numeric"), (f"avg({x})", "numeric")]
        if c.kind == "int":
            choices += [(f"array_agg(DISTINCT {x} ORDER BY {x})", "ints"), (f"mode() WITHIN GROUP (ORDER BY {x})", "int"),
                        (f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {x})", "int"), (f"bit_or({x})", "int")]
        if c.kind == "bool":
            choices += [(f"bool_and({x})", "bool"), (f"bool_or({x})", "bool"), (f"count(*) FILTER (WHERE {x})", "int")] * 2
        text, kind = r.choice(choices)
        if r.random() < 0.15 and "FILTER" not in text:
            text += f" FILTER (WHERE {self.condition(columns)})"
        # sum(int) is bigint, sum(smallint) too, sum(bigint) numeric: not to be told apart here
        return Column(text, {"sum": "numeric", "texts": "other", "ints": "other"}.get(kind, kind))

    def grouped(self, depth):
        r = self.r
        source, columns = self.from_where(depth)
        keys = self.keys(columns, r.choice([0, 1, 1, 1, 2]))
        aggregates = [self.aggregate(columns) for _ in range(r.randint(1, 3))]
        grouping = [k.text for k in keys]
        if r.random() < 0.15:
            # equal values that print differently: grouped on, not shown
            hidden = self.pick(columns, {"numeric", "float", "itext", "json"})
            if hidden and hidden.text not in grouping:
                grouping.append(hidden.text)
        shown = [k for k in keys if r.random() < 0.85]
        items, result = self.items(shown + aggregates)
        text = f"SELECT {items} FROM {source}"
        if grouping:
            text += " GROUP BY " + ", ".join(grouping)
        if r.random() < 0.2:
            text += " HAVING " + r.choice(["count(*) > 1", "count(*) < 5", f"count(DISTINCT {r.choice(columns).text}) > 1",
                                           f"bool_or({self.condition(columns)})"])
        return text, result

    def union(self, depth):
        r = self.r
        word = r.choice(["UNION ALL", "UNION ALL", "UNION"])
        wanted = r.sample(["int", "text", "date", "ctext", "bool", "dec", "int"], r.randint(1, 3))
        arms = []
        for _ in range(r.choice([2, 2, 3])):
            for _ in range(30):
                source, columns = self.from_where(depth, 3)
                found = [self.pick(columns, {k}) for k in wanted]
                if all(found):
                    break
            else:
                return self.select(depth)
            items, shown = self.items(found)
            arms.append(f"SELECT {'DISTINCT ' if r.random() < 0.15 else ''}{items} FROM {source}")
        # plain columns may differ in typmod: then the result has none
        shown = [Column(c.text, "numeric" if c.kind == "dec" else c.kind) for c in shown]
        if word == "UNION" and any(c.kind == "numeric" for c in shown):
            word = "UNION ALL"
        if len(arms) == 3 and r.random() < 0.4:
            return f"{arms[0]} {word} ({arms[1]} UNION ALL {arms[2]})", shown
        return f" {word} ".join(arms), shown

    def twice(self, depth):
        """A CTE that is read twice, the second time perhaps by its own aggregate."""
        r = self.r
        inner, columns = self.query(max(depth - 1, 0))
        q = f"q{self.alias()}"
        kind = r.choice(["", "", "MATERIALIZED ", "NOT MATERIALIZED "])
        one, two = self.alias(), self.alias()
        left = [Column(f"{one}.{c.text}", c.kind) for c in columns]
        second = q
        right_plain = columns
        key = self.pick(columns, EXACT)
        if key and r.random() < 0.6:
            other = self.aggregate(columns)
            second = f"(SELECT {key.text} AS k, {other.text} AS m, count(*) AS o FROM {q} GROUP BY {key.text})"
            right_plain = [Column("k", key.kind), Column("m", other.kind), Column("o", "int")]
        right = [Column(f"{two}.{c.text}", c.kind) for c in right_plain]
        if key and second != q and r.random() < 0.8:
            condition = f"{one}.{key.text} {r.choice(['=', '=', 'IS NOT DISTINCT FROM'])} {two}.k"
        else:
            condition = self.on(left, right) or self.inequality(left, right) or "false"
        everything = left + right
        if r.random() < 0.3:
            keys = self.keys(everything, 1)
            items, shown = self.items(keys + [self.aggregate(everything) for _ in range(2)])
            tail = " GROUP BY " + keys[0].text if keys else ""
        else:
            items, shown = self.items([self.expression(everything) for _ in range(r.randint(1, 4))])
            tail = ""
        return f"WITH {q} AS {kind}({inner}) SELECT {items} FROM {q} AS {one} JOIN {second} AS {two} ON {condition}{tail}", shown

    def query(self, depth):
        return self.r.choice([self.select, self.select, self.select, self.by_key, self.grouped, self.grouped, self.distinct, self.union, self.twice])(depth)


# -- groups of stream tables

# Which of the earlier stream tables each must read.
CHAINS = [[[], [1], [2], [3]], [[], [1], [2]]]
DIAMONDS = [[[], [1], [1], [2, 3]], [[], [1], [1, 2]], [[], [1], [1, 2], [2, 3]], [[], [], [1, 2], [1, 3]]]
REFERENCE = re.compile(r"\b(r[1-5]|st[1-4]|vw) AS ")


def compose(r, schema):
    """[(name, query)], and views."""
    columns = [Column(name, kind) for name, (_, kind) in TABLE.items()]
    base = [Relation(name, columns, schema.key(name)) for name in schema.names]
    views = []
    if r.random() < 0.3:
        text, columns = Composer(r, base).query(1)
        views.append(f"CREATE VIEW vw AS {text}")
        base = base + [Relation("vw", columns)]
    shape = r.choice([[[]]] * 4 + [[[]] * 2, [[]] * 3, [[]] * 4, r.choice(CHAINS), r.choice(DIAMONDS)])
    tables = []
    made = []
    for n, wanted in enumerate(shape, 1):
        # the later ones read the earlier ones rather than tables
        relations = [made[i - 1] for i in wanted] * 4 + made * 2 + base
        depth = r.choice([0, 1, 1, 2])
        for attempt in range(100):
            text, columns = Composer(r, relations).query(depth if attempt < 50 else 1)
            if {f"st{i}" for i in wanted} <= set(REFERENCE.findall(text)):
                break
        tables.append((f"st{n}", text))
        made.append(Relation(f"st{n}", columns))
    return views, tables


def shapes(tables):
    """What of the shapes that there must be is in a group."""
    found = set()
    reads = {}
    for name, query in tables:
        references = REFERENCE.findall(query)
        if len(references) >= 5:
            found.add("five relations")
        if len(set(references)) < len(references):
            found.add("self join")
        if query.count("GROUP BY") >= 2:
            found.add("aggregate of an aggregate")
        reads[name] = {x for x in references if x.startswith("st")}

    def ways(name):
        """Of each stream table that this one reads, directly or not: by how many ways."""
        result = collections.Counter(reads[name])
        for upstream in reads[name]:
            result += ways(upstream)
        return result

    def length(name):
        return 1 + max((length(upstream) for upstream in reads[name]), default=0)

    found.add(f"chain of {max(map(length, reads))}")
    if any(count > 1 for name in reads for count in ways(name).values()):
        found.add("diamond")
    return found


def without_stream_tables(query):
    """The query over views of what the stream tables that it reads are to be: as
    long as they are not refreshed, it would be another one over them."""
    return re.sub(r"\bst([1-4]) AS ", r"plain_\1 AS ", query)


# Groups, and what was in those that were compared.
compared = collections.Counter()
# Of joins of thirty relations that are hardly connected, few deltas are hopeless (rule K26).
OVER_BUDGET = "computing the delta took far longer than the last recompute"


def failing(db, query):
    """Whether the query raises an error of its own, as division by zero, or is too much work."""
    db.execute("BEGIN; SET LOCAL statement_timeout = '500ms'")
    try:
        count = db.value(f"SELECT count(*) FROM ({query}) AS q")
        db.conn.execute(query)
        return count > MOST_ROWS
    except (psycopg.errors.DataError, psycopg.errors.QueryCanceled):
        return True
    finally:
        try:
            db.execute("ROLLBACK")
        except psycopg.errors.QueryCanceled:
            # the time was over when the query had just ended
            db.execute("ROLLBACK")


def prepare(db):
    """What the groups have in common. A query that takes less than half a second is
    refreshed in no minute; without the limit nobody would be told which."""
    db.execute("SET statement_timeout = '60s'")
    db.execute("CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    db.execute("""CREATE FUNCTION records(n int) RETURNS SETOF record LANGUAGE plpgsql IMMUTABLE AS
                  $$ BEGIN RETURN NEXT ROW(1, 'x'::text); RETURN NEXT ROW(n, NULL::text); RETURN NEXT ROW(n, 'y'::text); END $$""")


def one_group(db, seed):
    r = random.Random(seed)
    schema = Schema(r, r.choice([1, 2, 3, 3, 4, 5]))
    views, tables = compose(r, schema)
    log = []
    writers = []

    def run(statement):
        log.append(statement + ";")
        db.execute(statement)

    def refresh():
        names = [name for name, _ in tables]
        last = db.value("SELECT coalesce(max(refresh_id), 0) FROM pgtrickle.pgt_refresh_history")
        run(f"SELECT pgtrickle.refresh_stream_table('{names[-1]}')")
        for name in names[:-1]:
            if name not in upstream:
                run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
        for name in names:
            db.assert_fresh(name)
        runs = db.rows("SELECT action, refresh_reason FROM pgtrickle.pgt_refresh_history WHERE refresh_id > %s", (last,))
        given_up = [x for x in runs if tuple(x) == ("FULL", OVER_BUDGET)]
        compared["given up"] += len(given_up)
        wrong = [x for x in runs if x not in given_up and (x[0] not in ("DIFFERENTIAL", "NO_DATA") or x[1] is not None)]
        assert not wrong, f"refreshed as {wrong}"

    try:
        # One after the other: PostgreSQL 15 locks all tables of a DROP otherwise.
        for name in ("vw", "r1", "r2", "r3", "r4", "r5"):
            db.execute(f"DROP {'VIEW' if name == 'vw' else 'TABLE'} IF EXISTS {name} CASCADE")
        for statement in schema.setup() + views:
            run(statement)
        changes = JoinChanges(r, schema)
        created = []
        for name, query in tables:
            plain = without_stream_tables(query)
            if failing(db, plain):
                break
            db.execute(f"CREATE VIEW plain_{name.removeprefix('st')} AS {plain}")
            run(f"SELECT pgtrickle.create_stream_table('{name}', $q${query}$q$, refresh_mode => 'DIFFERENTIAL')")
            created.append((name, query))
            db.assert_fresh(name)
        if not created:
            return "not computable", ()
        tables = created
        # what the last one reads, directly or not
        upstream = {row[0] for row in db.rows(
            """WITH RECURSIVE up(name) AS (
                   SELECT %s UNION SELECT s.source_table FROM up, LATERAL pgtrickle.list_sources(up.name) AS s
                    WHERE s.source_type = 'stream_table')
               SELECT regexp_replace(name, '^.*[.]', '') FROM up""", (tables[-1][0],))}
        writers = [db.connect(autocommit=False) for _ in range(2)]
        for w in writers:
            w.execute("SET lock_timeout = '100ms'")
            w.commit()
        open_writer = None
        for batch in range(BATCHES):
            log.append(f"-- batch {batch}")
            for _ in range(r.randint(1, 4)):
                free = [w for w in writers if w is not open_writer]
                session = r.choice(free)
                log.append(f"BEGIN; -- session {writers.index(session)}")
                try:
                    changes.transaction(session, log)
                    if open_writer is None and r.random() < 0.2:
                        open_writer = session
                        log.append("-- left open")
                    elif r.random() < 0.9:
                        log.append("COMMIT;")
                        session.commit()
                    else:
                        log.append("ROLLBACK;")
                        session.rollback()
                except (psycopg.errors.LockNotAvailable, psycopg.errors.IntegrityError, psycopg.errors.DataError) as e:
                    log.append(f"ROLLBACK; -- {e.sqlstate}")
                    session.rollback()
            if any(failing(db, without_stream_tables(query)) for _, query in tables):
                return "not computable", ()
            refresh()
            if open_writer is not None and r.random() < 0.6:
                try:
                    log.append(f"COMMIT; -- session {writers.index(open_writer)}")
                    open_writer.commit()
                except psycopg.errors.IntegrityError:
                    log.append("-- failed")
                    open_writer.rollback()
                open_writer = None
        if db.value("SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE refresh_mode <> 'DIFFERENTIAL'"):
            raise AssertionError("a stream table is not DIFFERENTIAL")
        return "compared", shapes(tables)
    except Exception as e:
        raise AssertionError(f"PGT_RANDOM_SEED={seed} PGT_RANDOM_JOINS=1\n" + "\n".join(log) + f"\n{type(e).__name__}: {e}") from None
    finally:
        for w in writers:
            w.rollback()
            w.close()
        db.execute("DROP VIEW IF EXISTS plain_1, plain_2, plain_3, plain_4")
        for name in ("st4", "st3", "st2", "st1"):
            if db.value("SELECT to_regclass(%s) IS NOT NULL", (name,)):
                db.execute("SELECT pgtrickle.drop_stream_table(%s)", (name,))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_joins(db, chunk):
    prepare(db)
    results = {}
    failures = []
    for seed in range(SEED + chunk, SEED + GROUPS, CHUNKS):
        try:
            result, found = one_group(db, seed)
            compared.update(found)
        except AssertionError as e:
            failures.append(str(e))
            result = "failed"
        results[result] = results.get(result, 0) + 1
        compared["groups"] += 1
    assert not failures, f"{results}\n\n" + "\n\n".join(failures[:8])
    assert results.get("compared", 0) * 4 >= sum(results.values()) * 3 or sum(results.values()) < 4, f"too few were compared: {results}"


def test_shapes():
    """After the others: what was to be compared was."""
    if compared["groups"] < 60:
        pytest.skip("too few groups were compared")
    for shape, least in (("five relations", 10), ("self join", 10), ("aggregate of an aggregate", 4), ("chain of 2", 4), ("chain of 3", 2),
                         ("chain of 4", 2), ("diamond", 4)):
        assert compared[shape] >= least, f"{shape}: {dict(compared)}"
    assert compared["given up"] * 20 <= compared["groups"], dict(compared)


# -- which of equal values is shown

CHOICES = [
    "SELECT x.n, a.id FROM a JOIN (SELECT n, count(*) AS c FROM b GROUP BY n) AS x USING (n)",
    "SELECT y.n, x.n AS m, x.c, y.c AS d FROM (SELECT n, count(*) AS c FROM a GROUP BY n) AS y JOIN (SELECT n, count(*) AS c FROM b GROUP BY n) AS x ON x.n = y.n",
    # rule A5: both must show the same
    "WITH x AS (SELECT n, count(*) AS c FROM b GROUP BY n) SELECT y.n, z.n AS m, y.n::text COLLATE \"C\" = z.n::text AS same FROM x AS y JOIN x AS z ON y.n = z.n",
    "WITH x AS (SELECT DISTINCT n FROM b) SELECT y.n, z.n AS m, y.n::text COLLATE \"C\" = z.n::text AS same FROM x AS y JOIN x AS z ON y.n = z.n",
    "SELECT a.n, count(*) AS c FROM a JOIN b USING (n) GROUP BY a.n",
    "SELECT DISTINCT a.n, b.n AS m FROM a JOIN b ON a.n = b.n",
]


def one_choice(db, seed):
    """Equal as values, and what is shown is there (rules A2, A3)."""
    r = random.Random(seed)
    kind, values = r.choice([("numeric", ["1", "1.0", "1.00", "2", "2.0", "NULL"]), ("float8", ["0", "'-0'", "1", "NULL"]),
                             ("text COLLATE insensitive", ["'a'", "'A'", "'b'", "'B'", "NULL"])])
    query = r.choice(CHOICES)
    count = 0
    log = []

    def run(statement):
        log.append(statement + ";")
        db.execute(statement)

    def insert():
        nonlocal count
        count += 1
        return f"INSERT INTO {r.choice('ab')} VALUES ({count}, {r.choice(values)})"

    try:
        for table in "ab":
            run(f"DROP TABLE IF EXISTS {table}")
            run(f"CREATE TABLE {table} (id int {r.choice(['', 'PRIMARY KEY'])}, n {kind})")
        for _ in range(6):
            run(insert())
        run(f"SELECT pgtrickle.create_stream_table('s', $q${query}$q$, refresh_mode => 'DIFFERENTIAL')")
        for _ in range(6):
            for _ in range(r.randint(1, 4)):
                run(r.choice([insert(), insert(), f"DELETE FROM {r.choice('ab')} WHERE id = {r.randint(1, count)}",
                              f"UPDATE {r.choice('ab')} SET n = {r.choice(values)} WHERE id = {r.randint(1, count)}"]))
            last = db.value("SELECT coalesce(max(refresh_id), 0) FROM pgtrickle.pgt_refresh_history")
            run("SELECT pgtrickle.refresh_stream_table('s')")
            wrong = db.rows("SELECT action, refresh_reason FROM pgtrickle.pgt_refresh_history WHERE refresh_id > %s AND refresh_reason IS NOT NULL", (last,))
            assert not wrong, f"refreshed as {wrong}"
            assert db.value(f"SELECT count(*) FROM ((({query}) EXCEPT ALL SELECT * FROM s) UNION ALL (SELECT * FROM s EXCEPT ALL ({query}))) AS x") == 0
            for column in ["n", "m"] if " AS m" in query else ["n"]:
                assert db.value(f"""SELECT count(*) FROM s WHERE NOT EXISTS (SELECT FROM (SELECT n FROM a UNION ALL SELECT n FROM b) AS x
                                     WHERE x.n::text COLLATE "C" = s.{column}::text COLLATE "C")""") == 0, f"{column} is in no row"
    except Exception as e:
        raise AssertionError(f"seed {seed}\n" + "\n".join(log) + f"\n{type(e).__name__}: {e}") from None
    finally:
        if db.value("SELECT to_regclass('s') IS NOT NULL"):
            db.execute("SELECT pgtrickle.drop_stream_table('s')")


def test_open_choices(db):
    prepare(db)
    for seed in range(SEED, SEED + max(GROUPS // 2, 1)):
        one_choice(db, seed)
