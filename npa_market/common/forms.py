"""How every form looks: a summary of what is wrong, then label, input, help and error."""

from django.forms import BaseForm
from django.forms.renderers import TemplatesSetting

from npa_market.common.errors import Refused


class VenueForms(TemplatesSetting):
    """`{{ form }}` anywhere, the sign-in pages included, draws the venue's own form."""

    form_template_name = "common/form.html"
    field_template_name = "common/_field.html"


def add_refusal(form: BaseForm, refusal: Refused) -> None:
    """Show a service's refusal beside the field it names, else above the form."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
