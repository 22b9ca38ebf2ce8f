"""The documents say what the program does: generated parts are up to date, statements in them were run."""
import difflib
import pathlib
import re
import sys

import pytest

from conftest import Server

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))
import make_docs  # noqa: E402


@pytest.fixture(scope="module")
def made():
    # of its own: statements of the documents start the launcher
    server = Server()
    server.start()
    yield make_docs.documents(make_docs.Settings(server.host, server.port, bindir=server.bin))
    server.remove()


@pytest.mark.parametrize("name", ["docs/reference.md", "docs/sql-support.md", "docs/ddl.md", "docs/rights.md", "docs/errors.md", "docs/settings.md", "bench/README.md", *make_docs.RUN])
def test_up_to_date(made, name):
    path = TOP / name
    text = path.read_text(encoding="utf8") if path.exists() else ""
    difference = "\n".join(difflib.unified_diff(text.splitlines(), made[name].splitlines(), name, "as it is", lineterm=""))
    assert not difference, f"./dev docs writes this again:\n{difference}"


def test_statements_are_run(made):
    """The comparison above would also be content with documents that show nothing."""
    for name in make_docs.RUN:
        fences = list(make_docs.FENCES.finditer(made[name]))
        assert sum(1 for m in fences if m["output"]) >= 1
        assert any("refresh_stream_table" in m["script"] or make_docs.LATER in m["script"] for m in fences)


def test_all_is_described(made):
    """Every function, relation, column and setting has a comment."""
    text = made["docs/reference.md"]
    assert made["docs/settings.md"].count("\n| `pg_trickle.") > 60
    assert text.count("\n```\n") >= 20
    assert "\n```\n\n\n" not in text, "a function without comment"
    assert not re.search(r"^\| .*\|\s*\|$", text.replace("| |\n|---", "|---"), re.MULTILINE), "a row without comment"


def test_figures_are_exact(made):
    """The figures that are shown are those of a run in which all was exact."""
    for name in "README.md", "bench/README.md":
        figures = re.search(r"<!-- figures -->(.*)<!-- end of figures -->", made[name], re.DOTALL)[1]
        lines = [line for line in figures.splitlines() if re.search(r"\byes\b|\bno\b", line)]
        assert len(lines) >= 20 and not any(re.search(r"\bno\b", line) for line in lines)


def test_examples_are_asked(made):
    """Most examples are answered, and those that are refused stand in the section for it."""
    allowed, refused = made["docs/sql-support.md"].split("## Refused in every mode")

    def modes(text):
        # the last cell is the reason
        return [line.rsplit(" | ", 1)[0].removesuffix(" |").rsplit(" | ", 1)[1] for line in text.splitlines()
                if make_docs.EXAMPLE.match(line) and "random()" not in line]

    assert modes(allowed).count("DIFFERENTIAL") >= 15 and "refused" not in modes(allowed)
    assert len(modes(refused)) >= 6 and set(modes(refused)) == {"refused"}


def source_texts():
    """All string literals of src/, one long text a file, with the names of objects left out."""
    for path in TOP.glob("src/**/*.c"):
        text = re.sub(r'"\s*\n\s*"', "", path.read_text(encoding="utf8"))
        yield re.sub(r"%\w+|%\.\df", "%s", text.replace('\\"', '"').replace('"%s.%s"', '"%s"'))


def test_messages():
    """Each message that troubleshooting.md explains is one that the program has."""
    sources = "\n".join(source_texts())
    messages = re.findall(r"^\| `(.+?)`", (TOP / "docs" / "troubleshooting.md").read_text(encoding="utf8"), re.MULTILINE)
    assert len(messages) >= 10
    for message in messages:
        # names in quotes, the number N and ... stand for something
        pattern = re.sub(r"\bN\b", "%s", re.sub(r'"[\w.]+"', '"%s"', message))
        for part in pattern.split("..."):
            assert part.strip() in sources, f"no such message: {message}"


def test_links(made):
    """Links between the documents lead somewhere."""
    for path in [TOP / "README.md", TOP / "CONTRIBUTING.md", *TOP.glob("docs/*.md"), *TOP.glob("src/**/README.md"),
                 TOP / "bench" / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path}: {target}"
