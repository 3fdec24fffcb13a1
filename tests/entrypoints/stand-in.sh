#!/bin/sh
# Plays any command of an application in the tests of the entrypoints: it records how it was called and ends as the
# test chose. The test lays /mnt/stand-in:
#
#   calls        gets a record for each call: the words, what it found (identity, groups, directory, umask, open files),
#                the environment. Records end with \036, their three parts with \035, the items of a part with \037.
#   codes/LINE   what becomes of each call whose command line begins with LINE, a line for a call; the last one is
#                for all that follow. An exit code, or `hold`: say so on stdout and stay until a signal ends it.
#   turns/LINE   a line for each such call so far.
#   says/LINE    printed by each such call.
#
# In the names of these files `:` stands for `/`.
name=${0##*/}
line=$(printf %s "$name${*:+ $*}" | tr / :)
{
    printf '%s\037' "$name" "$@"
    printf '\035'
    printf '%s\037' "$(id -u):$(id -g)" "$(id -G)" "$(pwd)" "$(umask)" "$(ulimit -Sn):$(ulimit -Hn)"
    printf '\035'
    env -0 | tr '\0' '\037'
    printf '\035\036'
} >>/mnt/stand-in/calls

for said in /mnt/stand-in/says/*; do
    case $line in "${said##*/}"*) cat "$said" ;; esac
done

code=0
for codes in /mnt/stand-in/codes/*; do
    key=${codes##*/}
    case $line in
        "$key"*)
            echo >>"/mnt/stand-in/turns/$key"
            code=$(sed -n "$(wc -l <"/mnt/stand-in/turns/$key")p" "$codes")
            code=${code:-$(tail -n 1 "$codes")}
            ;;
    esac
done
if [ "$code" = hold ]; then
    echo "$name holds"
    exec sleep infinity
fi
exit "$code"
