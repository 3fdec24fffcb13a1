#!/usr/bin/env bash
# Runs test programs in a place that means ill: files of app-init's on the machine, its variables, odd limits, signals
# ignored and blocked, a umask that closes everything, no standard input. No result may change. The machine itself is not
# touched: the mounts are of a namespace that ends with this.
#
#   tests/surroundings.sh PROGRAM [ARGUMENTS]
set -euo pipefail

if [[ ${1:?a program is to be named} != --inside ]]; then
    exec unshare --mount --propagation private -- "$0" --inside "$(realpath "$1")" "${@:2}"
fi
shift
place=/run
mount -t tmpfs -o mode=755 tmpfs "$place"

# A file that root's programs would be ruled by, and a user database in which nothing is where it was.
hostile='user = "nosuch"
[env.set]
HOSTILE = "yes"
[[hooks.deploy.run]]
command = ["false"]
'
cp -a /etc "$place/etc"
printf '%s' "$hostile" >"$place/etc/app-init.toml"
printf 'root:x:0:0:root:/nowhere:/bin/false\n' >"$place/etc/passwd"
printf 'root:x:0:root\n' >"$place/etc/group"
printf '127.0.0.1 localhost db redis\n' >"$place/etc/hosts"
mount --bind "$place/etc" /etc

mkdir "$place/dev"
cp -a /dev/{null,zero,full,random,urandom,tty,ptmx,fd,stdin,stdout,stderr} "$place/dev/"
mkdir "$place/dev/pts" "$place/dev/shm"
mount --rbind /dev/pts "$place/dev/pts"
mount --bind /dev/shm "$place/dev/shm"
: >"$place/dev/termination-log"
mount --rbind "$place/dev" /dev

home=$place/home
mkdir -p "$home/.docker/action_hooks"
printf '%s' "$hostile" >"$home/.docker/app-init.toml"
printf '#!/bin/sh\nexit 1\n' >"$home/.docker/action_hooks/deploy"
chmod 755 "$home/.docker/action_hooks/deploy"
cd "$home"

export HOME=$home APP_INIT_CONFIG=$home/.docker/app-init.toml APP_INIT_USER=nosuch APP_INIT_LOG=trace \
    APP_INIT_ROLE=nosuch APP_INIT_SKIP=all APP_INIT_STOP_SIGNAL=KILL APP_INIT_WORKDIR=/nowhere \
    LISTEN_FDS=1 LISTEN_PID=1 NOTIFY_SOCKET=/nowhere
umask 077
# The soft limits: without CAP_SYS_RESOURCE nobody can raise a hard one again.
for limit in "c unlimited" "n 20" "u 50" "s 1024" "i 10" "f 1000" "t 5"; do
    ulimit -S -${limit% *} "${limit#* }"
done

signals=HUP,INT,QUIT,PIPE,CHLD,TERM,USR1,TTOU,ALRM,RTMIN+3
status=0
env --ignore-signal="$signals" --block-signal="HUP,CHLD,USR2,WINCH" choom -n 300 -- "$@" <&- || status=$?
[[ ! -s /dev/termination-log ]] || { echo "surroundings: something was left in /dev/termination-log" >&2; exit 1; }
exit "$status"
