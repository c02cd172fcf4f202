"""Lists: names are unique while they are used, members belong to the organization, nobody else sees them."""

from collections.abc import Callable

import pytest

from services.db.pool import Database
from services.domain.actors import Actor
from services.errors import BadInput, Conflict, NotFound
from services.lists import Added, Lists
from tests.fixtures.postgres import Team


@pytest.fixture
def lists(database: Database) -> Lists:
    return Lists(database)


def add_people(database: Database, actor: Actor, count: int) -> list[int]:
    with database.act_as(actor) as tx:
        rows = tx.execute(
            "INSERT INTO candidates (org_id, profile_url)"
            " SELECT current_org(), 'https://www.linkedin.com/in/p' || n FROM generate_series(1, %s) n RETURNING id",
            [count],
        ).fetchall()
    return [row[0] for row in rows]


def test_members_are_added_once_and_removed(lists: Lists, database: Database, team: Team) -> None:
    people = add_people(database, team.recruiter, 3)
    made = lists.create(team.recruiter, "  Backend   people ")
    assert made.name == "Backend people"
    assert lists.add(team.recruiter, made.id, people[:2]) == Added(2, 0)
    assert lists.add(team.colleague, made.id, [*people, people[0]]) == Added(1, 2)
    assert lists.remove(team.recruiter, made.id, people[:1]) == 1
    assert lists.find(team.recruiter, made.id).members == 2


def test_a_copy_has_the_same_members_and_goes_its_own_way(lists: Lists, database: Database, team: Team) -> None:
    people = add_people(database, team.recruiter, 3)
    made = lists.create(team.recruiter, "One")
    lists.add(team.recruiter, made.id, people)
    copied = lists.copy(team.recruiter, made.id, "Two")
    lists.remove(team.recruiter, made.id, people)
    assert (lists.find(team.recruiter, made.id).members, lists.find(team.recruiter, copied.id).members) == (0, 3)


def test_two_active_lists_cannot_have_one_name(lists: Lists, team: Team, rivals: Team) -> None:
    first = lists.create(team.recruiter, "Backend")
    other = lists.create(team.recruiter, "Frontend")
    lists.create(rivals.recruiter, "Backend")
    attempts: list[Callable[[], object]] = [
        lambda: lists.create(team.colleague, "backend"),
        lambda: lists.rename(team.recruiter, other.id, "BACKEND"),
        lambda: lists.copy(team.recruiter, other.id, "Backend"),
    ]
    for attempt in attempts:
        with pytest.raises(Conflict, match="already a list"):
            attempt()
    assert lists.rename(team.recruiter, first.id, "backend").name == "backend"


def test_archiving_frees_the_name_and_is_undone_unless_it_was_taken(lists: Lists, team: Team) -> None:
    made = lists.create(team.recruiter, "Backend")
    lists.archive(team.recruiter, made.id)
    assert (lists.newest(team.recruiter), lists.page(team.recruiter).lists) == ([], [])
    assert [found.id for found in lists.page(team.recruiter, archived=True).lists] == [made.id]
    with pytest.raises(Conflict, match="archived"):
        lists.rename(team.recruiter, made.id, "X")
    lists.restore(team.recruiter, made.id)
    assert lists.find_by_name(team.recruiter, "BACKEND").id == made.id
    lists.archive(team.recruiter, made.id)
    lists.create(team.recruiter, "Backend")
    with pytest.raises(Conflict, match="already a list"):
        lists.restore(team.recruiter, made.id)


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\0b", "line\u2028break\u0007"])
def test_a_name_must_be_one_short_line(lists: Lists, team: Team, name: str) -> None:
    with pytest.raises(BadInput, match="name"):
        lists.create(team.recruiter, name)


def test_another_organization_cannot_see_or_change_a_list(
    lists: Lists, database: Database, team: Team, rivals: Team
) -> None:
    made = lists.create(team.recruiter, "Backend")
    ours = add_people(database, team.recruiter, 1)
    theirs = add_people(database, rivals.recruiter, 1)
    lists.add(team.recruiter, made.id, ours)
    thief = rivals.admin
    attempts: list[Callable[[], object]] = [
        lambda: lists.find(thief, made.id),
        lambda: lists.find_by_name(thief, "Backend"),
        lambda: lists.rename(thief, made.id, "Mine"),
        lambda: lists.archive(thief, made.id),
        lambda: lists.restore(thief, made.id),
        lambda: lists.copy(thief, made.id, "Mine"),
        lambda: lists.add(thief, made.id, theirs),
        lambda: lists.remove(thief, made.id, ours),
        lambda: lists.add(team.recruiter, made.id, theirs),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()
    assert (lists.page(thief).lists + lists.newest(thief), lists.find(team.recruiter, made.id).members) == ([], 1)


def test_lists_come_in_pages_newest_first_and_by_a_part_of_their_names(lists: Lists, team: Team) -> None:
    made = [lists.create(team.recruiter, f"{'Odd' if number % 2 else 'Even'} {number:03}").id for number in range(120)]
    pages = [lists.page(team.recruiter, number) for number in (1, 2, 3)]
    assert [found.id for page in pages for found in page.lists] == made[::-1]
    assert [(page.number, page.pages, len(page.lists)) for page in pages] == [(1, 3, 50), (2, 3, 50), (3, 3, 20)]
    assert lists.page(team.recruiter, 99).number == 3
    odd = lists.page(team.recruiter, 2, " ODD ")
    assert ([found.id for found in odd.lists], odd.pages) == (made[1::2][::-1][50:], 2)
    assert lists.page(team.recruiter, text="%").lists == []
    assert [found.id for found in lists.newest(team.recruiter, 3)] == made[::-1][:3]
