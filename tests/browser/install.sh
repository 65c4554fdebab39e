#!/bin/sh
# A Chromium for the browser tests: on PATH, or from apt as root, or BROWSER=none said so.
set -eu
[ "${BROWSER:-}" = none ] && exit 0
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing chromium for the browser tests"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium >/dev/null
    exit 0
fi
echo "no chromium on PATH and no root to install it: set BROWSER=none to leave the browser tests out" >&2
exit 1
