from django.db import migrations, models


def fill(apps, schema_editor):
    """The part of the file that each tape reads: as it was read, else as it was stated."""
    Tape = apps.get_model("tapes", "Tape")
    for tape in Tape.objects.only("layout", "stated_layout").iterator():
        read = tape.layout or tape.stated_layout
        member, sheet = (str(read.get(name, ""))[:200] for name in ("member", "sheet"))
        if member or sheet:
            Tape.objects.filter(pk=tape.pk).update(member=member, sheet=sheet)


class Migration(migrations.Migration):
    dependencies = [("tapes", "0006_rows_of_findings")]

    operations = [
        migrations.RemoveConstraint(model_name="tape", name="tape_imported_once"),
        migrations.AddField(
            model_name="tape",
            name="member",
            field=models.CharField(
                blank=True,
                default="",
                help_text="file or table inside the file that is read",
                max_length=200,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="tape",
            name="sheet",
            field=models.CharField(
                blank=True, default="", help_text="sheet that is read", max_length=200
            ),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="tape",
            constraint=models.UniqueConstraint(
                fields=["seller", "file", "mapping", "cut_off_date", "member", "sheet"],
                name="tape_imported_once",
            ),
        ),
    ]
