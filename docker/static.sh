#!/usr/bin/env bash
# Builds the one static file, target/static/app-init (`make static`; docker/Dockerfile calls it too).
#
# TARGET names the target triple; by default musl on this machine's processor. Two ways, the first that is there:
#   1. rustup's musl target:  rustup target add x86_64-unknown-linux-musl
#   2. Debian's packages: rustc-web and cargo-web build the standard library from rust-web-src, against musl-tools.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'static: %s\n' "$*"; }
die() { printf 'static: %s\n' "$@" >&2; exit 1; }

machine=$(uname -m)
target=${TARGET:-$machine-unknown-linux-musl}
# A folder of its own: `cargo test` and this build use different compilers and would wait for each other's lock.
build=target/static/build

# No PIE: a position-independent file has its tables of pointers relocated at each start, and every page that a
# relocation touches becomes private memory and start-up time, of a process that has no secret address to hide.
flags="-C target-feature=+crt-static -C relocation-model=static -C force-unwind-tables=no -C link-arg=-Wl,--no-eh-frame-hdr"
flags+=" -C link-arg=-Wl,-Map=$PWD/target/static/app-init.map"

with_rustup() {
    RUSTFLAGS=$flags cargo build --locked --release --bin app-init --target "$target" --target-dir "$build"
}

# The packages of the second way that this machine lacks, one a line.
missing_packages() {
    local package unwind
    for package in rustc-web cargo-web rust-web-src musl-tools; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
    # Any LLVM's unwinder serves; its package has the version in its name, which differs from release to release.
    if ! compgen -G '/usr/lib/llvm-*/lib/libunwind.a' >/dev/null; then
        unwind=$(apt-cache --names-only search '^libunwind-[0-9]+-dev$' 2>/dev/null | cut -d' ' -f1 | sort -V | tail -n 1)
        echo "${unwind:-libunwind-14-dev}"
    fi
}

install_packages() {
    local missing both_ways
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]})) || return 0
    both_ways=("cannot build for $target: neither rustup's target nor all of Debian's packages are here; either"
        "    rustup target add $target" "or, as root,"
        "    apt-get install --no-install-recommends ${missing[*]}")
    [[ $(id -u) = 0 ]] && command -v apt-get >/dev/null || die "${both_ways[@]}"
    say "installing with apt-get: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # Only now does apt surely know its packages by name.
    mapfile -t missing < <(missing_packages)
    apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null || die "${both_ways[@]}"
}

with_debian() {
    [[ $target = "$machine"-* ]] || die "cannot build for $target on $machine with Debian's packages:" \
        "musl-tools serves this machine's processor only; use  rustup target add $target"
    install_packages
    # The unwinder alone goes on the link path: its folder's other files are for glibc.
    mkdir -p "$build/link"
    ln -sf "$(compgen -G '/usr/lib/llvm-*/lib/libunwind.a' | sort -V | tail -n 1)" "$build/link/libunwind.a"
    # Full paths, and a PATH without rustup's proxies, which would take the place of Debian's compiler.
    # RUSTC_BOOTSTRAP allows -Z with a stable compiler.
    # No features of std: that leaves out its backtraces, which are a third of the file and would find no symbols in
    # it. Panics still tell their message and place, and run the hook (panic_immediate_abort would not).
    env -u RUSTUP_TOOLCHAIN PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
        RUSTFLAGS="$flags -C link-self-contained=no -C linker=musl-gcc -L native=$PWD/$build/link" \
        /usr/bin/cargo build --locked --release --bin app-init --target "$target" --target-dir "$build" \
        -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size
}

# Reads the program headers with od, which every machine has: type 3 (INTERP) names a dynamic loader, type 2
# (DYNAMIC) is a table for it or for relocating oneself.
assert_static() {
    local file=$1 offset size count i type
    field() { od -An -v -j "$2" -N "$3" -t "u$3" "$1" | tr -d ' '; }
    offset=$(field "$file" 32 8) size=$(field "$file" 54 2) count=$(field "$file" 56 2)
    for ((i = 0; i < count; i++)); do
        type=$(field "$file" $((offset + i * size)) 4)
        [[ $type != [23] ]] || die "cannot accept $file: it is not static (program header $i has type $type)"
    done
}

if command -v rustup >/dev/null && rustup target list --installed 2>/dev/null | grep -qx "$target"; then
    with_rustup
else
    with_debian
fi
built=$build/$target/release/app-init
assert_static "$built"
# Small is a feature: what makes it larger than a mebibyte has to make something else smaller.
size=$(stat -c %s "$built")
((size <= 1048576)) || die "cannot accept $built: it has $size bytes, and 1048576 is the limit"
# A rename, not a copy over it: the file may be running.
cp "$built" target/static/app-init.new
mv target/static/app-init.new target/static/app-init
say "target/static/app-init for $target, $size bytes"
