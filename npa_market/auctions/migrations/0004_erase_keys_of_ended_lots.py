from django.db import migrations


def erase(apps, editor):
    """What services do at every end since; rows of lots that ended before kept their secrets."""
    ended = {"key__lot__state__in": ["sold", "unsold", "cancelled"]}
    apps.get_model("auctions", "KeyShare").objects.filter(**ended).update(words_sealed="")
    cancelled = {"key__lot__state": "cancelled"}
    apps.get_model("auctions", "Reveal").objects.filter(**cancelled).update(ephemeral_sealed="")


class Migration(migrations.Migration):
    dependencies = [("auctions", "0003_withdrawn_registration")]
    operations = [migrations.RunPython(erase, migrations.RunPython.noop)]
