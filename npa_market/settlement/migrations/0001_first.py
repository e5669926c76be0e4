import django.db.models.deletion
import django.db.models.expressions
import npa_market.common.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('settlement', '0001_initial')]

    initial = True

    dependencies = [
        ('common', '0001_first'),
        ('parties', '0001_first'),
        ('transfers', '0001_first'),
    ]

    operations = [
        migrations.CreateModel(
            name='Statement',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('reference', models.CharField(max_length=20, unique=True)),
                ('currency', npa_market.common.fields.Currency(max_length=3)),
                ('hammer_minor', models.BigIntegerField()),
                ('excluded_minor', models.BigIntegerField(default=0)),
                ('adjusted_minor', models.BigIntegerField()),
                ('receipts_minor', models.BigIntegerField(default=0, help_text='since cut-off, to the buyer')),
                ('receipts_cost_minor', models.BigIntegerField(default=0)),
                ('receipts_direct_minor', models.BigIntegerField(default=0, help_text='receipts above the price, paid by the seller outside the venue')),
                ('deposit_minor', models.BigIntegerField()),
                ('balance_minor', models.BigIntegerField()),
                ('fee_minor', models.BigIntegerField()),
                ('tax_minor', models.BigIntegerField()),
                ('seller_net_minor', models.BigIntegerField()),
                ('ledger_cut_off', models.UUIDField(help_text='last journal entry included (L10)')),
                ('ledger_seq', models.PositiveBigIntegerField(help_text='number of that entry')),
                ('created_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(help_text='both agreed, seller paid out', null=True)),
                ('closing_seq', models.PositiveBigIntegerField(help_text='last journal entry of the closed deal', null=True)),
                ('closing_journal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('deal', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='statement', to='transfers.deal')),
                ('journal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workbook', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('seller_net_minor', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('deposit_minor'), '+', models.F('balance_minor')), '-', models.F('fee_minor')), '-', models.F('tax_minor')))), name='L9_statement_adds_up'), models.CheckConstraint(condition=models.Q(('adjusted_minor', django.db.models.expressions.CombinedExpression(models.F('hammer_minor'), '-', models.F('excluded_minor')))), name='adjusted_price_adds_up'), models.CheckConstraint(condition=models.Q(('balance_minor', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('adjusted_minor'), '-', models.F('receipts_minor')), '+', models.F('receipts_cost_minor')), '+', models.F('receipts_direct_minor')), '-', models.F('deposit_minor')))), name='balance_due_adds_up'), models.CheckConstraint(condition=models.Q(models.Q(('closing_journal', None), ('closing_seq', None), ('settled_at', None)), models.Q(('closing_journal__isnull', False), ('closing_seq__isnull', False), ('settled_at__isnull', False)), _connector='OR'), name='settled_statement_has_closing_journal')],
            },
        ),
        migrations.CreateModel(
            name='Agreement',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('agreed_at', models.DateTimeField()),
                ('workbook_sha256', npa_market.common.fields.Sha256(max_length=64)),
                ('agreed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('statement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='agreements', to='settlement.statement')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('statement', 'organisation'), name='one_agreement_per_side')],
            },
        ),
    ]
