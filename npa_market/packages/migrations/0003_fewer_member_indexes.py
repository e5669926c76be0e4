"""Members of a package are found by the unique indexes that begin with their loan or package."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("packages", "0002_saved_criteria_lists_exports"),
        ("tapes", "0005_histories"),
    ]

    operations = [
        # Taken off and put back: on PostgreSQL dropping a column's index takes the partial unique
        # index on it along, without a word.
        migrations.RemoveConstraint(model_name="packageloan", name="O2_loan_in_one_live_package"),
        migrations.RemoveConstraint(model_name="packageloan", name="loan_once_per_package"),
        migrations.AlterField(
            model_name="packageloan",
            name="loan",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="memberships",
                to="tapes.loan",
            ),
        ),
        migrations.AlterField(
            model_name="packageloan",
            name="package",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="members",
                to="packages.package",
            ),
        ),
        migrations.AddConstraint(
            model_name="packageloan",
            constraint=models.UniqueConstraint(
                fields=("loan", "package"), name="loan_once_per_package"
            ),
        ),
        migrations.AddConstraint(
            model_name="packageloan",
            constraint=models.UniqueConstraint(
                fields=("loan",),
                condition=models.Q(("is_live", True)),
                name="O2_loan_in_one_live_package",
            ),
        ),
    ]
