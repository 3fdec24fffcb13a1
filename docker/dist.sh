#!/usr/bin/env bash
# `make dist`: what is given away, in target/dist: a stripped static file for each processor, and SHA256SUMS.
#
# The same sources, the same compiler and the same linkers make the same bytes, in whatever folder (tests/dist.sh).
set -euo pipefail
cd "$(dirname "$0")/.."

readonly PROCESSORS=(x86_64 aarch64)

say() { printf 'dist: %s\n' "$*"; }
die() { printf 'dist: %s\n' "$@" >&2; exit 1; }

rm -rf target/dist.new
mkdir -p target/dist.new
for processor in "${PROCESSORS[@]}"; do
    built=target/static/app-init
    [[ $processor = "$(uname -m)" ]] || built+=-$processor
    TARGET=$processor-unknown-linux-musl docker/static.sh --limit
    cp "$built" "target/dist.new/app-init-$processor"
done

# Where it was built is nobody's business, and would make each build another.
for folder in "$PWD" "${CARGO_HOME:-$HOME/.cargo}" "${RUSTUP_HOME:-$HOME/.rustup}" /usr/src/; do
    if grep -lF "$folder" target/dist.new/app-init-*; then die "cannot give these away: they name $folder"; fi
done
(cd target/dist.new && sha256sum app-init-* >SHA256SUMS)
rm -rf target/dist
mv target/dist.new target/dist
say "target/dist:"
cat target/dist/SHA256SUMS
