#!/usr/bin/env bash
# Reports whether a Docker engine answers (exit 0 or 1). Under CI=true, where the Docker tests must run, an engine
# that does not answer is installed and started first; it is left running for the tests that follow.
set -euo pipefail

# The client waits without end for an engine that accepts and never answers.
answers() { timeout 20 docker info >/dev/null 2>&1; }

if answers; then
    echo "docker: engine $(docker version --format '{{.Server.Version}}') answers"
    exit 0
fi
if [[ ${CI:-} != true ]]; then
    echo "docker: no engine answers; the Docker tests will be skipped" >&2
    exit 1
fi
if [[ $(id -u) != 0 ]]; then
    echo "docker: cannot start an engine without root" >&2
    exit 1
fi

if ! command -v dockerd >/dev/null; then
    echo "docker: installing with apt-get: docker.io"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # Recommended packages are wanted here: iptables gives containers their network.
    apt-get install -qq -y docker.io iptables >/dev/null
    # With systemd the package has started it already.
    if answers; then exit 0; fi
fi

log=$(mktemp -t dockerd.XXXXXX.log)
echo "docker: starting dockerd, its log is $log"
setsid dockerd >"$log" 2>&1 </dev/null &
engine=$!
# The engine's log says when it listens; tail also ends when the engine does.
exec {news}< <(exec timeout 120 tail -n +1 -F --pid="$engine" "$log" 2>/dev/null)
tail=$!
while read -r -u "$news" line; do
    [[ $line != *'API listen on'* ]] || break
done
kill "$tail" 2>/dev/null || true
if answers; then
    echo "docker: engine $(docker version --format '{{.Server.Version}}') answers"
else
    echo "docker: cannot start dockerd; the end of its log:" >&2
    tail -n 20 "$log" >&2
    kill "$engine" 2>/dev/null || true
    rm -f "$log"
    exit 1
fi
