#!/usr/bin/env bash
# Supplies the base images of the Docker tests where they cannot be pulled:  images.sh [debian] [busybox]
#
#   debian:bookworm-slim    pulled; else made by debootstrap from the mirror that this machine's apt uses
#   app-init-test/busybox   a shell and little else, to try app-init in an image built FROM scratch
#
# What is made here carries the label app-init.local=1. Nothing happens for an image that exists.
set -euo pipefail
here=$(dirname "$0")

debian=debian:bookworm-slim
suite=bookworm
busybox=app-init-test/busybox
bundle=etc/ssl/certs/ca-certificates.crt
local_authorities=usr/local/share/ca-certificates

say() { printf 'images: %s\n' "$*"; }
exists() { docker image inspect "$1" >/dev/null 2>&1; }

scratch=
trap 'rm -rf --one-file-system "$scratch"' EXIT
new_scratch() { scratch=$(mktemp -d -t app-init-image.XXXXXX); chmod 755 "$scratch"; }

import() { # ROOT TAG CHANGE...
    local root=$1 tag=$2 change changes=()
    shift 2
    for change in "LABEL app-init.local=1" "$@"; do changes+=(--change "$change"); done
    tar -C "$root" --numeric-owner --sort=name -c . | docker import "${changes[@]}" - "$tag" >/dev/null
    say "made $tag"
}

# apt's own view of its sources, whatever the form of the files: "URI SUITE COMPONENT" for each that serves our suite.
apt_sources() {
    apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
        sed -n "s/^\([^ ]* $suite[^ ]* [^ ]*\) Debian\$/\1/p" | sort -u
}

make_root() { # ROOT
    local root=$1 mirror
    # Without a mirror of this machine's, debootstrap knows Debian's own.
    mirror=$(apt_sources | awk -v suite="$suite" '$2 == suite { print $1; exit }')
    # A mount namespace takes away whatever debootstrap mounts, also when it fails half-way.
    unshare --mount debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 || {
        say "cannot make $debian; the end of debootstrap's log:" >&2
        tail -n 20 "$root.log" >&2
        return 1
    }
}

# The real image keeps documentation, translations and apt's lists out, also of what is installed later.
slim() { # ROOT
    local root=$1
    cat >"$root/etc/dpkg/dpkg.cfg.d/docker" <<'DPKG'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/groff/*
path-exclude /usr/share/info/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
path-exclude /usr/share/man/*
DPKG
    cat >"$root/etc/apt/apt.conf.d/docker" <<'APT'
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };
APT
    printf '#!/bin/sh\n# No service starts while an image is built.\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    find "$root/usr/share/doc" -mindepth 2 ! -name copyright ! -type d -delete
    find "$root/usr/share/doc" -mindepth 1 -type d -empty -delete
    find "$root/usr/share/locale" -mindepth 1 ! -name locale.alias ! -type d -delete
    find "$root/usr/share/locale" -mindepth 1 -type d -empty -delete
    rm -rf "$root"/usr/share/{groff,info,lintian,linda,man}/*
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb
    rm -rf "$root"/var/cache/ldconfig/* "$root"/var/log/{bootstrap.log,dpkg.log,alternatives.log,apt/*}
    # debootstrap copies these two from the machine; the engine writes each container's own.
    rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
}

# apt in a container goes where apt on this machine goes: its mirrors, its proxy, its certificate and date rules.
configure_apt() { # ROOT
    local root=$1 sources
    sources=$(apt_sources | sed 's/^/deb /')
    # None: the file that debootstrap wrote stays.
    [[ -z $sources ]] || printf '%s\n' "$sources" >"$root/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(https?(::.*)?|Check-(Valid-Until|Date)) ' \
        >"$root/etc/apt/apt.conf.d/99local" || rm -f "$root/etc/apt/apt.conf.d/99local"
}

# Behind a proxy that ends TLS, nothing can be fetched without the proxy's authority: the machine's bundle goes in,
# and each client is told where it lies, since some bring a bundle of their own. Prints the image's ENV.
trust_local_authorities() { # ROOT
    local root=$1 name
    compgen -G "/$local_authorities/*.crt" >/dev/null || return 0
    mkdir -p "$root/${bundle%/*}" "$root/$local_authorities"
    cp "/$bundle" "$root/$bundle"
    cp "/$local_authorities"/*.crt "$root/$local_authorities/"
    printf '[global]\ncert = /%s\n' "$bundle" >"$root/etc/pip.conf"
    printf 'ENV'
    for name in SSL_CERT_FILE CARGO_HTTP_CAINFO PIP_CERT REQUESTS_CA_BUNDLE; do printf ' %s=/%s' "$name" "$bundle"; done
}

supply_debian() {
    exists "$debian" && return 0
    timeout 180 docker pull -q "$debian" >/dev/null 2>&1 && { say "pulled $debian"; return 0; }
    if [[ $(id -u) != 0 ]]; then
        say "cannot pull $debian, and cannot make it without root" >&2
        return 1
    fi
    "$here/packages.sh" docker
    say "cannot pull $debian; making it with debootstrap"
    new_scratch
    make_root "$scratch/root"
    slim "$scratch/root"
    configure_apt "$scratch/root"
    local trust
    trust=$(trust_local_authorities "$scratch/root")
    import "$scratch/root" "$debian" 'CMD ["bash"]' ${trust:+"$trust"}
    rm -rf --one-file-system "$scratch"
}

supply_busybox() {
    exists "$busybox" && return 0
    "$here/packages.sh" docker
    new_scratch
    mkdir -p "$scratch"/root/{bin,dev,etc,proc,root,sys,tmp}
    chmod 1777 "$scratch/root/tmp"
    cp "$(command -v busybox)" "$scratch/root/bin/busybox"
    local applet
    for applet in $(busybox --list); do
        [[ $applet = busybox ]] || ln -s busybox "$scratch/root/bin/$applet"
    done
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$scratch/root/etc/passwd"
    printf 'root:x:0:\n' >"$scratch/root/etc/group"
    import "$scratch/root" "$busybox" 'CMD ["sh"]' 'ENV PATH=/bin'
    rm -rf --one-file-system "$scratch"
}

(($#)) || set -- debian busybox
for name in "$@"; do "supply_$name"; done
