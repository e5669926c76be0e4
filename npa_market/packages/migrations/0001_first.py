import django.db.models.deletion
import npa_market.common.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('packages', '0001_initial'), ('packages', '0002_saved_criteria_lists_exports'), ('packages', '0003_fewer_member_indexes'), ('packages', '0005_next_version_after_a_withdrawn_one')]

    initial = True

    dependencies = [
        ('common', '0002_more'),
        ('parties', '0001_first'),
        ('tapes', '0001_first'),
    ]

    operations = [
        migrations.CreateModel(
            name='Package',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('reference', models.CharField(max_length=20, unique=True)),
                ('title', models.CharField(max_length=200)),
                ('currency', npa_market.common.fields.Currency(max_length=3)),
                ('cut_off_date', models.DateField()),
                ('version', models.PositiveSmallIntegerField(default=1)),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('screened', 'Screened'), ('sealed', 'Sealed'), ('replaced', 'Replaced by a new version'), ('withdrawn', 'Withdrawn')], default='draft', max_length=10)),
                ('criteria', models.JSONField(default=dict)),
                ('screen_results', models.JSONField(default=list, help_text='per screen rule: words, hits')),
                ('screened_at', models.DateTimeField(null=True)),
                ('overview', models.JSONField(default=dict, help_text='stratifications, completeness, weighted means of the loans')),
                ('selection_sha256', npa_market.common.fields.Sha256(blank=True, help_text='hash over the keys of the loans that passed the screen', max_length=64)),
                ('transfer_basis', models.CharField(blank=True, help_text="the seller's legal basis of the transfer", max_length=300)),
                ('created_at', models.DateTimeField()),
                ('loans', models.PositiveIntegerField(default=0)),
                ('borrowers', models.PositiveIntegerField(default=0)),
                ('principal_minor', models.BigIntegerField(default=0)),
                ('interest_minor', models.BigIntegerField(default=0)),
                ('fees_minor', models.BigIntegerField(default=0)),
                ('claim_minor', models.BigIntegerField(default=0)),
                ('sealed_at', models.DateTimeField(null=True)),
                ('merkle_root', npa_market.common.fields.Sha256(blank=True, max_length=64)),
                ('end_reason', models.CharField(blank=True, help_text='why it was withdrawn', max_length=500)),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('edited_by', models.ForeignKey(help_text='last change', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('file', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='common.job')),
                ('manifest_file', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('previous', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='successors', to='packages.package')),
                ('sealed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='packages', to='parties.organisation')),
                ('tree_file', models.ForeignKey(help_text='every level of the Merkle tree, leaves first, 32 bytes a node', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'screened', 'sealed', 'replaced', 'withdrawn'])), name='package_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'sealed'), _negated=True), models.Q(('file__isnull', False), models.Q(('merkle_root', ''), _negated=True), ('sealed_at__isnull', False)), _connector='OR'), name='O3_sealed_package_has_content'), models.CheckConstraint(condition=models.Q(('sealed_by', None), models.Q(models.Q(('sealed_by', models.F('created_by')), _negated=True), models.Q(('edited_by', None), models.Q(('sealed_by', models.F('edited_by')), _negated=True), _connector='OR')), _connector='OR'), name='T6_sealer_did_not_build'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'withdrawn'), _negated=True), models.Q(('end_reason', ''), _negated=True), _connector='OR'), name='package_withdrawn_with_reason'), models.UniqueConstraint(condition=models.Q(('state', 'withdrawn'), _negated=True), fields=('previous',), name='one_next_version_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='PackageLoan',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('token', models.CharField(help_text="per-package HMAC of the loan's key", max_length=32)),
                ('position', models.PositiveIntegerField(help_text='row of the sealed file = Merkle leaf, from 0')),
                ('is_live', models.BooleanField(default=True)),
                ('loan', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='tapes.loan')),
                ('package', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='packages.package')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('package', 'token'), name='token_once_per_package'), models.UniqueConstraint(fields=('loan', 'package'), name='loan_once_per_package'), models.UniqueConstraint(condition=models.Q(('is_live', True)), fields=('loan',), name='O2_loan_in_one_live_package')],
            },
        ),
        migrations.CreateModel(
            name='PackageReader',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('granted_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(null=True)),
                ('package', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='readers', to='packages.package')),
                ('reader', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('package', 'reader'), name='one_reader_per_package')],
            },
        ),
        migrations.CreateModel(
            name='LoanList',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('loans', models.PositiveIntegerField()),
                ('words', models.CharField(help_text='how they were picked', max_length=500)),
                ('outcome', models.JSONField(default=dict, help_text='target, bound, gap, limits; or balance')),
                ('made_at', models.DateTimeField()),
                ('file', models.ForeignKey(help_text='sorted 16-byte keys', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
            ],
        ),
        migrations.CreateModel(
            name='PackageExport',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('form', models.CharField(choices=[('csv', 'CSV'), ('xlsx', 'Excel workbook'), ('parquet', 'Parquet'), ('eba', 'EBA NPL templates (CSV)')], max_length=8)),
                ('is_bidder_form', models.BooleanField(help_text='generalised, as admitted bidders may see it')),
                ('asked_at', models.DateTimeField()),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('file', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='common.job')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('package', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='exports', to='packages.package')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('package', 'organisation', 'form', 'is_bidder_form'), name='one_export_per_form_and_reader'), models.CheckConstraint(condition=models.Q(('form__in', ['csv', 'xlsx', 'parquet', 'eba'])), name='export_form_known')],
            },
        ),
        migrations.CreateModel(
            name='SavedCriteria',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('currency', npa_market.common.fields.Currency(max_length=3)),
                ('document', models.JSONField(help_text="where and disclose, as in a package's criteria")),
                ('saved_at', models.DateTimeField()),
                ('saved_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(fields=('seller', 'name'), name='criteria_name_once_per_seller')],
            },
        ),
    ]
