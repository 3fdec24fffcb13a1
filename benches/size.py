#!/usr/bin/env python3
"""What the static file weighs, and which part of it (`make size`).

Reads the linker's map of the last build (docker/static.sh leaves it beside the binary), adds up the bytes by section, by
crate and by module of app-init's own, and prints each with what has changed since docs/size.tsv was written. With
`--write` (`make size WRITE=1`) that file is written anew, to be committed: the next change is measured against it.

What no section of the map accounts for is shown as REST: the file's headers, and what fills up pages. Constants without a
name, such as texts, are the compiler's and belong to no crate.
"""

import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = ROOT / "target/static/app-init"
MAP = ROOT / "target/static/app-init.map"
KEPT = ROOT / "docs/size.tsv"
REST = "(headers, alignment)"
# How much of the file that may be: two pages at the end of segments, and some. With more the map is another file's.
MOST_REST = 0.03
# Sections that are in memory only, or are not kept in the file.
NOT_IN_FILE = (".bss", ".tbss", ".debug", ".symtab", ".strtab", ".note", ".gnu", "COMMON")

# " .text._ZN4core3fmt…" and, where the name is long, the numbers on a line of their own.
INPUT = re.compile(r"^ (\.[^\s]+)?\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S.*)$")
NAME_ALONE = re.compile(r"^ (\.\S+)$")
OUTPUT = re.compile(r"^(\.\S+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+)")
OUTPUT_ALONE = re.compile(r"^(\.\S+)$")


# In Rust's mangling (v0) a crate is `Cs1a2b_8app_init`, and a name within it `4plan`; both may have a disambiguator.
CRATE = re.compile(r"C(?:s[0-9a-zA-Z]*_)?(\d+)_?")
PART = re.compile(r"(?:s[0-9a-zA-Z]*_)?(\d+)_?")


def path_of(symbol):
    """The path in a mangled name: ["app_init", "plan", "make"]; None where it is no Rust name."""
    begin = symbol.find("_R")
    found = CRATE.search(symbol, begin + 2) if begin >= 0 else None
    parts = []
    while found:
        end = found.end() + int(found.group(1))
        parts.append(symbol[found.end() : end])
        found = PART.match(symbol, end)
    return parts or None


def owner_of(section, source):
    """The crate, and for app-init's own the module, that an input section belongs to."""
    path = path_of(section)
    if path:
        crate = path[0]
        return crate, "::".join(path[1:3] if path[1:2] == ["plan"] or path[1:2] == ["sys"] else path[1:2])
    member = re.search(r"lib(\w+?)(?:-[0-9a-f]+)?\.(?:a|rlib)\(", source)
    return ("C library" if member and member.group(1) in ("c", "gcc", "unwind") else "constants"), ""


def read_map(text):
    sections, crates, modules = Counter(), Counter(), Counter()
    output = name = None
    begun = False
    for line in text.splitlines():
        begun = begun or line.startswith("Linker script and memory map")
        if not begun:
            continue
        if found := OUTPUT.match(line) or OUTPUT_ALONE.match(line):
            output, name = found.group(1), None
            continue
        if found := NAME_ALONE.match(line):
            name = found.group(1)
            continue
        found = INPUT.match(line)
        if not found or output is None or output.startswith(NOT_IN_FILE):
            continue
        section, size = found.group(1) or name or output, int(found.group(2), 16)
        name = None
        if not size or section.startswith(NOT_IN_FILE):
            continue
        sections[output] += size
        crate, module = owner_of(section, found.group(3))
        crates[crate] += size
        if crate == "app_init":
            modules[module or "(top)"] += size
    return {"section": sections, "crate": crates, "module": modules}


def kept():
    rows = {}
    if KEPT.exists():
        for line in KEPT.read_text().splitlines():
            if not line.startswith("#"):
                kind, name, size = line.split("\t")
                rows[kind, name] = int(size)
    return rows


def main():
    if not MAP.exists():
        sys.exit("size: no target/static/app-init.map; run make static")
    whole = BINARY.stat().st_size
    groups = {"file": Counter({"app-init": whole}), **read_map(MAP.read_text())}
    rest = whole - groups["section"].total()
    if not 0 <= rest <= whole * MOST_REST:
        sys.exit(f"size: the map tells of {whole - rest} bytes and the file has {whole}; run make static again")
    for kind in ("section", "crate"):
        groups[kind][REST] = rest
    before = kept()
    for kind, sizes in groups.items():
        names = set(sizes) | {name for known, name in before if known == kind}
        rows = sorted(names, key=lambda name: (-sizes[name], name))
        print(f"\n{kind:<34}{'bytes':>10}{'since':>10}")
        for name in rows:
            change = sizes[name] - before.get((kind, name), 0) if before else 0
            print(f"  {name:<32}{sizes[name]:>10}{f'{change:+}' if change else '':>10}")
    if "--write" in sys.argv[1:]:
        rows = [f"{kind}\t{name}\t{size}" for kind, sizes in groups.items() for name, size in sizes.most_common()]
        KEPT.write_text("# What the reference build weighs; written by `make size WRITE=1`.\n" + "\n".join(rows) + "\n")


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        # Whoever reads has seen enough.
        sys.stderr.close()
