#!/usr/bin/env bash
# Makes the client's manual pages and shell completions, from the program itself, under target/man and target/completions.
# Usage: scripts/man.sh DIRECTORY-WITH-THE-PROGRAMS
set -euo pipefail
cd "$(dirname "$0")/.."
ringtail=$1/ringtail
out=${CARGO_TARGET_DIR:-target}
"$ringtail" --man "$out/man"
mkdir -p "$out/completions"
"$ringtail" --completions bash > "$out/completions/ringtail.bash"
"$ringtail" --completions zsh > "$out/completions/_ringtail"
"$ringtail" --completions fish > "$out/completions/ringtail.fish"
echo "manual pages are in $out/man, completions in $out/completions"
