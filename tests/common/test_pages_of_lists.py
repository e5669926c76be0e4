"""Lists answer any page that is asked for: with rows, with none, or with words; never a fault."""

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db
LISTS = ["auctions:list", "transfers:list", "settlement:list", "evidence:list", "notices:list"]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("number", ["9" * 23, "10000000000", "-1", "x", ""])
def test_a_page_of_any_number(as_user, operator, name, number):
    assert as_user(operator).get(reverse(name), {"page": number}).status_code == 200


@pytest.mark.parametrize("cursor", ["cD1hYmM=", "cD0x", "x", "bz05OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
@pytest.mark.parametrize("name", ["lot-list", "package-list", "deal-list"])
def test_a_cursor_that_no_answer_gave_is_none(as_user, operator, name, cursor):
    answer = as_user(operator).get(reverse(f"v1:{name}"), {"cursor": cursor})
    assert answer.status_code in {200, 404}
    assert answer["Content-Type"].startswith("application/")
