#!/usr/bin/env bash
# Two clones of one project and one bucket: what the first has built, the second doesn't build.
#
# Needs git and `pip install 'datamake[s3]' 'moto[server]'`. The bucket is in a server on this
# machine, unless AWS_ENDPOINT_URL names another one. Everything happens in a temporary folder.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

say() { printf '\n== %s\n' "$*"; }

# Puts the files of a folder into the bucket below raw/, which is made if need be.
upload() {
    python3 - "$@" <<'END'
import sys

import s3fs

store = s3fs.S3FileSystem()
if not store.exists("datamake-example"):
    store.mkdir("datamake-example")
for path in sys.argv[1:]:
    store.put_file(path, "datamake-example/raw/" + path.rpartition("/")[2])
END
}

if [ -z "${AWS_ENDPOINT_URL:-}" ]; then
    say "a server that speaks like S3"
    python3 -m moto.server -p 0 2> "$work/server.log" &
    until address=$(grep -o 'http://127[^ ]*' "$work/server.log"); do kill -0 $! && sleep 0.1; done
    export AWS_ENDPOINT_URL=$address AWS_DEFAULT_REGION=us-east-1
    export AWS_ACCESS_KEY_ID=nobody AWS_SECRET_ACCESS_KEY=nothing
    echo "$AWS_ENDPOINT_URL"
fi
export DATAMAKE_CACHE_KEY=${DATAMAKE_CACHE_KEY:-only an example}

say "raw data in a bucket, the project in git"
upload "$here"/raw/*.csv
mkdir "$work/project"
cp -R "$here/Datafile.toml" "$here/scripts" "$work/project"
cd "$work/project"
git init -q -b main
git add .
git -c user.name=example -c user.email=example@example.org commit -q -m "Report of sales"
git clone -q . "$work/mine"
git clone -q . "$work/ci"

say "my clone: everything is built, once"
cd "$work/mine"
datamake build -j1
datamake lock

say "a fresh clone in CI: nothing is built, and only the report is downloaded"
cd "$work/ci"
datamake build --summary summary.md
find build -type f
cat build/report.md
grep -E '^(## |It took)' summary.md

say "nothing is stale: fit for a check"
datamake build -n --exit-code

say "February has changed: the check fails, and CI builds what is below it"
cp "$here/raw/2024-02.csv" "$work/2024-02.csv"
echo "2024-02-29,tea,100" >> "$work/2024-02.csv"
upload "$work/2024-02.csv"
datamake build -n --exit-code || echo "exit status $?"
datamake build -j1

say "my clone: the lock file notices, the build takes the new report from the cache"
cd "$work/mine"
datamake build --locked || echo "exit status $?"
datamake build
cat build/report.md
