"""The forms of intake: upload, and how a file is read."""

from typing import Any

from django import forms

from npa_market.parties.models import Organisation
from npa_market.tapes.mapping import shipped_mappings
from npa_market.tapes.models import SellerMapping
from npa_market.tapes.services import CURRENCIES
from npa_market.tapes.sniffing import DELIMITER_NAMES, ENCODINGS


class TapeUploadForm(forms.Form):
    """A file and what it is: the service checks both."""

    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # The service says what is wrong with an empty one.
        max_length=255,
        help_text="CSV, TSV, XLSX, XLSB, XLS, ODS, Parquet or JSON, packed by gzip or zip or not; "
        "one loan per row under a header.",
        widget=forms.ClearableFileInput(
            attrs={
                "accept": ".csv,.tsv,.txt,.asc,.gz,.zip,.xlsx,.xlsb,.xls,.ods,.parquet,.json,.jsonl"
            }
        ),
    )
    mapping = forms.ChoiceField(
        label="Mapping",
        required=False,
        help_text="Which columns mean what. In the workbench you see the columns beside the "
        "fields they fill before anything is imported.",
    )
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

    def __init__(self, *args: Any, seller: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["mapping"]
        assert isinstance(field, forms.ChoiceField)
        saved = SellerMapping.objects.filter(seller=seller).newest()
        field.choices = [
            ("", "Look at it in the workbench"),
            (
                "Yours",
                [(each.reference, f"{each.title}, version {each.version}") for each in saved],
            ),
            ("Known layouts", [(name, each.title) for name, each in shipped_mappings().items()]),
        ]


class LayoutForm(forms.Form):
    """How a file is read, where what was sniffed is wrong."""

    encoding = forms.ChoiceField(
        required=False, choices=[("", "as found"), *((each, each) for each in ENCODINGS)]
    )
    delimiter = forms.ChoiceField(
        required=False,
        choices=[("", "as found"), *DELIMITER_NAMES.items()],
    )
    header_row = forms.IntegerField(
        required=False, min_value=1, max_value=200, label="Row of the header"
    )
    member = forms.CharField(required=False, max_length=300, label="File or table inside")
    sheet = forms.CharField(required=False, max_length=100)

    def __init__(
        self, *args: Any, members: tuple[str, ...], sheets: tuple[str, ...], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, known in (("member", members), ("sheet", sheets)):
            if len(known) > 1:
                choices = [("", "as found"), *((each, each) for each in known)]
                self.fields[name].widget = forms.Select(choices=choices)

    def layout(self) -> dict[str, Any]:
        """What people said; empty answers left out."""
        return {name: value for name, value in self.cleaned_data.items() if value}
