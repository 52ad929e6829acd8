"""A JSON parser that remembers where every value stands, so that errors can point at line and column."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from config.errors import ConfigError

Pointer = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_WORDS = {"true": True, "false": False, "null": None}
_NOT_NUMBERS = re.compile(r"-?(NaN|Infinity|nan|inf)")
MAX_DEPTH = 32
_LEAST, _LARGEST = -(2**63), 2**63 - 1  # whole numbers beyond it fit no column of the database
_MOST_DIGITS = 20


def pointer_text(pointer: Pointer) -> str:
    """A JSON pointer (RFC 6901) as text; the whole document is `/`."""
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in pointer)


@dataclass
class Document:
    """A parsed JSON text: its value, and the offset of every value and key in it."""

    name: str
    text: str
    value: Any = None
    offsets: dict[Pointer, int] = field(default_factory=dict)

    def place(self, pointer: Pointer) -> str:
        """`line L, column C` of the value at `pointer`, or of its nearest parent that exists."""
        while pointer and pointer not in self.offsets:
            pointer = pointer[:-1]
        return self._line_column(self.offsets.get(pointer, 0))

    def _line_column(self, offset: int) -> str:
        before = self.text[:offset]
        return f"line {before.count(chr(10)) + 1}, column {offset - before.rfind(chr(10))}"

    def fail(self, offset: int, problem: str, cure: str) -> NoReturn:
        """Raise the error for what stands at `offset`."""
        raise ConfigError("config.malformed", f"{self.name}, {self._line_column(offset)}: {problem}.", cure)


class _Parser:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.text = document.text
        self.at = 0

    def space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def next_text(self) -> str:
        return repr(self.text[self.at]) if self.at < len(self.text) else "the end of the file"

    def fail(self, problem: str, cure: str = "Mend the JSON there.") -> NoReturn:
        self.document.fail(self.at, problem, cure)

    def value(self, pointer: Pointer) -> Any:
        self.space()
        if len(pointer) > MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH} levels", "Flatten the document.")
        self.document.offsets[pointer] = self.at
        start = self.text[self.at : self.at + 1]
        if start == "{":
            return self.members(pointer)
        if start == "[":
            return self.items(pointer)
        if start == '"':
            return self.string()
        for word, meaning in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        return self.number(pointer)

    def number(self, pointer: Pointer) -> int | float:
        if odd := _NOT_NUMBERS.match(self.text, self.at):
            self.fail(f"{odd[0]} is not a number in JSON", "Write a finite number, or leave the key out.")
        match = _NUMBER.match(self.text, self.at)
        if not match:
            self.fail(f"expected a value, found {self.next_text()}")
        if match[1] is None and match[2] is None:
            # A longer text is not even converted: that takes time in the square of its length.
            number: int | float = int(match[0]) if len(match[0]) <= _MOST_DIGITS else math.inf
        else:
            number = float(match[0])
        if math.isinf(number) or (isinstance(number, int) and not _LEAST <= number <= _LARGEST):
            self.fail(f"the number at {pointer_text(pointer)} is too large", "Write one within 64 bits.")
        self.at = match.end()
        return number

    def string(self) -> str:
        match = _STRING.match(self.text, self.at)
        if not match:
            self.fail("a string that does not end, or with a character that must be escaped")
        text: str = json.loads(match[0])
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.fail("a string with half of a surrogate pair", "Write the character itself.")
        self.at = match.end()
        return text

    def members(self, pointer: Pointer) -> dict[str, Any]:
        result: dict[str, Any] = {}
        self.at += 1
        self.space()
        if self.text.startswith("}", self.at):
            self.at += 1
            return result
        while True:
            self.space()
            if not self.text.startswith('"', self.at):
                self.fail(f"expected a key in double quotes, found {self.next_text()}")
            place = self.at
            key = self.string()
            if key in result:
                self.document.fail(
                    place, f"the key {pointer_text((*pointer, key))} stands twice", "Remove one of the two."
                )
            self.space()
            if not self.text.startswith(":", self.at):
                self.fail(f"expected ':' after the key {key!r}, found {self.next_text()}")
            self.at += 1
            result[key] = self.value((*pointer, key))
            self.document.offsets[(*pointer, key)] = place
            if not self.more("}"):
                return result

    def items(self, pointer: Pointer) -> list[Any]:
        result: list[Any] = []
        self.at += 1
        self.space()
        if self.text.startswith("]", self.at):
            self.at += 1
            return result
        while True:
            result.append(self.value((*pointer, len(result))))
            if not self.more("]"):
                return result

    def more(self, end: str) -> bool:
        self.space()
        character = self.text[self.at : self.at + 1]
        if character not in (",", end):
            self.fail(f"expected ',' or '{end}', found {self.next_text()}")
        self.at += 1
        return character == ","


def parse(name: str, text: str) -> Document:
    """Parse JSON strictly (no duplicate keys, no NaN); errors give line, column and cure."""
    document = Document(name, text)
    parser = _Parser(document)
    document.value = parser.value(())
    parser.space()
    if parser.at != len(text):
        parser.fail(f"expected the end of the file, found {parser.next_text()}")
    return document
