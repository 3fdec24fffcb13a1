#!/usr/bin/env bash
# The linker that docker/static.sh names to rustc: calls the one in STATIC_LINKER with what that one understands.
#
# What differs from place to place stands here and not in rustc's flags, of which the names of all symbols are made: a
# build in another folder is then the same, byte for byte.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

mapfile -t linker <<<"$STATIC_LINKER"
words=()
scripts=("$here/no-unwind.ld")
for word in "$@"; do
    case $STATIC_KIND:$word in
        # zig takes one script, the last.
        *:-Wl,-T,*) scripts+=("${word#-Wl,-T,}") ;;
        # A standard library that was built here refers to no unwinder. A prebuilt one does, for backtraces, which app-init
        # makes none of: `abort` ends it in good order (src/main.rs) in place of each call, and 40 KB need not be linked.
        *:-lunwind)
            [[ -n ${STATIC_UNWINDER:-} ]] || continue
            for call in Backtrace GetIP GetIPInfo GetCFA GetRegionStart GetTextRelBase GetDataRelBase \
                GetLanguageSpecificData SetGR SetIP FindEnclosingFunction RaiseException DeleteException Resume; do
                words+=("-Wl,--defsym=_Unwind_$call=abort")
            done
            words+=("$word")
            ;;
        # Not known to zig, which brings the objects that a program starts with, and warns of the rest.
        zig:-nostartfiles | zig:-nodefaultlibs | zig:-Wl,-O[0-9] | zig:*--no-eh-frame-hdr) ;;
        # Its linker does so in any case.
        zig:*-z,noseparate-code,*) words+=("${word/-z,noseparate-code,/}") ;;
        *) words+=("$word") ;;
    esac
done
words+=("-Wl,-T,$STATIC_SCRIPT")
case $STATIC_KIND in
    # Its list of what it took from where; zig has none.
    gcc) words+=(-Wl,--no-eh-frame-hdr "-Wl,-Map=$STATIC_MAP") ;;
    # The linker itself, called as a compiler would call it.
    lld)
        words+=("-Wl,-Map=$STATIC_MAP")
        mapfile -t words < <(printf '%s\n' "${words[@]}" | sed -E '/^-Wl,/ { s/^-Wl,//; s/,/\n/g }')
        ;;
esac
cat "${scripts[@]}" >"$STATIC_SCRIPT"
# lld has no section for which nothing is left: what stands before it stands before the constants then.
[[ $STATIC_KIND = gcc ]] || sed -i 's/^INSERT BEFORE \.text;/INSERT BEFORE .rodata;/' "$STATIC_SCRIPT"
# Not every linker writes one; that of another link would mislead.
rm -f "$STATIC_MAP"
exec "${linker[@]}" "${words[@]}"
