"""The simulators live as long as those who started them, and no longer."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from services.simulators import serve

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys, time
from services.simulators import serve
with serve(people=10) as simulators:
    print(simulators.url, flush=True)
    time.sleep(60)
"""


def answers(url):
    try:
        with urllib.request.urlopen(f"{url}/_sim/health", timeout=2) as reply:
            return reply.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def test_the_process_ends_with_the_block(tmp_path):
    with serve(people=10, limits={"openai.rpm": 7, "openai.tpm": None}, ledger=tmp_path / "ledger.jsonl") as simulators:
        assert answers(simulators.url)
        limits = simulators._control("GET", "limits")
        assert limits["openai.rpm"]["value"] == 7 and limits["openai.tpm"]["value"] is None
        simulators.reset()
        assert simulators._control("GET", "limits")["openai.rpm"]["value"] == 7
    assert not answers(simulators.url)
    assert (tmp_path / "ledger.jsonl").exists()


def test_the_process_ends_when_its_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", HOLDER], cwd=ROOT, stdout=subprocess.PIPE)
    url = parent.stdout.readline().decode().strip()
    assert answers(url)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while answers(url):
        assert time.monotonic() < deadline, "an orphan keeps serving"


def test_an_address_that_is_not_loopback_is_refused():
    refused = subprocess.run(
        [sys.executable, "-m", "services.simulators", "--port=0", "--host=0.0.0.0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert refused.returncode != 0 and "loopback" in refused.stderr


def test_a_wrong_limit_on_the_command_line_does_not_start(capfd):
    with pytest.raises(RuntimeError, match="did not start"), serve(limits={"openai.nothing": 3}):
        pass
    assert "unknown limit" in capfd.readouterr().err
