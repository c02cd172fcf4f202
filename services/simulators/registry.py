"""Which providers are simulated: one line each."""

from services.simulators.contract import Provider
from services.simulators.crustdata.app import Crustdata
from services.simulators.openai.app import OpenAI

PROVIDERS: tuple[type[Provider], ...] = (
    OpenAI,
    Crustdata,
)
