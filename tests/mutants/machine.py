"""Mutants of the pure machine: src/machine is compiled alone, in a temporary folder, and all its tests are run."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from mutation import Unusable, apply
from mutations import MUTATIONS

MACHINE = Path(__file__).resolve().parents[2] / "src" / "machine"
AT_ONCE = 2
# Bounds for a hang. Neither step takes more than some seconds.
DEADLINE = 120


def run(command, **options):
    environment = {**os.environ, "RUST_BACKTRACE": "0"}
    try:
        return subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=DEADLINE, **options
        )
    except subprocess.TimeoutExpired:
        raise Unusable(f"{command[0]} did not end within {DEADLINE} s") from None


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


def outcomes(chosen):
    """Each mutation with what caught it, or why it could not be tried."""
    failure, error = try_one()
    if failure or error:
        raise Unusable(f"the machine as it is does not pass: {failure or error}")
    print("mutants: src/machine compiles alone and passes its tests", flush=True)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield from zip(chosen, pool.map(try_one, chosen))


__all__ = ["MUTATIONS", "outcomes"]
