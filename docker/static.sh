#!/usr/bin/env bash
# Builds the one static file (`make static`; docker/Dockerfile calls it too):  docker/static.sh [--limit | --explain]
#
# TARGET names the target triple; by default musl on this machine's processor, whose file is target/static/app-init. That of
# another processor is target/static/app-init-PROCESSOR. The linker's map lies beside it, where the linker writes one.
#
# STATIC_WAY says where the standard library comes from; by default the first that this machine has everything for:
#   sources    built along with app-init, without backtraces: the smallest file.  rustup component add rust-src
#   prebuilt   rustup's or a distribution's, as it is.  rustup target add x86_64-unknown-linux-musl
#   debian     as `sources`, with the packages rustc-web, cargo-web and rust-web-src, which are installed where one is root
#
# The linker and C library: with a prebuilt library its own and any linker; else musl-gcc or PROCESSOR-linux-musl-gcc; for
# another processor also zig, which is fetched from PyPI into target/tools where it is not installed.
#
# --limit refuses a file that is larger than the reference build may be. A prebuilt library is beyond it, and not meant.
# --explain only says what it would take.
set -euo pipefail
cd "$(dirname "$0")/.."

# Small is a feature: what makes the file larger than this has to make something else smaller.
readonly LIMIT=800000

say() { printf 'static: %s\n' "$*"; }
die() { printf 'static: %s\n' "$@" >&2; exit 1; }
has() { command -v "$1" >/dev/null; }

target=${TARGET:-$(uname -m)-unknown-linux-musl}
processor=${target%%-*}
is_native() { [[ $processor = "$(uname -m)" ]]; }
if is_native; then name=app-init; else name=app-init-$processor; fi
# A folder of its own: `cargo test` and this build use different compilers and would wait for each other's lock.
build=target/static/build
tools=${STATIC_TOOLS:-$PWD/target/tools}

# ---- where the standard library comes from

# Asks the Rust that PATH has.
look_at_rust() {
    sysroot=$(rustc --print sysroot 2>/dev/null) || sysroot=
    libraries=$(rustc --print target-libdir --target "$target" 2>/dev/null) || libraries=
}
has_prebuilt() { [[ -n $libraries ]] && compgen -G "$libraries/libstd-*.rlib" >/dev/null; }
# A stable compiler takes -Z under RUSTC_BOOTSTRAP.
has_sources() {
    [[ -n $sysroot && -f $sysroot/lib/rustlib/src/rust/library/std/Cargo.toml ]] &&
        [[ $(RUSTC_BOOTSTRAP=1 cargo -Z help 2>/dev/null) = *build-std* ]]
}

choose_way() {
    look_at_rust
    if has_sources && { find_linker || can_fetch_zig; }; then echo sources
    elif has_prebuilt && find_linker; then echo prebuilt
    else echo debian
    fi
}

# What will be installed, for everybody on this machine; and what is made or fetched stays in target/.
to_install=()

# The packages of Debian's way that this machine lacks, one a line.
missing_packages() {
    local package packages=(rustc-web cargo-web rust-web-src)
    if is_native; then
        packages+=(musl-tools)
    elif ! find_linker && ! can_fetch_zig; then
        # What zig is fetched with.
        packages+=(python3-venv)
    fi
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

use_debian() {
    # A PATH without rustup's proxies, which would take the place of Debian's compiler.
    PATH=/usr/bin:/bin
    unset RUSTUP_TOOLCHAIN RUSTC CARGO
    look_at_rust
    mapfile -t to_install < <(missing_packages)
    if ((${#to_install[@]})) && { [[ $(id -u) != 0 ]] || ! has apt-get; }; then
        die "cannot build for $target: what it takes is not here. One of these brings it:" \
            "    rustup target add $target" \
            "    rustup component add rust-src      # as well: makes a smaller file" \
            "    apt-get install --no-install-recommends ${to_install[*]}      # Debian, as root"
    fi
}

install_packages() {
    say "installing with apt-get: ${to_install[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends "${to_install[@]}" >/dev/null || die "cannot install: ${to_install[*]}"
    look_at_rust
}

# ---- the linker

# Sets `linker`, the words that start it, and `kind`, by which docker/static/link.sh knows what it understands.
find_linker() {
    local tool candidates=("$processor-linux-musl-gcc")
    # What a program starts with, and the C library, lie beside a prebuilt standard library: any linker will do.
    if has_prebuilt; then
        if is_native; then candidates=(cc gcc clang); else candidates+=("$processor-linux-gnu-gcc"); fi
    elif is_native; then
        candidates=(musl-gcc "${candidates[@]}")
    fi
    for tool in "${candidates[@]}"; do
        if has "$tool"; then
            linker=("$tool") kind=gcc
            return
        fi
    done
    if has_prebuilt; then
        tool=$(compgen -G "$sysroot/lib/rustlib/*/bin/rust-lld" | head -n 1) || return 1
        linker=("$tool" -flavor gnu) kind=lld
    else
        tool=$(PATH=$tools/zig/bin:$PATH command -v zig) || return 1
        linker=("$tool" cc -target "$processor-linux-musl") kind=zig
    fi
}

can_fetch_zig() { ! is_native && ! has_prebuilt && python3 -c 'import ensurepip, venv' 2>/dev/null; }

fetch_zig() {
    say "fetching zig from PyPI into ${tools#"$PWD/"}, 100 MB: the linker and C library for $processor"
    mkdir -p "$tools"
    rm -rf "$tools/zig.new"
    python3 -m venv "$tools/zig.new"
    "$tools/zig.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
        --only-binary :all: --require-hashes --requirement docker/static/zig.txt || die "cannot fetch zig; an installed one will do"
    (cd "$tools/zig.new/bin" && ln -s ../lib/python3*/site-packages/ziglang/zig zig)
    mv "$tools/zig.new" "$tools/zig"
}

# ---- the build

# The folders of this machine that the compiler would write into the file, and what it writes in their place: the last one
# that fits.
remapped() {
    local cargo=${CARGO_HOME:-$HOME/.cargo} rust=$sysroot/lib/rustlib/src/rust folder
    echo "$PWD=/app-init"
    for folder in "$cargo"/registry/src/*; do echo "$folder=/crates"; done
    for folder in "$rust" "$(realpath -m "$rust")"; do echo "$folder=/rust"; done
}

compile() {
    local flags variable map folder cargo=(cargo build --locked --release --bin app-init)
    cargo fetch --locked --quiet
    # No PIE: a position-independent file has its tables of pointers relocated at each start, and every page that a
    # relocation touches becomes private memory and start-up time, of a process that has no secret address to hide.
    # Names of symbols by which hot.ld and `make size` know where code comes from.
    flags=(-C target-feature=+crt-static -C relocation-model=static -C force-unwind-tables=no -C symbol-mangling-version=v0)
    while IFS= read -r folder; do flags+=("--remap-path-prefix=$folder"); done < <(remapped)
    has_prebuilt || flags+=(-C link-self-contained=no)
    if [[ $kind = lld ]]; then flags+=(-C linker-flavor=ld.lld); else flags+=(-C linker-flavor=gcc); fi
    if [[ $way != prebuilt ]]; then
        # No features of std: that leaves out its backtraces, which are a third of the file and would find no symbols in
        # it. Panics still tell their message and place, and run the hook (panic_immediate_abort would not).
        cargo+=(-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size)
        export RUSTC_BOOTSTRAP=1
    else
        export STATIC_UNWINDER=yes
    fi
    map=$PWD/target/static/$name.map
    STATIC_LINKER=$(printf '%s\n' "${linker[@]}")
    export STATIC_LINKER STATIC_KIND=$kind STATIC_MAP=$map STATIC_SCRIPT=$PWD/target/static/$name.ld
    export ZIG_GLOBAL_CACHE_DIR=$tools/zig-cache ZIG_LOCAL_CACHE_DIR=$tools/zig-cache
    variable=${target//-/_}
    export "CARGO_TARGET_${variable^^}_LINKER=$PWD/docker/static/link.sh"
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && printf '%s' "${flags[*]}") \
        "${cargo[@]}" --target "$target" --target-dir "$build"
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

explain() {
    say "$target, the standard library from: $way ($(rustc --version 2>/dev/null || echo "a compiler that is yet to be installed"))"
    ((${#to_install[@]} == 0)) || say "installs with apt-get: ${to_install[*]}"
    find_linker || ! can_fetch_zig || say "fetches zig from PyPI, 100 MB, into target/tools"
    say "downloads the crates of Cargo.lock where cargo does not have them; compiles for 4 to 5 minutes the first time, with two"
    say "processors; what is made lies in target/, and cargo keeps the crates that it downloaded in its own folder"
}

case "$#:${1-}" in
    0:) task=build ;;
    1:--limit | 1:--explain) task=$1 ;;
    *) die "cannot read the arguments: $*; there are --limit and --explain" ;;
esac
way=${STATIC_WAY:-$(choose_way)}
case $way in
    sources | prebuilt) look_at_rust ;;
    debian) use_debian ;;
    *) die "cannot take the way STATIC_WAY=$way; one of: sources prebuilt debian" ;;
esac
if [[ $task = --explain ]]; then
    explain
    exit
fi
((${#to_install[@]} == 0)) || install_packages
if ! find_linker; then
    can_fetch_zig || die "cannot link for $target: no linker is here; musl-gcc (Debian: musl-tools) is one"
    fetch_zig
    find_linker
fi
say "$target with $(rustc --version), the standard library from: $way; linker: ${linker[0]}"
compile
built=$build/$target/release/app-init
assert_static "$built"
size=$(stat -c %s "$built")
if [[ $task = --limit && $way != prebuilt ]]; then
    ((size <= LIMIT)) || die "cannot accept $built: it has $size bytes, and $LIMIT is the limit"
fi
# A rename, not a copy over it: the file may be running.
cp "$built" "target/static/$name.new"
mv "target/static/$name.new" "target/static/$name"
say "target/static/$name for $target, $size bytes"
