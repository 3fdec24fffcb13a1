#!/usr/bin/env bash
# `make lint`: the checks that need no running program.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'lint: %s\n' "$*" >&2; exit 1; }

cargo fmt --check || fail "the sources are not formatted; run cargo fmt"
cargo clippy --locked --all-targets -- -D warnings

# The machine compiles alone, from its folder and the standard library; and of that it uses only what is pure.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rustc --edition 2024 --crate-type lib --crate-name machine --out-dir "$scratch" src/machine/mod.rs ||
    fail "src/machine needs more than the standard library; it decides, and asks nobody"
impure='std::(\{|env|fs|io|net|os|process|sync|thread)|\b(Instant|SystemTime)\b|\bunsafe\b'
if grep -rnE "$impure" src/machine; then
    fail "src/machine must stay pure: no syscall, clock, environment, thread"
fi
# No panics in the machine. That nothing in it is indexed and no sum can overflow, clippy holds (src/machine/mod.rs).
if grep -rnE '\.unwrap\(\)|\.expect\(|panic!|unreachable!|todo!' src/machine --exclude-dir=explore; then
    fail "src/machine must not panic"
fi

# unsafe stays in the files that src/sys/mod.rs names, and the entry point.
allowed='^src/(main|sys/(arena|arguments|children|clock|descriptors|entry|exec|offspring|proc|signals|terminal))\.rs:'
if grep -rnE '\bunsafe\b' src --include='*.rs' | grep -vE "$allowed|^src/sys/mod.rs:|^[^:]+:[0-9]+: *(//|#!\[deny)"; then
    fail "unsafe outside of the files that may use it"
fi

# What stands on what.
tests/floors.py || fail "the modules of src import each other in another order than tests/floors.py says"

# What the file weighed when it was last written down: within the limit that docker/static.sh refuses more than.
limit=$(sed -n 's/^readonly LIMIT=//p' docker/static.sh)
weighed=$(sed -n 's/^file\tapp-init\t//p' docs/size.tsv)
[[ $limit =~ ^[0-9]+$ && $weighed =~ ^[0-9]+$ ]] && ((weighed <= limit)) ||
    fail "docs/size.tsv says '$weighed' bytes, and the limit is '$limit'; run make size WRITE=1"

cargo run --quiet --locked --example man | diff -u docs/app-init.8 - ||
    fail "docs/app-init.8 is not what the command line's definition says; run make man"
cargo run --quiet --locked --example schema | diff -u docs/app-init.schema.json - ||
    fail "docs/app-init.schema.json is not what the definition of the keys says; run make schema"
