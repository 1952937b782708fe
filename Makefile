# One door to everything a developer or CI does. Needs the Rust toolchain, a C compiler and make; sets up the rest.

# The checker of licences and sources, the fuzzer and the packager are built once and kept here, unless the machine has them.
TOOLS := $(CURDIR)/target/tools
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2
CARGO_DEB_VERSION := 3.8.0
# Debian has clamd and nginx where only root looks.
export PATH := $(TOOLS)/bin:$(PATH):/usr/sbin

# Tests need the hidden hooks that make a worker hang, crash or run out of memory, and the faults of durable steps.
TEST_FEATURES := --features test-hooks,fault

# What some tests use beside the toolchain, each with the Debian package that has it. Without it those tests say that they
# did not run.
TEST_PROGRAMS := caddy=caddy chromium=chromium clamd=clamav-daemon curl=curl nginx=nginx-light node=nodejs npm=npm \
    promtool=prometheus python3=python3 strace=strace systemd-analyze=systemd tesseract=tesseract-ocr

# What the released program may weigh. Decision 0023 tells what weighs most.
PROGRAM_BYTES_MAX := 40000000

.DEFAULT_GOAL := help
.PHONY: help run test api-test docs corpus corpus-cpu start-up bench torture power-cut page-load fuzz setup-debian check audit fmt release size packages deb deb-test clean components cargo-deny cargo-fuzz cargo-deb

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the server on ./data
	cargo run --release

# Documentation's examples come first, so that the last line is the tests'.
test: setup-debian ## Run all tests
	cargo test --doc $(TEST_FEATURES)
	@if cargo nextest --version >/dev/null 2>&1; then \
	    echo cargo nextest run $(TEST_FEATURES); \
	    cargo nextest run $(TEST_FEATURES); \
	else \
	    echo "cargo test $(TEST_FEATURES) (quicker with: cargo install cargo-nextest --locked)"; \
	    cargo test --lib --bins --tests $(TEST_FEATURES); \
	fi

# More, or others: make api-test CONSIGN_API_EXAMPLES=200 CONSIGN_API_SECONDS=1800 CONSIGN_API_SEED=2
api-test: ## Have schemathesis, which it installs, try a live server against its own description
	cargo build $(TEST_FEATURES)
	tests/api_test.sh target/debug/consign

docs: ## Make the page of the settings anew from their comments
	CONSIGN_DOCS_WRITE=1 cargo test $(TEST_FEATURES) --test configuration

# Release, because the tables are about speed and memory, too.
corpus: ## Score the texts of the whole collection of real files, and meet its hostile ones
	cargo test --release --test corpus -- --nocapture --test-threads 1

# Other rounds, or a seed that was printed: make torture CONSIGN_TORTURE_ROUNDS=25 CONSIGN_TORTURE_SEED=1
torture: export CONSIGN_TORTURE_ROUNDS ?= 200
torture: ## Kill the server under load, 200 times; what was promised is kept, once, whole, and nothing else is
	cargo test --release --test torture -- --nocapture

# Takes root and python3, for a disk that can be shut down: make power-cut CONSIGN_POWER_CUTS=8 CONSIGN_POWER_CUT_SEED=1
power-cut: export CONSIGN_POWER_CUTS ?= 60
power-cut: ## Cut the power under load, 60 times; what was answered had been synced
	cargo test --release --test power_cut -- --nocapture

corpus-cpu: release ## Compare the CPU time of the collection with kreuzberg's, which it installs
	python3 tests/cpu_beside_kreuzberg.py

start-up: ## Measure a start with a million files that have ended and a hundred thousand that wait
	CONSIGN_ENDED_THOUSANDS=1000 CONSIGN_WAITING_THOUSANDS=100 \
	    cargo test --release --test start_up -- --nocapture

# On a machine that does nothing else. More visits: make page-load CONSIGN_ROUNDS=25
page-load: export CONSIGN_ROUNDS ?= 9
page-load: export CONSIGN_TEST_PROGRAM := $(CURDIR)/target/release/consign
page-load: release ## Measure how long the page takes to load in Chromium
	cargo test $(TEST_FEATURES) --test browser the_page_loads -- --nocapture

# No sanitizer, so stable Rust will do: what one finds, the ban on unsafe code keeps out of our sources. Needs a C++
# compiler. New inputs, and those that fail, stay below target/fuzz. One target for longer, or one input again:
# make fuzz FUZZ_TARGETS=frame FUZZ_SECONDS=3600
# make fuzz FUZZ_TARGETS=frame FUZZ_INPUT=target/fuzz/artifacts/frame/crash-…
FUZZ_TARGETS ?= $(patsubst fuzz/fuzz_targets/%.rs,%,$(wildcard fuzz/fuzz_targets/*.rs))
FUZZ_SECONDS ?= 60
FUZZ := target/fuzz
CARGO_FUZZ := cargo fuzz run --sanitizer none --target-dir $(FUZZ)
fuzz: cargo-fuzz ## Fuzz what comes from disks, children and clients, 60 seconds each
	@cargo update --quiet --workspace --locked --manifest-path fuzz/Cargo.toml || { \
	    echo "fuzz/Cargo.lock is behind; set it right: cargo update --workspace --manifest-path fuzz/Cargo.toml"; exit 1; }
	@for target in $(FUZZ_TARGETS); do \
	    mkdir -p $(FUZZ)/corpus/$$target $(FUZZ)/artifacts/$$target; \
	    inputs="$(FUZZ_INPUT)"; \
	    set -- $${inputs:-$(FUZZ)/corpus/$$target fuzz/corpus/$$target}; \
	    echo "fuzz $$target"; \
	    $(CARGO_FUZZ) $$target "$$@" -- -artifact_prefix=$(FUZZ)/artifacts/$$target/ \
	        -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 || exit 1; \
	done

# Some workloads, sizes of its own, or in small: make bench CONSIGN_BENCH_WORKLOADS=ab CONSIGN_BENCH_LARGE_MIB=256
# Cargo's bench profile is that of a release.
bench: ## Measure the server beside the limits of the machine, and update docs/performance.md
	cargo bench --locked --bench custody -- $(if $(CONSIGN_BENCH_QUICK),,--record)

setup-debian: ## Install what tests use, when root on Debian; else say what is missing
	@missing=; packages=; for program in $(TEST_PROGRAMS); do \
	    command -v $${program%=*} >/dev/null || { missing="$$missing $${program%=*}"; packages="$$packages $${program#*=}"; }; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -q update && \
	    apt-get -qy install --no-install-recommends $$packages; then exit 0; fi; \
	echo "not installed:$$missing; tests that use them are skipped (Debian: apt-get install$$packages)"

# Clippy looks twice: with the tests and their hooks, and at what is released.
check: components cargo-deny ## Check format, lints, documentation, licences and sources
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --all-targets --all-features -- -D warnings
	cargo clippy --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features --document-private-items
	cargo deny --locked --all-features check licenses bans sources

audit: cargo-deny ## Check dependencies for known vulnerabilities (fetches the advisory database)
	cargo deny --all-features check advisories

fmt: components ## Format the sources
	cargo fmt
	cargo fmt --manifest-path fuzz/Cargo.toml

release: ## Build target/release/consign
	cargo build --release --locked

size: release ## Fail when target/release/consign weighs more than it may
	@bytes=$$(stat -c %s target/release/consign); \
	echo "target/release/consign has $$bytes bytes of $(PROGRAM_BYTES_MAX)"; \
	[ "$$bytes" -le $(PROGRAM_BYTES_MAX) ]

packages: size deb deb-test ## Build and try what is handed out: the program and the Debian package

# What it has beside the program and files of the repository is made by the program, and stays here.
PACKAGE := target/package
deb: release cargo-deb ## Build the Debian package, target/debian/consign.deb
	mkdir -p $(PACKAGE)/man
	target/release/consign man --out $(PACKAGE)/man
	for shell in bash fish zsh; do target/release/consign completions $$shell >$(PACKAGE)/consign.$$shell || exit 1; done
	cargo deb --no-build --no-strip --locked --output target/debian/consign.deb

# Takes root, as dpkg does; where a consign is installed already it does nothing.
deb-test: ## Install the Debian package, have it take a file in, remove and purge it
	tests/deb_test.sh target/debian/consign.deb || [ $$? = 77 ]

clean: ## Remove what was built, and the tools that make check installed
	cargo clean

components:
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || rustup component add rustfmt clippy

cargo-deny:
	@cargo deny --version >/dev/null 2>&1 || { \
	    echo "installing cargo-deny $(CARGO_DENY_VERSION) into target/tools, once; it takes some minutes"; \
	    cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --root "$(TOOLS)"; \
	}

cargo-fuzz:
	@cargo fuzz --version >/dev/null 2>&1 || { \
	    echo "installing cargo-fuzz $(CARGO_FUZZ_VERSION) into target/tools, once; it takes some minutes"; \
	    cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --root "$(TOOLS)"; \
	}

cargo-deb:
	@cargo deb --version >/dev/null 2>&1 || { \
	    echo "installing cargo-deb $(CARGO_DEB_VERSION) into target/tools, once; it takes some minutes"; \
	    cargo install cargo-deb --version $(CARGO_DEB_VERSION) --locked --root "$(TOOLS)"; \
	}
