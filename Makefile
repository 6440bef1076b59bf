# Everything that Ringtail's users and developers run. `make` alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run certs build test test-otel chaos kills histories lint bench bench-store fuzz fuzz-build models tsan miri docs man clean

CARGO ?= cargo
# How long `make fuzz` runs each target, in seconds.
FUZZ_SECONDS ?= 300
# How long `make chaos` goes on, in seconds.
CHAOS_SECONDS ?= 300

# How often `make kills` kills it.
KILLS ?= 300

# How many histories of each kind `make histories` makes.
HISTORIES ?= 50

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: certs ## Build, and start three data servers and the proxy with TLS; Ctrl-C stops them
	@$(CARGO) build --release --workspace --bins
	@scripts/run.sh target/release

certs: ## Make the development certificates under certs/, if there are none
	@$(CARGO) run --quiet --package ringtail-certs -- --out certs

build: ## Build all programs for release, with manual pages and completions
	$(CARGO) build --release --workspace --bins
	@scripts/man.sh target/release

man: ## Make the client's manual pages and shell completions under target/
	$(CARGO) build --package ringtail
	@scripts/man.sh target/debug

test-otel: ## Test the proxy with the feature otel (part of `make test`)
	@# Of the workspace, so that all that has not the feature is built once.
	$(CARGO) test --workspace --features ringtail-proxy/otel --lib -- otel::
	$(CARGO) test --workspace --features ringtail-proxy/otel --test otlp

test: ## Run all tests, and install what they need where that is allowed
	@scripts/setup-tests.sh
	@# First, because it leaves a proxy with the feature where the others expect one without.
	@$(MAKE) --no-print-directory test-otel
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace
	@$(MAKE) --no-print-directory models
	scripts/docs.sh target/debug check
	python3 -m unittest discover --start-directory scripts/bench --pattern 'test_*.py'
	@$(MAKE) --no-print-directory fuzz-build

chaos: ## Put one member into all kinds of network trouble for CHAOS_SECONDS, as root
	@scripts/setup-tests.sh
	$(CARGO) build --workspace --bins
	RINGTAIL_CHAOS=$(CHAOS_SECONDS) $(CARGO) test --package ringtail-tests --test suite -- --exact --nocapture faults::a_member_in_trouble_hurts_nobody_else

kills: ## Kill the data server KILLS times under load, with each mode of its log
	$(CARGO) build --workspace --bins
	RINGTAIL_KILLS=$(KILLS) $(CARGO) test --package ringtail-tests --test suite -- --nocapture durable::kills

histories: ## Kill, depose and cut off replicated servers in HISTORIES histories, and check that each is linearizable
	@scripts/setup-tests.sh
	$(CARGO) build --workspace --bins
	RINGTAIL_HISTORIES=$(HISTORIES) $(CARGO) test --package ringtail-tests --test suite -- --nocapture replication::histories

lint: ## Check formatting, lints, licences and dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --workspace --features ringtail-proxy/otel --all-targets --locked -- -D warnings
	@scripts/deny.sh

bench: ## Measure Ringtail beside its peers; BENCH='--quick --only proxy' passes options on
	$(CARGO) build --release --workspace --bins
	python3 scripts/bench/bench.py $(BENCH)

bench-store: ## Measure the store alone, in process
	$(CARGO) bench --package ringtail-dataserver

fuzz-build: ## Build the fuzz targets
	@scripts/fuzz.sh build

fuzz: ## Fuzz each target for FUZZ_SECONDS seconds
	@scripts/fuzz.sh run $(FUZZ_SECONDS)

models: ## Run what threads share in thousands of orders of the threads (part of `make test`)
	$(CARGO) test --package ringtail-dataserver --lib --features shuttle models:: -- --nocapture

tsan: ## Run the data server with ThreadSanitizer (needs a nightly toolchain with rust-src; minutes)
	scripts/tsan.sh

miri: ## Run the unsafe modules' tests under Miri (needs a nightly toolchain with miri)
	RUSTFLAGS="-Ctarget-feature=+avx2,+popcnt" $(CARGO) +nightly miri test --package ringtail-dataserver --lib -- \
		store:: value::bits ticks:: --skip store::evict

docs: ## Make the reference pages from the code
	$(CARGO) run --quiet --package ringtail-protocol --example reference > docs/commands.md
	CARGO="$(CARGO)" scripts/metrics-page.sh > docs/metrics.md.new && mv docs/metrics.md.new docs/metrics.md
	$(CARGO) build --workspace --bins
	scripts/docs.sh target/debug

clean: ## Remove what was built
	$(CARGO) clean
