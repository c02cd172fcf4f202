"""The person as recruiters know one: the shapes that every rule, store and renderer shares."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Role:
    """One job as its source told it; dates stay the source's text and are read by `employment`."""

    title: str = ""
    company: str = ""
    start: str = ""
    end: str = ""
    is_current: bool = False
    description: str = ""
    location: str = ""
    company_industries: tuple[str, ...] = ()
    company_size: str = ""
    seniority: str = ""
    function: str = ""


@dataclass(frozen=True)
class School:
    """One education entry; years are 0 when unknown."""

    name: str = ""
    degree: str = ""
    field_of_study: str = ""
    start_year: int = 0
    end_year: int = 0


@dataclass(frozen=True)
class Profile:
    """Everything known of one person that rules may look at; empty text and empty tuples mean unknown."""

    full_name: str = ""
    first_name: str = ""
    last_name: str = ""
    headline: str = ""
    summary: str = ""
    location: str = ""
    country: str = ""
    title: str = ""
    company: str = ""
    roles: tuple[Role, ...] = ()
    schools: tuple[School, ...] = ()
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    certifications: tuple[str, ...] = ()
    connections: int | None = None
    supplied_role_months: int | None = None
    supplied_company_months: int | None = None
    pronouns: str = field(default="", repr=False)
