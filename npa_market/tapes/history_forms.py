"""The forms of histories: a file of a kind, and which of its columns is which field."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from npa_market.tapes.history_models import HistoryKind

_COLUMN = "column_"


class HistoryForm(forms.Form):
    """A file of one kind of history."""

    kind = forms.ChoiceField(label="Kind", choices=HistoryKind.choices)
    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # The service says what is wrong with an empty one.
        max_length=255,
        help_text="One event per row with the loan number. Where the headers are not known, you "
        "are asked which column is which field.",
    )


class ColumnsForm(forms.Form):
    """Which column of the file is which field of the kind."""

    def __init__(
        self, *args: Any, kind: str, columns: Sequence[tuple[str, str]], **kwargs: Any
    ) -> None:
        """columns: (header, as it is shown)."""
        from npa_market.tapes.history_layouts import LAYOUTS  # Loads pandas.

        proposed: Mapping[str, str] = kwargs.pop("proposed", {})
        super().__init__(*args, **kwargs)
        for column in LAYOUTS[kind]:
            field = column.field
            self.fields[_COLUMN + field.name] = forms.ChoiceField(
                label=f"{field.title} / {field.title_zh}",
                required=field.is_required,
                choices=[("", "– not in the file –"), *columns],
                initial=proposed.get(field.name, ""),
            )

    def said(self) -> dict[str, str]:
        """Field -> header, "" = not in the file."""
        return {name.removeprefix(_COLUMN): value for name, value in self.cleaned_data.items()}
