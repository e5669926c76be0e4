import django.db.models.deletion
import npa_market.common.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('ledger', '0001_initial')]

    initial = True

    dependencies = [
        ('parties', '0001_first'),
    ]

    operations = [
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('bank', 'Bank, client money'), ('own_bank', "Bank, the venue's own money"), ('deposits', 'Deposits held'), ('clearing', 'Purchase money in clearing'), ('payable', 'Payable to the party'), ('fees', 'Fee income'), ('tax', 'Tax on fees payable')], max_length=10)),
                ('currency', npa_market.common.fields.Currency(max_length=3)),
                ('organisation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='parties.organisation')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('kind', 'organisation', 'currency'), name='one_account_per_kind_party_currency', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('kind__in', ['bank', 'own_bank', 'deposits', 'clearing', 'payable', 'fees', 'tax'])), name='account_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('lot_id', models.UUIDField(db_index=True)),
                ('amount_minor', models.BigIntegerField()),
                ('currency', npa_market.common.fields.Currency(max_length=3)),
                ('state', models.CharField(choices=[('held', 'Held'), ('refunded', 'Refunded'), ('applied', 'Applied to the price'), ('forfeited', 'Forfeited')], default='held', max_length=10)),
                ('taken_at', models.DateTimeField()),
                ('resolved_at', models.DateTimeField(null=True)),
                ('buyer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='parties.organisation')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('buyer', 'lot_id'), name='L3_one_hold_per_buyer_lot'), models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='hold_amount_positive'), models.CheckConstraint(condition=models.Q(('state__in', ['held', 'refunded', 'applied', 'forfeited'])), name='hold_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('resolved_at', None), ('state', 'held')), models.Q(models.Q(('state', 'held'), _negated=True), ('resolved_at__isnull', False)), _connector='OR'), name='L4_hold_resolved_once')],
            },
        ),
        migrations.CreateModel(
            name='JournalEntry',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('seq', models.PositiveBigIntegerField(help_text='1..n in the order of commit; what a cut-off of the books names', unique=True)),
                ('reference', models.CharField(max_length=20, unique=True)),
                ('kind', models.CharField(max_length=40)),
                ('text', models.CharField(max_length=300)),
                ('bank_reference', models.CharField(blank=True, help_text="line of the venue's bank statement", max_length=120)),
                ('booked_at', models.DateTimeField()),
                ('lot_id', models.UUIDField(db_index=True, null=True)),
                ('idempotency_key', models.CharField(max_length=120, unique=True)),
                ('reverses', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, to='ledger.journalentry')),
            ],
            options={
                'verbose_name_plural': 'journal entries',
                'ordering': ['seq'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('bank_reference', ''), _negated=True), fields=('bank_reference',), name='L11_bank_line_booked_once')],
            },
        ),
        migrations.CreateModel(
            name='Posting',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('amount_minor', models.BigIntegerField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='ledger.account')),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='ledger.journalentry')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount_minor', 0), _negated=True), name='posting_is_not_zero')],
            },
        ),
    ]
