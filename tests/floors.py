#!/usr/bin/env python3
"""The modules of src stand on floors, and none imports in a circle (`make lint`).

A module may use what stands on a floor below its own, and what stands beside it in its folder, unless that leads back to
it. What counts is where a thing is defined: a name that a folder's head only hands on is its owner's. Tests may use
everything.
"""

import re
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "src"

# From the ground up. ARCHITECTURE.md says what each is.
FLOORS = [
    ["text", "machine"],
    ["exit", "secrets", "identity"],
    ["sys"],
    ["logging", "prepare"],
    ["wait"],
    ["config"],
    ["cli"],
    ["plan"],
    ["messages"],
    ["supervisor"],
    ["commands"],
    ["lib"],
]

# What may be used all the same, from where (empty: from its whole folder), and why.
EXCEPTIONS = {
    ("sys", "sys::last_resort"): "whatever is refused for good ends there, and it ends with what is not refused",
    ("config::keys", "cli::words"): "a role must not be called as a command; this is a list and uses nothing",
}


def bare(text):
    """The text without comments, and strings and characters empty."""
    token = re.compile(
        r"""//[^\n]*|/\*.*?\*/|b?r(?P<signs>\#*)".*?"(?P=signs)|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^']*|[^\\'])'""", re.S
    )
    return token.sub(lambda found: "" if found[0].startswith("/") else '""', text)


def without_tests(text):
    """The text without what is there for tests only, and the names of the modules that are."""
    modules = set()
    while found := re.search(r"#\[cfg\((?:test|all\(test)[^\]]*\]", text):
        end = re.compile(r"[;{]").search(text, found.end())
        if named := re.search(r"\bmod (\w+)\s*$", text[found.end() : end.start()]):
            modules.add(named[1])
        place, depth = end.end(), int(end[0] == "{")
        while depth:
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            place += 1
        text = text[: found.start()] + text[place:]
    return text, modules


def read():
    """The text of each module by its path, as a tuple: () is the crate."""
    texts, of_tests = {}, set()
    for file in sorted(SOURCES.rglob("*.rs")):
        path = file.relative_to(SOURCES).with_suffix("").parts
        if path != ("main",):
            path = path[:-1] if path[-1] in ("mod", "lib") else path
            texts[path], modules = without_tests(bare(file.read_text()))
            of_tests |= {path + (module,) for module in modules}
    return {path: text for path, text in texts.items() if not any(path[: len(test)] == test for test in of_tests)}


def spread(tree):
    """The paths of a `use`: `a::{b, c::d}` is `a::b` and `a::c::d`."""
    head, brace, inside = tree.strip().partition("{")
    if not brace:
        return [re.sub(r"\s+as\s+\w+", "", head).strip()]
    parts, depth = [""], 0
    for letter in inside.rstrip().removesuffix("}"):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [head.strip() + path for part in parts if part.strip() for path in spread(part)]


def absolute(path, module, texts):
    """The path from the crate on; None if it leads out of it, or to nothing but a name."""
    words = [word.strip() for word in path.split("::")]
    if words[-1] == "self":
        words.pop()
    if words[0] in ("crate", "$crate"):
        return tuple(words[1:])
    if words[0] == "self":
        return module + tuple(words[1:])
    if words[0] == "super":
        while words and words[0] == "super":
            module, words = module[:-1], words[1:]
        return module + tuple(words)
    return module + tuple(words) if module + (words[0],) in texts else None


def edges(texts):
    """Which modules each module uses."""
    names, used = {}, {}
    for module, text in texts.items():
        names[module], used[module] = {}, set()
        for public, tree in re.findall(r"\b(pub(?:\([a-z]+\))?\s+)?use\s+([^;]+);", text):
            for path in filter(None, (absolute(path, module, texts) for path in spread(tree))):
                names[module][path[-1]] = path
                if not public:
                    used[module].add(path)
        rest = re.sub(r"\buse\s+[^;]+;", "", text)
        written = re.findall(r"(?:\$?\b(?:crate|super|self)|\b[a-z_]\w*)(?:\s*::\s*\w+)+", rest)
        used[module] |= set(filter(None, (absolute(path, module, texts) for path in written)))

    def owner(path):
        module = next(path[:length] for length in range(len(path), -1, -1) if path[:length] in texts)
        rest = path[len(module) :]
        handed_on = rest and names[module].get(rest[0])
        return owner(handed_on + rest[1:]) if handed_on and handed_on != path else module

    return {module: {owner(path) for path in paths} - {module} for module, paths in used.items()}


def shown(module):
    return "::".join(module) or "lib"


def circle(graph):
    """Some circle, as the modules on it; None if there is none."""
    done, way = set(), []

    def visit(module):
        if module in way:
            return way[way.index(module) :] + [module]
        if module in done:
            return None
        way.append(module)
        found = next(filter(None, map(visit, sorted(graph[module]))), None)
        way.pop()
        done.add(module)
        return found

    return next(filter(None, map(visit, sorted(graph))), None)


def main():
    graph = edges(read())
    height = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    faults, granted = [], set()

    def is_granted(user, module):
        for place, owner in EXCEPTIONS:
            if owner == shown(module) and (shown(user) + "::").startswith(place + "::"):
                granted.add((place, owner))
                return True
        return False

    for module in graph:
        graph[module] = {used for used in graph[module] if not is_granted(module, used)}
    folder = lambda module: module[0] if module else "lib"  # noqa: E731
    if unknown := sorted({folder(module) for module in graph} - set(height)):
        print("floors: say in tests/floors.py on which floor this stands:", ", ".join(unknown))
        return 1
    for module in sorted(graph):
        for used in sorted(graph[module]):
            if folder(used) != folder(module) and height[folder(used)] >= height[folder(module)]:
                faults.append(f"{shown(module)} uses {shown(used)}, which does not stand below it")
    if found := circle(graph):
        faults.append("a circle: " + " uses ".join(map(shown, found)))
    faults += [f"nothing needs the exception of {user} for {owner}" for user, owner in EXCEPTIONS.keys() - granted]
    for fault in faults:
        print("floors:", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
