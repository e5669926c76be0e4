from django.db import migrations

from npa_market.common.append_only import append_only

# Checked at commit, so that the postings of an entry may be written one by one.
_BALANCED = """
CREATE FUNCTION require_balanced_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
    WHERE p.entry_id = NEW.entry_id GROUP BY a.currency HAVING SUM(p.amount_minor) <> 0
  ) THEN
    RAISE EXCEPTION 'journal entry % does not sum to zero', NEW.entry_id
    USING ERRCODE = 'check_violation', CONSTRAINT = 'L1_entry_sums_to_zero';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_posting_balanced AFTER INSERT ON ledger_posting
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_balanced_entry();
"""


def install(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute(_BALANCED, params=None)


def remove(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP TRIGGER ledger_posting_balanced ON ledger_posting")
        editor.execute("DROP FUNCTION require_balanced_entry()")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_first")]
    operations = [
        append_only("ledger_journalentry"),
        append_only("ledger_posting"),
        migrations.RunPython(install, remove),
    ]
