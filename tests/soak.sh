#!/usr/bin/env bash
# `make soak`: what `make test` does once and small, often and large; then every figure. Writes docs/soak.md.
#
#   PARTS   some of: numbers rounds load properties docker mutants aarch64 dist figures (all)
#   ROUNDS  how often the black box is run again, without load and with it (3)
#   CASES   how many cases each property is tried with (20000)
#
# Takes one to two hours on two processors that have nothing else to do. A part that fails does not keep the next from
# running; the code is 1 then.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-3}
cases=${CASES:-20000}
read -ra parts <<<"${PARTS:-numbers rounds load properties docker mutants aarch64 dist figures}"

log=target/soak.log
table=target/soak.table
mkdir -p target
: >"$log"
: >"$table"
status=0

say() { printf 'soak: %s\n' "$*" | tee -a "$log"; }

# Runs a command, and adds up the tests that it says have passed and failed; a row for the table.
row() {
    local what=$1 often=$2 began output passed failed code=0
    shift 2
    began=$SECONDS
    output=$(mktemp)
    "$@" >"$output" 2>&1 || code=$?
    cat "$output" >>"$log"
    read -r passed failed < <(awk '
        /^test result:/ { passed += $4; failed += $6 }
        /^mutants: .* were caught$/ { passed += $2; failed += $4 - $2 }
        END { if (passed + failed) print passed, failed + 0; else print "-", "-" }' "$output")
    ((code == 0)) || { status=1; grep -E '^(test .* FAILED|SURVIVED|UNUSABLE|failed)' "$output" || tail -n 20 "$output"; }
    rm -f "$output"
    printf '| %s | %s | %s | %s | %s |\n' "$what" "$often" "$passed" "$failed" "$((code == 0 ? 0 : 1))" >>"$table"
    say "$what, $often: $passed passed, $failed failed, code $code, $((SECONDS - began)) s"
}

black_box() { cargo test --locked --test blackbox; }

again() { local round; for ((round = 0; round < rounds; round++)); do black_box || return 1; done; }

# Two processes more than there are processors, each of which takes all that it can get.
under_load() {
    local count code=0
    for ((count = $(nproc) + 2; count > 0; count--)); do
        while :; do :; done &
        spinners+=($!)
    done
    again || code=$?
    end_load
    return "$code"
}

spinners=()
end_load() {
    ((${#spinners[@]})) || return 0
    kill "${spinners[@]}"
    wait "${spinners[@]}" 2>/dev/null || true
    spinners=()
}
# A background job of a script does not hear ^C.
trap end_load EXIT

part() {
    case $1 in
    numbers) row 'black box with large numbers' once env SOAK=1 cargo test --locked --test blackbox ;;
    rounds) row 'black box' "$rounds times" again ;;
    load) row 'black box, more processes than processors beside it' "$rounds times" under_load ;;
    properties) row 'unit tests, each property with many cases' "$cases cases" \
        env PROPTEST_CASES="$cases" cargo test --locked --lib ;;
    docker)
        if tests/setup/docker.sh; then
            tests/setup/packages.sh docker
            tests/setup/images.sh
            row 'Docker with large numbers' once env SOAK=1 cargo test --locked --test docker -- --test-threads 4
        else
            say 'no Docker engine answers: its tests are SKIPPED'
            status=1
        fi
        ;;
    mutants) row 'mistakes put into the code, each caught' all tests/mutants/run.py --all ;;
    aarch64) row 'black box of the AArch64 file under qemu' once tests/aarch64.sh ;;
    dist) row 'both files built twice, byte for byte the same' once make dist-check ;;
    figures) row 'the benchmark (docs/benchmark.md has its figures)' once cargo bench --bench peers -- --write ;;
    *) say "no such part: $1"; exit 64 ;;
    esac
}

tests/setup/packages.sh test
tests/setup/packages.sh bench
docker/static.sh
export APP_INIT_BIN=${APP_INIT_BIN:-$PWD/target/static/app-init}
cargo build --locked --examples
for name in "${parts[@]}"; do part "$name"; done

if [[ -z ${PARTS:-} ]]; then
    {
        printf '# Soak\n\nWritten by `make soak`: what `make test` does once and small, often and large. '
        printf 'Machine: Linux %s, %s processors.\n\n' "$(uname -r)" "$(nproc)"
        printf '| what | how often | passed | failed | code |\n|---|---|---:|---:|---:|\n'
        cat "$table"
    } >docs/soak.md
fi
cat "$table"
exit "$status"
