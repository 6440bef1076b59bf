#!/usr/bin/env bash
# Makes docs/flags.md and docs/configuration.md from the programs' own words; with `check`, says whether they are up to date.
# Usage: scripts/docs.sh DIRECTORY-WITH-THE-PROGRAMS [check]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1
flags() {
    echo "# Flags"
    echo
    echo "Made by \`make docs\` from the programs' \`--help\`. A flag wins over its environment variable, that over the key of"
    echo "the same name in \`--config FILE\` (TOML), that over the default."
    for program in ringtail-server ringtail-proxy ringtail; do
        printf '\n## %s\n\n```text\n' "$program"
        env -i PATH="$PATH" COLUMNS=110 NO_COLOR=1 "$bin/$program" --help
        echo '```'
    done
    for task in backup restore inspect convert bench plan export import scan bigkeys hotkeys stat top monitor topology route explain; do
        printf '\n### ringtail %s\n\n```text\n' "$task"
        env -i PATH="$PATH" COLUMNS=110 NO_COLOR=1 "$bin/ringtail" "$task" --help
        echo '```'
    done
}
configuration() {
    cat <<'END'
# Configuration

Made by `make docs` from the programs. A flag wins over its environment variable, that over the file key (`--config FILE`, TOML), that
over the default. `--check-config` says whether all of it is good, `--print-config` what is in force and where each value came from, as a
file that can be given to `--config`. Live: whether, and how, it changes while the program runs. Files that change are read again by
themselves, and at SIGHUP. [flags.md](flags.md) has the programs' whole `--help`.

```sh run
ringtail-server --maxmemory 2gb --print-config | grep -E '^(maxmemory|# threads)'
```

```text output
# threads = "one for each core"              # default
maxmemory = "2gb"                            # flag
```
END
    for program in ringtail-server ringtail-proxy ringtail; do
        printf '\n## %s\n\n' "$program"
        [ $program = ringtail ] && printf 'The client reads no file. Its tasks and tools have flags of their own: `ringtail TOOL --help`.\n\n'
        env -i PATH="$PATH" "$bin/$program" --configuration-page
    done
    cat <<'END'

`CONFIG GET *` shows what a running program has; some of its parameters have no flag, for them there is `--set NAME=VALUE` at the data
server. Users are made by `--acl-file`, or the list `users` of the file.
END
}
made() {
    if [ "$mode" = check ]; then
        diff -u "$1" <("$2") || { echo "$1 is stale: run make docs" >&2; exit 1; }
    else
        "$2" > "$1"
    fi
}
mode=${2:-write}
made docs/flags.md flags
made docs/configuration.md configuration
