from pathlib import Path

import pytest

from npa_market.tapes.dictionary import FIELDS
from npa_market.tapes.mapping import WORDS, shipped_mappings
from npa_market.tapes.validation import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "tapes.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", sorted({*FIELDS, *WORDS, *shipped_mappings(), *(rule.id for rule in RULES)})
)
def test_the_page_names_every_field_word_mapping_and_rule(name):
    assert f"`{name}`" in PAGE
