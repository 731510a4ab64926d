"""Keys of the Datafile that are about what surrounds an action, each in a build."""

from __future__ import annotations

import pytest

import datamake


def test_without_the_environment_only_what_is_declared_is_passed(project, monkeypatch):
    monkeypatch.setenv("DM_OTHER", "other")
    monkeypatch.setenv("DM_ASKED", "asked")
    project.datafile("""
        [targets.a]
        output = "a.txt"
        inherit_env = false
        env = ["DM_ASKED"]
        run = 'echo "${DM_OTHER-none} ${DM_ASKED-none} ${HOME:+home}" > {output}'
    """)
    assert project.build().ok
    assert project.read("a.txt") == "none asked home\n"


def test_a_shell_that_is_set_gets_the_script_as_its_last_argument(project):
    project.datafile("""
        [targets.a]
        output = "a.txt"
        shell = ["python3", "-c"]
        run = "open('{output:raw}', 'w').write('by python')"
    """)
    assert project.build().ok
    assert project.read("a.txt") == "by python"


def test_what_is_not_enabled_is_not_there(project):
    project.datafile("""
        [params]
        all = false
        [targets.a]
        output = "a.txt"
        enabled = "{params.all}"
        run = "echo a > {output}"
        [targets.b]
        output = "b.txt"
        run = "echo b > {output}"
    """)
    assert project.build().ran == ["b"]
    assert project.build(params={"all": True}).ran == ["a"]


def test_modules_are_imported_from_the_pythonpath(project):
    project.datafile("""
        [project]
        pythonpath = ["lib"]
        [targets.a]
        output = "a.txt"
        python = "made.by:hand"
    """)
    project.write("lib/made/by.py", "def hand(output):\n    output.write_text('x')\n")
    assert project.build().ran == ["a"]
    project.write("lib/made/by.py", "def hand(output):\n    output.write_text('y')\n")
    assert project.build().ran == ["a"]
    assert project.read("a.txt") == "y"


def test_the_number_of_processors_is_told_and_does_not_count(project):
    text = '[targets.a]\noutput = "a.txt"\ncpus = 2\nrun = "echo {cpus} > {output}"'
    project.datafile(text)
    assert project.build().ok
    assert project.read("a.txt") == "2\n"
    project.datafile(text.replace("cpus = 2", "cpus = 3"))
    assert project.build().ran == []


def test_working_copies_share_a_local_cache(project, tmp_path):
    text = f'[project]\nlocal_cache = "{tmp_path}/shared"\n[targets.a]\noutput = "a.txt"\nrun = "date +%N > {{output}}"'
    project.datafile(text)
    assert project.build().ran == ["a"]
    first, project.root = project.read("a.txt"), tmp_path / "other"
    project.root.mkdir()
    project.datafile(text)
    assert project.build().restored == ["a"]
    assert project.read("a.txt") == first


def test_what_is_larger_than_the_cache_is_built_and_not_stored(project):
    project.datafile("""
        [project]
        local_cache_size = "10KB"
        [targets.a]
        output = "a.bin"
        run = "head -c 20000 /dev/zero > {output}"
    """)
    result = project.build()
    assert result.ran == ["a"]
    assert "a.bin" in result.notices
    project.remove("a.bin")
    assert project.build().ran == ["a"]


def test_a_datafile_says_which_versions_may_build_it(project):
    project.datafile('[project]\nrequires = ">=99"\n[targets.a]\noutput = "a"\nrun = "true"')
    with pytest.raises(datamake.DatafileError) as raised:
        project.build()
    assert "99" in str(raised.value)
