from django.db import migrations

from npa_market.common.append_only import append_only


class Migration(migrations.Migration):
    replaces = [("tapes", "0004_personal_data")]
    dependencies = [("tapes", "0001_first")]
    operations = [append_only("tapes_personalaccess")]
