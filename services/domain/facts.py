"""What code computes about a person, as finished lines that people read and a model copies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from services.domain.dates import Month, parse_month, show_month, show_months
from services.domain.employment import (
    CompanyTenure,
    career_span_months,
    company_tenures,
    credited_months,
    current_role,
    is_unstable,
    newest_first,
    role_span,
    short_stints,
    tenure_at,
    worked_months,
)
from services.domain.keywords import Keywords
from services.domain.military import is_military, is_technical_service
from services.domain.profiles import Profile, Role
from services.domain.untrusted_text import visible_line

SHOWN_ROLES = 20
SHOWN_COMPANIES = 15
NAME_LIMIT = 100
CURRENT_COMPANY_TENURE = "fact.current_company_tenure"

_ROLE_FAMILIES = {
    "software": Keywords.of(
        "software,developer,programmer,backend,back-end,back end,frontend,front-end,front end,full stack,"
        "fullstack,full-stack,web engineer,mobile engineer,software architect".split(",")
    ),
    "infrastructure": Keywords.of(
        "devops,sre,site reliability,platform engineer,infrastructure,cloud engineer,production engineer,"
        "system administrator,sysadmin".split(",")
    ),
    "data": Keywords.of(
        "data,machine learning,ml,ai,algorithm,algorithms,computer vision,bi,deep learning,analytics".split(",")
    ),
    "quality": Keywords.of(["qa", "quality assurance", "test", "tester", "automation"]),
    "security": Keywords.of(["security", "cyber", "penetration", "soc", "ciso"]),
    "product": Keywords.of(["product manager", "product owner", "head of product", "vp product", "cpo"]),
    "design": Keywords.of(["designer", "design", "ux", "ui"]),
    "management": Keywords.of(
        "manager,team lead,team leader,tech lead,group lead,head of,director,vp,vice president,chief,cto,ceo,"
        "coo,cfo,cpo,ciso,president".split(",")
    ),
}
_INFRASTRUCTURE_SKILLS = Keywords.of(
    "kubernetes,k8s,docker,terraform,ansible,helm,jenkins,argocd,argo cd,ci/cd,aws,gcp,azure,linux,prometheus,"
    "grafana,cloudformation,pulumi,openshift,puppet,chef,gitlab ci,github actions,infrastructure as code".split(",")
)


@dataclass(frozen=True)
class Fact:
    """One computed statement: an id that evidence may name, a line with finished numbers, and the value."""

    id: str
    line: str
    value: int | bool | str


@dataclass(frozen=True)
class Facts:
    """All computed facts of a person as of a month; durations are months, None when unknown.

    `company_months` is None when some time at the current company has no known duration, since rules on
    tenure must not be broken by a gap in the data; the lines then say "at least".
    """

    as_of: Month
    items: tuple[Fact, ...]
    current_title: str
    current_company: str
    role_months: int | None
    company_months: int | None
    industry_months: int
    career_span_months: int
    military_months: int
    technical_military_months: int
    tenures: tuple[CompanyTenure, ...]
    short_stints: tuple[CompanyTenure, ...]
    is_unstable: bool

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(fact.id for fact in self.items)

    def find(self, fact_id: str) -> Fact | None:
        """The fact of that id."""
        return next((fact for fact in self.items if fact.id == fact_id), None)


def company_fact_id(number: int) -> str:
    """The id of the fact about one of `Facts.tenures`, counted from 1."""
    return f"fact.company_{number}"


def listed_roles(profile: Profile, as_of: Month) -> tuple[Role, ...]:
    """The roles with a title in the fixed order by which lines number them, newest first, at most SHOWN_ROLES."""
    titled = [role for role in profile.roles if role.title.strip()]
    return tuple(dict.fromkeys(newest_first(titled, as_of)))[:SHOWN_ROLES]


def compute_facts(profile: Profile, as_of: Month) -> Facts:
    """Every number that a judgement may rest on (docs/rules/employment.md, Computed facts)."""
    roles = profile.roles
    service = [role for role in roles if is_military(role)]
    technical = [role for role in service if is_technical_service(role)]
    civilian = [role for role in roles if not is_military(role)]
    held = current_role(roles, as_of)
    tenures = company_tenures(roles, as_of)
    company = held.company if held else profile.company
    tenure = tenure_at(company, tenures)
    stints = short_stints(roles, as_of)
    industry, military = worked_months(civilian, as_of), worked_months(service, as_of)
    technical_service = worked_months(technical, as_of)
    facts = Facts(
        as_of=as_of,
        items=(),
        current_title=(held.title if held else profile.title).strip(),
        current_company=company.strip(),
        role_months=_role_months(held, profile, as_of),
        company_months=_company_months(tenure, profile),
        industry_months=industry,
        career_span_months=career_span_months(roles, as_of),
        military_months=military,
        technical_military_months=technical_service,
        tenures=tenures,
        short_stints=stints,
        is_unstable=is_unstable(stints),
    )
    items = (
        *_current_facts(facts, held, tenure),
        *_total_facts(facts),
        *_family_facts(profile, civilian, as_of),
        *_role_facts(listed_roles(profile, as_of), as_of),
        *_tenure_facts(tenures),
        *_stability_facts(tenures, stints),
    )
    return replace(facts, items=items)


def _role_months(held: Role | None, profile: Profile, as_of: Month) -> int | None:
    span = role_span(held, as_of) if held else None
    return span.months if span else profile.supplied_role_months


def _company_months(tenure: CompanyTenure | None, profile: Profile) -> int | None:
    if tenure is None or not tenure.stints:
        return profile.supplied_company_months
    return tenure.months if tenure.is_complete else None


def _named(title: str, company: str) -> str:
    return " at ".join(part for part in (_short(title), _short(company)) if part)


def _short(text: str) -> str:
    return visible_line(text, NAME_LIMIT)


def _current_facts(facts: Facts, held: Role | None, tenure: CompanyTenure | None) -> Iterable[Fact]:
    named = _named(facts.current_title, facts.current_company)
    if named:
        start = parse_month(held.start) if held else None
        since = f", since {show_month(start)}" if start else ""
        yield Fact("fact.current_role", f"Current role: {named}{since}", named)
    if facts.role_months is not None:
        line = f"Time in current role: {show_months(facts.role_months)}"
        yield Fact("fact.current_role_tenure", line, facts.role_months)
    if facts.company_months is not None:
        line = f"Time at current company: {show_months(facts.company_months)}"
        yield Fact(CURRENT_COMPANY_TENURE, line, facts.company_months)
    elif tenure is not None and tenure.months:
        line = f"Time at current company: at least {show_months(tenure.months)}; some dates are unknown"
        yield Fact(CURRENT_COMPANY_TENURE, line, tenure.months)


def _total_facts(facts: Facts) -> Iterable[Fact]:
    if facts.career_span_months:
        line = f"Industry experience: {show_months(facts.industry_months)}"
        yield Fact("fact.industry_experience", line, facts.industry_months)
        line = f"Career span, gaps included: {show_months(facts.career_span_months)}"
        yield Fact("fact.career_span", line, facts.career_span_months)
    if not facts.military_months:
        return
    technical = facts.technical_military_months
    kind = f"of this technical {show_months(technical)}" if technical else "non-technical"
    line = f"Military service: {show_months(facts.military_months)}, {kind}; not part of industry experience"
    yield Fact("fact.military_service", line, facts.military_months)
    if technical:
        credited = credited_months(facts.industry_months, technical)
        line = f"Industry experience and half of technical service, for minimums: {show_months(credited)}"
        yield Fact("fact.experience_with_service", line, credited)


def _family_facts(profile: Profile, civilian: Sequence[Role], as_of: Month) -> Iterable[Fact]:
    families = {
        family: [role for role in civilian if keywords.hit(role.title)] for family, keywords in _ROLE_FAMILIES.items()
    }
    for family, roles in families.items():
        if worked := worked_months(roles, as_of):
            yield Fact(f"fact.{family}_roles", f"Time in {family} roles: {show_months(worked)}", worked)
    skills = tuple(sorted({_short(skill) for skill in profile.skills if _INFRASTRUCTURE_SKILLS.hit(skill)}))
    if families["software"] and skills:
        infrastructure = worked_months(families["infrastructure"], as_of)
        both = worked_months([*families["infrastructure"], *families["software"]], as_of)
        credit = infrastructure + (both - infrastructure) // 2
        line = (
            "DevOps half credit is possible: infrastructure roles and half of other software roles make "
            f"{show_months(credit)}; infrastructure skills: {', '.join(skills)}"
        )
        yield Fact("fact.devops_half_credit", line, credit)


def _role_facts(roles: Sequence[Role], as_of: Month) -> Iterable[Fact]:
    for number, role in enumerate(roles, start=1):
        span = role_span(role, as_of)
        if span is not None:
            until = "today" if span.end == as_of else show_month(span.end)
            line = (
                f"Role {number} ({_named(role.title, role.company)}): "
                f"{show_month(span.start)} to {until}, {show_months(span.months)}"
            )
            yield Fact(f"fact.role_{number}", line, span.months)


def _tenure_facts(tenures: Sequence[CompanyTenure]) -> Iterable[Fact]:
    for number, tenure in enumerate(tenures[:SHOWN_COMPANIES], start=1):
        if tenure.stints:
            bound = "" if tenure.is_complete else "at least "
            line = f"Time at {_short(tenure.company)}: {bound}{show_months(tenure.months)}"
            yield Fact(company_fact_id(number), line, tenure.months)


def _stability_facts(tenures: Sequence[CompanyTenure], stints: Sequence[CompanyTenure]) -> Iterable[Fact]:
    if not any(tenure.stints for tenure in tenures):
        return
    listed = ", ".join(f"{_short(stint.company)} {show_months(stint.months)}" for stint in stints)
    line = f"Short stints that count: {len(stints)}" + (f" ({listed})" if listed else "")
    yield Fact("fact.short_stints", line, len(stints))
    unstable = is_unstable(stints)
    yield Fact("fact.stability", f"Stability: {'FAIL' if unstable else 'OK'}", not unstable)
