"""Tables whose rows never change: triggers refuse UPDATE and DELETE on both engines."""

from typing import Any

from django.db import migrations

_POSTGRESQL = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'rows of % are append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'rows of {table} are append-only'); END;
"""


def _install(table: str) -> Any:
    def forwards(apps: Any, editor: Any) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(_POSTGRESQL.format(table=table), params=None)
        else:
            for verb in ("update", "delete"):
                editor.execute(_SQLITE.format(table=table, verb=verb), params=None)

    return forwards


def _remove(table: str) -> Any:
    def backwards(apps: Any, editor: Any) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        else:
            for verb in ("update", "delete"):
                editor.execute(f"DROP TRIGGER {table}_no_{verb}")

    return backwards


def append_only(table: str) -> migrations.RunPython:
    """Migration operation that makes a table append-only."""
    return migrations.RunPython(_install(table), _remove(table))


def columns_fixed(table: str, *columns: str) -> migrations.RunPython:
    """Operation after which rows of a table stay, and so do these columns; others may change."""
    name = f"{table}_fixed"

    def forwards(apps: Any, editor: Any) -> None:
        fixed = ", ".join(columns)
        if editor.connection.vendor == "postgresql":
            editor.execute(
                f"CREATE TRIGGER {name} BEFORE DELETE OR UPDATE OF {fixed} ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            return
        for number, verb in enumerate(("DELETE", f"UPDATE OF {fixed}")):
            editor.execute(
                f"CREATE TRIGGER {name}_{number} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are kept'); END"
            )

    def backwards(apps: Any, editor: Any) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP TRIGGER {name} ON {table}")
            return
        for number in range(2):
            editor.execute(f"DROP TRIGGER {name}_{number}")

    return migrations.RunPython(forwards, backwards)


def changeable(table: str) -> migrations.RunPython:
    """Operation that takes the triggers off before a table is altered; `append_only` follows it.

    SQLite alters a table by building it anew, and the triggers would be lost without a word.
    """
    return migrations.RunPython(_remove(table), _install(table))
