"""Names: equal but for spelling, sorted alike everywhere, taken apart only where a part is missing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.names import PersonName, complete_name, fold, name_key, same_full_name


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Mira Oban", "mira oban"),
        ("  MIRA   OBAN ", "mira oban"),
        ("Mira Le-Maaleh", "mira le maaleh"),
        ("Mira Le–Maaleh", "mira le maaleh"),
        ("Zoë O'Brien, Ph.D.", "zoe obrien phd"),
        ("Søren Łukasz", "soren lukasz"),
        ("Straße", "strasse"),
        ("מירה בן־דוד", "מירה בן דוד"),
        ("מִירָה", "מירה"),
        ("𝐌𝐢𝐫𝐚 Oban", "mira oban"),
        ("हिन्दी", "हिन्दी"),
        ("がん", "がん"),
        ("🚀", ""),
        ("", ""),
    ],
)
def test_spelling_leaves_the_key_of_a_name_alone(name: str, key: str):
    assert name_key(name) == key


def test_an_emoji_in_a_name_does_not_defeat_the_past_candidate_check():
    assert name_key("Mira 🚀 Oban") == name_key("Mira Oban 🚀") == name_key("Mira Oban")
    assert same_full_name("Mira 👩‍💻 Oban", "mira oban")


def test_a_first_name_alone_is_never_enough():
    assert not same_full_name("Mira", "Mira")
    assert not same_full_name("", "")
    assert not same_full_name("Mira Oban", "Oban Mira")


@given(st.text())
def test_folding_twice_changes_nothing(text: str):
    assert fold(fold(text)) == fold(text)
    assert name_key(name_key(text)) == name_key(text)


@given(st.text())
def test_the_composition_of_letters_does_not_show_in_folded_text(text: str):
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@given(st.text(st.characters(min_codepoint=0x05D0, max_codepoint=0x05EA)))
def test_hebrew_letters_fold_to_themselves(text: str):
    assert fold(text) == text


@given(st.text("abcéÉ ABC"))
def test_case_does_not_show_in_folded_text(text: str):
    assert fold(text.upper()) == fold(text.lower())


@pytest.mark.parametrize(
    ("given_parts", "completed"),
    [
        (("", "Mira", "Oban"), PersonName("Mira Oban", "Mira", "Oban")),
        (("", "Mira", ""), PersonName("Mira", "Mira", "")),
        (("", "", ""), PersonName()),
        (("Mira Lee Oban", "", ""), PersonName("Mira Lee Oban", "Mira", "Lee Oban")),
        (("Mira", "", ""), PersonName("Mira", "Mira", "")),
        (("Mira Lee Oban", "Mira Lee", "Oban"), PersonName("Mira Lee Oban", "Mira Lee", "Oban")),
        (("Mira Lee Oban", "Mira Lee", ""), PersonName("Mira Lee Oban", "Mira Lee", "Oban")),
        (("Mira Lee Oban", "", "Oban"), PersonName("Mira Lee Oban", "Mira Lee", "Oban")),
        (("Mirabel Oban", "Mira", ""), PersonName("Mirabel Oban", "Mira", "")),
        (("Dr. M. Oban", "Mira", "Oban"), PersonName("Dr. M. Oban", "Mira", "Oban")),
    ],
)
def test_missing_parts_of_a_name_are_filled_in_and_given_ones_kept(given_parts, completed: PersonName):
    assert complete_name(*given_parts) == completed
