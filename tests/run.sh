#!/usr/bin/env bash
# `make test`: installs what the tests need and runs all of them: unit, machine, documentation, black box, Docker, and some
# of them once more in hostile surroundings; then holds the list of promises (tests/correctness.toml) against the tests that
# ran. Without Docker its tests are left out, in one clear line; with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

log=target/test.log
mkdir -p target
: >"$log"

tests/setup/packages.sh test
docker/static.sh --limit
export APP_INIT_BIN=${APP_INIT_BIN:-$PWD/target/static/app-init}

suites=(--lib --test docs --test blackbox)
if tests/setup/docker.sh; then
    tests/setup/packages.sh docker
    tests/setup/images.sh
    suites+=(--test docker)
elif [[ ${CI:-} = true ]]; then
    echo "test: the Docker tests cannot run and CI=true: failed" >&2
    exit 1
else
    echo "test: no Docker engine answers: the Docker tests are SKIPPED" | tee -a "$log"
fi

# Everything is compiled first, so that the tests do not share the processors with the compiler.
# The examples are the programs that the black-box tests run.
cargo build --locked --examples
built=$(cargo test --locked --no-run "${suites[@]}" 2>&1) || { echo "$built" >&2; exit 1; }
run() { cargo test --locked "$@" 2>&1 | tee -a "$log"; }
# Some of them once more, where everything around is hostile: that may change no result.
hostile() {
    local program
    program=$(sed -nE "s|^ *Executable $1.*\((.*)\)$|\1|p" <<<"$built")
    tests/surroundings.sh "$program" "${@:2}" 2>&1 | tee -a "$log"
}
status=0
tests/hot.py || status=1
run --lib || status=1
echo "suite: docs" >>"$log"
run --test docs || status=1
echo "suite: blackbox" >>"$log"
run --test blackbox || status=1
echo "suite: surroundings" >>"$log"
hostile unittests --skip machine:: || status=1
hostile tests/docs.rs || status=1
hostile tests/blackbox/main.rs matrix:: plain:: config:: limits:: spawn:: startup:: environment:: || status=1
if [[ " ${suites[*]} " == *" docker "* ]]; then
    echo "suite: docker" >>"$log"
    # They mostly wait, for containers.
    run --test docker -- --test-threads 4 || status=1
fi
((status == 0)) || exit "$status"
APP_INIT_TEST_LOG=$PWD/$log cargo test --locked --test correctness
