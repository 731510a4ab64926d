"""What `init` writes: small projects that build at once.

Knows nothing of where they are written.
"""

from __future__ import annotations

START = {
    "Datafile.toml": """\
# What is to be made, from what, and how. `datamake` builds it, `datamake build -n` says what
# would run and why, `datamake why counts` what has changed.

[project]
name = "start"

[targets.counts]
description = "How often each word occurs"
inputs = ["words.txt"]
output = "build/counts.txt"
run    = "sort {input} | uniq -c | sort -rn > {output}"

[targets.top]
description = "The three most frequent words"
inputs = ["counts"]
output = "build/top.txt"
run    = "head -n 3 {input} > {output}"
""",
    "words.txt": "make\ndata\nmake\nfiles\ndata\nmake\n",
}

FLIGHTS = {
    "Datafile.toml": """\
# Flights of three months: one target a month, then a report over all of them.
# Change a file in raw/ or a line of a script, and only what it affects is made again.

[project]
name    = "flights"
default = ["report"]

[params]                                  # `datamake build --set least=30` overrides
months = ["01", "02", "03"]
least  = 15                               # minutes from which a flight counts as late

[targets.clean]
description = "One month without cancelled flights"
foreach = { month = "{params.months}" }   # clean[01], clean[02], clean[03]
inputs  = ["raw/{month}.csv"]
output  = "build/clean/{month}.csv"
run     = "python scripts/clean.py {input} {output}"

[targets.report]
description = "Late flights by origin, over all months"
inputs = ["clean[*]"]
output = "build/report.txt"
run    = "python scripts/report.py {params.least} {output} {inputs}"
""",
    "raw/01.csv": "origin,delay\nEWR,2\nJFK,33\nLGA,\nEWR,48\n",
    "raw/02.csv": "origin,delay\nJFK,-4\nJFK,61\nLGA,17\n",
    "raw/03.csv": "origin,delay\nLGA,\nEWR,15\nJFK,0\n",
    "scripts/clean.py": """\
\"\"\"Copies flights without those that were cancelled (no delay).\"\"\"

import csv
import sys

source, result = sys.argv[1:]
with open(source, newline="") as flights, open(result, "w", newline="") as clean:
    rows = csv.DictReader(flights)
    writer = csv.DictWriter(clean, rows.fieldnames)
    writer.writeheader()
    writer.writerows(row for row in rows if row["delay"])
""",
    "scripts/report.py": """\
\"\"\"Counts the flights that were late, by origin.\"\"\"

import collections
import csv
import sys

least, result, *months = sys.argv[1:]
late = collections.Counter()
for month in months:
    with open(month, newline="") as flights:
        for row in csv.DictReader(flights):
            late[row["origin"]] += int(row["delay"]) >= int(least)
with open(result, "w") as report:
    for origin, count in sorted(late.items()):
        report.write(f"{origin} {count}\\n")
""",
}

EXAMPLES = {"start": START, "flights": FLIGHTS}
"""Name → path → content."""
