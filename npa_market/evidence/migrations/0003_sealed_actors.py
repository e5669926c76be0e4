import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from npa_market.common.append_only import append_only, changeable


class Migration(migrations.Migration):

    dependencies = [
        ('evidence', '0002_append_only'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        changeable('evidence_entry'),
        migrations.AlterField(
            model_name='entry',
            name='actor',
            field=models.CharField(help_text='pseudonymous: user:<key>, sealed:<commitment> or system', max_length=80),
        ),
        append_only('evidence_entry'),
        migrations.CreateModel(
            name='SealedActor',
            fields=[
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='sealed_actor', serialize=False, to='evidence.entry')),
                ('salt', models.BinaryField(max_length=32)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['entry'],
            },
        ),
    ]
