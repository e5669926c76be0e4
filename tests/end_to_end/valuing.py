"""A run on a real worker that is killed half-way; prints what became of it as JSON.

A process of its own, in an environment with a database and a broker folder of its own.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import django

PATHS = 8192


def start_worker():
    from npa_market.portal.management.commands.serve import WORKER

    return subprocess.Popen([sys.executable, *WORKER], start_new_session=True)


def stop_worker(worker):
    """End a worker; whatever of its group does not go is killed, for it would hold our output."""
    worker.terminate()
    with suppress(subprocess.TimeoutExpired):
        worker.wait(timeout=30)
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def wait_until(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the worker did not get there")
        time.sleep(0.02)


def main():
    from django.db import connection
    from django.db.models import F

    from npa_market.common.models import Job
    from npa_market.parties.roles import Role
    from npa_market.valuation import door, shards
    from npa_market.valuation.models import ShardState, Valuation, ValuationShard
    from npa_market.valuation.services import request_valuation, resume_lost_runs
    from npa_market.valuation.tape import read_tape
    from tests.builders import sealed_package
    from tests.valuation.priced import price_rows
    from tests.world import world_people

    people = world_people().by_role
    package = sealed_package(people[Role.SELLER_ANALYST], people[Role.SELLER_APPROVER], count=200)
    worker = start_worker()
    run = request_valuation(
        user=people[Role.VALUER],
        organisation=package.seller,
        package_id=package.pk,
        terms={"paths": PATHS, "seed": 5},
    )
    done = ValuationShard.objects.filter(valuation=run, state=ShardState.DONE)
    wait_until(done.exists)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    run.refresh_from_db()
    left = {"state": run.state, "job": run.job.state, "done": done.count()}
    past = F("dispatched_at") - 2 * shards.LEASE
    Valuation.objects.filter(pk=run.pk).update(dispatched_at=past)
    claimed = ValuationShard.objects.exclude(claimed_at=None)
    claimed.update(claimed_at=F("claimed_at") - 2 * shards.LEASE)
    resumed = resume_lost_runs()
    connection.close()
    worker = start_worker()
    try:
        wait_until(lambda: Job.objects.get(pk=run.job_id).is_over)
    finally:
        stop_worker(worker)
    run.refresh_from_db()
    inputs = shards.inputs_of(run)
    priced = price_rows(read_tape(package, run.tape), inputs, run.currency)
    hashed = door.inputs_document(package.content_sha256, run.tape, inputs)
    content = door.result_bytes(priced, hashed, inputs)
    json.dump(
        {
            "left": left,
            "shards": ValuationShard.objects.filter(valuation=run).count(),
            "resumed": resumed,
            "state": run.state,
            "job": [run.job.state, run.job.done, run.job.total],
            "same_bytes": run.result_file_id == hashlib.sha256(content).hexdigest(),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npa_market.config.settings")
    django.setup()
    main()
