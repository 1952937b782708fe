#!/bin/sh
# Has schemathesis try a live server against its own description, with every check on: it sends what the description
# allows and what it forbids, follows links from answer to answer, and holds each answer against what is said of it.
#
# Usage: tests/api_test.sh [PROGRAM]     (default: target/debug/consign)
#   CONSIGN_API_EXAMPLES   requests for each route and phase (40)
#   CONSIGN_API_SECONDS    seconds after which it ends in any case (300)
#   CONSIGN_API_SEED       what the requests are made from (1): another finds other things, the same finds the same
# Needs Python 3 with venv, and pip's registry the first time. Ends with 0 when nothing was found.
set -eu

schemathesis_version=4.32.5
validator_version=0.9.0

here=$(cd "$(dirname "$0")/.." && pwd)
program=$(realpath "${1:-$here/target/debug/consign}")
examples=${CONSIGN_API_EXAMPLES:-40}
seconds=${CONSIGN_API_SECONDS:-300}
seed=${CONSIGN_API_SEED:-1}
# Settings of whoever runs this, and those above, are no settings of this server.
for setting in $(env | sed -n 's/^\(CONSIGN_[A-Z0-9_]*\)=.*/\1/p'); do unset "$setting"; done
tools=$here/target/api-test
work=$(mktemp -d -p "$here/target")
server=

end() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

if ! "$tools/bin/pip" show --quiet "schemathesis" 2>/dev/null ||
    [ "$(cat "$tools/version" 2>/dev/null)" != "$schemathesis_version $validator_version" ]; then
    echo "installing schemathesis $schemathesis_version into target/api-test, once"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet "schemathesis==$schemathesis_version" "openapi-spec-validator==$validator_version"
    echo "$schemathesis_version $validator_version" >"$tools/version"
fi

# The server has a key, and schemathesis shows it and tries what comes without.
"$program" key new api-test >"$work/made"
sed 1d "$work/made" >"$work/consign.toml"
API_TEST_KEY=$(sed -n 1p "$work/made")
export API_TEST_KEY

# Port 0 is one that is free; the server says which. It reads its settings where it is started.
cd "$work"
"$program" serve --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/out" 2>"$work/log" &
server=$!
url=
tries=0
while [ -z "$url" ]; do
    url=$(sed -n 's/^listening on \(http:.*\)$/\1/p' "$work/out")
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    tries=$((tries + 1))
    [ "$tries" -le 600 ] || { echo "the server does not say where it listens" >&2; exit 1; }
    [ -n "$url" ] || sleep 0.1
done

# A valid description first: what is not one cannot be tested against.
"$tools/bin/python" - "$url/openapi.json" >"$work/openapi.json" <<'PYTHON'
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())
PYTHON
"$tools/bin/openapi-spec-validator" "$work/openapi.json"

"$tools/bin/schemathesis" --config-file "$here/tests/schemathesis.toml" run "$url/openapi.json" \
    --checks all --phases examples,coverage,fuzzing,stateful \
    --max-examples "$examples" --max-time "$seconds" --seed "$seed" --request-timeout 150 --no-color

# What a hostile request makes the server do is not only in its answers.
kill -0 "$server" || { echo "the server did not survive" >&2; tail -50 "$work/log" >&2; exit 1; }
# Its HTTP library tells of requests that are none as errors; they are the client's.
if grep -E 'panicked|ERROR consign' "$work/log"; then
    echo "the server's log has errors" >&2
    exit 1
fi
