"""A valuation on the worker that `serve` starts, over the file-system broker, killed half-way."""

import json
import os
import subprocess
import sys

import pytest

from tests.browser.serving import ROOT, run
from tests.end_to_end.valuing import PATHS


@pytest.mark.end_to_end
def test_a_killed_worker_leaves_a_run_that_another_finishes_to_the_same_bytes(tmp_path):
    environment = {
        **os.environ,
        "NPA_VAR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/npa.sqlite3",
        "CELERY_BROKER_URL": "filesystem://localhost//",
        "CELERY_EAGER": "0",
    }
    run(environment, "manage.py", "migrate", "--verbosity", "0")
    done = subprocess.run(
        [sys.executable, "-m", "tests.end_to_end.valuing"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["left"]["state"], told["left"]["job"]) == ("queued", "running")
    assert 0 < told["left"]["done"] < told["shards"]
    assert told["resumed"] == 1
    assert told["state"] == "done"
    assert told["job"] == ["done", PATHS // 256, PATHS // 256]
    assert told["same_bytes"]
