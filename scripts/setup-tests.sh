#!/usr/bin/env bash
# Installs what the tests run beside Ringtail, where that is allowed; else says what to install.
set -euo pipefail

declare -A packages=(
    [redis-server]=redis-server [redis-cli]=redis-tools [nutcracker]=nutcracker [haproxy]=haproxy
    [python3]=python3 [npm]=npm [openssl]=openssl [ip]=iproute2 [iptables]=iptables
    [strace]=strace [mount]=mount [script]=bsdutils [promtool]=prometheus [prometheus]=prometheus
)
missing=()
for program in "${!packages[@]}"; do
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$program" >/dev/null || missing+=("${packages[$program]}")
done
# Debian splits venv off; without ensurepip no environment can be made.
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)

[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "installing for the tests: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # The tests start what they need themselves, so no service is to be started on install.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' > $policy && chmod +x $policy
        trap 'rm -f $policy' EXIT
    fi
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
    echo "not installed: ${missing[*]}" >&2
    echo "  on Debian: sudo apt-get install ${missing[*]}" >&2
    if [ "${CI:-}" = true ]; then exit 1; fi
    echo "  the tests that need them are skipped" >&2
fi
