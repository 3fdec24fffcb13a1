#!/usr/bin/env bash
# `make demo`: builds app-init and runs a small real application with it (docker/demo): hooks, two requests, a stop.
#
# In a container when a Docker engine answers; else as PID 1 of a namespace of its own; else as a plain process, where
# app-init is a subreaper. DEMO_WAY=docker|namespace|plain chooses. Before it begins it says what it takes. What was started
# is taken away at the end, whichever way it ends, and what stays is named. Exits with 0 if everything went as it should.
set -Eeuo pipefail
cd "$(dirname "$0")/.."

readonly IMAGE=app-init-demo NAME=app-init-demo-$$ STEP_LIMIT=60
scratch= container= image= process= way=
# What is there afterwards that was not before.
stays=()

say() { printf '\ndemo: %s\n' "$*"; }
die() { printf '\ndemo: FAILED: %s\n' "$*" >&2; exit 1; }

clean_up() {
    trap '' INT TERM
    [[ -z $process ]] || end_process
    [[ -z $container ]] || docker rm -f "$container" >/dev/null 2>&1 || true
    # --no-prune: the layer with Python in it stays, for the next time.
    [[ -z $image ]] || docker rmi --no-prune "$image" >/dev/null 2>&1 || true
    # Whoever still follows the application's output ends with it.
    wait 2>/dev/null || true
    [[ -z $scratch ]] || rm -rf "$scratch"
    say_what_stays
}
trap clean_up EXIT
trap 'printf "\ndemo: FAILED in line %s\n" "$LINENO" >&2' ERR
trap 'exit 130' INT
trap 'exit 143' TERM

# A namespace ends with unshare. A plain app-init has to end its children itself, and is given the time for it.
end_process() {
    if [[ $way = plain ]] && kill -TERM "$process" 2>/dev/null; then
        while IFS= read -r -t 10 -u 3; do :; done 2>/dev/null
    fi
    kill -KILL "$process" 2>/dev/null || true
}

say_what_stays() {
    ((${#stays[@]})) || return 0
    say "what stays, and what removes it:"
    printf '    %s\n' "${stays[@]}"
}

# ---- which way

engine_answers() { command -v docker >/dev/null && timeout 20 docker info >/dev/null 2>&1; }

# The words that start a program as PID 1 of its own namespace, with or without being root.
namespace_command() {
    local words=(unshare --pid --fork --kill-child --mount-proc)
    [[ $(id -u) = 0 ]] || words+=(--user --map-root-user)
    "${words[@]}" true 2>/dev/null && echo "${words[*]}"
}

choose_way() {
    if engine_answers; then echo docker
    elif namespace_command >/dev/null; then echo namespace
    else echo plain
    fi
}

# ---- in Docker

start_in_docker() {
    engine_answers || die "no Docker engine answers"
    if ! docker image inspect debian:bookworm-slim >/dev/null 2>&1; then
        say "fetching debian:bookworm-slim"
        timeout 180 docker pull --quiet debian:bookworm-slim || tests/setup/images.sh debian
        stays+=("the image debian:bookworm-slim: docker rmi debian:bookworm-slim")
    fi
    stays+=("Docker's cache, with Python in a layer, for the next time: docker image prune; docker builder prune")
    say "building the image $IMAGE from docker/demo/Dockerfile (the first time installs Python in it)"
    image=$IMAGE
    docker build --tag "$IMAGE" "$scratch/app" >"$scratch/build.log" 2>&1 ||
        { tail -n 20 "$scratch/build.log" >&2; die "the image could not be built"; }
    say "\$ docker run $IMAGE      (app-init is PID 1 in there)"
    container=$NAME
    docker run --detach --name "$NAME" "$IMAGE" >/dev/null
    docker logs --follow "$NAME" >"$scratch/news" 2>&1 &
}
ask_in_docker() { docker exec "$NAME" python3 ask.py "$@"; }
stop_in_docker() {
    say "\$ docker stop $NAME      (TERM to PID 1, and KILL if it takes more than 10 s)"
    docker stop "$NAME" >/dev/null
}
await_in_docker() { code=$(docker wait "$NAME"); }

# ---- without Docker

start_here() {
    local words
    command -v python3 >/dev/null || die "the application needs python3, which this machine lacks"
    words=("$@" "$PWD/target/static/app-init" --)
    # Nothing of this machine's own settings.
    unset "${!APP_INIT_@}"
    export HOST=127.0.0.1 DATABASE=notes.db
    PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export PORT
    # A session of its own: a ^C is for this script, which then clears up.
    (cd "$scratch/app" && exec setsid "${words[@]}") </dev/null >"$scratch/news" 2>&1 &
    process=$!
}
start_in_namespace() {
    local words
    words=$(namespace_command) || die "this machine allows no namespaces: unshare is missing or refused"
    say "\$ $words app-init --      (app-init is PID 1 in there)"
    # shellcheck disable=SC2086 # these are words
    start_here $words
}
start_plain() {
    say "\$ app-init --      (an ordinary process: it adopts what its children leave behind)"
    start_here
}
ask_here() { (cd "$scratch/app" && python3 ask.py "$@"); }
stop_here() {
    local init=$process
    # unshare waits for the PID 1 that it started.
    [[ $way = plain ]] || init=$(tr -d ' ' <"/proc/$process/task/$process/children")
    say "\$ kill -TERM $init      (as docker stop or Kubernetes would)"
    kill -TERM "$init"
}
await_here() {
    code=0
    wait "$process" || code=$?
    process=
}

# ---- what is seen

# Shows the application's output up to the line with these words; without words, up to its end.
show() {
    local line status
    while true; do
        status=0
        IFS= read -r -t "$STEP_LIMIT" -u 3 line || status=$?
        ((status <= 128)) || die "nothing more was heard for $STEP_LIMIT s${1:+, and not yet: $1}"
        ((status == 0)) || break
        printf '    | %s\n' "$line"
        heard+=$line$'\n'
        [[ -z ${1-} || $line != *"$1"* ]] || return 0
    done
    [[ -z ${1-} ]] || die "the application ended without a word of: $1"
}

# Asks, shows question and answer, compares it, and shows what the server says of it.
ask() { # EXPECTED METHOD PATH [TEXT]
    local expected=$1 answer
    shift
    answer=$(ask_"$where" "$@") || die "$*: $answer"
    printf '    %s  ->  %s\n' "$*" "$answer"
    [[ $answer = "$expected" ]] || die "the answer should be: $expected"
    show "\"$1 $2 HTTP"
}

expect_heard() { [[ $heard = *"$1"* ]] || die "this was not said: $1"; }

# ---- the demonstration

way=${DEMO_WAY:-$(choose_way)}
say "builds app-init and runs a small application with it ($way). What building takes:"
docker/static.sh --explain
[[ $way != docker ]] || echo "demo: and then 100 MB for an image with Python, the first time; a minute"
[[ -e target/static ]] || stays+=("target/, with what was compiled: rm -r target")
installed=$(docker/static.sh --explain | sed -n 's/^static: installs with apt-get: //p')
[[ -z $installed ]] || stays+=("packages: apt-get remove $installed")
say "building app-init"
docker/static.sh
case $way in
    docker) start=start_in_docker where=in_docker ;;
    namespace) start=start_in_namespace where=here ;;
    plain) start=start_plain where=here ;;
    *) die "DEMO_WAY=$way is none of docker, namespace, plain" ;;
esac
scratch=$(mktemp -d -t app-init-demo.XXXXXX)
cp -R docker/demo "$scratch/app"
cp target/static/app-init "$scratch/app/app-init"
mkfifo "$scratch/news"
heard=

$start
# Waits until the other end is open too.
exec 3<"$scratch/news"
show "post-deploy: the server answers"
expect_heard " -----> Running .docker/action_hooks/deploy"
expect_heard "deploy: the database has its table"

say "the deploy hook has run, the server answers; two requests:"
ask "201 stored note 1" POST /notes "hello from the demo"
ask "200 1: hello from the demo" GET /notes

asked=${EPOCHREALTIME/[.,]/}
stop_"$where"
show
await_"$where"
took=$(((${EPOCHREALTIME/[.,]/} - asked) / 1000))
expect_heard "pre-stop: no more visitors"
expect_heard "app.py: everything is answered"
say "exit code $code, $took ms after it was asked to stop"
[[ $code = 0 ]] || die "the server ends with 0, and its code should be app-init's"
say "that was all of it; cleaning up"
