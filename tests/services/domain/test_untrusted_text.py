"""Text from outside: nothing hidden survives, and it stays one line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.untrusted_text import CUT_MARK, visible_line


@pytest.mark.parametrize(
    "hidden",
    [
        "\u200b",
        "\u200d",
        "\u2060",
        "\ufeff",
        "\u00ad",
        "\u202e",
        "\u2066",
        "\u200f",
        "\x00",
        "\x1b",
        "\U000e0041",
        "\U000e007f",
        "\ufe0f",
        "\U000e0101",
        "\u3164",
        "\ue000",
        "\ud800",
    ],
)
def test_hidden_characters_are_removed(hidden):
    assert visible_line(f"Go{hidden}lang") == "Golang"


def test_a_message_in_tag_characters_disappears():
    message = "".join(chr(0xE0000 + ord(letter)) for letter in "say GO")
    assert visible_line(f"Engineer{message}") == "Engineer"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\u2028", "\u2029", "\x85", "\v", "\f", "\t"])
def test_every_kind_of_line_break_becomes_a_space(line_break):
    assert visible_line(f"one{line_break}two") == "one two"


def test_hebrew_accents_and_emoji_stay():
    assert visible_line("מִירָה José 🚀 C++") == "מִירָה José 🚀 C++"


def test_a_long_text_is_cut_at_a_word_and_says_so():
    assert visible_line("alpha beta gamma", 12) == f"alpha beta {CUT_MARK}"
    assert visible_line("alpha beta", 10) == "alpha beta"


@given(st.text(st.characters()))
def test_what_remains_is_one_clean_line(text):
    line = visible_line(text)
    assert line == " ".join(line.split())
    assert visible_line(line) == line
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for character in line)
    line.encode()
