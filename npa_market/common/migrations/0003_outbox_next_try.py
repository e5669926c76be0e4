from datetime import UTC, datetime

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('common', '0002_more'),
    ]

    operations = [
        # Messages of before, given up or not, are due at once.
        migrations.AddField(
            model_name='outboxmessage',
            name='next_try_at',
            field=models.DateTimeField(default=datetime(2000, 1, 1, tzinfo=UTC)),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name='outboxmessage',
            name='attempts',
            field=models.PositiveIntegerField(default=0),
        ),
    ]
