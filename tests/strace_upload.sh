#!/bin/sh
# Shows, system call by system call, what stands behind a 202: uploads 1,000 files of 4 KiB in one request to a server
# that runs under strace, and finds in the trace
#   1. the write of the batch's seal into a segment of the spool,
#   2. a sync of that segment that began after it and has succeeded,
#   3. only then the bytes "202" on their way to the socket,
# and at most 4 sync calls, of any thread, between the request's first read and the answer.
#
# Usage: tests/strace_upload.sh [PROGRAM]     (default: target/release/consign or target/debug/consign)
# Ends with 0 when all holds, 1 when not, 77 when it cannot be tried here.
set -eu
LC_ALL=C
export LC_ALL

syncs_max=4
files=1000
last_name=sealproof-0999.txt

here=$(cd "$(dirname "$0")/.." && pwd)
program=${1:-}
for candidate in "$here/target/release/consign" "$here/target/debug/consign"; do
    [ -n "$program" ] || [ ! -x "$candidate" ] || program=$candidate
done
[ -n "$program" ] || { echo "no program: build it first, or name it" >&2; exit 77; }
for tool in strace curl awk base64 split; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed" >&2; exit 77; }
done
strace -o /dev/null true 2>/dev/null || { echo "strace may not trace here" >&2; exit 77; }

work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# Looks twenty times a second for at most a minute.
wait_for() {
    looks=0
    until eval "$1"; do
        looks=$((looks + 1))
        [ "$looks" -lt 1200 ] || { echo "waited in vain for: $1" >&2; cat "$work/log" >&2; exit 1; }
        sleep 0.05
    done
}

mkdir "$work/files"
: >"$work/out"
: >"$work/trace"
head -c $((files * 3072)) /dev/urandom | base64 -w0 |
    split -b 4096 -a 4 -d --additional-suffix=.txt - "$work/files/sealproof-"
for file in "$work"/files/*; do
    echo "form = \"files=@$file\""
done >"$work/forms"

# -D keeps the server our child, so that its id is known; strings are long enough to show a whole batch.
strace -D -f -yy -s 16777216 -o "$work/trace" \
    -e trace=read,readv,recvfrom,recvmsg,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync,sync_file_range,syncfs,msync \
    "$program" serve --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/out" 2>"$work/log" &
server=$!
wait_for 'grep -q "^listening on http://" "$work/out"'
url=$(sed -n 's/^listening on //p' "$work/out")

# What the server syncs at its start is no part of the upload: no sync is seen for a second first.
syncs=-1
still=0
while [ "$still" -lt 20 ]; do
    now=$(grep -c sync "$work/trace" || true)
    if [ "$now" -eq "$syncs" ]; then still=$((still + 1)); else still=0; fi
    syncs=$now
    sleep 0.05
done

status=$(curl -sS --config "$work/forms" -o "$work/answer" -w '%{http_code}' "$url/batches")
[ "$status" = 202 ] || { echo "the upload was answered $status" >&2; cat "$work/answer" >&2; exit 1; }
wait_for 'grep -qF "\"HTTP/1.1 202" "$work/trace"'

awk -v syncs_max="$syncs_max" -v last_name="$last_name" '
    # The path that strace shows for the first descriptor of a call.
    function path_of(text, from) {
        from = index(text, "<")
        text = substr(text, from + 1)
        return substr(text, 1, index(text, ">") - 1)
    }
    function is_call(names) { return head ~ ("^[0-9]+ +(" names ")\\(") }
    {
        thread = $1
        head = substr($0, 1, 400)
        tail = substr($0, length($0) - 80)
        resumed = head ~ /^[0-9]+ +<\.\.\. /
        unfinished = tail ~ /<unfinished \.\.\.>$/
    }
    !begun && (is_call("read|readv|recvfrom|recvmsg") || head ~ /<\.\.\. (read|recv)/) && index(head, "POST /batches") {
        begun = NR
    }
    !begun { next }
    is_call("write|writev|pwrite64|pwritev|pwritev2") && path_of(head) ~ /\/spool\/[^\/]*\.seg$/ && index($0, last_name) {
        segment = path_of(head)
        if (unfinished) sealing[thread] = 1; else sealed = NR
    }
    resumed && (thread in sealing) { delete sealing[thread]; sealed = NR }
    is_call("fsync|fdatasync|sync_file_range|syncfs|msync") || (is_call("pwritev2") && tail ~ /RWF_D?SYNC/) {
        syncs++
        calls = calls sprintf("  line %d: %s\n", NR, substr(head, 1, 160))
        if (sealed && !synced && path_of(head) == segment) {
            if (unfinished) syncing[thread] = 1; else if (tail ~ /= 0$/) synced = NR
        }
    }
    resumed && (thread in syncing) && head ~ /sync/ { delete syncing[thread]; if (tail ~ /= 0$/) synced = NR }
    is_call("write|writev|sendto|sendmsg") && index(head, "\"HTTP/1.1 202") { answered = NR; exit }
    END {
        name = segment
        sub(/.*\//, "", name)
        printf "line %d: the request is read\n", begun
        printf "line %d: the seal is written to segment %s\n", sealed, name
        printf "line %d: the segment is synced\n", synced
        printf "line %d: 202 goes to the socket\n", answered
        printf "%d sync calls between request and answer, at most %d allowed:\n%s", syncs, syncs_max, calls
        if (!begun || !sealed || !synced || !answered) { print "FAILED: a step is missing"; exit 1 }
        if (!(begun < sealed && sealed < synced && synced < answered)) { print "FAILED: the order is wrong"; exit 1 }
        if (syncs > syncs_max) { print "FAILED: too many sync calls"; exit 1 }
        print "OK"
    }
' "$work/trace"
