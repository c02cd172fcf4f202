"""Exported cells: nothing in them runs, and nothing of them is lost."""

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.spreadsheets import (
    BYTE_ORDER_MARK,
    EXPORT_COLUMNS,
    export_cell,
    ordered_columns,
    safe_text,
    unguarded,
)


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.example","x")',
        "+972 50 000 0000",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\x00=1",
        "\x01text",
        "\ttext",
        "  =1",
        "\u00a0=1",
        "\u3000=1",
        "\u200b=1",
        "\ufeff=1",
        "\u2028=1",
        "＝1",
        "＋1",
        "－1",
        "＠SUM(A1)",
        "﹢1",
        "\u202e=1",
    ],
)
def test_a_headline_that_is_a_formula_does_not_run_in_the_spreadsheet(text: str):
    assert safe_text(text).startswith("'")


@pytest.mark.parametrize("text", ["Mira Oban", "C++ and C#", "a=b", "5-10", "שלום", "'quoted'", "", " ", "…"])
def test_ordinary_text_stays_as_it_is(text: str):
    assert safe_text(text) == text


def test_a_guarded_text_is_read_back_as_it_was():
    for text in ("+972 50", "=1", " =1", "＝1", "\tx"):
        assert unguarded(safe_text(text)) == text
    assert unguarded("'quoted'") == "'quoted'"


@given(st.text())
def test_no_cell_starts_a_formula_and_no_control_character_leaves(text: str):
    cell = safe_text(text)
    visible = [c for c in cell if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")]
    assert not visible or unicodedata.normalize("NFKC", visible[0]) not in tuple("=+-@")
    assert all(c in "\t\n" or unicodedata.category(c) not in ("Cc", "Cs") for c in cell)
    assert cell[:1] not in ("\t", "\n", "\r")
    assert safe_text(cell) == cell


@given(st.text(st.characters(exclude_categories=("Cc", "Cs"))))
def test_guarding_loses_nothing(text: str):
    assert safe_text(text).removeprefix("'") == text.removeprefix("'")


def test_unknown_tenure_prints_blank_and_other_negative_numbers_stay():
    assert export_cell("current_months_in_role", -1) == ""
    assert export_cell("current_months_in_role", 27) == "27"
    assert export_cell("score", -1) == "-1"
    assert export_cell("score", float("nan")) == ""
    assert export_cell("score", Decimal("NaN")) == ""
    assert export_cell("score", None) == ""


def test_lists_are_joined_and_answers_are_words():
    assert export_cell("all_emails", ("a@quill.example", "b@quill.example")) == "a@quill.example; b@quill.example"
    assert export_cell("all_emails", ()) == ""
    assert export_cell("approved", True) == "yes"
    assert export_cell("reasons", ["=1", "x"]) == "'=1; x"


def test_identity_and_verdict_come_first_then_the_rest_and_internal_columns_never():
    offered = ["notes", "score", "_raw", "name", "first_name", "notes"]
    assert ordered_columns(offered) == ["first_name", "name", "score", "notes"]
    assert ordered_columns(reversed(EXPORT_COLUMNS)) == list(EXPORT_COLUMNS)


def test_hebrew_survives_excel_because_the_file_opens_with_the_byte_order_mark():
    assert BYTE_ORDER_MARK.encode() == b"\xef\xbb\xbf"
