"""Mutants of everything else: one file of a copy of the tree is changed, and the one test that has to see it is run.

The copy and what is built of it stay in target/mutants, so that a mutant costs no more than its own change. The black-box
tests are built once; what they test is the program of the mutant.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from mutation import Unusable, apply, find

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "target" / "mutants"
COPY = PLACE / "tree"
TARGET = PLACE / "target"
CLEAN = PLACE / "clean"
# A test that has not ended by then hangs, and the mutant is caught. The longest wait of a black-box test has 30 s.
HANGS = {"lib": 40, "blackbox": 100}
# Bounds what is built.
DEADLINE = 900


def environment(binary=None):
    # A mutant may well leave something unused; what is not needed is not built.
    variables = {**os.environ, "CARGO_TARGET_DIR": str(TARGET), "CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_PROFILE_TEST_DEBUG": "0"}
    variables |= {"RUSTFLAGS": "-Awarnings", "RUST_BACKTRACE": "0"}
    return variables | ({"APP_INIT_BIN": str(binary)} if binary else {})


def run(command, bound, binary=None):
    """(code, output); None for the code of what did not end in time, and was killed with all that it had started."""
    options = {"text": True, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    child = subprocess.Popen(command, cwd=COPY, env=environment(binary), start_new_session=True, **options)
    try:
        output, _ = child.communicate(timeout=bound)
        return child.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        return None, child.communicate()[0]


def build(*arguments):
    code, output = run(["cargo", *arguments], DEADLINE)
    if code != 0:
        raise Unusable(f"it does not compile:\n{output[-3000:]}")
    return dict(re.findall(r"Executable (?:unittests )?(\S+) \((\S+)\)", output))


def refresh():
    """The tree as it is now; what has not changed keeps its time, so that it is not built again."""
    wanted = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    names = {name for name in wanted.split("\0") if name and (ROOT / name).is_file()}
    COPY.mkdir(parents=True, exist_ok=True)
    for path in [path for path in COPY.rglob("*") if path.is_file() and str(path.relative_to(COPY)) not in names]:
        path.unlink()
    for name in names:
        source, copy = ROOT / name, COPY / name
        if not copy.is_file() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            shutil.copymode(source, copy)


class Tree:
    def __init__(self):
        refresh()
        CLEAN.mkdir(exist_ok=True)
        build("build", "--locked", "--bin", "app-init", "--example", "probe")
        built = build("test", "--locked", "--no-run", "--lib", "--test", "blackbox")
        self.black_box = Path(built["tests/blackbox/main.rs"])
        # Mutants of the library are built under the same name.
        self.library = CLEAN / "lib"
        self.binary = CLEAN / "app-init"
        shutil.copy(built["src/lib.rs"], self.library)
        shutil.copy(TARGET / "debug" / "app-init", self.binary)
        self.passed = set()

    def test(self, name, library, binary):
        """None if the test passes, else what it says."""
        suite, test = name.split(" ")
        program = library if suite == "lib" else self.black_box
        code, output = run([program, "--exact", test], HANGS[suite], binary)
        if code is None:
            return f"{test}: it hangs"
        if "running 1 test\n" not in output:
            raise Unusable(f"there is no test {test}: mend its entry in tests/mutants")
        if code == 0:
            return None
        said = re.search(r"panicked at .*\n(.*)", output)
        return f"{test}: {said[1] if said else f'ended with {code}'}"

    def outcome(self, mutation):
        name = mutation.test
        if name not in self.passed:
            said = self.test(name, self.library, self.binary)
            if said:
                raise Unusable(f"without it the test fails too: {said}")
            self.passed.add(name)
        path = COPY / mutation.file
        before = path.read_text()
        try:
            apply(mutation, COPY)
            if name.startswith("lib "):
                library = build("test", "--locked", "--no-run", "--lib")["src/lib.rs"]
                return self.test(name, library, self.binary)
            build("build", "--locked", "--bin", "app-init")
            return self.test(name, self.library, TARGET / "debug" / "app-init")
        finally:
            path.write_text(before)


def outcomes(chosen, seconds=None):
    """Each mutation with what caught it, or why it could not be tried; as many of them as can be had in that time."""
    start = time.monotonic()
    # Also of those whose turn does not come.
    moved = []
    for mutation in chosen:
        try:
            find(mutation, ROOT)
        except (Unusable, OSError) as error:
            moved.append(mutation)
            yield mutation, (None, str(error))
    chosen = [mutation for mutation in chosen if mutation not in moved]
    tree = Tree() if chosen else None
    for tried, mutation in enumerate(chosen):
        if seconds and time.monotonic() - start > seconds:
            print(f"mutants: {len(chosen) - tried} are left for other commits; make mutants ALL=1 tries all")
            return
        try:
            yield mutation, (tree.outcome(mutation), None)
        except Unusable as error:
            yield mutation, (None, str(error))
