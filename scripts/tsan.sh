#!/usr/bin/env bash
# Runs the data server's unit tests, and the server under the suite's many clients, with ThreadSanitizer.
# It needs a nightly toolchain with rust-src. The first build takes some minutes: std is built for it, too.
set -euo pipefail
cd "$(dirname "$0")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
dir=$PWD/target/tsan
reports=$dir/reports
rm -rf "$reports" && mkdir -p "$reports"
export TSAN_OPTIONS="log_path=$reports/report exitcode=66"

sanitized() {
    RUSTFLAGS="-Zsanitizer=thread --cfg tsan" \
        cargo +nightly "$1" --quiet -Zbuild-std --target "$host" --target-dir "$dir" "${@:2}"
}

# First of all, that a race would be seen here.
cat > "$dir/race.rs" <<'RACE'
static mut SHARED: u64 = 0;
fn main() {
    let add = || (0..1000).for_each(|_| unsafe { SHARED += 1 });
    let other = std::thread::spawn(add);
    add();
    let _ = other.join();
}
RACE
rustc +nightly -Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --target "$host" -o "$dir/race" "$dir/race.rs"
if TSAN_OPTIONS="" "$dir/race" 2>/dev/null; then
    echo "the sanitizer does not see a race that is there" >&2 && exit 1
fi

# Without jemalloc nobody knows how much memory is used, so what depends on it is left out; so is the measuring of eviction,
# which is one thread's and takes minutes. Scripts change stacks, of which the sanitizer is not told: it sees their races, but
# may misname the functions on the way to them.
echo "unit tests"
sanitized test --package ringtail-dataserver --lib -- \
    --skip memory --skip evict

# The suite's own executable is not sanitized: it takes the programs that it finds beside itself.
echo "clients"
sanitized build --package ringtail-dataserver --bins
suite=$(cargo test --package ringtail-tests --test suite --no-run 2>&1 | sed -n 's/.*Executable .*(\(.*\))$/\1/p')
cp "$suite" "$dir/$host/debug/deps/suite"
cd tests
RINGTAIL_HOSTILE_SECONDS=${RINGTAIL_HOSTILE_SECONDS:-30} "$dir/$host/debug/deps/suite" \
    linearizable:: pubsub:: waiting:: every_command::every

if compgen -G "$reports/*" >/dev/null; then
    cat "$reports"/* && exit 1
fi
echo "no races"
