import django.db.models.deletion
import django_fsm
import npa_market.common.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('transfers', '0001_initial'), ('transfers', '0002_package_keys'), ('transfers', '0003_release_cancelled_sales')]

    initial = True

    dependencies = [
        ('auctions', '0001_first'),
        ('common', '0001_first'),
        ('ledger', '0001_first'),
        ('packages', '0001_first'),
        ('parties', '0001_first'),
        ('tapes', '0001_first'),
    ]

    operations = [
        migrations.CreateModel(
            name='Deal',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('reference', models.CharField(max_length=20, unique=True)),
                ('currency', npa_market.common.fields.Currency(max_length=3)),
                ('hammer_minor', models.BigIntegerField()),
                ('excluded_minor', models.BigIntegerField(default=0, help_text='allocated price of loans excluded before the contract')),
                ('deposit_minor', models.BigIntegerField()),
                ('receipts_minor', models.BigIntegerField(default=0, help_text='received by the seller since the cut-off date, as known at the award')),
                ('terms', models.JSONField(help_text='deal terms as copied at the award')),
                ('allocation_basis', models.CharField(choices=[('valuation', 'valuation'), ('claim', 'claim')], max_length=10)),
                ('state', django_fsm.FSMField(choices=[('awarded', 'Awarded'), ('contracted', 'Contracted'), ('paid', 'Paid, title moved'), ('delivered', 'Delivered'), ('closed', 'Closed'), ('cancelled', 'Cancelled')], default='awarded', max_length=50, protected=True)),
                ('awarded_at', models.DateTimeField()),
                ('contracted_at', models.DateTimeField(null=True)),
                ('paid_at', models.DateTimeField(null=True)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('closed_at', models.DateTimeField(null=True)),
                ('cancelled_at', models.DateTimeField(null=True)),
                ('cancel_reason', models.CharField(blank=True, max_length=500)),
                ('buyer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='purchases', to='parties.organisation')),
                ('contract_file', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('lot', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='deal', to='auctions.lot')),
                ('seller', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sales', to='parties.organisation')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['awarded', 'contracted', 'paid', 'delivered', 'closed', 'cancelled'])), name='deal_state_known'), models.CheckConstraint(condition=models.Q(('hammer_minor__gt', 0), ('excluded_minor__gte', 0), ('excluded_minor__lte', models.F('hammer_minor')), ('deposit_minor__gte', 0), ('receipts_minor__gte', 0)), name='deal_money_not_negative'), models.CheckConstraint(condition=models.Q(('state__in', ['awarded', 'cancelled']), ('contracted_at__isnull', False), _connector='OR'), name='T1_contracted_before_paid'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['paid', 'delivered', 'closed']), _negated=True), ('paid_at__isnull', False), _connector='OR'), name='T1_paid_before_delivered'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'cancelled'), _negated=True), models.Q(('paid_at', None), models.Q(('cancel_reason', ''), _negated=True)), _connector='OR'), name='T1_cancelled_before_paid_with_reason')],
            },
            bases=(django_fsm.ConcurrentTransitionMixin, django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plain_sha256', npa_market.common.fields.Sha256(blank=True, help_text='hash of the file before encryption', max_length=64)),
                ('released_at', models.DateTimeField(null=True)),
                ('receipted_at', models.DateTimeField(null=True)),
                ('downloads', models.PositiveSmallIntegerField(default=0)),
                ('deal', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='delivery', to='transfers.deal')),
                ('file', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='common.storedfile')),
                ('first_release_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('receipted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('second_release_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('taken_sha256', npa_market.common.fields.Sha256(blank=True, help_text='hash of the file as the buyer takes it; empty where it is kept as it is taken', max_length=64)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('second_release_by', None), models.Q(('second_release_by', models.F('first_release_by')), _negated=True), _connector='OR'), name='T6_release_by_two_people'), models.CheckConstraint(condition=models.Q(('file', None), models.Q(('first_release_by__isnull', False), ('second_release_by__isnull', False)), _connector='OR'), name='T2_no_file_before_two_releases'), models.CheckConstraint(condition=models.Q(('receipted_at', None), ('file__isnull', False), _connector='OR'), name='T3_receipt_needs_a_file')],
            },
        ),
        migrations.CreateModel(
            name='LoanPrice',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('token', models.CharField(max_length=32)),
                ('price_minor', models.BigIntegerField()),
                ('exclusion', models.CharField(blank=True, help_text='why the loan stayed with the seller, else empty', max_length=20)),
                ('deal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='loan_prices', to='transfers.deal')),
                ('loan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tapes.loan')),
            ],
            options={
                'ordering': ['deal', 'token'],
                'constraints': [models.UniqueConstraint(fields=('deal', 'loan'), name='one_price_per_loan'), models.UniqueConstraint(fields=('deal', 'token'), name='one_price_per_token'), models.CheckConstraint(condition=models.Q(('price_minor__gte', 0)), name='L6_price_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Ownership',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField(null=True)),
                ('deal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='titles', to='transfers.deal')),
                ('loan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='title', to='tapes.loan')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('until', None)), fields=('loan',), name='O1_one_owner_at_a_time'), models.CheckConstraint(condition=models.Q(('until', None), ('until__gte', models.F('since')), _connector='OR'), name='O1_owned_forwards_in_time')],
            },
        ),
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('amount_minor', models.BigIntegerField()),
                ('bank_reference', models.CharField(max_length=120)),
                ('recorded_at', models.DateTimeField()),
                ('deal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='transfers.deal')),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.journalentry')),
                ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('deal', 'bank_reference'), name='payment_once_per_bank_line'), models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='payment_is_positive')],
            },
        ),
        migrations.CreateModel(
            name='Signature',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('signed_at', models.DateTimeField()),
                ('document_sha256', npa_market.common.fields.Sha256(max_length=64)),
                ('deal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='signatures', to='transfers.deal')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation')),
                ('signed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('deal', 'organisation'), name='one_signature_per_side')],
            },
        ),
        migrations.CreateModel(
            name='PackageKey',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('wrapped', models.TextField(blank=True, help_text='sealed under NPA_VAULT_KEY; empty = erased')),
                ('created_at', models.DateTimeField()),
                ('erased_at', models.DateTimeField(null=True)),
                ('package', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='copies_key', to='packages.package')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('erased_at', None), ('wrapped__gt', '')), models.Q(('erased_at__isnull', False), ('wrapped', '')), _connector='OR'), name='package_key_is_there_or_erased')],
            },
        ),
    ]
