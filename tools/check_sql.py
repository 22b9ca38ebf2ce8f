#!/usr/bin/env python3
"""Check that sql/order.txt names every SQL file once, and only files there are,
and that no update script takes away what is public.

A file that is not named would be missing from the install script without
anybody noticing until its function is called. Functions and views are what users
build on (rule J29): an update replaces them, each with the same arguments and
result, and may only add columns to a view. "--script -" looks at one update script,
from standard input.
"""
import pathlib
import re
import sys

TAKEN_AWAY = re.compile(r"\b(DROP|ALTER)\s+(FUNCTION|ROUTINE|PROCEDURE|VIEW)\b", re.IGNORECASE)


def problems(name, text):
    text = re.sub(r"--[^\n]*", "", text)
    return [f"{name}: {found[0]}: functions and views are public and stay as they are" for found in TAKEN_AWAY.finditer(text)]


if sys.argv[1:2] == ["--script"]:
    found = problems("script", sys.stdin.read())
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)

SQL = pathlib.Path(__file__).resolve().parent.parent / "sql"
order = SQL / "order.txt"
if not order.exists():
    print("sql/order.txt is missing")
    sys.exit(1)

listed = []
for line in order.read_text().splitlines():
    listed += line.split("#")[0].split()
there = {p.relative_to(SQL).as_posix() for room in ("tables", "functions", "views")
         for p in (SQL / room).rglob("*.sql")}
there |= {p.name for p in SQL.glob("*.sql")}

errors = [f"sql/{n} is not in sql/order.txt" for n in sorted(there - set(listed))]
errors += [f"sql/order.txt names {n}, which is not there"
           for n in sorted(set(listed)) if not (SQL / n).exists()]
errors += [f"sql/order.txt names {n} twice" for n in sorted(set(listed))
           if listed.count(n) > 1]
for script in sorted((SQL / "updates").glob("*.sql")):
    errors += problems(f"sql/updates/{script.name}", script.read_text())
for name in (n for n in listed if n.startswith(("functions/", "views/")) and (SQL / n).exists()):
    errors += [f"sql/{name}: {found}: an update runs this again, say CREATE OR REPLACE"
               for found in re.findall(r"^CREATE (?:FUNCTION|PROCEDURE|VIEW)\b.*", (SQL / name).read_text(), re.MULTILINE)]
print("\n".join(errors), end="\n" if errors else "")
sys.exit(1 if errors else 0)
