"""Writes what is generated in the documents, or tells what is out of date.

    ./dev docs            write
    ./dev docs --check    only compare; exit status 1 if something differs

docs/reference.md      functions, views and tables from the catalogue of a
                       database with the extension
docs/settings.md       settings, from pg_settings
docs/tutorial.md       output of the statements in it, by running them
docs/monitoring.md     the same, while a scheduler runs
README.md              output of the statements in it
docs/sql-support.md    mode and reason, or the error, of each example, and
                       those of each construct of the regression test q_matrix
docs/ddl.md            what the regression tests ddl_* found for each case
docs/errors.md         errors, as the regression test api_errors has brought them about
docs/rights.md         who may call what, as the regression test sec_rights has found
README.md and bench/README.md   figures, from the JSON files of bench/

In a document a fence "```sql" holds statements for psql; the fence after it
holds what they print.  A test compares all of it (test/py/test_docs.py).
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

import psycopg

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "bench"))
import report  # noqa: E402

RUN = ["README.md", "docs/tutorial.md", "docs/monitoring.md", "docs/control.md"]

# a line of statements that waits
LATER = "-- a moment later"


class Settings:
    """Where psql and psycopg find the server: libpq's variables, or explicit values."""

    def __init__(self, host=None, port=None, user="postgres", bindir=None):
        self.options = {"host": host or os.environ["PGHOST"], "port": str(port or os.environ["PGPORT"]), "user": user}
        self.psql = f"{bindir or os.environ['PGBIN']}/psql"

    def database(self, name):
        """A new database with the extension."""
        with psycopg.connect(dbname="postgres", autocommit=True, **self.options) as conn:
            conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            conn.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        with psycopg.connect(dbname=name, autocommit=True, **self.options) as conn:
            conn.execute("CREATE EXTENSION pg_trickle")

    def drop(self, name):
        with psycopg.connect(dbname="postgres", autocommit=True, **self.options) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def connect(self, name):
        return psycopg.connect(dbname=name, autocommit=True, **self.options)

    def output(self, name, scripts):
        """What psql prints for each of the scripts, run one after another in one session."""
        mark = "end-of-script"
        text = "".join(f"{script}\n\\echo {mark}\n" for script in scripts)
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        env.update(PGHOST=self.options["host"], PGPORT=self.options["port"], PGUSER=self.options["user"],
                   PGTZ="UTC", PGDATESTYLE="ISO, YMD")
        done = subprocess.run([self.psql, "-X", "-q", "-d", name], input=text, env=env, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        printed = re.split(rf"^{mark}\n", done.stdout, flags=re.MULTILINE)
        assert len(printed) == len(scripts) + 1, done.stdout
        return [tidy(p) for p in printed[:-1]]


def tidy(text):
    """psql's output without trailing blanks and without the empty row of a function that returns nothing."""
    text = re.sub(r"^ (create|refresh|alter|drop)_stream_table *\n-+\n *\n\(1 row\)\n\n?", "", text, flags=re.MULTILINE)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


# -- statements and their output

FENCES = re.compile(r"^```sql\n(?P<script>.*?)^```\n(?P<between>\n*)(?:^```\n(?P<output>.*?)^```\n)?",
                    re.MULTILINE | re.DOTALL)


def with_output(settings, text):
    """The document with the output that its statements have now.  Where that is another one, a moment may have been too short."""
    result = run_statements(settings, text, 2)
    if result != text and LATER in text:
        result = run_statements(settings, text, 15)
    return result


def run_statements(settings, text, moment):
    """with_output(), in which a moment has so many seconds."""
    found = list(FENCES.finditer(text))
    settings.database("docs_run")
    # the README shows a stream table refresh itself, the tutorial every step
    with settings.connect("postgres") as conn:
        conn.execute(f"ALTER DATABASE docs_run SET pg_trickle.enabled = {'on' if LATER in text else 'off'}")
    try:
        printed = settings.output("docs_run", [m["script"].replace(LATER, rf"SELECT pg_sleep({moment}) \g /dev/null") for m in found])
    finally:
        settings.drop("docs_run")
    pieces, end = [], 0
    for match, output in zip(found, printed):
        pieces.append(text[end:match.start()])
        pieces.append(f"```sql\n{match['script']}```\n")
        if output:
            pieces.append(f"\n```\n{output}\n```\n")
            if match["output"] is None:
                pieces.append(match["between"])
        else:
            pieces.append(match["between"])
        end = match.end()
    return "".join(pieces) + text[end:]


# -- figures

def with_figures(text, table, mark="figures"):
    """The document with the table between its marks."""
    return re.sub(rf"(<!-- {mark} -->\n).*?(<!-- end of {mark} -->)", lambda m: f"{m[1]}\n{table}\n{m[2]}", text,
                  flags=re.DOTALL)


# -- SQL support

EXAMPLE = re.compile(r"^\| (?P<what>[^|]+) \| `(?P<query>[^`]+)` \|.*\|$", re.MULTILINE)


def with_answers(settings, text):
    """The tables of examples with what validate_query says of each."""
    settings.database("docs_examples")
    try:
        with settings.connect("docs_examples") as conn:
            for line in re.findall(r"^    (CREATE .*;)$", text, re.MULTILINE):
                conn.execute(line)

            def answer(match):
                try:
                    found = dict(conn.execute("SELECT check_name, result FROM pgtrickle.validate_query(%s)",
                                              (match["query"],)).fetchall())
                    mode, reason = found["resolved_refresh_mode"], found.get("ivm_support_check", "")
                    reason = "" if mode == "DIFFERENTIAL" else reason
                except psycopg.Error as e:
                    mode, reason = "refused", e.diag.message_primary
                return f"| {match['what']} | `{match['query']}` | {mode} | {cell(reason)} |".replace(" |  |", " | |")

            return EXAMPLE.sub(answer, text)
    finally:
        settings.drop("docs_examples")


# The regression test prints it, after it has compared each result with the query's.
MATRIX = re.compile(r"^SELECT part, construct, mode, recomputed FROM matrix .*?\n[-+]+\n(?P<rows>.*?)^\((?P<count>\d+) rows\)",
                    re.MULTILINE | re.DOTALL)


def matrix_table():
    found = MATRIX.search((TOP / "test" / "expected" / "q_matrix.out").read_text(encoding="utf8"))
    rows = [[part.strip() for part in line.split(" | ", 3)] for line in found["rows"].splitlines()]
    assert len(rows) == int(found["count"]) and all(len(row) == 4 for row in rows)
    lines = ["| construct | mode | reason |", "|---|---|---|"]
    lines += [f"| {cell(construct)} | {mode} | {cell(reason)} |".replace(" |  |", " | |") for _, construct, mode, reason in rows]
    return "\n".join(lines) + "\n"


# -- rights

# The regression test prints it, after it has called each function as each role.
RIGHTS = re.compile(r"^ +function +\| PUBLIC \| nobody .*?\n[-+]+\n(?P<rows>.*?)^\((?P<count>\d+) rows\)", re.MULTILINE | re.DOTALL)
WORDS = {"SECRET": "all"}


def rights_table():
    found = RIGHTS.search((TOP / "test" / "expected" / "sec_rights.out").read_text(encoding="utf8"))
    rows = [[part.strip() for part in line.split("|")] for line in found["rows"].splitlines()]
    assert len(rows) == int(found["count"]) and all(len(row) == 6 for row in rows)
    lines = ["| function | nobody | owner | another owner | pg_read_all_stats |", "|---|---|---|---|---|"]
    lines += [f"| `{row[0]}` | {' | '.join(WORDS.get(answer, answer) for answer in row[2:])} |" for row in rows]
    return "\n".join(lines) + "\n"


# -- errors

ERRORS = re.compile(r"^kind\|code\|message\|detail\|hint\|statements\n(?P<rows>.*?)^\((?P<count>\d+) rows\)", re.MULTILINE | re.DOTALL)


def error_table():
    found = ERRORS.search((TOP / "test" / "expected" / "api_errors.out").read_text(encoding="utf8"))
    rows = [line.split("|") for line in found["rows"].splitlines()]
    assert len(rows) == int(found["count"]) and all(len(row) == 6 for row in rows)
    lines, last = [], None
    for kind, code, message, detail, hint, statements in rows:
        if kind != last:
            lines += ["", f"### {kind[0].upper()}{kind[1:]}", "", "| SQLSTATE | message | DETAIL, *HINT* | for example |", "|---|---|---|---|"]
            last = kind
        more = " ".join(part for part in (detail, f"*{hint}*" if hint else "") if part)
        lines.append(f"| {code} | {message} | {more} | `{statements}` |".replace(" |  |", " | |"))
    return "\n".join(lines[1:]) + "\n"


# -- DDL

# Likewise, of a case of DDL each.
DDL_CASES = re.compile(r"^SELECT part, what, replace.*?\n[-+]+\n(?P<rows>.*?)^\((?P<count>\d+) rows\)", re.MULTILINE | re.DOTALL)


def ddl_tables(test):
    """A table for each part of the cases of a regression test."""
    found = DDL_CASES.search((TOP / "test" / "expected" / f"{test}.out").read_text(encoding="utf8"))
    rows = [[column.strip() for column in line.split(" | ", 4)] for line in found["rows"].splitlines()]
    assert len(rows) == int(found["count"]) and all(len(row) == 5 for row in rows)
    lines, last = [], None
    for part, what, command, outcome, effect in rows:
        if part != last:
            lines += ["", f"### {part}", "", "| what | for example | stream tables over it |", "|---|---|---|"]
            last = part
        lines.append(f"| {cell(what)} | `{cell(command)}` | {cell('; '.join(t for t in (outcome, effect) if t) or 'go on')} |")
    return "\n".join(lines[1:]) + "\n"


def ddl(text):
    for test in "ddl_tables", "ddl_objects", "ddl_stream_tables":
        text = with_figures(text, ddl_tables(test), test)
    return text


# -- reference

FUNCTIONS = """
SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), obj_description(p.oid, 'pg_proc'),
       p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype)
  FROM pg_proc p
  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
 WHERE e.extname = 'pg_trickle'
 ORDER BY p.proname COLLATE "C", pg_get_function_arguments(p.oid) COLLATE "C"
"""
RELATIONS = """
SELECT c.oid, c.relname, obj_description(c.oid, 'pg_class')
  FROM pg_class c
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
 WHERE e.extname = 'pg_trickle' AND c.relnamespace = 'pgtrickle'::regnamespace AND c.relkind = ANY (%s)
 ORDER BY c.relname COLLATE "C"
"""
COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)
  FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
SETTINGS = """
SELECT name, vartype, boot_val, unit, enumvals, min_val, max_val, context, short_desc, extra_desc
  FROM pg_settings WHERE name LIKE 'pg\\_trickle.%' AND name <> 'pg_trickle.fault' ORDER BY name COLLATE "C"
"""
# What users have no reason to call.
INTERNAL_FILES = ["functions/apply.sql", "functions/capture.sql"]
CONTEXTS = {"user": "any user", "superuser": "superusers", "sighup": "the configuration file, with a reload",
            "postmaster": "the configuration file, with a restart", "backend": "at connection",
            "superuser-backend": "superusers, at connection"}


def split_arguments(arguments):
    """At the commas that are not inside quotes or parentheses."""
    parts, depth, quoted, begin = [], 0, False, 0
    for i, c in enumerate(arguments):
        if c == "'":
            quoted = not quoted
        elif not quoted and c in "([":
            depth += 1
        elif not quoted and c in ")]":
            depth -= 1
        elif c == "," and depth == 0 and not quoted:
            parts.append(arguments[begin:i].strip())
            begin = i + 1
    parts.append(arguments[begin:].strip())
    return [p for p in parts if p]


def signature(name, arguments, result):
    parts = [re.sub(r"::[a-z ]+$", "", p) for p in split_arguments(arguments)]
    out = [p for p in parts if p.startswith("OUT ")]
    parts = [p for p in parts if p not in out]
    if out:
        result = f"record ({', '.join(p[4:] for p in out)})"
    call = f"{name}({', '.join(parts)})"
    if len(call) > 100:
        call = f"{name}(\n    " + ",\n    ".join(parts) + "\n)"
    if len(call.splitlines()[-1]) + len(result) > 100 and result.startswith("TABLE("):
        result = "TABLE(\n    " + ",\n    ".join(split_arguments(result[6:-1])) + "\n)"
    return f"{call} → {result}"


def grouped_functions(conn):
    """(title, functions) by file of sql/functions, in the order of installation; then the internal ones."""
    rows = conn.execute(FUNCTIONS).fetchall()
    home = {}
    for line in (TOP / "sql" / "order.txt").read_text().split("\n"):
        if line.startswith("functions/") and line not in INTERNAL_FILES:
            text = (TOP / "sql" / line).read_text(encoding="utf8")
            title = re.match(r"-- (.*?)(\.|\n)", text)[1]
            for name in re.findall(r"FUNCTION\s+pgtrickle\.(\w+)\s*\(", text):
                home.setdefault(name, title)
    groups = {title: [] for title in dict.fromkeys(home.values())}
    internal = []
    for row in rows:
        if row[4] or (row[3] or "").lower().startswith("internal") or row[0] not in home:
            internal.append(row)
        else:
            groups[home[row[0]]].append(row)
    return [(t, g) for t, g in groups.items() if g], internal


def cell(text):
    return (text or "").replace("|", "\\|").replace("\n", " ")


def reference(settings):
    settings.database("docs_reference")
    try:
        with settings.connect("docs_reference") as conn:
            conn.execute("SELECT pgtrickle.version()")      # loads the library, and with it the settings
            return "\n".join(reference_lines(conn))
    finally:
        settings.drop("docs_reference")


def reference_lines(conn):
    lines = ["# Reference", "", "Written by `./dev docs` from the catalogue and the settings of a server with the extension.", ""]
    groups, internal = grouped_functions(conn)
    lines += ["## Functions", "", "All are in the schema `pgtrickle`.", ""]
    for title, functions in groups:
        lines += [f"### {title}", ""]
        for name, arguments, result, comment, _ in functions:
            lines += ["```", signature(name, arguments, result), "```", "", comment or "", ""]
    lines += ["### Internal functions", "", "Called by triggers and by the extension itself.", "", "| function | |", "|---|---|"]
    lines += [f"| `{name}({arguments})` | {cell(comment)} |" for name, arguments, _, comment, _ in internal]
    lines.append("")
    for title, kinds in (("Views", ["v"]), ("Tables", ["r", "p"])):
        lines += [f"## {title}", ""]
        for oid, name, comment in conn.execute(RELATIONS, (kinds,)).fetchall():
            lines += [f"### pgtrickle.{name}", "", comment or "", "", "| column | type | |", "|---|---|---|"]
            lines += [f"| {c} | {t} | {cell(d)} |" for c, t, d in conn.execute(COLUMNS, (oid,)).fetchall()]
            lines.append("")
    lines += ["## Settings", "", "They have [a page of their own](settings.md).", ""]
    return lines


RETIRED = re.compile(r"^\tRETIRED\((\w+), (?:\"(.*)\"|(\w+))\)", re.MULTILINE)


def settings_tables(settings):
    """What pg_settings says, and the names that only guc.c knows."""
    settings.database("docs_settings")
    try:
        with settings.connect("docs_settings") as conn:
            conn.execute("SELECT pgtrickle.version()")      # loads the library, and with it the settings
            rows = conn.execute(SETTINGS).fetchall()
    finally:
        settings.drop("docs_settings")
    lines = ["| setting | default | values | who may change it | |", "|---|---|---|---|---|"]
    for name, kind, value, unit, choices, low, high, context, short, extra in rows:
        values = {"bool": "on, off", "enum": ", ".join(choices or []), "string": "text"}.get(kind, f"{low} to {high}")
        value = "empty" if value == "" else "" if value is None else value + (f" {unit}" if unit else "")
        lines.append(f"| `{name}` | {value} | {cell(values)} | {CONTEXTS.get(context, context)} |"
                     f" {cell(short)} {cell(extra)}".rstrip() + " |")
    source = (TOP / "src" / "guc.c").read_text(encoding="utf8")
    reasons = dict(re.findall(r'^#define (\w+)\t+"(.*)"$', source, re.MULTILINE))
    retired = [f"| `pg_trickle.{name}` | {cell(text or reasons[macro])} |" for name, text, macro in RETIRED.findall(source)]
    assert len(retired) > 20
    return "\n".join(lines) + "\n", "\n".join(["| setting | |", "|---|---|", *retired]) + "\n"


def documents(settings):
    """Path and text of every document that has generated parts, as they should be."""
    support = "docs/sql-support.md"
    present, retired = settings_tables(settings)
    made = {"docs/reference.md": reference(settings),
            support: with_figures(with_answers(settings, (TOP / support).read_text(encoding="utf8")), matrix_table(), "matrix"),
            "docs/ddl.md": ddl((TOP / "docs/ddl.md").read_text(encoding="utf8")),
            "docs/errors.md": with_figures((TOP / "docs/errors.md").read_text(encoding="utf8"), error_table(), "errors"),
            "docs/settings.md": with_figures(with_figures((TOP / "docs/settings.md").read_text(encoding="utf8"), present, "settings"), retired, "retired"),
            "docs/rights.md": with_figures((TOP / "docs/rights.md").read_text(encoding="utf8"), rights_table(), "rights")}
    for name in RUN:
        made[name] = with_output(settings, (TOP / name).read_text(encoding="utf8"))
    figures = json.loads((TOP / "bench" / "results.json").read_text(encoding="utf8"))
    made["README.md"] = with_figures(made["README.md"], report.markdown(figures) + "\n")
    tpch = json.loads((TOP / "bench" / "tpch.json").read_text(encoding="utf8"))
    text = with_figures((TOP / "bench" / "README.md").read_text(encoding="utf8"), f"```\n{report.text(figures)}```\n")
    text = with_figures(text, f"```\n{report.tpch_text(tpch)}```\n", "tpch")
    large = json.loads((TOP / "bench" / "tpch-scale-1.json").read_text(encoding="utf8"))
    text = with_figures(text, f"```\n{report.tpch_text(large)}```\n", "tpch-scale-1")
    nexmark = json.loads((TOP / "bench" / "nexmark.json").read_text(encoding="utf8"))
    text = with_figures(text, f"```\n{report.nexmark_text(nexmark)}```\n", "nexmark")
    freshness = json.loads((TOP / "bench" / "freshness.json").read_text(encoding="utf8"))
    text = with_figures(text, f"```\n{report.freshness_text(freshness)}```\n", "freshness")
    auto = json.loads((TOP / "bench" / "auto.json").read_text(encoding="utf8"))
    text = with_figures(text, f"```\n{report.auto_text(auto)}```\n", "auto")
    graph = json.loads((TOP / "bench" / "graph.json").read_text(encoding="utf8"))
    made["bench/README.md"] = with_figures(text, f"```\n{report.graph_text(graph)}```\n", "graph")
    return made


def main():
    parser = argparse.ArgumentParser(prog="./dev docs")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    stale = 0
    for name, text in documents(Settings()).items():
        path = TOP / name
        if not path.exists() or path.read_text(encoding="utf8") != text:
            stale += 1
            print(("out of date: " if args.check else "written: ") + name)
            if not args.check:
                path.write_text(text, encoding="utf8")
    return 1 if args.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
