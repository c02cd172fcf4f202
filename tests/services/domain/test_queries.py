"""Boolean queries: what is a word, what a query means, and what is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.queries import (
    LAST_POSITION,
    LONGEST_QUERY,
    InvalidQuery,
    Query,
    parse_query,
    to_tsquery,
    to_tsvector,
    words_of,
)
from tests.services.domain.query_cases import QueryCase, equivalence_cases


def parsed(text: str) -> Query:
    query = parse_query(text)
    assert isinstance(query, Query), query
    return query


@pytest.mark.parametrize("case", equivalence_cases(), ids=lambda case: f"{case.query[:30]} in {case.fields!r:.40}")
def test_a_query_hits_exactly_what_it_says(case: QueryCase):
    assert parsed(case.query).matches(*case.fields) is case.hits


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("java AND", 5),
        ("java OR", 5),
        ("java,", 4),
        ("java NOT", 5),
        ("NOT", 0),
        ("and", 0),
        ("AND java", 0),
        (", java", 0),
        ("java AND OR python", 5),
        ("java,, python", 4),
        ("()", 0),
        ("java (", 5),
        ("java ( ) python", 5),
        ("java)", 4),
        (") java", 0),
        ("Backend - Python", 8),
        ("java !", 5),
        ("java /", 5),
        ("🚀", 0),
        ('java ""', 5),
        ('java "', 5),
        ("*", 0),
        ("ja*va", 0),
        ("node.*", 0),
        ('"data * engineer"', 0),
    ],
)
def test_an_operator_without_operand_is_refused_where_it_stands(text: str, position: int):
    finding = parse_query(text)
    assert isinstance(finding, InvalidQuery)
    assert finding.position == position
    assert finding.message.endswith(".")


def test_a_query_nested_or_typed_without_end_is_refused_instead_of_exhausting_the_stack():
    assert isinstance(parse_query("(" * 1000 + "java"), InvalidQuery)
    assert isinstance(parse_query("java " * LONGEST_QUERY), InvalidQuery)
    assert parsed("!" * 1000 + "java").matches("java")


def test_not_over_a_group_negates_the_group_and_not_its_first_member():
    query = parsed("NOT (java OR python)")
    assert [query.matches(text) for text in ("java", "python", "rust")] == [False, False, True]


def test_a_comma_inside_quotes_is_no_or():
    assert not parsed('"springfield, ohio"').matches("ohio")
    assert parsed('"springfield, ohio"').matches("Springfield, Ohio")


def test_a_word_answers_to_each_of_its_forms():
    assert words_of("Uses .NET 4+ (C++17)") == [
        ("uses",),
        (".net", "net"),
        ("4+", "4"),
        ("c++_",),
        ("17",),
    ]


def test_the_empty_query_has_no_tsquery_because_postgres_would_hit_nobody():
    assert to_tsquery(parsed(" ")) is None


def test_a_query_is_written_for_postgres_with_quotes_phrases_prefixes_and_negated_groups():
    query = parsed('"machine learn*" -(c++ OR .net)')
    assert to_tsquery(query) == "(('machine' <-> 'learn':*) & !((('c++') | ('.net'))))"


def test_fields_are_written_with_positions_and_a_gap_between_them():
    assert to_tsvector(["Node.js", "node"]) == "'node':1,4 'js':2"


def written_positions(vector: str) -> dict[str, list[int]]:
    return {
        lexeme: [int(position) for position in positions.split(",")]
        for lexeme, positions in re.findall(r"'([^']+)':([\d,]+)", vector)
    }


def test_a_vector_stays_within_what_postgres_can_hold():
    fields = ["same " * 1000, "ש" * 9000, " ".join(f"word{n:06}" for n in range(150_000))]
    vector = written_positions(to_tsvector(fields))
    assert len(vector["same"]) <= 256
    assert max(len(lexeme.encode()) for lexeme in vector) < 2046
    assert max(map(max, vector.values())) == LAST_POSITION
    assert sum(len(lexeme.encode()) + 2 * len(at) + 4 for lexeme, at in vector.items()) < 2**20
    assert all(at == sorted(set(at)) for at in vector.values())


@given(st.text())
def test_what_is_written_for_postgres_needs_no_escaping(text: str):
    written = to_tsvector([text])
    assert not set("\\\0") & set(written)
    assert written.count("'") == 2 * len(written_positions(written))


@given(st.text(max_size=60) | st.text(alphabet='ab*"(),|&!- NOTORAND', max_size=40))
def test_whatever_is_typed_is_either_a_query_or_a_finding_inside_it(text: str):
    answer = parse_query(text)
    if isinstance(answer, InvalidQuery):
        assert 0 <= answer.position <= len(text)
    else:
        answer.matches("some text")
        assert (to_tsquery(answer) is None) == (answer.root is None)


# The rule in its own words, over plain lower-case ASCII: letters and digits do not touch a term, and + or # do
# not follow its last letter. Slow, and written without the tokenizer.
PIECE = re.compile(r"(\.?)([a-z0-9]+)([+#]*)")


def reference_pattern(term: str) -> str:
    pieces = []
    last_end = None
    for piece in PIECE.finditer(term):
        touches_before = piece.start() > 0 and term[piece.start() - 1].isalnum()
        dot = "" if touches_before else re.escape(piece[1])
        letters, signs = piece[2], re.escape(piece[3])
        goes_on = bool(signs) and term[piece.end() : piece.end() + 1].isalnum()
        if goes_on:
            end = "(?=[a-z0-9])"
        elif letters[-1].isdigit() and not signs:
            end = "(?![a-z0-9])"
        else:
            end = "(?![a-z0-9+#])"
        pieces.append(f"(?<![a-z0-9]){dot}{letters}{signs}{end}")
        last_end = piece.end()
    assert last_end is not None
    return "[^a-z0-9]*?".join(pieces)


terms = st.text(alphabet="ab1.+#-/", min_size=1, max_size=7).filter(
    lambda term: re.search("[ab1]", term) and not term.startswith("-")
)
texts = st.text(alphabet="ab1.+#-/ ", max_size=16)


@given(terms, texts)
def test_a_term_hits_where_the_rule_says_so(term: str, text: str):
    assert parsed(term).matches(text) == bool(re.search(reference_pattern(term), text))


@given(terms.filter(lambda term: term[-1] in "ab1"), texts)
def test_a_starred_term_hits_where_some_longer_word_would(term: str, text: str):
    begins = re.sub(r"\(\?![^()]*\)$", "", reference_pattern(term))
    assert parsed(term + "*").matches(text) == bool(re.search(begins, text))


@given(terms, terms, texts)
def test_operators_combine_the_answers_of_their_operands(one: str, other: str, text: str):
    a, b = parsed(one).matches(text), parsed(other).matches(text)
    assert parsed(f"{one} {other}").matches(text) == (a and b)
    assert parsed(f"{one}, {other}").matches(text) == (a or b)
    assert parsed(f"NOT {one} OR {other}").matches(text) == (not a or b)
    assert parsed(f"NOT ({one} OR {other})").matches(text) == (not a and not b)
    assert parsed(f"{one} OR {other} -{one}").matches(text) == (a or (b and not a))
