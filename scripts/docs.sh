#!/usr/bin/env bash
# Makes docs/flags.md from the programs' own --help; with `check`, says whether it is up to date.
# Usage: scripts/docs.sh DIRECTORY-WITH-THE-PROGRAMS [check]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1
page() {
    echo "# Flags"
    echo
    echo "Made by \`make docs\` from the programs' \`--help\`. A flag wins over its environment variable, that over the key of"
    echo "the same name in \`--config FILE\` (TOML), that over the default."
    for program in ringtail-server ringtail-proxy ringtail; do
        printf '\n## %s\n\n```text\n' "$program"
        env -i PATH="$PATH" COLUMNS=110 NO_COLOR=1 "$bin/$program" --help
        echo '```'
    done
    for task in backup restore inspect convert; do
        printf '\n### ringtail %s\n\n```text\n' "$task"
        env -i PATH="$PATH" COLUMNS=110 NO_COLOR=1 "$bin/ringtail" "$task" --help
        echo '```'
    done
}
if [ "${2:-}" = check ]; then
    diff -u docs/flags.md <(page) || { echo "docs/flags.md is stale: run make docs" >&2; exit 1; }
else
    page > docs/flags.md
fi
