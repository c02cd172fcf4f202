"""One drive in a fresh interpreter: `python -m services.drive DRIVE_ID`, started by services/runs/launch.py."""

import sys
from uuid import UUID

from services.logs import set_up_logging
from services.runs.process import drive_run, inherit_nothing
from services.wiring import Services, current, drive_settings, open_gate, work_of


def drive(services: Services, drive_id: UUID) -> str:
    """Drive the run of this drive until it rests; the run's state then, or why there was nothing to do."""
    gate = open_gate(services)
    return drive_run(
        services.database,
        services.clock,
        drive_id,
        lambda run: work_of(services, run.kind, gate),
        gate,
        drive_settings(services.settings),
    )


def main() -> None:
    inherit_nothing()
    services = current()
    set_up_logging(services.settings.log_level)
    drive(services, UUID(sys.argv[1]))
    services.database.close()


if __name__ == "__main__":
    main()
