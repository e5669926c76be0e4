"""How long the server takes for the pages of a seller with one very large tape and package."""

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils.http import urlencode

from npa_market.packages.models import Package
from npa_market.packages.scratch import CUT_OFF, Scratch, scratch_tape
from npa_market.packages.services import draft_package, screen_package, seal_package

TIMES = 5


def measure_pages(loans: int) -> dict[str, Any]:
    """Milliseconds of each page, the median of some requests; database and files are as before."""
    with TemporaryDirectory() as folder:
        own = override_settings(VAR_DIR=Path(folder), MEDIA_ROOT=Path(folder) / "files")
        with own, scratch_tape(loans) as scratch:
            package = _sealed(scratch)
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("ANALYZE")  # As the server does by itself after an import.
            pages = {name: _milliseconds(scratch, url) for name, url in _pages(scratch, package)}
    return {"loans": loans, "database": connection.vendor, "pages": pages}


def _sealed(scratch: Scratch) -> Package:
    package = draft_package(
        user=scratch.maker,
        seller=scratch.seller,
        title="Benchmark",
        currency=scratch.tape.currency,
        cut_off_date=CUT_OFF,
        criteria={},
        transfer_basis="Benchmark",
    )
    screen_package(user=scratch.maker, package_id=package.pk)
    return seal_package(user=scratch.checker, package_id=package.pk)


def _pages(scratch: Scratch, package: Package) -> list[tuple[str, str]]:
    tape, sealed = [scratch.tape.pk], [package.pk]
    loans = reverse("packages:loans", args=sealed)
    rows = package.overview["stratifications"]["province"]["rows"]
    cell = urlencode({"by": "province", "class": rows[0]["label"]})
    return [
        ("tapes", reverse("tapes:list")),
        ("tape", reverse("tapes:detail", args=tape)),
        ("loans_of_tape", reverse("tapes:loans", args=tape)),
        ("packages", reverse("packages:list")),
        ("packages_by_claim", f"{reverse('packages:list')}?sort=-claim_minor"),
        ("package", reverse("packages:detail", args=sealed)),
        ("stratification", reverse("packages:strata", args=sealed)),
        ("criteria", reverse("packages:new")),
        ("loans_of_package", loans),
        ("loans_of_package_late", f"{loans}?after={package.loans - 100}"),
        ("loans_of_cell", f"{loans}?{cell}"),
    ]


def _milliseconds(scratch: Scratch, url: str) -> float:
    client = Client(SERVER_NAME=next(iter(settings.ALLOWED_HOSTS)))
    client.force_login(scratch.maker, backend="django.contrib.auth.backends.ModelBackend")
    taken = []
    for _ in range(TIMES):
        start = time.perf_counter()
        answer = client.get(url, secure=True)
        taken.append(time.perf_counter() - start)
        if answer.status_code != 200:
            raise RuntimeError(f"{url} answered {answer.status_code}")
    return round(statistics.median(taken) * 1000, 1)
