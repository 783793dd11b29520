"""Where which of many short texts occur in a long one: what decides which rules are tried at all, and where."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from .names import branches

Occurrence = tuple[int, int, int]
"""Number of a sign, and where it starts and ends in a text's bytes."""
Occurrences = Callable[[bytes], list[Occurrence]]
"""All of a text, by their ends."""


def occurrences(signs: Sequence[bytes]) -> Occurrences:
    """The quickest that is installed: `ahocorasick-rs` has no wheel for every platform."""
    try:
        from ahocorasick_rs import BytesAhoCorasick, Implementation
    except ImportError:
        return branching(signs)
    search = BytesAhoCorasick(signs, implementation=Implementation.DFA).find_matches_as_indexes
    return lambda said: search(said, overlapping=True)


def branching(signs: Sequence[bytes]) -> Occurrences:
    """By one regular expression that branches at each letter: slower by far."""
    numbers = {sign: number for number, sign in enumerate(signs)}
    lengths = sorted({len(sign) for sign in signs})
    search = re.compile(branches(sign.decode("latin-1") for sign in signs).encode("latin-1")).search

    def occurrences(data: bytes) -> Iterable[Occurrence]:
        match = search(data)
        while match is not None:
            start = match.start()
            for length in lengths:  # a longer sign may begin as a shorter one does
                if length <= len(match[0]) and (number := numbers.get(match[0][:length])) is not None:
                    yield number, start, start + length
            match = search(data, start + 1)

    return lambda said: sorted(occurrences(said), key=lambda hit: hit[2])
