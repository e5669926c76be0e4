"""PostgreSQL compares tokens by their bytes: by a language's rules, putting a million of them into
their index takes twice as long, and hexadecimal digits sort alike under both."""

from typing import Any

from django.db import migrations

_ALTER = 'ALTER TABLE packages_packageloan ALTER COLUMN token TYPE varchar(32) COLLATE "{}"'


def _collate(collation: str) -> Any:
    def alter(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(_ALTER.format(collation))

    return alter


class Migration(migrations.Migration):
    replaces = [("packages", "0004_tokens_compared_by_bytes")]
    dependencies = [("packages", "0001_first")]

    operations = [migrations.RunPython(_collate("C"), _collate("default"))]
