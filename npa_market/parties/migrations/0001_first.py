import django.db.models.deletion
import django.utils.timezone
import npa_market.common.fields
import npa_market.parties.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('parties', '0001_initial'), ('parties', '0002_sealed_opening'), ('parties', '0003_bid_limit_rule')]

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254, unique=True)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'ordering': ['email'],
            },
            managers=[
                ('objects', npa_market.parties.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='Organisation',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('seller', 'Seller'), ('buyer', 'Buyer'), ('venue', 'Venue operator')], max_length=10)),
                ('name', models.CharField(max_length=200, unique=True)),
                ('country', models.CharField(default='CN', max_length=2)),
                ('licence_number', models.CharField(blank=True, max_length=80)),
                ('qualification', models.CharField(choices=[('applied_for', 'Applied'), ('qualified', 'Qualified'), ('refused', 'Refused'), ('suspended', 'Suspended')], default='applied_for', max_length=12)),
                ('qualification_reason', models.CharField(blank=True, max_length=500)),
                ('qualified_until', models.DateField(help_text='Papers are renewed every year.', null=True)),
                ('delivery_public_key', models.CharField(blank=True, help_text='age recipient to which deliveries are encrypted', max_length=120)),
                ('created_at', models.DateTimeField()),
                ('requires_bid_limit', models.BooleanField(default=False, help_text='bids only under a limit that two of its people approved')),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.CheckConstraint(condition=models.Q(('qualification__in', ['applied_for', 'qualified', 'refused', 'suspended'])), name='organisation_qualification_known'), models.CheckConstraint(condition=models.Q(('kind__in', ['seller', 'buyer', 'venue'])), name='organisation_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', npa_market.common.fields.UUID7Key(default=npa_market.common.fields.uuid7, editable=False, primary_key=True, serialize=False)),
                ('role', models.CharField(choices=[('seller_analyst', 'Seller analyst'), ('valuer', 'Valuer'), ('seller_approver', 'Seller approver'), ('seller_finance', 'Seller finance'), ('buyer_analyst', 'Buyer analyst'), ('buyer_signatory', 'Buyer signatory'), ('buyer_finance', 'Buyer finance'), ('operator', 'Operator'), ('compliance', 'Compliance officer'), ('venue_finance', 'Venue finance'), ('auditor', 'Auditor'), ('notary', 'Notary')], max_length=20)),
                ('is_active', models.BooleanField(default=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='parties.organisation')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'organisation', 'role'), name='one_membership_per_role')],
            },
        ),
    ]
