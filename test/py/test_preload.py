"""The regress tests hold where the library is preloaded, as where it is not."""
import os
import re
import subprocess

from conftest import TOP


def names_that_may_differ():
    """Those whose sessions have not loaded the library at some point, and those of the launcher.
    The whole of them: ST_PRELOAD=pg_trickle ./dev check."""
    for file in sorted((TOP / "test" / "sql").glob("*.sql")):
        if re.search(r"^\\c\b|launcher_pid|shared_preload_libraries", file.read_text(), re.MULTILINE):
            yield file.stem


def test_installcheck_with_preload(make_server, tmp_path):
    server = make_server(preload="pg_trickle")
    names = list(names_that_may_differ())
    assert {"cat_unloaded", "obs_health"} <= set(names)
    done = subprocess.run(
        ["make", "--no-print-directory", "-s", "-C", str(tmp_path), "-f", str(TOP / "Makefile"), f"PG_CONFIG={os.environ['PG_CONFIG']}",
         f"REGRESS={' '.join(['setup', *(n for n in names if n != 'setup')])}", "ISOLATION=", "installcheck"],
        env=dict(os.environ, PGHOST=server.host, PGPORT=str(server.port), PGUSER="postgres"),
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    differences = tmp_path / "regression.diffs"
    assert done.returncode == 0, differences.read_text()[:5000] if differences.exists() else done.stdout + done.stderr
