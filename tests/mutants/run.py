#!/usr/bin/env python3
"""Breaks the sources on purpose and expects a test to see it (`make mutants`).

The mistakes in the pure machine are in mutations.py; all are tried, each against all its tests. Those in the rest of src are
in elsewhere.py, each with the test that has to fail; of them as many are tried as four minutes allow, other ones with every
commit, or with `--all` (`make mutants ALL=1`) all. Names on the command line choose some. Exits with 1 if a mutant survives,
with 2 if something could not be tried at all.
"""

import subprocess
import sys

# Nothing is left in the folder.
sys.dont_write_bytecode = True

import machine  # noqa: E402
import tree  # noqa: E402
from elsewhere import ELSEWHERE  # noqa: E402
from mutation import Unusable  # noqa: E402

# For those outside of the machine, with the building.
SECONDS = 240
# About as many as can be tried in that time.
A_TURN = 16


def rotated(mutations):
    """Another beginning with every commit."""
    counted = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=tree.ROOT, capture_output=True, text=True)
    start = int(counted.stdout or 0) * A_TURN % len(mutations)
    return mutations[start:] + mutations[:start]


def tell(tried, counts):
    for mutation, (caught_by, error) in tried:
        if caught_by:
            counts["caught"] += 1
            print(f"caught    {mutation.name}: {caught_by}", flush=True)
        elif error:
            counts["unusable"] += 1
            print(f"UNUSABLE  {mutation.name}: {error}", flush=True)
        else:
            counts["survived"] += 1
            print(f"SURVIVED  {mutation.name}: {mutation.breaks} No test sees it.", flush=True)


def main(words):
    everything = "--all" in words
    names = set(words) - {"--all"}
    known = [mutation.name for mutation in machine.MUTATIONS + ELSEWHERE]
    if unknown := names - set(known):
        print("mutants: no such mutant:", ", ".join(sorted(unknown)))
        return 2
    if len(known) != len(set(known)):
        print("mutants: two have the same name")
        return 2
    chosen = lambda mutations: [one for one in mutations if not names or one.name in names]  # noqa: E731
    counts = {"caught": 0, "unusable": 0, "survived": 0}
    try:
        if of_the_machine := chosen(machine.MUTATIONS):
            tell(machine.outcomes(of_the_machine), counts)
        others = chosen(ELSEWHERE)
        bounded = not everything and not names
        tell(tree.outcomes(rotated(others) if bounded else others, SECONDS if bounded else None), counts)
    except Unusable as error:
        print(f"mutants: {error}")
        return 2
    print(f"mutants: {counts['caught']} of {sum(counts.values())} were caught")
    return 2 if counts["unusable"] else 1 if counts["survived"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
