"""Who acts: every transaction and every decision belongs to one actor."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a user may do in an organization, in rising order."""

    RECRUITER = "recruiter"
    MANAGER = "manager"
    ADMIN = "admin"


@dataclass(frozen=True)
class Actor:
    """A user at work for an organization; `is_operator` may change the installation itself."""

    user_id: UUID
    org_id: UUID
    role: Role
    name: str = ""
    email: str = ""
    is_operator: bool = False

    @property
    def may_see_team_usage(self) -> bool:
        return self.role in (Role.MANAGER, Role.ADMIN)

    @property
    def may_administer(self) -> bool:
        return self.role is Role.ADMIN

    @property
    def may_see_status(self) -> bool:
        """How the installation is doing, without anybody's name."""
        return self.is_operator or self.may_administer
