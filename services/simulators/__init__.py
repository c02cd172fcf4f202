"""The providers we buy from, simulated on loopback: `with serve() as simulators` starts them in a process.

They speak HTTP and share nothing with the product, so that a mistake of our clients shows.
"""

from services.simulators.hosting import Simulators, serve

__all__ = ["Simulators", "serve"]
