"""Which roles are military service, and which of those were technical."""

import pytest

from services.domain.military import is_military, is_technical_service
from services.domain.profiles import Role

SERVICE = [
    ("IDF", "Officer"),
    ("I.D.F.", "Officer"),
    ("Israel Defense Forces", "Logistics Officer"),
    ("Israel Defence Forces (IDF)", "Medic"),
    ("Israeli Air Force", "Pilot"),
    ("U.S. Army", "Captain"),
    ("Royal Navy", "Diver"),
    ("Intelligence Corps", "Analyst"),
    ('צה"ל', "קצין"),
    ("צה״ל", "קצין"),
    ("צה”ל", "קצין"),
    ("צה''ל", "קצין"),
    ("", 'קצין בצה"ל'),
    ("חיל האוויר", "טכנאי"),
    ("", "Mandatory service"),
    ("", "Military Service - Combat Soldier"),
    ("", "שירות צבאי"),
    ("8200", "Developer"),
    ("Unit 8200", "Developer"),
    ("יחידה 8200", "מפתח"),
    ("Intelligence", "Software developer, Unit 81"),
    ('ממר"ם', "מתכנת"),
    ("ממר״ם", "מתכנת"),
    ("Mamram", "Programmer"),
    ("Golani", "Squad Commander"),
    ("Golani Brigade", "Squad Commander"),
    ("חטיבת גולני", "מפקד כיתה"),
    ("Talpiot", "Cadet"),
    ("IDF - Center for Information Technologies", "Developer"),
    ("Israel", "Reservist"),
]

CIVILIAN = [
    ("Midfield", "Analyst"),
    ("Davidford", "Engineer"),
    ("Midfield Navystone Software", "Engineer"),
    ("Golani Foods", "Baker"),
    ("Kfir Robotics", "Engineer"),
    ("Nahal Mill Bakery", "Cook"),
    ("Bluefern", "Engineer, Golani project"),
    ("Bluefern", "Engineer, Suite 8200"),
    ("8200 Fernworks", "Founder"),
    ("Fernworks", "VP, Business Unit 81"),
    ("Armyan Textiles", "Buyer"),
    ("Salvation Army", "Coordinator"),
    ("Old Navy", "Cashier"),
    ("Brightshield Defense Industries", "Air Force Programs Lead"),
    ("Shieldwright Security", "Army Liaison"),
    ("Army Outfitters Ltd", "Clerk"),
    ("Friends of the IDF", "Fundraiser"),
    ("אמן הבצק", "שף"),
    ("", "Software Engineer"),
    ("", ""),
]


@pytest.mark.parametrize(("company", "title"), SERVICE)
def test_service_is_recognised(company, title):
    assert is_military(Role(company=company, title=title))


@pytest.mark.parametrize(("company", "title"), CIVILIAN)
def test_civilian_work_is_not_taken_for_service(company, title):
    role = Role(company=company, title=title)
    assert not is_military(role)
    assert not is_technical_service(role)


@pytest.mark.parametrize(
    ("company", "title"),
    [
        ("Unit 8200", "Team member"),
        ("8200", ""),
        ("IDF", "Software Developer"),
        ("Israeli Air Force", "DevOps Engineer"),
        ("ממר״ם", "מתכנתת"),
        ("Talpiot Program", "Cadet"),
    ],
)
def test_technical_service_is_recognised_by_unit_or_title(company, title):
    assert is_technical_service(Role(company=company, title=title))


@pytest.mark.parametrize(
    ("company", "title"),
    [
        ("IDF", "Combat Engineer"),
        ("Golani Brigade", "Squad Commander"),
        ("IDF", "Logistics Officer"),
        ("Unit 669", "Rescue Medic"),
    ],
)
def test_other_service_is_not_technical(company, title):
    role = Role(company=company, title=title)
    assert is_military(role)
    assert not is_technical_service(role)
