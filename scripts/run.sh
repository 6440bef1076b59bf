#!/usr/bin/env bash
# Starts three data servers and a proxy in front of them, with verified TLS on both hops, until Ctrl-C.
# Usage: scripts/run.sh DIRECTORY-WITH-THE-PROGRAMS
set -u
cd "$(dirname "$0")/.."
bin=${1:-target/release}
proxy=127.0.0.1:9443
servers=(127.0.0.1:3000 127.0.0.1:3001 127.0.0.1:3002)
tls=(--cert certs/server.crt --key certs/server.key)
pids=()

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' off=$'\e[0m'; else bold='' off=''; fi

stop() {
    trap '' INT TERM
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null; done
    wait
}
interrupted() {
    stop
    echo "stopped"
    exit 0
}
trap interrupted INT TERM

# Each program in a session of its own: Ctrl-C reaches this script alone, which ends them in order.
start() {
    setsid "$@" --log-level warn &
    pids+=("$!")
}
# Waits until a program answers at an address; one that ended meanwhile has said why.
await() {
    for _ in $(seq 100); do
        "$bin/ringtail" --addr "$1" --cacert certs/ca.crt "${@:2}" >/dev/null 2>&1 && return
        for pid in "${pids[@]}"; do
            if ! kill -0 "$pid" 2>/dev/null; then
                stop
                exit 1
            fi
        done
        sleep 0.1
    done
    echo "run.sh: error: nothing answers at $1: see the lines above" >&2
    stop
    exit 1
}

for addr in "${servers[@]}"; do start "$bin/ringtail-server" --addr "$addr" --threads 1 "${tls[@]}"; done
for addr in "${servers[@]}"; do await "$addr" ping; done
start "$bin/ringtail-proxy" --addr "$proxy" "${tls[@]}" --servers cluster/servers.json --server-ca certs/ca.crt
await "$proxy" dbsize

cat <<TEXT
${bold}Ringtail is up${off}: a proxy at $proxy, data servers at ${servers[*]}, TLS on both hops.

  ${bold}REPL${off}       $bin/ringtail
  ${bold}one shot${off}   $bin/ringtail set greeting "hello world"
  ${bold}redis-cli${off}  redis-cli --tls --cacert certs/ca.crt -p 9443
  ${bold}redis-py${off}   redis.Redis(port=9443, ssl=True, ssl_ca_certs="certs/ca.crt")

Scale by editing cluster/servers.json. Ctrl-C stops all of it.
TEXT
wait -n "${pids[@]}"
echo "run.sh: error: a program ended by itself; stopping the others" >&2
stop
exit 1
