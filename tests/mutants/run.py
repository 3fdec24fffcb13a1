#!/usr/bin/env python3
"""Breaks the pure machine on purpose and expects its tests to see it (`make mutants`).

src/machine is copied to a temporary folder and compiled there alone, which also proves that it needs nothing but the
standard library. Then, for each entry of mutations.py, the same with that one mistake in it: a test must fail. Names on
the command line choose some. Exits with 1 if a mutant survives, with 2 if something could not be tried at all.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Nothing is left in the folder.
sys.dont_write_bytecode = True

from mutations import MUTATIONS  # noqa: E402

MACHINE = Path(__file__).resolve().parents[2] / "src" / "machine"
AT_ONCE = 2
# Bounds for a hang. Neither step takes more than some seconds.
DEADLINE = 120


class Unusable(Exception):
    """The mutant says nothing about the tests."""


def run(command, **options):
    environment = {**os.environ, "RUST_BACKTRACE": "0"}
    try:
        return subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=DEADLINE, **options
        )
    except subprocess.TimeoutExpired:
        raise Unusable(f"{command[0]} did not end within {DEADLINE} s") from None


def apply(mutation, folder):
    path = folder / mutation.file
    text = path.read_text()
    count = text.count(mutation.old)
    if count != 1:
        raise Unusable(f"its text is {count} times in {mutation.file}, not once: mend tests/mutants/mutations.py")
    path.write_text(text.replace(mutation.old, mutation.new))


def outcome(folder, mutation=None):
    """What the tests say of the machine with this mutation: None if all pass, else what the first failure says."""
    sources = folder / "machine"
    shutil.copytree(MACHINE, sources)
    if mutation:
        apply(mutation, sources)
    tests = folder / "tests"
    rustc = os.environ.get("RUSTC", "rustc")
    # Little optimizing: compiling takes most of the time. A mutant may well leave something unused.
    command = [rustc, "--edition", "2024", "--test", "-C", "opt-level=1", "-A", "warnings", "--crate-name", "machine"]
    compiled = run([*command, "-o", tests, "mod.rs"], cwd=sources)
    if compiled.returncode != 0:
        raise Unusable(f"it does not compile:\n{compiled.stdout}")
    result = run([tests])
    if result.returncode == 0:
        return None
    failed = re.search(r"^test (\S+) \.\.\. FAILED$", result.stdout, re.MULTILINE)
    if not failed:
        raise Unusable(f"the tests ended with {result.returncode}, and none failed:\n{result.stdout}")
    said = re.search(r"panicked at .*\n(.*)", result.stdout)
    return f"{failed[1]}: {said[1] if said else ''}"


def try_one(mutation=None):
    with tempfile.TemporaryDirectory(prefix="app-init-mutant-") as folder:
        try:
            return outcome(Path(folder), mutation), None
        except Unusable as error:
            return None, str(error)


def main(names):
    unknown = set(names) - {mutation.name for mutation in MUTATIONS}
    if unknown:
        print("mutants: no such mutant:", ", ".join(sorted(unknown)))
        return 2
    failure, error = try_one()
    if failure or error:
        print(f"mutants: the machine as it is does not pass: {failure or error}")
        return 2
    print("mutants: src/machine compiles alone and passes its tests")
    chosen = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    survived = unusable = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for mutation, (caught_by, error) in zip(chosen, pool.map(try_one, chosen)):
            if caught_by:
                print(f"caught    {mutation.name}: {caught_by}", flush=True)
            elif error:
                unusable += 1
                print(f"UNUSABLE  {mutation.name}: {error}", flush=True)
            else:
                survived += 1
                print(f"SURVIVED  {mutation.name}: {mutation.breaks} No test sees it.", flush=True)
    print(f"mutants: {len(chosen) - survived - unusable} of {len(chosen)} were caught")
    return 2 if unusable else 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
