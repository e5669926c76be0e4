from django.db import migrations

from npa_market.common.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("evidence", "0001_first")]
    operations = [append_only("evidence_entry")]
