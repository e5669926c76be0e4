"""Set free the packages of deals that were cancelled before a cancellation did so.

The entry of the cancellation stands in the log since; the lot is released as of its time.
"""

from typing import Any

from django.db import migrations
from django.db.models import OuterRef, Subquery


def release_cancelled_sales(apps: Any, schema_editor: Any) -> None:
    deals = apps.get_model("transfers", "Deal").objects.filter(state="cancelled")
    ended = deals.filter(lot=OuterRef("pk")).values("cancelled_at")
    lots = apps.get_model("auctions", "Lot").objects.filter(state="sold", released_at=None)
    lots.filter(pk__in=deals.values("lot")).update(released_at=Subquery(ended))


class Migration(migrations.Migration):
    dependencies = [("auctions", "0014_released_sale"), ("transfers", "0002_package_keys")]

    operations = [migrations.RunPython(release_cancelled_sales, migrations.RunPython.noop)]
