from django.db import migrations, models

PRICE = "as repriced when it was saved"


class Migration(migrations.Migration):

    dependencies = [("valuation", "0002_shards_scenarios_fits")]

    operations = [
        migrations.AddField(
            "scenario",
            "price_minor",
            models.BigIntegerField(default=0, help_text=PRICE),
            preserve_default=False,
        ),
        migrations.AddField(
            "scenario", "q05_minor", models.BigIntegerField(default=0), preserve_default=False
        ),
        migrations.AddField(
            "scenario", "q95_minor", models.BigIntegerField(default=0), preserve_default=False
        ),
    ]
