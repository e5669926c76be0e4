import django.db.models.deletion
import npa_market.common.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('evidence', '0001_initial')]

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('seq', models.BigAutoField(primary_key=True, serialize=False)),
                ('type', models.CharField(max_length=60)),
                ('time', models.DateTimeField(help_text='database clock, UTC')),
                ('actor', models.CharField(help_text='pseudonymous: user:<key> or system', max_length=60)),
                ('object_type', models.CharField(max_length=60)),
                ('object_id', models.CharField(db_index=True, max_length=40)),
                ('prev_state', models.CharField(blank=True, max_length=30)),
                ('payload_sha256', npa_market.common.fields.Sha256(help_text='SHA-256 over salt and payload', max_length=64)),
                ('canonical', models.TextField(help_text='the entry as canonical JSON (RFC 8785)')),
                ('leaf_sha256', npa_market.common.fields.Sha256(help_text='RFC 9162 leaf hash of the canonical JSON', max_length=64)),
            ],
            options={
                'verbose_name_plural': 'entries',
                'ordering': ['seq'],
            },
        ),
        migrations.CreateModel(
            name='Payload',
            fields=[
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='evidence.entry')),
                ('salt', models.BinaryField(max_length=32)),
                ('body', models.JSONField()),
            ],
        ),
    ]
