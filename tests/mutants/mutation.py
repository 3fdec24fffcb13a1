"""What a mutation is, and how it is put into a copy of the sources."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    name: str
    # What goes wrong with it, in one sentence.
    breaks: str
    # Below the folder that is broken.
    file: str
    # It must occur exactly once in the file, so that a mutation is never applied elsewhere than meant.
    old: str
    new: str
    # Outside of the machine: the test that has to fail, as `lib wait::tests::name` or `blackbox waits::name`.
    test: str = ""


class Unusable(Exception):
    """The mutant says nothing about the tests."""


def find(mutation, folder):
    """The text of its file, in which its own is once."""
    text = (folder / mutation.file).read_text()
    count = text.count(mutation.old)
    if count != 1:
        raise Unusable(f"its text is {count} times in {mutation.file}, not once: mend its entry in tests/mutants")
    return text


def apply(mutation, folder):
    text = find(mutation, folder)
    (folder / mutation.file).write_text(text.replace(mutation.old, mutation.new))
