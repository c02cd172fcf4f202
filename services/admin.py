"""Administration of one organization: its users, its settings, and what was done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from services.accounts import LinkPurpose, new_secret, parse_email, parse_name, require_admin, sha256
from services.db import accounts as rows
from services.db.accounts import AuditEvent, Member
from services.db.pool import Database, Tx
from services.domain.actors import Actor, Role
from services.domain.money import read_usd
from services.domain.time_zones import known_time_zone
from services.errors import BadInput, Conflict, NotFound

LINK_HOURS: Final[Mapping[LinkPurpose, int]] = {"invite": 7 * 24, "reset": 24}
MEMBERS_SHOWN: Final = 500
AUDIT_PAGE: Final = 50
# Each has a key of its own on the verdict card: 1 to 9.
MOST_REASONS: Final = 9
LONGEST_REASON: Final = 120
NEWEST: Final = 2**62
DEFAULT_REASONS: Final = (
    "Knows more than the profile shows",
    "Criterion misread",
    "Wrong location or not available",
    "Spoken to the candidate",
)


@dataclass(frozen=True)
class OrganizationSettings:
    """What an organization chose for itself."""

    name: str
    time_zone: str
    run_cap_usd: Decimal | None
    override_reasons: tuple[str, ...]


@dataclass(frozen=True)
class NewLink:
    """A one-time link to hand over; its secret is shown once and kept nowhere."""

    user_id: UUID
    purpose: LinkPurpose
    secret: str
    hours: int


@dataclass(frozen=True)
class Admin:
    """Use cases of an organization's admins; each checks the role itself."""

    db: Database

    def members(self, actor: Actor) -> list[Member]:
        require_admin(actor)
        with self.db.act_as(actor) as tx:
            return rows.list_members(tx, MEMBERS_SHOWN)

    def invite(self, actor: Actor, email: str, name: str, role: Role) -> NewLink:
        """Make a user without a password and the link that lets them set one. Raises BadInput, Conflict."""
        require_admin(actor)
        email, name = parse_email(email), parse_name(name, "name")
        with self.db.act_as(actor) as tx:
            user_id = rows.insert_member(tx, email, name, role)
            rows.insert_audit_event(tx, "invited", f"user:{user_id}", {"role": role})
            return make_link(tx, user_id, "invite")

    def renew_link(self, actor: Actor, user_id: UUID) -> NewLink:
        """A fresh link to set a password; links from before stop working. Raises NotFound, Conflict."""
        require_admin(actor)
        with self.db.act_as(actor) as tx:
            member = find_member(tx, user_id)
            if not member.is_active:
                raise Conflict(f"{member.name} is deactivated. Reactivate the account first.")
            purpose: LinkPurpose = "reset" if member.last_seen_at else "invite"
            rows.insert_audit_event(tx, "password_link_made", f"user:{user_id}")
            return make_link(tx, user_id, purpose)

    def set_role(self, actor: Actor, user_id: UUID, role: Role) -> bool:
        """Whether that changed anything. Raises NotFound, and Conflict if nobody would be left to administer."""
        require_admin(actor)
        with self.db.act_as(actor) as tx:
            member = find_member(tx, user_id)
            if member.role == role:
                return False
            rows.set_role(tx, user_id, role)
            rows.insert_audit_event(tx, "role_changed", f"user:{user_id}", {"from": member.role, "to": role})
            return True

    def deactivate(self, actor: Actor, user_id: UUID) -> None:
        """Out at the next request, everywhere. Raises NotFound, and Conflict for the last admin."""
        self.set_active(actor, user_id, False)

    def reactivate(self, actor: Actor, user_id: UUID) -> None:
        self.set_active(actor, user_id, True)

    def set_active(self, actor: Actor, user_id: UUID, is_active: bool) -> None:
        require_admin(actor)
        with self.db.act_as(actor) as tx:
            member = find_member(tx, user_id)
            if member.is_active == is_active:
                return
            rows.set_active(tx, user_id, is_active)
            rows.withdraw_links(tx, user_id)
            rows.insert_audit_event(tx, "reactivated" if is_active else "deactivated", f"user:{user_id}")

    def settings(self, actor: Actor) -> OrganizationSettings:
        """What the actor's organization chose; every member may know it."""
        with self.db.act_as(actor) as tx:
            return read_settings(*rows.organization(tx))

    def change_settings(self, actor: Actor, settings: OrganizationSettings) -> None:
        """Raises Conflict if another organization has the name."""
        require_admin(actor)
        with self.db.act_as(actor) as tx:
            before = read_settings(*rows.organization(tx))
            stored = write_settings(settings)
            rows.update_organization(tx, settings.name, stored)
            changed = sorted(
                name
                for name in ("name", "time_zone", "run_cap_usd", "override_reasons")
                if getattr(before, name) != getattr(settings, name)
            )
            rows.insert_audit_event(tx, "settings_changed", "organization", {"changed": changed})

    def history(self, actor: Actor, before: int = NEWEST) -> Sequence[AuditEvent]:
        """What was done in the organization, newest first, a page at a time by falling id."""
        require_admin(actor)
        with self.db.act_as(actor) as tx:
            return rows.list_audit_events(tx, before, AUDIT_PAGE)


def find_member(tx: Tx, user_id: UUID) -> Member:
    member = rows.find_member(tx, user_id)
    if member is None:
        raise NotFound("This user does not exist.")
    return member


def make_link(tx: Tx, user_id: UUID, purpose: LinkPurpose) -> NewLink:
    secret = new_secret()
    rows.withdraw_links(tx, user_id)
    rows.insert_link(tx, sha256(secret), user_id, purpose, LINK_HOURS[purpose])
    return NewLink(user_id, purpose, secret, LINK_HOURS[purpose])


def read_settings(name: str, stored: Mapping[str, Any]) -> OrganizationSettings:
    """Settings as they are kept; whatever is missing has its default."""
    cap = stored.get("run_cap_usd")
    return OrganizationSettings(
        name,
        known_time_zone(stored.get("time_zone")),
        None if cap is None else Decimal(cap),
        tuple(stored.get("override_reasons", DEFAULT_REASONS)),
    )


def write_settings(settings: OrganizationSettings) -> dict[str, Any]:
    cap = settings.run_cap_usd
    return {
        "time_zone": settings.time_zone,
        "run_cap_usd": None if cap is None else str(cap),
        "override_reasons": list(settings.override_reasons),
    }


def parse_settings(name: str, time_zone: str, run_cap_usd: str, override_reasons: str) -> OrganizationSettings:
    """Settings as a person typed them: reasons one a line, an empty cap for none. Raises BadInput."""
    if time_zone not in time_zones():
        raise BadInput("Please choose a time zone from the list.", field="time_zone")
    reasons = tuple(dict.fromkeys(line.strip() for line in override_reasons.splitlines() if line.strip()))
    if not 1 <= len(reasons) <= MOST_REASONS or any(len(reason) > LONGEST_REASON for reason in reasons):
        limits = f"Please give 1 to {MOST_REASONS} reasons, one a line, each up to {LONGEST_REASON} characters."
        raise BadInput(limits, field="reasons")
    return OrganizationSettings(parse_name(name, "name"), time_zone, parse_cap(run_cap_usd), reasons)


def parse_cap(text: str) -> Decimal | None:
    """A sum of money in USD, none if left empty. Raises BadInput."""
    try:
        cap = read_usd(text, most=100_000, places=2)
    except ValueError as error:
        raise BadInput("The cap must be between 0.01 and 100,000 USD, such as 25 or 12.50.", field="cap") from error
    if cap == 0:
        raise BadInput("A cap of 0 lets nothing run; leave it empty for none.", field="cap")
    return cap


def time_zones() -> list[str]:
    """The names a person can choose from, without the historical aliases."""
    places = (name for name in available_timezones() if "/" in name)
    return ["UTC", *sorted(name for name in places if not name.startswith(("Etc/", "posix/", "right/")))]
