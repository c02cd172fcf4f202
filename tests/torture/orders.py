"""Large orders without a browser: invented people, a position, and a run in the queue."""

import csv
import tempfile
from pathlib import Path
from uuid import UUID, uuid4

from services.db.positions import BriefText
from services.screening import ScreeningOrder
from services.wiring import Services
from tests.fixtures.product import Product

TITLES = ("Engineer", "Data Analyst", "Sales Manager", "Designer", "Accountant")
BRIEF = BriefText("Builds things.", "1+ years of work\nWorked with software", "", "")


def bring_people(product: Product, email: str, name: str, people: int) -> UUID:
    """A list of so many people with a job, imported by one of its users."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["linkedin_url", "first_name", "last_name", "title", "company"])
            for number in range(people):
                address = f"https://www.linkedin.com/in/{name.replace(' ', '-').lower()}-{number}"
                writer.writerow([address, "Person", f"Number{number}", TITLES[number % len(TITLES)], "Bluefern"])
        return UUID(product.command("import", str(path), "--user", email, "--list", name)["list_id"])


def order_a_screening(product: Product, services: Services, email: str, people: int) -> UUID:
    """A run for so many people, who are brought first; the sweeper starts it."""
    actor = services.accounts.actor_called(email)
    title = f"Torture {uuid4().hex[:6]}"
    list_id = bring_people(product, email, title, people)
    position = services.positions.create(actor, title, BRIEF, approve=True)
    order = ScreeningOrder(position_id=position.position_id, list_id=list_id, extras=False)
    return services.screening.start(actor, order).run_id
