"""Military service, told apart from civilian work by the words of employer and title.

The words are data; how they are matched is described in docs/rules/employment.md, Military service.
"""

import re
import unicodedata
from functools import lru_cache

from services.domain.profiles import Role

_LONGEST_PHRASE = 4
_HEBREW_PREFIXES = ("", "ב", "ה", "ל", "מ", "ו")


def _phrases(*phrases: str) -> frozenset[str]:
    """The phrases; Hebrew abbreviations also with a one-letter prefix ("in", "the", "to", …)."""
    return frozenset(prefix + phrase for phrase in phrases for prefix in (_HEBREW_PREFIXES if '"' in phrase else ("",)))


# The armed forces by name. They make an employer military whatever else stands beside them.
_FORCES = _phrases(
    "idf",
    "israel defense forces",
    "israel defence forces",
    "israeli defense forces",
    "israeli defence forces",
    "israel defense force",
    "israel defence force",
    "israeli defense force",
    "israeli defence force",
    'צה"ל',
    "צהל",
    "צבא ההגנה לישראל",
    "צבא הגנה לישראל",
)

# Branches, kinds of service and ranks of duty that mean service wherever they stand.
_SERVICE = _phrases(
    "army",
    "air force",
    "airforce",
    "navy",
    "marine corps",
    "israeli military",
    "us military",
    "intelligence corps",
    "military intelligence",
    "intelligence directorate",
    "signal corps",
    "c4i corps",
    "c4i directorate",
    "armored corps",
    "armoured corps",
    "artillery corps",
    "combat engineering corps",
    "home front command",
    "military service",
    "mandatory service",
    "compulsory service",
    "military police",
    "military officer",
    "reserve duty",
    "reserve service",
    "reservist",
    "infantry",
    "combat unit",
    "combat soldier",
    "combat fighter",
    "combat medic",
    "combat officer",
    "mamram",
    "sayeret matkal",
    "shayetet 13",
    "צבא",
    "צבא קבע",
    "חיל האוויר",
    "חיל האויר",
    "חיל הים",
    "חיל המודיעין",
    'אמ"ן',
    "אגף המודיעין",
    "אגף התקשוב",
    "חיל התקשוב",
    "חיל הקשר",
    "חיל השריון",
    "חיל ההנדסה",
    "הנדסה קרבית",
    "שירות צבאי",
    "שירות חובה",
    "שירות מילואים",
    "מילואים",
    "לוחם",
    "לוחמת",
    'ממר"ם',
    "ממרם",
    'סיירת מטכ"ל',
    "שייטת 13",
)

_UNIT_NUMBERS = ("8200", "81", "9900", "504", "669")

# Names that are words of their own in other contexts: they count only when they are the employer.
_NAMED_UNITS = (
    "golani",
    "givati",
    "nahal",
    "kfir",
    "paratroopers",
    "duvdevan",
    "egoz",
    "maglan",
    "shaldag",
    "oketz",
    "yahalom",
    "talpiot",
    "lotem",
    "ofek",
    "matzpen",
    "havatzalot",
    "iaf",
    "military",
    "גולני",
    "גבעתי",
    "נחל",
    'נח"ל',
    "כפיר",
    "צנחנים",
    "הצנחנים",
    "דובדבן",
    "אגוז",
    "מגלן",
    "שלדג",
    "עוקץ",
    'יהל"ם',
    "תלפיות",
    "לוטם",
    'לוט"ם',
)
_UNIT_WORDS = frozenset(
    [
        "the",
        "unit",
        "units",
        "brigade",
        "battalion",
        "regiment",
        "corps",
        "squadron",
        "division",
        "program",
        "programme",
        "elite",
        "special",
        "forces",
        "commando",
        "reconnaissance",
        "base",
        "intelligence",
        "sigint",
        "cyber",
        "technological",
        "israeli",
        "israel",
        "יחידה",
        "יחידת",
        "חטיבת",
        "חטיבה",
        "גדוד",
        "סיירת",
        "תוכנית",
        "תכנית",
        "טייסת",
    ]
)
_BESIDE_NUMBER = frozenset(
    [
        "unit",
        "units",
        "corps",
        "battalion",
        "brigade",
        "squadron",
        "base",
        "intelligence",
        "sigint",
        "יחידה",
        "יחידת",
        "גדוד",
        "טייסת",
    ]
)

_TECHNICAL_NUMBERS = ("8200", "81", "9900")
_TECHNICAL_NAMES = _phrases("mamram", "talpiot", "lotem", "ofek", "matzpen", "c4i", 'ממר"ם', "ממרם", "תלפיות", "לוטם")
_TECHNICAL_TITLES = frozenset(
    [
        "software",
        "developer",
        "programmer",
        "engineer",
        "engineering",
        "cyber",
        "devops",
        "backend",
        "frontend",
        "fullstack",
        "data",
        "algorithm",
        "algorithms",
        "computer",
        "computing",
        "network",
        "networks",
        "sysadmin",
        "qa",
        "automation",
        "cloud",
        "researcher",
        "architect",
        "תוכנה",
        "מתכנת",
        "מתכנתת",
        "מפתח",
        "מפתחת",
        "תוכניתן",
        "תוכניתנית",
        "סייבר",
        "מהנדס",
        "מהנדסת",
    ]
)
_COMBAT_WORDS = frozenset(["combat", "infantry", "קרבי", "קרבית", "לוחם", "לוחמת"])

# Civilian things that carry a military word.
_CIVILIAN_PHRASES = re.compile(
    r"(?<!\S)(?:salvation army|old navy|navy blue|navy federal|army (?:and )?navy|friends of (?:the )?idf)(?!\S)"
)
_LEGAL_FORMS = frozenset(["ltd", "limited", "inc", "incorporated", "corporation", "llc", "gmbh", "plc", 'בע"מ', "בעמ"])
_CIVILIAN_MARKS = frozenset(
    [
        "technologies",
        "industries",
        "aerospace",
        "solutions",
        "consulting",
        "security",
        "ventures",
        "capital",
        "studio",
        "stores",
        "bank",
        "university",
        "college",
        "museum",
        "foundation",
        "association",
        "alumni",
        "accelerator",
        "magazine",
        "elbit",
        "rafael",
        "iai",
        "elta",
        "lockheed",
        "raytheon",
        "northrop",
        "thales",
        "bae",
        "leidos",
        "palantir",
    ]
)

_DOTTED_ABBREVIATION = re.compile(r"\b(?:\w\.){2,}\w?")
_QUOTE_MARKS = str.maketrans(
    {
        "״": '"',
        "“": '"',
        "”": '"',
        "„": '"',
        "׳": "'",
        "‘": "'",
        "’": "'",
    }
)
# A quote mark belongs to a word only inside a Hebrew abbreviation.
_WORD = re.compile(r'[א-ת]+"[א-ת]+|[^\W_]+')


def is_military(role: Role) -> bool:
    """Whether a role is military or reserve service (docs/rules/employment.md, Military service)."""
    return _is_service(role.company, role.title)


# One computation about a person asks several times for each role.
@lru_cache(maxsize=512)
def _is_service(company: str, job_title: str) -> bool:
    employer, title = _words(company), _words(job_title)
    if _LEGAL_FORMS.intersection(employer):
        return False
    if _contains_any(employer, _FORCES):
        return True
    if _CIVILIAN_MARKS.intersection(employer):
        return False
    return (
        _contains_any(employer, _SERVICE)
        or _contains_any(title, _FORCES)
        or _contains_any(title, _SERVICE)
        or _is_named_unit(employer)
        or tuple(employer) in {(number,) for number in _UNIT_NUMBERS}
        or _names_number_unit(employer, _UNIT_NUMBERS)
        or _names_number_unit(title, _UNIT_NUMBERS)
    )


def is_technical_service(role: Role) -> bool:
    """Whether a military role was technical by its unit or its title: half of it then counts for minima."""
    if not is_military(role):
        return False
    employer, title = _words(role.company), _words(role.title)
    words = employer + title
    if _contains_any(employer, _TECHNICAL_NAMES) or _contains_any(title, _TECHNICAL_NAMES):
        return True
    if any(number in words for number in _TECHNICAL_NUMBERS):
        return True
    return bool(_TECHNICAL_TITLES.intersection(title)) and not _COMBAT_WORDS.intersection(words)


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_QUOTE_MARKS).replace("''", '"')
    undotted = _DOTTED_ABBREVIATION.sub(lambda found: found[0].replace(".", ""), folded)
    spaced = " ".join(_WORD.findall(undotted))
    return _CIVILIAN_PHRASES.sub(" ", spaced).split()


def _contains_any(words: list[str], phrases: frozenset[str]) -> bool:
    return any(
        " ".join(words[start:end]) in phrases
        for start in range(len(words))
        for end in range(start + 1, min(start + _LONGEST_PHRASE, len(words)) + 1)
    )


def _is_named_unit(employer: list[str]) -> bool:
    distinctive = [word for word in employer if word not in _UNIT_WORDS]
    return len(distinctive) == 1 and distinctive[0] in _NAMED_UNITS


def _names_number_unit(words: list[str], numbers: tuple[str, ...]) -> bool:
    for index, word in enumerate(words):
        if word not in numbers:
            continue
        before = words[index - 1] if index else ""
        after = words[index + 1] if index + 1 < len(words) else ""
        is_business_unit = before == "unit" and words[max(0, index - 2)] == "business"
        if (before in _BESIDE_NUMBER and not is_business_unit) or after in _BESIDE_NUMBER:
            return True
    return False
