"""Queries compiled once: the same rows as the ORM's, whatever the values."""

from datetime import date
from uuid import uuid4

import pytest

from npa_market.common.clock import database_now
from npa_market.common.statements import Statement, columns, instance
from npa_market.parties.models import Membership, Organisation, QualificationState, User

pytestmark = pytest.mark.django_db

NAMED = Statement(
    lambda *, name, kinds: Organisation.objects.filter(name=name, kind__in=kinds).values_list(
        "pk", "qualified_until"
    )
)
WHOLE = Statement(
    lambda *, keys: Organisation.objects.filter(pk__in=keys).values_list(*columns(Organisation))
)


@pytest.fixture
def houses():
    return [
        Organisation.objects.create(
            name=f"House {number}",
            kind="buyer",
            qualification=QualificationState.QUALIFIED,
            qualified_until=date(2027, 1, number + 1),
            created_at=database_now(),
        )
        for number in range(5)
    ]


def test_values_take_their_places_each_time(houses):
    for house in houses:
        rows = NAMED.rows(name=house.name, kinds=["seller", "buyer"])
        assert rows == [(house.pk, house.qualified_until)]
    assert NAMED.rows(name="House 1", kinds=["seller"]) == []
    assert NAMED.rows(name="no such", kinds=["buyer"]) == []


def test_a_value_is_never_read_as_sql(houses):
    assert NAMED.rows(name="House 1' OR '1'='1", kinds=["buyer"]) == []
    assert NAMED.rows(name="%s", kinds=["buyer"]) == []


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_lists_of_every_length(houses, count):
    keys = [house.pk for house in houses[:count]]
    rows = WHOLE.rows(keys=keys)
    assert {row[columns(Organisation).index("id")] for row in rows} == set(keys)
    assert WHOLE.rows(keys=[uuid4()] * count) == []


def test_an_instance_equals_the_orms(houses):
    (row,) = WHOLE.rows(keys=[houses[0].pk])
    made, stored = instance(Organisation, row), Organisation.objects.get(pk=houses[0].pk)
    assert made == stored
    assert {name: getattr(made, name) for name in columns(Organisation)} == {
        name: getattr(stored, name) for name in columns(Organisation)
    }
    assert made._state.adding is False


def test_a_value_that_is_no_condition_is_found_at_once(houses):
    forgetful = Statement(lambda *, name: Organisation.objects.values_list("pk"))
    with pytest.raises(TypeError, match="not used"):
        forgetful.rows(name="House 1")


def test_an_empty_list_is_refused():
    with pytest.raises(ValueError, match="empty list"):
        WHOLE.rows(keys=[])


def test_memberships_by_statement_are_those_of_the_orm(buyer_user):
    def fresh():
        return User.objects.get(pk=buyer_user.pk)

    stored = Membership.objects.filter(user=buyer_user, is_active=True).order_by("pk")
    assert [m.pk for m in fresh().active_memberships] == [m.pk for m in stored]
    assert fresh().active_memberships[0].organisation == stored[0].organisation
    Membership.objects.filter(user=buyer_user).update(is_active=False)
    assert fresh().active_memberships == []
