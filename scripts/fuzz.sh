#!/usr/bin/env bash
# Builds or runs the fuzz targets in fuzz/, with libFuzzer's coverage on whatever toolchain is there.
# Usage: scripts/fuzz.sh build | run SECONDS
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
# What cargo-fuzz passes, less the sanitizers, which need a nightly toolchain.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Ccodegen-units=1"
target=$(rustc -vV | sed -n 's/^host: //p')
build() { RUSTFLAGS="$coverage --cfg fuzzing" cargo build --quiet --release --locked --target "$target" --target-dir target; }
case "${1:-}" in
build) build && echo "fuzz targets build" ;;
run)
    build
    for name in requests replies payloads commands logs backups rdb_files replication; do
        mkdir -p "corpus/$name"
        "target/$target/release/$name" -max_total_time="${2:-60}" -max_len=4096 -timeout=5 -rss_limit_mb=1024 "corpus/$name"
    done
    ;;
*) echo "usage: scripts/fuzz.sh build | run SECONDS" >&2 && exit 2 ;;
esac
