"""The column "exact" of the demo is a comparison: a wrong row shows."""
import os
import re
import subprocess

from conftest import TOP


def test_planted_row():
    """One digit of one row of q6 is changed in the last batch: that cell says "no", no other one."""
    done = subprocess.run(["bash", str(TOP / "demo" / "run.sh"), "--plant-error", "--rounds", "1"],
                          env=dict(os.environ, TOP=str(TOP)), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    head = next(i for i, line in enumerate(lines) if line.startswith("batch"))
    assert re.split(r"\s{2,}", lines[head])[-1] == "exact"
    cells = {}
    for line in lines[head + 1:lines.index("", head)]:
        batch, name = line[:lines[head].index("stream table")].strip(), line[lines[head].index("stream table"):].split()[0]
        current = batch or current
        cells[current, name] = line[lines[head].index("exact"):].strip()
    assert len(cells) == 3 * 13
    assert {cell for cell, exact in cells.items() if exact != "yes"} == {("UP", "q6")}
    assert cells["UP", "q6"] == "no"
