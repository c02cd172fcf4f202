"""Profile addresses and the gate: one person, one address, and nobody else's data."""

from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.domain.identity import (
    MISSING_WORDS,
    Fulfilled,
    ProfileUrl,
    Rejected,
    Rejection,
    Unmatched,
    Unreadable,
    Unusable,
    base_of_suffixed_slug,
    judge_answer,
    profile_url_from_identifier,
    read_profile_url,
)
from services.domain.profiles import Profile, Role, School

MIRA = "https://www.linkedin.com/in/mira-oban"
HEBREW = "https://www.linkedin.com/in/%D7%9E%D7%99%D7%A8%D7%94"
OPAQUE = "https://www.linkedin.com/in/ACoAABq7TzUBkLmN_0pQrStUvW"


def canonical(raw: object) -> str:
    read = read_profile_url(raw)
    assert isinstance(read, ProfileUrl), read
    return read.url


def refusal(raw: object) -> Unreadable:
    read = read_profile_url(raw)
    assert isinstance(read, Unusable), read
    assert read.sentence == read.reason.sentence
    return read.reason


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("WWW.LinkedIn.com/in/Mira-Oban/", MIRA),
        ("http://linkedin.com/in/mira-oban?trk=pub", MIRA),
        ("https://il.linkedin.com/in/mira-oban/en", MIRA),
        ("linkedin.com/in/mira%2Doban#about", MIRA),
        ("https://www.linkedin.com/in/mira-oban/details/experience/", MIRA),
        ("https://www.linkedin.com/in/%d7%9e%d7%99%d7%a8%d7%94", HEBREW),
        ("https://www.linkedin.com/in/מירה", HEBREW),
        ("https://www.linkedin.com/in/Straße", "https://www.linkedin.com/in/stra%C3%9Fe"),
        (OPAQUE, OPAQUE),
        ("https://www.linkedin.com/in/Acotera-Jonas", "https://www.linkedin.com/in/acotera-jonas"),
        ("HTTPS://www.IL.linkedin.com/IN/mira-oban", MIRA),
        ("  https://www.linkedin.com/in/mira-oban\r\n", MIRA),
        ("\ufefflinkedin.com/in/mira-oban", MIRA),
        ("//www.linkedin.com/in/mira-oban", MIRA),
        ("linkedin.com/in/mira-oban?next=https://elsewhere.example", MIRA),
    ],
)
def test_every_spelling_of_an_address_becomes_the_canonical_one(raw: str, url: str):
    assert canonical(raw) == url


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("https://www.linkedin.com/in/ACwAABq7TzUBkLmN_0pQrStUvW", Unreadable.OPAQUE_ID),
        ("https://www.linkedin.com/sales/lead/ABC,NAME", Unreadable.NOT_A_PROFILE),
        ("https://linkedin.com.profiles-cdn.net/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://m.linkedin.com/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://www.linkedin.com/pub/mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://www.linkedin.com/jobs/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://www.linkedin.com/in/", Unreadable.NOT_A_PROFILE),
        ("https://www.linkedin.com/in//mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://www.linkedin.com:443/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://user@www.linkedin.com/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://elsewhere.example@linkedin.com/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://elsewhere.example/?u=linkedin.com/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("ftp://www.linkedin.com/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("javascript://www.linkedin.com/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://lin\u212aedin.com/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://xlinkedin.com/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://abc.linkedin.com/in/mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://www.linkedin.com\\in\\mira-oban", Unreadable.NOT_A_PROFILE),
        ("https://www.linkedin.com/in/%ff", Unreadable.MALFORMED),
        ("https://www.linkedin.com/in/mira%2", Unreadable.MALFORMED),
        ("https://www.linkedin.com/in/mira%zz", Unreadable.MALFORMED),
        ("https://www.linkedin.com/in/mira%00oban", Unreadable.MALFORMED),
        ("https://www.linkedin.com/in/mira oban", Unreadable.MALFORMED),
        ("https://www.linkedin.com/in/..", Unreadable.MALFORMED),
        ("https://www.linkedin.com/in/%2e%2e/", Unreadable.MALFORMED),
        ("https://www.linkedin.com/in/" + "a" * 480, Unreadable.MALFORMED),
    ],
)
def test_what_is_not_a_public_profile_is_refused_with_its_reason(raw: str, reason: Unreadable):
    assert refusal(raw) is reason


@pytest.mark.parametrize("raw", ["", "  ", "nan", "NaN", "none", "NULL", "n/a", "N/A", "-", None, float("nan"), 7, []])
def test_a_missing_value_in_any_disguise_is_no_address(raw: object):
    assert refusal(raw) is Unreadable.NO_URL
    identifier = profile_url_from_identifier(raw)
    assert identifier == Unusable(Unreadable.NO_URL)


def test_a_company_link_containing_in_is_no_person():
    assert refusal("https://www.linkedin.com/company/quillmark/in/mira-oban") is Unreadable.NOT_A_PROFILE


def test_www_http_and_regional_hosts_do_not_make_two_copies_of_one_person():
    prefixes = ("https://www.", "http://www.", "https://", "http://", "https://il.", "https://www.uk.", "www.", "")
    assert {canonical(f"{prefix}linkedin.com/in/mira-oban") for prefix in prefixes} == {MIRA}


def test_emoji_and_hebrew_slugs_match_whatever_the_case_of_their_escapes():
    assert canonical(HEBREW.lower()) == canonical(HEBREW) == HEBREW
    assert canonical("https://www.linkedin.com/in/mira-🚀") == canonical(
        "https://www.linkedin.com/in/mira-%f0%9f%9a%80"
    )


def test_opaque_ids_keep_their_case_and_serve_as_aliases_only():
    read = read_profile_url("linkedin.com/in/ACoAABq7TzUBkLmN_0pQrStUvW/?x=1")
    assert read == ProfileUrl(OPAQUE, "ACoAABq7TzUBkLmN_0pQrStUvW", is_opaque=True)


def test_a_surname_that_only_begins_like_an_opaque_id_is_an_ordinary_slug():
    for slug in ("ACoAAshort", "acoaabq7tzubklmn_0pqrstuvw", "ACoBBq7TzUBkLmN_0pQrStUvW"):
        read = read_profile_url(f"https://www.linkedin.com/in/{slug}")
        assert read == ProfileUrl(f"https://www.linkedin.com/in/{slug.lower()}", slug.lower())


@pytest.mark.parametrize(
    ("slug", "url"),
    [
        ("mira-oban", MIRA),
        (" Mira-Oban ", MIRA),
        ("מירה", HEBREW),
        ("https://www.linkedin.com/in/mira-oban/", MIRA),
    ],
)
def test_a_column_of_identifiers_may_hold_bare_slugs(slug: str, url: str):
    read = profile_url_from_identifier(slug)
    assert isinstance(read, ProfileUrl)
    assert read.url == url


@pytest.mark.parametrize("slug", ["mira oban", "mira/oban", "mira?oban", "mira#oban", "%zz", "ACwAABq7TzUBkLmN_0pQ"])
def test_an_identifier_that_is_no_slug_is_refused(slug: str):
    assert isinstance(profile_url_from_identifier(slug), Unusable)


slugs = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=30).filter(
    lambda slug: slug.strip(".")
)


@given(slugs)
def test_reading_an_address_again_changes_nothing(slug: str):
    read = read_profile_url("https://www.linkedin.com/in/" + quote(slug, safe=""))
    assert isinstance(read, ProfileUrl)
    assert read_profile_url(read.url) == read
    if read.slug not in MISSING_WORDS:
        assert profile_url_from_identifier(read.slug) == read


@given(
    slugs,
    st.sampled_from(["https://", "HTTP://", ""]),
    st.sampled_from(["linkedin.com", "WWW.linkedin.COM", "de.linkedin.com"]),
    st.sampled_from(["", "/", "/en", "/details/skills/"]),
    st.sampled_from(["", "?trk=x", "#about", "?a=/in/b#c"]),
    st.booleans(),
)
def test_variants_of_one_slug_are_one_person(slug, scheme, host, rest, query, upper):
    other = slug.upper() if upper else slug
    assume(other.lower() == slug.lower())
    assert canonical(f"{scheme}{host}/in/{quote(other, safe='')}{rest}{query}") == canonical(
        "https://www.linkedin.com/in/" + quote(slug, safe="")
    )


@given(st.text(max_size=80) | st.builds("linkedin.com/in/{}".format, st.text(max_size=40)))
def test_any_text_is_either_read_canonically_or_refused(text: str):
    read = read_profile_url(text)
    if isinstance(read, ProfileUrl):
        assert read.url == "https://www.linkedin.com/in/" + read.slug
        assert read.url.isascii()
        assert read_profile_url(read.url) == read


@pytest.mark.parametrize(
    ("slug", "base"),
    [
        ("mira-oban-48213", "mira-oban"),
        ("mira-oban-7a91b3c2", "mira-oban"),
        ("mira-oban-7", "mira-oban"),
        ("mira-oban-phd", "mira-oban-phd"),
        ("mira-oban-2b", "mira-oban-2b"),
        ("mira-oban-abc12", "mira-oban-abc12"),
        ("mira-oban-ab123", "mira-oban"),
        ("mira-oban-7A91B3C2", "mira-oban-7A91B3C2"),
        ("mira-oban-7a_91b3", "mira-oban-7a_91b3"),
        ("48213", "48213"),
        ("-48213", "-48213"),
        ("mira", "mira"),
        ("ACoAABq7TzUBkLmN_0pQ-12345", "ACoAABq7TzUBkLmN_0pQ-12345"),
    ],
)
def test_an_appended_id_is_told_from_a_part_of_the_name(slug: str, base: str):
    assert base_of_suffixed_slug(slug) == base


ASKED = ProfileUrl(MIRA, "mira-oban")
FULL = Profile(full_name="Mira Oban", roles=(Role(title="Engineer", company="Bluefern"),))


def test_an_answer_about_the_person_asked_is_taken():
    assert judge_answer(ASKED, (), "http://il.linkedin.com/in/Mira-Oban/", FULL) == Fulfilled(ASKED, FULL)


def test_an_answer_under_a_known_alias_is_taken():
    alias = "https://www.linkedin.com/in/mira-oban-48213"
    found = judge_answer(ASKED, [alias], alias, FULL)
    assert found == Fulfilled(ProfileUrl(alias, "mira-oban-48213"), FULL)
    assert judge_answer(ASKED, [], alias, FULL) == Rejected(Rejection.SOMEBODY_ELSE)


def test_a_confident_wrong_person_is_rejected():
    judged = judge_answer(ASKED, (), "https://www.linkedin.com/in/noa-fern", FULL)
    assert judged == Rejected(Rejection.SOMEBODY_ELSE)


@pytest.mark.parametrize("similar", ["mira-oban-2", "oban-mira", "mira", "miraoban", "mira-oban-48213", "mira-0ban"])
def test_similar_slugs_do_not_write_one_persons_data_onto_another(similar: str):
    judged = judge_answer(ASKED, (), f"https://www.linkedin.com/in/{similar}", FULL)
    assert judged == Rejected(Rejection.SOMEBODY_ELSE)


@pytest.mark.parametrize("found", [None, "", "  "])
def test_an_answer_without_its_own_address_is_rejected_even_if_it_echoes_the_question(found):
    assert judge_answer(ASKED, (), found, FULL) == Rejected(Rejection.NO_OWN_URL)


@pytest.mark.parametrize(
    "found",
    [
        MIRA + "/details/experience",
        MIRA + "/en",
        MIRA + "//",
        "https://www.linkedin.com/company/quillmark/in/mira-oban",
        "https://linkedin.com.profiles-cdn.net/in/mira-oban",
        "mira-oban",
        "https://www.linkedin.com/in/ACwAABq7TzUBkLmN_0pQrStUvW",
    ],
)
def test_the_gate_is_stricter_than_the_reading_of_input(found: str):
    assert judge_answer(ASKED, (), found, FULL) == Rejected(Rejection.NOT_A_PROFILE)


@pytest.mark.parametrize(
    "shell",
    [
        Profile(full_name="Mira Oban"),
        Profile(full_name="Mira Oban", headline="Engineer", title="Engineer", roles=(Role(),), skills=(" ",)),
        Profile(roles=FULL.roles, skills=("python",)),
        Profile(),
    ],
)
def test_an_empty_shell_does_not_count_as_found(shell: Profile):
    assert judge_answer(ASKED, (), MIRA, shell) == Rejected(Rejection.EMPTY_SHELL)


@pytest.mark.parametrize(
    "content", [{"roles": FULL.roles}, {"schools": (School(name="Quill College"),)}, {"skills": ("python",)}]
)
def test_a_name_and_one_kind_of_content_are_enough(content):
    profile = Profile(first_name="Mira", **content)
    assert judge_answer(ASKED, (), MIRA, profile) == Fulfilled(ASKED, profile)


def test_nothing_that_came_is_unmatched_and_an_empty_record_is_a_shell():
    assert judge_answer(ASKED, (), None, None) == Unmatched()
    assert judge_answer(ASKED, (), None, Profile()) == Rejected(Rejection.EMPTY_SHELL)


def test_an_opaque_question_is_answered_only_by_itself_or_a_known_alias():
    opaque = ProfileUrl(OPAQUE, OPAQUE.rpartition("/")[2], is_opaque=True)
    assert isinstance(judge_answer(opaque, (), OPAQUE, FULL), Fulfilled)
    assert judge_answer(opaque, (), OPAQUE.lower(), FULL) == Rejected(Rejection.SOMEBODY_ELSE)
    assert judge_answer(opaque, (), MIRA, FULL) == Rejected(Rejection.SOMEBODY_ELSE)
    assert isinstance(judge_answer(opaque, (MIRA,), MIRA, FULL), Fulfilled)


def test_every_reason_has_a_sentence():
    for reason in (*Unreadable, *Rejection):
        assert reason.sentence.endswith(".")
