from pathlib import Path

import pytest

from npa_market.tapes.comparing import DRIFT_RULES
from npa_market.tapes.dictionary import FIELDS, dictionary_markdown
from npa_market.tapes.history_layouts import LAYOUTS, rules_of
from npa_market.tapes.history_repeats import REPEAT_RULES
from npa_market.tapes.mapping import WORDS, shipped_mappings
from npa_market.tapes.models import LitigationStatus, LoanStatus
from npa_market.tapes.same_debt import DEBT_RULES
from npa_market.tapes.several_names import NAME_RULES, ROUNDED
from npa_market.tapes.validation import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "tapes.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            *FIELDS,
            *WORDS,
            *shipped_mappings(),
            *(rule.id for rule in (*RULES, *DRIFT_RULES, *NAME_RULES, ROUNDED, *DEBT_RULES)),
        }
        | {rule.id for kind in LAYOUTS for rule in rules_of(kind)}
        | {rule.id for rule in REPEAT_RULES}
    ),
)
def test_the_page_names_every_field_word_mapping_and_rule(name):
    assert f"`{name}`" in PAGE


def test_the_table_of_fields_is_the_one_that_the_dictionary_writes():
    """On failure print `dictionary_markdown()` and put it on the page."""
    assert dictionary_markdown() in PAGE


def test_the_codes_of_the_dictionary_are_those_of_the_models():
    assert FIELDS["litigation_status"].codes == tuple(LitigationStatus.values)
    assert FIELDS["status"].codes == tuple(LoanStatus.values)


def test_every_field_says_what_it_is_needed_for_and_its_class():
    assert all(
        field.needed_for and field.data_class and field.title_zh for field in FIELDS.values()
    )
