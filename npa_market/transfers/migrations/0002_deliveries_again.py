import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('packages', '0001_first'),
        ('transfers', '0001_first'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='delivery',
            options={'ordering': ['number']},
        ),
        migrations.AddField(
            model_name='delivery',
            name='key',
            field=models.ForeignKey(help_text="opens the venue's copy; none for a file from before packages had keys", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='transfers.packagekey'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='number',
            field=models.PositiveSmallIntegerField(default=1, help_text='from 1 on, within the deal'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='recipient',
            field=models.CharField(blank=True, help_text="the buyer's key that the file was encrypted to", max_length=100),
        ),
        migrations.AddField(
            model_name='delivery',
            name='replaced_at',
            field=models.DateTimeField(help_text='when it was released again', null=True),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='deal',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='transfers.deal'),
        ),
        migrations.AlterField(
            model_name='packagekey',
            name='package',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='copies_keys', to='packages.package'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('deal', 'number'), name='delivery_number_once'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(condition=models.Q(('file__isnull', False), ('replaced_at', None)), fields=('deal',), name='T3_one_delivery_in_force'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(condition=models.Q(('file', None)), fields=('deal',), name='T6_one_release_waits'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(('replaced_at', None), models.Q(('file__isnull', False), ('receipted_at', None)), _connector='OR'), name='T3_replaced_file_is_not_receipted'),
        ),
        migrations.AddConstraint(
            model_name='packagekey',
            constraint=models.UniqueConstraint(condition=models.Q(('erased_at', None)), fields=('package',), name='package_has_one_live_key'),
        ),
    ]
