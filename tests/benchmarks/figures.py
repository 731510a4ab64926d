"""The figures that datamake keeps: whole processes, run in turn with what they are compared with.

    python tests/benchmarks/figures.py [NAME...] [--runs N]

Each row is a median over its runs, and a ratio of medians to the yardstick of the same runs. What
a figure needs and the machine lacks (ninja) is said and left out. Nothing here is part of the tests.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time

from measuring import BUILD, PASS, in_turn, seconds
from tables import checks, digest, functions, standardize


def tables(folder, count):
    """A Datafile of `count` tables, each one `cp`, and their inputs."""
    os.makedirs(f"{folder}/in")
    text = ["[project]\nname = 'many'\n"]
    for n in range(count):
        with open(f"{folder}/in/{n}", "w") as file:
            file.write(f"{n}\n")
        text.append(
            f"[targets.t{n}]\ninputs = ['in/{n}']\noutput = 'out/{n}'\nrun = 'cp {{input}} {{output}}'\n"
        )
    with open(f"{folder}/Datafile.toml", "w") as file:
        file.write("\n".join(text))


def ninja_file(folder, count):
    """The same for ninja."""
    text = ["rule cp\n  command = cp $in $out\n"]
    text += [f"build nout/{n}: cp in/{n}\n" for n in range(count)]
    with open(f"{folder}/build.ninja", "w") as file:
        file.write("".join(text))


def settled(folder):
    """A build, then one that trusts the files' times."""
    seconds(BUILD, folder)
    time.sleep(2.1)
    seconds(BUILD, folder)


def no_op(runs, count, limit, *, touch=False):
    """A build with nothing to do; with `touch`, after one file was touched."""

    def touched():
        if touch:
            os.utime(f"{folder}/in/0")

    with tempfile.TemporaryDirectory() as folder:
        tables(folder, count)
        settled(folder)
        nothing, build = in_turn(
            runs, lambda: seconds(PASS, folder), lambda: seconds(BUILD, folder, touched)
        )
    return (
        f"no-op of {count:,}" + ", one touched" * touch,
        build,
        nothing,
        "`python -c pass`",
        limit,
    )


def no_op_of_one(runs):
    """At most 3 times an interpreter that does nothing."""
    return no_op(runs, 1, 3.0)


def no_op_of_many(runs):
    """At most 1.5 s of CPU."""
    return no_op(max(3, runs // 3), 10_000, None)


def touched_of_many(runs):
    """At most 1.5 s of CPU too, where all has to be judged."""
    return no_op(max(3, runs // 3), 10_000, None, touch=True)


def help_text(runs):
    """At most 10 times an interpreter that does nothing."""
    command = [sys.executable, "-m", "datamake", "--help"]
    nothing, shown = in_turn(runs, lambda: seconds(PASS, "."), lambda: seconds(command, "."))
    return "--help", shown, nothing, "`python -c pass`", 10.0


def plan_of_instances(runs):
    """10,000 instances of one foreach, from nothing: at most 3 s."""
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/in")
        for n in range(10_000):
            with open(f"{folder}/in/{n}.csv", "w") as file:
                file.write(f"{n}\n")
        with open(f"{folder}/Datafile.toml", "w") as file:
            file.write(
                "[project]\n[targets.t]\nforeach = 'in/{n}.csv'\ninputs = ['in/{n}.csv']\n"
                "output = 'out/{n}.csv'\nrun = 'cp {input} {output}'\n"
            )

        def fresh():
            shutil.rmtree(f"{folder}/.datamake", ignore_errors=True)

        command = [*BUILD[:-1], "-n", "--json"]
        nothing, plan = in_turn(
            max(3, runs // 3),
            lambda: seconds(PASS, folder),
            lambda: seconds(command, folder, fresh),
        )
    return "plan of 10,000 instances", plan, nothing, "`python -c pass`", None


def cold(runs):
    """1,000 `cp`, all stored in the cache: at most 3 times ninja."""
    if shutil.which("ninja") is None:
        raise LookupError("ninja is not installed")
    with tempfile.TemporaryDirectory() as folder:
        tables(folder, 1000)
        ninja_file(folder, 1000)

        def clean():
            for name in ("out", ".datamake", "nout", ".ninja_log", ".ninja_deps"):
                path = f"{folder}/{name}"
                (shutil.rmtree if os.path.isdir(path) else os.unlink)(path) if os.path.lexists(
                    path
                ) else None

        ninja, build = in_turn(
            max(3, runs // 3),
            lambda: seconds(["ninja", "-j2", "--quiet"], folder, clean),
            lambda: seconds([*BUILD, "-j2"], folder, clean),
        )
    return "cold build of 1,000 `cp` -j2", build, ninja, "`ninja -j2`", 3.0


HEAD = """# Figures

Medians of whole processes, taken in turn with what they are compared with; ratios are of wall time.
Times depend on the machine, ratios hardly do. `python tests/benchmarks/figures.py` measures yours.
"""

FIGURES = {
    "no-op-1": no_op_of_one,
    "no-op-10000": no_op_of_many,
    "touched-10000": touched_of_many,
    "help": help_text,
    "plan-10000": plan_of_instances,
    "cold-1000": cold,
    "standardize": standardize,
    "digest": digest,
    "checks": checks,
    "functions": functions,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*FIGURES, []], metavar="NAME")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    print(HEAD)
    print("| what | wall s | CPU s | peak MB | times | of | at most |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in options.names or FIGURES:
        try:
            what, (wall, cpu, memory), yardstick, of, limit = FIGURES[name](options.runs)
        except LookupError as error:
            print(f"| {name} | left out: {error} | | | | | |")
            continue
        ratio = wall / yardstick[0]
        most = f"{limit:g} times" if limit else ""
        print(
            f"| {what} | {wall:.3f} | {cpu:.3f} | {memory:.0f} | {ratio:.2f} | {of} | {most} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
