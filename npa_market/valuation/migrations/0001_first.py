import django.db.models.deletion
import npa_market.common.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('valuation', '0001_initial'), ('valuation', '0002_shards_scenarios_fits'), ('valuation', '0003_scenario_figures'), ('valuation', '0004_fit_diagnostics'), ('valuation', '0005_fit_hash_words')]

    initial = True

    dependencies = [
        ('common', '0002_more'),
        ('packages', '0001_first'),
        ('parties', '0001_first'),
    ]

    operations = [
        migrations.CreateModel(
            name='Fit',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=80)),
                ('source', models.CharField(choices=[('file', 'uploaded history'), ('package', 'receipts of a sealed package')], max_length=10)),
                ('file_name', models.CharField(blank=True, max_length=200)),
                ('currency', npa_market.common.fields.Currency(max_length=3)),
                ('basis', models.CharField(help_text='what balances of the history are', max_length=10)),
                ('created_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                ('failure', models.CharField(blank=True, max_length=500)),
                ('finished_at', models.DateTimeField(null=True)),
                ('content_hash', npa_market.common.fields.Sha256(blank=True, help_text='hash of the calibration as fitted', max_length=64)),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('file', models.ForeignKey(help_text='its JSON', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('history_file', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='common.job')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('package', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='packages.package')),
                ('left_out', models.JSONField(default=list, help_text='what of the source the history could not use, in words')),
                ('triangle', models.JSONField(default=dict, help_text='cumulative receipts over balances by cohort at some ages')),
            ],
            options={
                'verbose_name': 'calibration',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('organisation', 'title'), name='fit_title_once'), models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'done', 'failed', 'cancelled'])), name='fit_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(('file__isnull', False), models.Q(('content_hash', ''), _negated=True)), _connector='OR'), name='fit_done_has_calibration'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('failure', ''), _negated=True), _connector='OR'), name='fit_failed_says_why'), models.CheckConstraint(condition=models.Q(models.Q(('history_file__isnull', False), ('package', None), ('source', 'file')), models.Q(('history_file', None), ('package__isnull', False), ('source', 'package')), _connector='OR'), name='fit_has_one_source')],
            },
        ),
        migrations.CreateModel(
            name='Valuation',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField()),
                ('calibration_name', models.CharField(max_length=80)),
                ('calibration_sha256', npa_market.common.fields.Sha256(max_length=64)),
                ('is_reference_calibration', models.BooleanField()),
                ('terms', models.JSONField(help_text='horizon, rates, paths, seed, quantiles, channel and its costs, as hashed')),
                ('basis', models.CharField(help_text='what balances are: claim or principal', max_length=10)),
                ('engine_version', models.CharField(max_length=20)),
                ('inputs_sha256', npa_market.common.fields.Sha256(max_length=64)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                ('failure', models.CharField(blank=True, max_length=500)),
                ('finished_at', models.DateTimeField(null=True)),
                ('currency', npa_market.common.fields.Currency(max_length=3)),
                ('mean_minor', models.BigIntegerField(null=True)),
                ('sd_minor', models.BigIntegerField(null=True)),
                ('q05_minor', models.BigIntegerField(null=True)),
                ('q25_minor', models.BigIntegerField(null=True)),
                ('q50_minor', models.BigIntegerField(null=True)),
                ('q75_minor', models.BigIntegerField(null=True)),
                ('q95_minor', models.BigIntegerField(null=True)),
                ('price_minor', models.BigIntegerField(null=True)),
                ('reserve_minor', models.BigIntegerField(help_text="value at the seller's own rate; in the seller's own runs only", null=True)),
                ('allocation_file', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='common.job')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('package', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='valuations', to='packages.package')),
                ('result_file', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('dispatched_at', models.DateTimeField(help_text='when its shards were last sent out', null=True)),
                ('tape', models.CharField(choices=[('sealed', 'sealed file'), ('bidder', 'bidder tape of the data room')], default='sealed', max_length=10)),
                ('fit', models.ForeignKey(help_text='none = a reference', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='valuation.fit')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('organisation', 'inputs_sha256'), name='valuation_computed_once'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(('allocation_file__isnull', False), ('price_minor__isnull', False), ('result_file__isnull', False)), _connector='OR'), name='valuation_done_has_result'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('failure', ''), _negated=True), _connector='OR'), name='valuation_failed_says_why'), models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'done', 'failed', 'cancelled'])), name='valuation_state_known'), models.CheckConstraint(condition=models.Q(('tape__in', ['sealed', 'bidder'])), name='valuation_tape_known')],
            },
        ),
        migrations.CreateModel(
            name='Scenario',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60)),
                ('terms', models.JSONField(help_text="as the run's terms, with the level of payments")),
                ('created_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('deleted_at', models.DateTimeField(null=True)),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('valuation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scenarios', to='valuation.valuation')),
                ('price_minor', models.BigIntegerField(help_text='as repriced when it was saved')),
                ('q05_minor', models.BigIntegerField()),
                ('q95_minor', models.BigIntegerField()),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('deleted_at', None)), fields=('valuation', 'name'), name='scenario_name_once_per_run'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='scenario_has_name')],
            },
        ),
        migrations.CreateModel(
            name='ValuationShard',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('first_block', models.PositiveIntegerField()),
                ('end_block', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('claimed', 'Being computed'), ('done', 'Done')], default='open', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('claimed_at', models.DateTimeField(help_text='last sign of life of its worker', null=True)),
                ('content', models.BinaryField(help_text='the part, until the run is joined', null=True)),
                ('valuation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shards', to='valuation.valuation')),
            ],
            options={
                'ordering': ['valuation', 'first_block'],
                'constraints': [models.UniqueConstraint(fields=('valuation', 'first_block'), name='valuation_shard_once'), models.CheckConstraint(condition=models.Q(('first_block__lt', models.F('end_block'))), name='valuation_shard_has_blocks'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'claimed', 'done'])), name='valuation_shard_state_known')],
            },
        ),
    ]
