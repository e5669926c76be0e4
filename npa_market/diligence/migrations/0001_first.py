import django.db.models.deletion
import npa_market.common.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('diligence', '0001_initial'), ('diligence', '0003_tape_valued')]

    initial = True

    dependencies = [
        ('common', '0001_first'),
        ('packages', '0001_first'),
        ('parties', '0001_first'),
        ('valuation', '0001_first'),
    ]

    operations = [
        migrations.CreateModel(
            name='DataRoom',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('nda', models.ForeignKey(help_text='the agreement as each buyer signs it, frozen when the room opened', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('opened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('package', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='data_room', to='packages.package')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Admission',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('nda_sha256', npa_market.common.fields.Sha256(help_text='hash of the NDA text that was signed', max_length=64)),
                ('signed_name', models.CharField(help_text='the name as typed under the text', max_length=120)),
                ('signed_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(null=True)),
                ('revoke_reason', models.CharField(blank=True, max_length=300)),
                ('buyer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('revoked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('signed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('room', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='admissions', to='diligence.dataroom')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('room', 'buyer'), name='one_admission_per_buyer'), models.CheckConstraint(condition=models.Q(models.Q(('revoked_at', None), ('revoked_by', None)), models.Q(('revoked_at__isnull', False), ('revoked_by__isnull', False), models.Q(('revoke_reason', ''), _negated=True)), _connector='OR'), name='revocation_has_person_and_reason')],
            },
        ),
        migrations.CreateModel(
            name='AccessRecord',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('document', models.CharField(choices=[('report', 'Due-diligence report (PDF)'), ('tape-csv', 'Bidder tape (CSV)'), ('tape-parquet', 'Bidder tape (Parquet)'), ('manifest', 'Manifest (JSON)'), ('tape-valued', 'Bidder tape (opened for valuation on the venue)')], max_length=60)),
                ('source_sha256', npa_market.common.fields.Sha256(help_text='the stored file that the copy was made from', max_length=64)),
                ('at', models.DateTimeField()),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('room', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='access_records', to='diligence.dataroom')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('document__in', ['report', 'tape-csv', 'tape-parquet', 'manifest', 'tape-valued'])), name='room_document_known')],
            },
        ),
        migrations.CreateModel(
            name='Report',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('pages', models.PositiveSmallIntegerField()),
                ('created_at', models.DateTimeField()),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('package', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='packages.package')),
                ('valuation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='valuation.valuation')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('package', 'valuation'), name='one_report_per_valuation')],
            },
        ),
    ]
