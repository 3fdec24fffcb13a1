#!/usr/bin/env bash
# `make test-aarch64`: builds the file for AArch64 and runs the black-box tests with it that make sense under qemu-user,
# where app-init is foreign and all that it starts is this machine's own: start, signals, codes, hooks, waits, stops, `check`.
#
# app-init is PID 1 there in each test: qemu refuses PR_SET_CHILD_SUBREAPER. Nor does it have what these look at:
#   - system calls as they are made, or refused;
#   - signals that qemu keeps for itself: two of the real-time ones;
#   - the file that is executed, the memory it takes, and the environment to the byte (a script starts qemu).
set -euo pipefail
cd "$(dirname "$0")/.."

readonly TRIED=(matrix:: cli:: startup:: forwarding:: hooks:: reaping:: stopping:: waits::)
readonly LEFT_OUT=(
    # With strace, or with a filter of system calls, or as a subreaper, which a helper is as well.
    cli::a_reader_that_has_gone_ends_them_quietly
    forwarding::a_signal_is_handed_on_first_of_all
    forwarding::a_signal_that_becomes_kill_leaves_the_server_time_to_go
    reaping::a_reaped_process_is_never_signalled
    startup::a_refused_fork_is_71
    startup::signals_are_taken_over_within_the_first_five_calls
    startup::two_of_them_nested_change_nothing
    waits::a_stop_request_ends_a_wait_of_a_subreaper
    waits::a_wait_has_no_input
    waits::the_server_has_no_foreign_child
    # Every signal, or signals that qemu counts otherwise.
    forwarding::a_forwarded_signal_ends_a_server_that_does_not_handle_it
    forwarding::every_signal_is_handed_on_each_time
    forwarding::rewriting_is_one_step
    hooks::a_stop_request_during_a_hook_ends_the_boot
    stopping::a_server_that_a_signal_ended_gives_128_and_the_number
    # `check` rightly says of this machine's programs that they are built for another one.
    bad_hooks::
    cli::an_application_without_configuration_is_a_fault_where_that_is_strict
    cli::check_can_take_warnings_for_faults
    cli::configuration_that_is_not_there_is_told
    # The shell that starts qemu has a variable of its own.
    startup::the_environment_arrives_byte_for_byte
)
if [[ $(uname -m) = aarch64 ]]; then
    echo "test-aarch64: this machine is one: make test does it"
    exit
fi
tests/setup/packages.sh test aarch64
TARGET=aarch64-unknown-linux-musl docker/static.sh --limit
# The tests start one file, so that is a script.
start=$PWD/target/static/start-aarch64
printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$(command -v qemu-aarch64-static)" "$PWD/target/static/app-init-aarch64" >"$start"
chmod 755 "$start"
cargo build --quiet --locked --example probe
APP_INIT_TEST_QEMU=1 APP_INIT_BIN=$start \
    cargo test --locked --test blackbox -- "${TRIED[@]}" "${LEFT_OUT[@]/#/--skip=}"
