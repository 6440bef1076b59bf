#!/usr/bin/env bash
# Checks licences, sources and duplicates of all dependencies, and their advisories where the database can be reached.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo deny --version >/dev/null 2>&1; then
    if [ "${CI:-}" != true ]; then
        echo "skipped: cargo-deny is not installed (cargo install --locked cargo-deny)" >&2
        exit 0
    fi
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo install --quiet --locked cargo-deny
fi
# It looks at the crates of every platform, of which a build fetches those of its own alone.
cargo fetch --quiet --locked
cargo deny --offline check bans licenses sources
