"""`python -m bench`: every bench of this folder in turn, each in an interpreter of its own, printing its table.

Ends with a failure if one of them did, after all have had their turn.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def benches() -> list[str]:
    """The modules that have a table to print; the others are what benches share."""
    files = sorted(HERE.glob("[a-z]*.py"))
    return [file.stem for file in files if "\ndef main(" in file.read_text(encoding="utf-8")]


def main() -> int:
    missed = []
    for name in benches():
        print(f"\n## {name}\n", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=HERE.parent, check=False).returncode:
            missed.append(name)
    print(f"\nOutside the figures: {', '.join(missed)}" if missed else "\nAll within the figures.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
