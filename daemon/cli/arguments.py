"""What people type, in the one form that the parser takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

FLAGS = frozenset({"--json", "-v", "-vv", "--verbose"})
VALUED = frozenset({"--home", "--config"})
LISTS = frozenset({"--symbol", "--symbols", "--model-type", "--model-types", "--markets"})


def normalise(arguments: Sequence[str]) -> list[str]:
    """Global options come first, wherever they were typed; `--symbols A B` becomes `--symbols A --symbols B`."""
    first: list[str] = []
    rest: list[str] = []
    words = deque(arguments)
    while words:
        word = words.popleft()
        if word == "--":
            rest += [word, *words]
            break
        if word in VALUED:
            first += [word, words.popleft()] if words else [word]
        elif word in FLAGS or word.partition("=")[0] in VALUED:
            first.append(word)
        elif word in LISTS:
            rest += _spread(word, words)
        else:
            rest.append(word)
    return first + rest


def _spread(option: str, words: deque[str]) -> list[str]:
    spread = []
    while words and not words[0].startswith("-"):
        spread += [option, words.popleft()]
    return spread or [option]
