#!/usr/bin/env python3
"""Check that sql/order.txt names every SQL file once, and only files there are.

A file that is not named would be missing from the install script without
anybody noticing until its function is called.
"""
import pathlib
import sys

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
print("\n".join(errors), end="\n" if errors else "")
sys.exit(1 if errors else 0)
