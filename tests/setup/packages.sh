#!/usr/bin/env bash
# Installs the Debian packages that a group of jobs needs, the missing ones only:  packages.sh test bench docker
#
# Exits with 1, naming what is missing, where it cannot install: the caller knows whether it can do without.
set -euo pipefail

packages_of() {
    case $1 in
        # What black-box tests start, watch and load the machine with; setpriv, unshare and nsenter are util-linux's.
        test) echo strace stress-ng procps util-linux curl python3 ;;
        # The programs app-init is measured against (tini brings tini-static), and what they are watched with.
        bench) echo tini dumb-init catatonit strace procps util-linux ;;
        # What base images are made of where none can be pulled.
        docker) echo debootstrap debian-archive-keyring busybox-static curl ;;
        # What runs a foreign app-init.
        aarch64) echo qemu-user-static ;;
        # The C library of the static build; docker/static.sh brings the rest when rustup has no musl target.
        build) echo musl-tools ;;
        *) echo "packages: unknown group: $1; one of: test bench docker aarch64 build" >&2; exit 64 ;;
    esac
}

installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

(($#)) || set -- test bench docker build
wanted=()
for group in "$@"; do
    list=$(packages_of "$group")
    read -ra words <<<"$list"
    wanted+=("${words[@]}")
done
if ! command -v dpkg-query >/dev/null; then
    echo "packages: cannot look: this is no Debian; needed for $*: ${wanted[*]}" >&2
    exit 1
fi
missing=()
for package in "${wanted[@]}"; do
    [[ " ${missing[*]-} " = *" $package "* ]] || installed "$package" || missing+=("$package")
done
((${#missing[@]})) || exit 0

if [[ $(id -u) != 0 ]]; then
    echo "packages: cannot install without root; run  apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "packages: installing with apt-get: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
