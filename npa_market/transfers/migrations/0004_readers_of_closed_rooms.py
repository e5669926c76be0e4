"""A closed data room leaves its package to the winner alone; rooms closed earlier left it to all."""

from typing import Any

from django.db import migrations
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now


def revoke_readers(apps: Any, schema_editor: Any) -> None:
    deals = apps.get_model("transfers", "Deal").objects.exclude(state="cancelled")
    wins = deals.filter(lot__package=OuterRef("package"), buyer=OuterRef("reader"))
    readers = apps.get_model("packages", "PackageReader").objects
    left = readers.filter(revoked_at=None, package__data_room__closed_at__isnull=False)
    keys = left.exclude(Exists(wins)).values_list("pk", flat=True)
    readers.filter(pk__in=list(keys)).update(revoked_at=Now())


class Migration(migrations.Migration):
    dependencies = [
        ("auctions", "0001_first"),
        ("diligence", "0001_first"),
        ("packages", "0001_first"),
        ("transfers", "0003_key_of_each_delivery"),
    ]

    operations = [migrations.RunPython(revoke_readers, migrations.RunPython.noop)]
