"""Imported tables: each export's headers reach their targets, each row becomes one person or a reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.headers import (
    LONGEST_CELL,
    LONGEST_LINE,
    LONGEST_TEXT,
    MOST_SKILLS,
    HeaderMapping,
    Ignored,
    ImportedPerson,
    Note,
    RejectedRow,
    RowNote,
    RowRejection,
    Target,
    find_header_line,
    map_headers,
    normal_header,
    read_row,
    supplied_months,
)
from services.domain.profiles import Role, School
from services.domain.spreadsheets import EXPORT_COLUMNS

MIRA = "https://www.linkedin.com/in/mira-oban"
OPAQUE = "https://www.linkedin.com/in/ACoAABq7TzUBkLmN_0pQrStUvW"


def person_of(cells: dict[str, str]) -> ImportedPerson:
    read = read_row(map_headers(list(cells)), list(cells.values()))
    assert isinstance(read, ImportedPerson), read
    return read


def rejection_of(cells: dict[str, str]) -> RejectedRow:
    read = read_row(map_headers(list(cells)), list(cells.values()))
    assert isinstance(read, RejectedRow), read
    return read


def targets_of(headers: list[str]) -> dict[str, Target]:
    mapping = map_headers(headers)
    return {headers[column.index]: column.target for column in mapping.mapped}


def ignored_of(headers: list[str], rows: list[list[str]] | None = None) -> dict[str, Ignored]:
    mapping = map_headers(headers, rows or [])
    return {headers[column.index]: column.reason for column in mapping.ignored}


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("linkedin_url", Target.PROFILE_URL),
        ("LinkedIn URL", Target.PROFILE_URL),
        ("linkedinUrl", Target.PROFILE_URL),
        ("profile_url", Target.PROFILE_URL),
        ("public_url", Target.PROFILE_URL),
        ("url", Target.PROFILE_URL),
        ("defaultProfileUrl", Target.PROFILE_URL),
        ("profileUrl", Target.PROFILE_URL),
        ("linkedInProfileUrl", Target.PROFILE_URL),
        ("profileLink", Target.PROFILE_URL),
        ("publicIdentifier", Target.PROFILE_IDENTIFIER),
        ("LinkedIn", Target.PROFILE_URL),
        ("LinkedIn Profile URL", Target.PROFILE_URL),
        ("first_name", Target.FIRST_NAME),
        ("firstName", Target.FIRST_NAME),
        ("First Name", Target.FIRST_NAME),
        ("LAST-NAME", Target.LAST_NAME),
        ("name", Target.FULL_NAME),
        ("full_name", Target.FULL_NAME),
        ("fullName", Target.FULL_NAME),
        ("Candidate Name", Target.FULL_NAME),
        ("current_title", Target.TITLE),
        ("job_title", Target.TITLE),
        ("jobTitle", Target.TITLE),
        ("currentJobTitle", Target.TITLE),
        ("Position", Target.TITLE),
        ("current_company", Target.COMPANY),
        ("companyName", Target.COMPANY),
        ("currentCompanyName", Target.COMPANY),
        ("Location", Target.LOCATION),
        ("Primary Email", Target.EMAIL),
        ("Email Address", Target.EMAIL),
        ("All Emails", Target.OTHER_EMAILS),
        ("Phone Number", Target.PHONE),
        ("phone", Target.PHONE),
        ("School", Target.SCHOOL),
        ("education", Target.SCHOOL),
        ("university", Target.SCHOOL),
        ("current_years_in_role", Target.ROLE_DURATION),
        ("durationInRole", Target.ROLE_DURATION),
        ("current_years_at_company", Target.COMPANY_DURATION),
        ("durationInCompany", Target.COMPANY_DURATION),
        ("summary", Target.SUMMARY),
        ("titleDescription", Target.ROLE_DESCRIPTION),
        ("skills", Target.SKILLS),
        ("headline", Target.HEADLINE),
        ("\ufeffName", Target.FULL_NAME),
        ("job_1_job_title", Target.JOB_TITLE),
        ("job_12_job_company_name", Target.JOB_COMPANY),
        ("job_1_job_start_date", Target.JOB_START),
        ("job_2_job_end_date", Target.JOB_END),
        ("edu_1_school_name", Target.EDUCATION_SCHOOL),
        ("Education 2 Degree", Target.EDUCATION_DEGREE),
        ("skill_31_name", Target.SKILL),
    ],
)
def test_every_known_header_reaches_its_target(header: str, target: Target):
    assert targets_of([header]) == {header: target}


def test_gem_job_titles_do_not_land_in_the_headline():
    person = person_of(
        {
            "First Name": "Mira",
            "Last Name": "Oban",
            "Title": "Engineer",
            "Company": "Bluefern",
            "LinkedIn": "linkedin.com/in/mira-oban",
            "Primary Email": "mira@quill.example",
            "All Emails": "mira@quill.example, m@fern.example",
            "Phone Number": "+1 555 0100",
            "School": "Quill College",
        }
    )
    assert person.url.url == MIRA
    assert (person.profile.title, person.profile.headline) == ("Engineer", "")
    assert person.emails == ("mira@quill.example", "m@fern.example")
    assert person.phone == "+1 555 0100"
    assert person.profile.schools == (School(name="Quill College"),)
    assert person.profile.roles == (Role(title="Engineer", company="Bluefern", is_current=True),)


SCRAPED = {
    "linkedInProfileUrl": OPAQUE,
    "profileUrl": "https://www.linkedin.com/sales/lead/ABC,NAME",
    "defaultProfileUrl": MIRA + "/",
    "firstName": "Mira",
    "lastName": "Oban",
    "fullName": "Mira Oban",
    "title": "Engineer",
    "companyName": "Bluefern",
    "companyLocation": "Springfield, Ohio",
    "location": "Haifa",
    "durationInRole": "2 years 3 months in role",
    "durationInCompany": "8 months in company",
    "titleDescription": "Builds\nthings",
}


def test_a_column_of_opaque_ids_does_not_leave_a_scraper_file_with_zero_people():
    person = person_of(SCRAPED)
    assert person.url.url == MIRA
    assert [alias.url for alias in person.aliases] == [OPAQUE]
    assert person.profile.location == "Haifa"
    assert (person.profile.supplied_role_months, person.profile.supplied_company_months) == (27, 8)
    assert person.profile.roles[0].description == "Builds\nthings"
    assert ignored_of(list(SCRAPED))["companyLocation"] is Ignored.ABOUT_THE_COMPANY


def test_the_address_column_is_chosen_for_each_row_and_not_for_the_file():
    mapping = map_headers(["defaultProfileUrl", "publicIdentifier", "profile_url"])
    first = read_row(mapping, ["", "mira-oban", ""])
    second = read_row(mapping, ["n/a", "", "linkedin.com/in/noa-fern"])
    assert isinstance(first, ImportedPerson)
    assert isinstance(second, ImportedPerson)
    assert (first.url.slug, second.url.slug) == ("mira-oban", "noa-fern")


def test_of_two_filled_columns_the_better_known_header_wins_wherever_it_stands():
    person = person_of({"url": MIRA, "Position": "Lead", "title": "Engineer", "current_title": "Principal"})
    assert person.profile.title == "Principal"
    assert person_of({"url": MIRA, "Position": "Lead", "title": "Engineer"}).profile.title == "Engineer"


def test_every_further_address_of_a_row_becomes_an_alias():
    person = person_of(
        {
            "linkedin_url": "http://il.linkedin.com/in/Mira-Oban",
            "public_url": "linkedin.com/in/mira-oban-48213",
            "url": MIRA,
            "publicIdentifier": "mira-oban",
        }
    )
    assert person.url.url == MIRA
    assert [alias.slug for alias in person.aliases] == ["mira-oban-48213"]


def test_people_with_only_first_and_last_name_are_named_in_full():
    person = person_of({"url": MIRA, "First Name": "Mira", "Last Name": "Oban"})
    assert person.profile.full_name == "Mira Oban"
    person = person_of({"url": MIRA, "name": "Mira Lee Oban"})
    assert (person.profile.first_name, person.profile.last_name) == ("Mira", "Lee Oban")


def test_people_called_null_keep_their_name():
    person = person_of({"url": MIRA, "First Name": "Nan", "Last Name": "Null", "company": "null"})
    assert person.profile.full_name == "Nan Null"
    assert person.profile.company == ""


def test_csv_emails_are_carried_beside_the_profile_and_bad_ones_are_noted():
    person = person_of({"url": MIRA, "email": "Mira@Quill.example; not an address,<m@fern.example>", "phone": "n/a"})
    assert person.emails == ("mira@quill.example", "m@fern.example")
    assert person.notes == (RowNote(Note.BAD_EMAIL, "email"),)
    assert person.phone == ""
    assert "quill" not in repr(person)


@pytest.mark.parametrize("bad", ["mira", "mira@quill", "@quill.example", "a@b@c.example", "a" * 250 + "@b.example"])
def test_what_is_no_email_is_dropped_and_the_row_kept(bad: str):
    person = person_of({"url": MIRA, "email": bad})
    assert person.emails == ()
    assert [note.note for note in person.notes] == [Note.BAD_EMAIL]


WIDE = {
    "public_url": MIRA,
    "Name": "Mira Oban",
    "job_2_job_title": "Developer",
    "job_2_job_company_name": "Quillmark",
    "job_2_job_start_date": "1 Jan 2018",
    "job_2_job_end_date": "1 Dec 2020",
    "job_1_job_title": "Engineer",
    "job_1_job_company_name": "Bluefern",
    "job_1_job_start_date": "1 Dec 2020",
    "job_1_job_end_date": "",
    "job_3_job_title": "",
    "job_3_job_company_name": "",
    "job_10_job_title": "Intern",
    "job_10_job_company_name": "Orbis",
    "edu_1_school_name": "Quill College",
    "edu_1_start_date": "1 Oct 2014",
    "skill_2_name": "C++",
    "skill_1_name": "Python",
    "skill_12_name": "python",
    "current_years_in_role": "9",
}


def test_a_wide_table_gives_all_its_jobs_schools_and_skills_in_the_order_of_their_numbers():
    profile = person_of(WIDE).profile
    assert [(role.company, role.is_current) for role in profile.roles] == [
        ("Bluefern", True),
        ("Quillmark", False),
        ("Orbis", True),
    ]
    assert profile.roles[1].start == "1 Jan 2018"
    assert profile.roles[1].end == "1 Dec 2020"
    assert (profile.title, profile.company) == ("Engineer", "Bluefern")
    assert profile.schools == (School(name="Quill College", start_year=2014),)
    assert profile.skills == ("Python", "C++")


def test_supplied_years_are_ignored_where_the_jobs_have_dates():
    assert ignored_of(list(WIDE)) == {"current_years_in_role": Ignored.DATES_ARE_BETTER}
    assert person_of(WIDE).profile.supplied_role_months is None


def test_a_headline_is_the_title_only_where_no_column_is():
    person = person_of({"url": MIRA, "headline": "Engineer at Bluefern"})
    assert (person.profile.title, person.profile.company) == ("Engineer", "Bluefern")
    person = person_of({"url": MIRA, "headline": "Engineer at Bluefern", "title": ""})
    assert (person.profile.title, person.profile.company) == ("", "Bluefern")


@pytest.mark.parametrize(
    ("cells", "reason", "field"),
    [
        ({"url": "", "name": "Mira"}, RowRejection.NO_URL, "url"),
        ({"name": "Mira"}, RowRejection.NO_URL, ""),
        ({"url": OPAQUE}, RowRejection.OPAQUE_ID, "url"),
        ({"url": OPAQUE.replace("ACo", "ACw"), "LinkedIn": "x"}, RowRejection.OPAQUE_ID, "url"),
        ({"url": "https://www.linkedin.com/company/quillmark"}, RowRejection.NOT_A_PROFILE, "url"),
        ({"url": "linkedin.com/in/%ff"}, RowRejection.MALFORMED_URL, "url"),
        ({"url": " ", "name": "\t"}, RowRejection.EMPTY, ""),
        ({"url": MIRA, "notes": "a\0b"}, RowRejection.NUL_BYTE, "notes"),
        ({"url": MIRA, "notes": "x" * 3_000_000}, RowRejection.CELL_TOO_LONG, "notes"),
    ],
)
def test_a_row_that_is_nobody_says_why_and_where(cells: dict[str, str], reason: RowRejection, field: str):
    assert rejection_of(cells) == RejectedRow(reason, field)


def test_a_row_whose_values_have_shifted_is_not_read_into_wrong_columns():
    mapping = map_headers(["url", "name"])
    assert read_row(mapping, [MIRA, "Oban", "Mira"]) == RejectedRow(RowRejection.TOO_MANY_CELLS)
    assert read_row(mapping, [MIRA, "Mira", "x\0"]) == RejectedRow(RowRejection.NUL_BYTE)
    assert isinstance(read_row(mapping, [MIRA, "Mira", "", " "]), ImportedPerson)
    assert isinstance(read_row(mapping, [MIRA]), ImportedPerson)


def test_long_texts_are_cut_with_a_note():
    person = person_of(
        {
            "url": MIRA,
            "summary": "s" * (LONGEST_TEXT + 1),
            "title": "t" * (LONGEST_LINE + 1),
            "notes": "x" * LONGEST_CELL,
        }
    )
    assert len(person.profile.summary) == LONGEST_TEXT
    assert len(person.profile.title) == LONGEST_LINE
    assert set(person.notes) == {RowNote(Note.TEXT_CUT, "summary"), RowNote(Note.TEXT_CUT, "title")}


def test_skills_in_one_cell_are_split_and_counted():
    assert person_of({"url": MIRA, "skills": "C++, Node.js;python | C# ,, c++"}).profile.skills == (
        "C++",
        "Node.js",
        "python",
        "C#",
    )
    person = person_of({"url": MIRA, "skills": ",".join(map(str, range(MOST_SKILLS + 1)))})
    assert len(person.profile.skills) == MOST_SKILLS
    assert person.notes == (RowNote(Note.TOO_MANY_SKILLS, "skills"),)


def test_hidden_characters_and_stray_line_breaks_leave_the_cells():
    person = person_of(
        {"url": MIRA, "name": "Mira\u200b\r\n Oban\x07", "summary": "One\r\nTwo \x00".replace("\x00", "")}
    )
    assert person.profile.full_name == "Mira Oban"
    assert person.profile.summary == "One\nTwo"


def test_our_own_export_is_read_back_with_its_guards_removed():
    assert person_of({"linkedin_url": MIRA, "phone": "'+972 50", "headline": "'=SUM(A1)"}).phone == "+972 50"
    known = targets_of([*EXPORT_COLUMNS, "profile_summary"])
    for column in (
        "first_name",
        "name",
        "email",
        "all_emails",
        "linkedin_url",
        "location",
        "school",
        "headline",
        "profile_summary",
    ):
        assert column in known


def test_what_a_model_wrote_of_a_verdict_never_becomes_a_persons_own_words():
    exported = {"linkedin_url": MIRA, "score": "8", "verdict": "GO", "summary": "A strong fit.", "reasons": "Python"}
    assert person_of(exported).profile.summary == ""
    assert person_of(exported | {"profile_summary": "I build things."}).profile.summary == "I build things."
    mapping = map_headers(list(exported))
    assert {column.reason for column in mapping.ignored} == {Ignored.ABOUT_A_VERDICT}


def test_of_two_equal_headers_the_first_is_used():
    mapping = map_headers(["Name", "url", "NAME", ""])
    assert [(column.index, column.reason) for column in mapping.ignored] == [
        (2, Ignored.DUPLICATE),
        (3, Ignored.BLANK_HEADER),
    ]


def test_an_unnamed_linkedin_column_is_found_by_its_cells():
    headers = ["Company LinkedIn page", "Person (LinkedIn)", "x"]
    company = "https://www.linkedin.com/company/quillmark"
    rows = [[company, "", ""], *([company, cell, ""] for cell in (MIRA, MIRA, MIRA, "?", "?", "?", "?"))]
    mapping = map_headers(headers, rows)
    assert [(column.index, column.target) for column in mapping.mapped] == [(1, Target.PROFILE_URL)]
    assert ignored_of(headers, rows) == {headers[0]: Ignored.NO_PROFILES, "x": Ignored.UNKNOWN}
    assert mapping.names_people
    too_few = [["", cell, ""] for cell in (MIRA, MIRA, "?", "?", "?", MIRA)]
    assert not map_headers(headers, too_few).names_people


def test_a_known_address_header_leaves_nothing_to_guess():
    mapping = map_headers(["my linkedin", "url"], [[MIRA, ""]])
    assert [column.index for column in mapping.mapped] == [1]


CONNECTIONS = [
    "\ufeffNotes:",
    '"When exporting your connections, some addresses, first name, may be missing."',
    "",
    "First Name,Last Name,URL,Email Address,Company,Position,Connected On",
    "Mira,Oban,https://www.linkedin.com/in/mira-oban,,Bluefern,Engineer,03 Mar 2024",
]


def test_the_notes_above_linkedins_own_export_are_skipped():
    at = find_header_line(CONNECTIONS)
    assert at == 3
    person = person_of(dict(zip(CONNECTIONS[at].split(","), CONNECTIONS[at + 1].split(","), strict=True)))
    assert (person.profile.full_name, person.profile.title) == ("Mira Oban", "Engineer")


@pytest.mark.parametrize(
    ("lines", "at"),
    [
        (["url,name", "a,b"], 0),
        (["\ufeff", "", "url;name"], 2),
        (['"last_name";"FIRST NAME"'], 0),
        (["Notes", "first name, last names"], 0),
        (["", " ,, "], None),
        ([], None),
    ],
)
def test_other_files_have_their_headers_on_the_first_filled_line(lines: list[str], at: int | None):
    assert find_header_line(lines) == at


def test_a_persons_correction_is_asked_first_and_survives_storage():
    mapping = map_headers(["url", "title", "What they do", "company"])
    corrected = mapping.corrected({2: Target.TITLE, 3: None})
    stored = HeaderMapping.from_dict(json.loads(json.dumps(corrected.to_dict())))
    assert stored == corrected
    read = read_row(stored, [MIRA, "Engineer", "Lead", "Bluefern"])
    assert isinstance(read, ImportedPerson)
    assert (read.profile.title, read.profile.company) == ("Lead", "")
    assert [(column.index, column.reason) for column in corrected.ignored] == [(3, Ignored.BY_CHOICE)]
    assert mapping.corrected({}) == mapping


def test_a_correction_that_makes_no_sense_is_refused():
    mapping = map_headers(["url", "job_2_job_title"])
    with pytest.raises(ValueError, match="no column 7"):
        mapping.corrected({7: Target.TITLE})
    with pytest.raises(ValueError, match="which job"):
        mapping.corrected({0: Target.JOB_TITLE})
    assert mapping.corrected({1: Target.JOB_COMPANY}).mapped[0].number == 2


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"headers": ["url"], "mapped": [[1, "title", 0]], "ignored": []},
        {"headers": ["url"], "mapped": [[0, "title"]], "ignored": []},
        {"headers": ["url"], "mapped": [[0, "nothing", 0]], "ignored": []},
        {"headers": ["url"], "mapped": [[0, "title", 1]], "ignored": []},
        {"headers": ["url"], "mapped": [[0, "job_title", 0]], "ignored": []},
        {"headers": ["url"], "mapped": 3, "ignored": []},
    ],
)
def test_a_stored_mapping_that_is_none_is_refused(stored):
    with pytest.raises(ValueError):
        HeaderMapping.from_dict(stored)


@pytest.mark.parametrize(
    ("text", "header", "months"),
    [
        ("2 years 3 months in role", "", 27),
        ("1 yr 3 mos", "", 15),
        ("8 months", "", 8),
        ("1 year", "", 12),
        ("2y 3m", "", 27),
        ("11 months at company", "", 11),
        ("0.9", "current_years_in_role", 11),
        ("2.5", "current_years_in_role", 30),
        ("7", "Months in role", 7),
        ("7", "durationInRole", None),
        ("0", "years", None),
        ("-1", "years", None),
        ("-1", "months", None),
        ("-2 years", "", None),
        ("0 months", "", None),
        ("less than a year", "", None),
        ("in role", "", None),
        ("since 2019", "", None),
        ("900 years", "", None),
        ("", "years", None),
        ("nan", "years", None),
    ],
)
def test_a_supplied_duration_becomes_months_or_stays_unknown(text: str, header: str, months: int | None):
    assert supplied_months(text, header) == months


@given(st.integers(0, 40), st.integers(0, 11))
def test_years_and_months_in_words_add_up(years: int, months: int):
    total = 12 * years + months
    assert supplied_months(f"{years} years {months} months in role") == (total or None)
    assert supplied_months(f"{years}y {months}m") == (total or None)


header_text = st.sampled_from(
    ["url", "name", "email", "skills", "job_1_job_title", "edu_1_school", "?", "summary", "Name"]
)


@given(st.lists(header_text, max_size=6), st.lists(st.text(max_size=20) | st.just(MIRA), max_size=7))
def test_every_column_is_mapped_or_ignored_once_and_every_row_is_a_person_or_a_reason(headers, row):
    mapping = map_headers(headers, [row])
    columns = [column.index for column in mapping.mapped] + [column.index for column in mapping.ignored]
    assert sorted(columns) == list(range(len(headers)))
    assert HeaderMapping.from_dict(mapping.to_dict()) == mapping
    read = read_row(mapping, row)
    if isinstance(read, ImportedPerson):
        assert not read.url.is_opaque
        assert "\0" not in repr(read)
    else:
        assert read.reason.sentence.endswith(".")


@given(st.text("abAB _-", max_size=10))
def test_headers_compare_without_case_spaces_underscores_and_hyphens(header: str):
    assert normal_header(header) == "".join(c for c in header.lower() if c not in " _-")


def test_every_target_and_reason_can_be_told_to_a_person():
    assert len({target.label for target in Target}) == len(Target)
    for reason in (*Ignored, *Note, *RowRejection):
        assert reason.sentence.endswith((".", "…)."))
