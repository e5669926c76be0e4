"""Every constraint that the models declare stands in the database: migrations can lose one."""

import pytest
from django.apps import apps
from django.db import connection, models


@pytest.mark.django_db
def test_no_declared_constraint_is_missing():
    missing = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if not model.__module__.startswith("npa_market"):
                continue
            found = connection.introspection.get_constraints(cursor, model._meta.db_table)
            for constraint in model._meta.constraints:
                nulls = isinstance(constraint, models.UniqueConstraint) and (
                    constraint.nulls_distinct is not None
                )
                if nulls and not connection.features.supports_nulls_distinct_unique_constraints:
                    continue
                if constraint.name not in found:
                    missing.append(f"{model._meta.db_table}.{constraint.name}")
    assert not missing


APPEND_ONLY = [
    "auctions_bidlimit", "auctions_bidoutcome", "auctions_lotevent", "auctions_lotreceipt",
    "diligence_accessrecord", "evidence_entry", "ledger_journalentry", "ledger_posting",
    "tapes_personalaccess",
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_no_append_only_table_lost_its_triggers(table):
    """SQLite rebuilds a table that it alters, and drops the triggers."""
    source = "pg_trigger" if connection.vendor == "postgresql" else "sqlite_master"
    name = "tgname" if connection.vendor == "postgresql" else "name"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {source} WHERE {name} LIKE %s", [f"{table}_%"])
        count = cursor.fetchone()[0]
    assert count >= (1 if connection.vendor == "postgresql" else 2)
