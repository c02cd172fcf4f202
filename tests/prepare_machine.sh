#!/usr/bin/env bash
# Makes sure that a Chromium and a transaction pooler are here for the tests; says what to do where it cannot.
set -euo pipefail

missing=()
# The headless shell is Chromium without the windows nobody sees: a third less of a core for the same pages.
has_one=no
for name in chromium-headless-shell chromium chromium-browser google-chrome; do
  ! command -v "$name" >/dev/null || has_one=yes
done
[ "$has_one" = yes ] || missing+=(chromium-headless-shell)

[ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null || missing+=(pgbouncer)
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "The tests need: ${missing[*]}. Install them with this machine's package manager and run again." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "The tests need: ${missing[*]}. Install them as root and run again." >&2; exit 1; }
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
install() { RUNLEVEL=1 "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
# Not every release has the shell as a package of its own.
install "${missing[@]}" || install "${missing[@]/chromium-headless-shell/chromium}"
