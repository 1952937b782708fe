#!/bin/sh
# Installs the Debian package with dpkg, starts what was installed as its user with its settings, has it take a file in and
# read it, and removes and purges it again: of all that nothing is left.
#
# Usage: tests/deb_test.sh [PACKAGE]     (default: target/debian/consign.deb)
# Ends with 0 when all holds, 1 when not, 77 when it cannot be tried here: not Debian, not root, or a consign is installed.
set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")/.." && pwd)
package=$(realpath "${1:-$here/target/debian/consign.deb}")
url=http://127.0.0.1:8080
data=/var/lib/consign

cannot() { echo "SKIPPED deb test: $1" >&2; exit 77; }
fail() { echo "deb test: $1" >&2; exit 1; }

[ -f "$package" ] || fail "$package is not there; make deb builds it"
for tool in dpkg curl setpriv adduser; do
    command -v "$tool" >/dev/null || cannot "$tool is not installed"
done
[ "$(id -u)" = 0 ] || cannot "dpkg installs as root alone"
! dpkg-query --status consign >/dev/null 2>&1 || cannot "a consign is installed here"
! getent passwd consign >/dev/null || cannot "there is a user consign here"
[ ! -e "$data" ] && [ ! -e /etc/consign ] || cannot "$data or /etc/consign is there"
! curl -s -o /dev/null "$url" || cannot "something listens on $url"

work=$(mktemp -d)
server=
end() {
    status=$?
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    [ "$status" = 0 ] || [ ! -f "$work/log" ] || tail -n 20 "$work/log" >&2
    dpkg --purge consign >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

# Looks ten times a second for at most a minute.
wait_for() {
    what=$1
    shift
    for _ in $(seq 600); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    fail "waited in vain for $what"
}

owner_and_mode() { stat -c '%U:%G %a' "$1"; }

dpkg --install "$package"
[ "$(owner_and_mode $data)" = "consign:consign 700" ] || fail "$data: $(owner_and_mode $data)"
settings=/etc/consign/consign.toml
[ "$(owner_and_mode $settings)" = "root:consign 640" ] || fail "$settings: $(owner_and_mode $settings)"
consign --version
systemd-analyze verify --man=no consign.service 2>/dev/null || ! command -v systemd-analyze >/dev/null || fail "the unit is not well"

# Without systemd as the machine's first process, what its unit says is done by hand.
if [ -d /run/systemd/system ]; then
    wait_for "the service" systemctl is-active consign
else
    cd $data
    setpriv --reuid consign --regid consign --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
        /usr/bin/consign serve --config $settings >"$work/stdout" 2>"$work/log" &
    server=$!
    cd "$here"
fi
ask() { setpriv --reuid consign --regid consign --clear-groups consign health --config $settings "$@"; }
wait_for "a server that is ready" ask

answer=$(curl -sS --fail-with-body "$url/batches?wait=60" -F "files=@$here/tests/data/notice.html") || fail "$answer"
case $answer in *'"outcome":"succeeded"'*) ;; *) fail "the file was not read: $answer" ;; esac
text=$(printf '%s' "$answer" | sed -n 's/.*"text_url":"\([^"]*\)".*/\1/p')
curl -sS --fail "$url$text" | grep -q 'The crane is out of order' || fail "$text is not the text"

if [ -n "$server" ]; then
    kill -TERM "$server"
    wait "$server" || fail "the server did not end well"
    server=
fi
dpkg --remove consign
[ ! -e /usr/bin/consign ] || fail "the program is left"
[ -e $data/spool ] && [ -e $settings ] || fail "remove took what only purge takes"
dpkg --purge consign

left=$(find / -xdev \( -path /proc -o -path /tmp -o -path "$here" \) -prune -o \
    \( -path '*/consign/*' -o -name 'consign.service*' -o -name 'consign.socket*' -o -path '/var/lib/dpkg/info/consign.*' \) \
    \( -path '/etc/*' -o -path '/usr/*' -o -path '/lib/*' -o -path '/var/*' -o -path '/run/*' \) -print 2>/dev/null | head)
[ -z "$left" ] || fail "left behind: $left"
[ ! -e $data ] && [ ! -e /etc/consign ] || fail "a directory is left"
! getent passwd consign >/dev/null && ! getent group consign >/dev/null || fail "the user is left"
echo "installed, started, fed, removed and purged: nothing is left"
