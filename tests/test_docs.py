"""What README, CHANGELOG and docs/ say: links lead somewhere, examples load, reference is complete."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import tomli

import datamake
from datamake import cli
from datamake.datafile import keys, load

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    page for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md"))
)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MARKED = re.compile(r"<!-- (\w+) -->\n```sh\n(.*?)\n```", re.DOTALL)


class OneFile:
    """A tree with nothing in it but a Datafile."""

    def __init__(self, text):
        self.text = text.encode()

    def kind(self, path):
        return "file" if path == "Datafile.toml" else None

    def entries(self, folder):
        return {} if folder else {"Datafile.toml": "file"}

    def read(self, path):
        return self.text if path == "Datafile.toml" else None

    def digest(self, path):
        return None


def name(page):
    return page.relative_to(ROOT).as_posix()


def prose(page):
    """The text of a page without its examples."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text()))


def blocks(language):
    """(page and number, text) of all examples in a language."""
    for page in PAGES:
        for number, (found, text) in enumerate(FENCE.findall(page.read_text()), 1):
            if found == language:
                yield pytest.param(text, id=f"{name(page)}-{number}")


def anchors(page):
    """What links may lead to inside a page, as GitHub makes them from headings."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


# Links and examples


def test_links_and_examples_are_found():
    """The tests below have something to look at."""
    assert any(LINK.findall(prose(page)) for page in PAGES)
    assert all(list(blocks(language)) for language in ("toml", "python", "sh", "console"))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for link in LINK.findall(prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(target), f"{name(page)} links to {link}: no such heading"


@pytest.mark.parametrize("text", list(blocks("toml")))
def test_examples_of_datafiles_load(text):
    load("Datafile.toml", OneFile(text))


@pytest.mark.parametrize("text", list(blocks("python")))
def test_examples_of_python_are_python(text):
    ast.parse(text)


@pytest.mark.parametrize("text", [*blocks("sh"), *blocks("console")])
def test_examples_name_commands_that_exist(text):
    """Each `datamake X` in an example is a command, or a bare build."""
    for line in text.splitlines():
        command = line.removeprefix("$ ")
        words = shlex.split(command, comments=True) if command.startswith("datamake ") else []
        if len(words) > 1:
            assert words[1] in cli.COMMANDS or words[1].startswith("-"), line


# The reference


def test_every_key_is_documented():
    """docs/reference/datafile.md has each key that a Datafile may have."""
    text = (ROOT / "docs/reference/datafile.md").read_text()
    undocumented = [key.name for key in keys.TARGET if f"`{key.name}`" not in text]
    assert undocumented == []


def test_every_command_is_documented():
    text = (ROOT / "docs/reference/cli.md").read_text()
    undocumented = [command for command in cli.COMMANDS if f"\ndatamake {command}" not in text]
    assert undocumented == []


def test_the_reference_is_what_the_code_says():
    """`datamake build` in the top folder brings it up to date."""
    assert keys.reference() == (ROOT / "docs/reference/datafile.md").read_text()
    assert cli.reference() == (ROOT / "docs/reference/cli.md").read_text()


# README, CHANGELOG, examples


def test_readme_has_the_two_commands():
    """One that sets up and runs the main example, one that sets up and runs the tests."""
    commands = dict(MARKED.findall((ROOT / "README.md").read_text()))
    assert sorted(commands) == ["run", "test"]
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands.values())
    assert (ROOT / "examples/flights/Datafile.toml").exists()


def test_changelog_begins_with_this_version():
    heads = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert datamake.__version__ == heads[0]


def test_the_first_project_of_the_guide(tmp_path):
    """docs/index.md's two targets build, and the second time there is nothing to do."""
    text = (ROOT / "docs/index.md").read_text()
    (tmp_path / "Datafile.toml").write_text(dict(FENCE.findall(text))["toml"])
    (tmp_path / "words.txt").write_text("short\nsurprisingly\ncertainly\n")
    with datamake.load(tmp_path) as project:
        assert some(project.build().summary) == {"built": 2}
        assert (tmp_path / "count.txt").read_text().lstrip() == "2\n"
    with datamake.load(tmp_path) as project:
        assert some(project.build().summary) == {"up-to-date": 2}


def some(summary):
    return {status: number for status, number in summary.items() if number}


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/*/Datafile.toml")), ids=name)
def test_datafiles_of_examples_are_described(file):
    """Each target of an example says what it is for."""
    targets = tomli.loads(file.read_text())["targets"]
    assert [target for target, table in targets.items() if "description" not in table] == []
