"""The upload form."""

from typing import Any

from django import forms

from npa_market.tapes.mapping import shipped_mappings
from npa_market.tapes.services import CURRENCIES


class TapeUploadForm(forms.Form):
    """A file and what it is: the service checks both."""

    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # The service says what is wrong with an empty one.
        max_length=255,
        help_text="CSV, TSV or semicolons, gzip or not, or XLSX; one loan per row under a header.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.gz,.xlsx"}),
    )
    mapping = forms.ChoiceField(label="Mapping", help_text="Which columns mean what.")
    currency = forms.ChoiceField(
        label="Currency",
        choices=[(code, code) for code in CURRENCIES],
        help_text="Of all amounts in the file.",
    )
    cut_off_date = forms.DateField(
        label="Cut-off date",
        help_text="The day as of which the balances are stated.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["mapping"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, mapping.title) for name, mapping in shipped_mappings().items()]
        field.initial = "npa_standard"
