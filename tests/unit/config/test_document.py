from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.document import MAX_DEPTH, parse, pointer_text
from config.errors import ConfigError
from config.loader import parse_settings

numbers = st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values, st.sampled_from([None, 0, 2, "\t"]), st.booleans())
def test_whatever_json_writes_parses_to_the_same_value(value, indent, ascii_only):
    text = json.dumps(value, allow_nan=False, indent=indent, ensure_ascii=ascii_only)
    assert parse("a.json", text).value == value


def _not_json(word: str) -> None:
    raise ValueError(word)


@given(st.text(max_size=15))
def test_any_short_text_parses_as_json_does_or_is_refused(text):
    try:
        expected = json.loads(text, parse_constant=_not_json)
    except ValueError:
        with pytest.raises(ConfigError, match=r"^a\.json, line "):
            parse("a.json", text)
    else:
        assert parse("a.json", text).value == expected


@given(st.text(alphabet='{}[]",:\\ntrue0123456789.eE+- u\n'))
def test_what_looks_like_json_never_crashes_the_settings(text):
    with pytest.raises(ConfigError):
        parse_settings("a.json", text + "x")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "line 1, column 1", "expected a value, found the end of the file"),
        ('{"a": 1,}', "line 1, column 9", "expected a key in double quotes, found '}'"),
        ('{"a": 1\n "b": 2}', "line 2, column 2", "expected ',' or '}', found '\"'"),
        ('{"a" 1}', "line 1, column 6", "expected ':' after the key 'a', found '1'"),
        ('{"a": [1, 2}', "line 1, column 12", "expected ',' or ']', found '}'"),
        ('{"a": tru}', "line 1, column 7", "expected a value, found 't'"),
        ("{} {}", "line 1, column 4", "expected the end of the file, found '{'"),
        ('{"a": "x\ny"}', "line 1, column 7", "a string that does not end"),
        ('{"a": 01}', "line 1, column 8", "expected ',' or '}', found '1'"),
        ("// no\n{}", "line 1, column 1", "expected a value, found '/'"),
        ("{'a': 1}", "line 1, column 2", "expected a key in double quotes"),
    ],
)
def test_a_malformed_text_is_refused_with_line_and_column(text, place, message):
    with pytest.raises(ConfigError) as caught:
        parse("a.json", text)
    assert caught.value.message.startswith(f"a.json, {place}: ")
    assert message in caught.value.message


def test_a_duplicate_key_is_refused_at_its_second_place():
    with pytest.raises(ConfigError) as caught:
        parse("a.json", '{"api": {"port": 1,\n  "port": 2}}')
    assert caught.value.message == "a.json, line 2, column 3: the key /api/port stands twice."


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "-NaN"])
def test_what_is_not_a_number_is_refused(word):
    with pytest.raises(ConfigError, match=f"{word} is not a number in JSON"):
        parse("a.json", f"[{word}]")


@pytest.mark.parametrize("number", ["1" + "0" * 5000, "1e999", "-1e999"])
def test_huge_numbers_are_refused_and_not_computed(number):
    with pytest.raises(ConfigError, match="is too large") as caught:
        parse("a.json", number)
    assert len(caught.value.message) < 100


def test_nesting_has_a_limit():
    assert parse("a.json", "[" * MAX_DEPTH + "]" * MAX_DEPTH).value
    with pytest.raises(ConfigError, match=f"nested deeper than {MAX_DEPTH} levels"):
        parse("a.json", "[" * 100_000)


def test_half_a_surrogate_pair_is_refused_because_nothing_could_print_it():
    assert parse("a.json", r'"\ud83c\udf19"').value == "\N{CRESCENT MOON}"
    with pytest.raises(ConfigError, match="half of a surrogate pair"):
        parse("a.json", r'"\ud83c"')


def test_a_document_has_the_line_and_column_of_its_keys_and_items():
    document = parse("a.json", '{\n  "symbols": [\n    "AAPL",\n    "GOOGL"\n  ],\n  "api": {"port": 1}\n}')
    assert document.place(("symbols", 1)) == "line 4, column 5"
    assert document.place(("api", "port")) == "line 6, column 11"
    assert document.place(("api", "absent", "deeper")) == "line 6, column 3"
    assert document.place(()) == "line 1, column 1"


def test_a_pointer_escapes_what_would_be_ambiguous():
    assert pointer_text(("a/b", "c~d", 0)) == "/a~1b/c~0d/0"
