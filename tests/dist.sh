#!/usr/bin/env bash
# `make dist-check`: builds what is given away twice, from nothing, in two folders whose paths differ in length, and
# compares: byte for byte the same, and no more of the machine in it than docker/dist.sh lets through. Takes ten minutes
# and more.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d -t app-init-dist.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
# The linker is fetched once; what it makes is made each time.
export STATIC_TOOLS=$scratch/tools
folders=("$scratch/a" "$scratch/another folder/below/it")
for folder in "${folders[@]}"; do
    mkdir -p "$folder"
    # The files as they are, those that are not committed yet as well.
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$folder"
done
for folder in "${folders[@]}"; do
    "$folder/docker/dist.sh"
    rm -rf "$STATIC_TOOLS/zig-cache"
done
for file in "${folders[0]}"/target/dist/*; do
    cmp "$file" "${folders[1]}/target/dist/${file##*/}" || { echo "dist-check: ${file##*/} differs" >&2; exit 1; }
done
echo "dist-check: both builds are the same"
