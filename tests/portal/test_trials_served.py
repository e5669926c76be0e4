"""Short forms of the trials: served processes on scratch databases, killed, loaded, raced."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from npa_market.portal.trials import listeners, load, race
from npa_market.portal.trials.cluster import NoCluster, _programs, own_cluster
from npa_market.portal.trials.venue import venue_on

DATABASE_POOL = 16


def has_cluster() -> bool:
    try:
        _programs()
    except NoCluster:
        return False
    return True


pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(
        not has_cluster(), reason="install the package postgresql to run the trials"
    ),
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("trials"),
]


def figures(command: str, **options):
    out = StringIO()
    call_command(command, stdout=out, **options)
    return json.loads(out.getvalue())


def test_A1_nothing_acknowledged_is_lost_when_each_part_is_killed_once():
    told = figures("chaos_bids", kills=3, bidders=4)
    assert told["kills"] == 3
    assert told["acknowledged"] > 0
    wrong = ("lost", "doubled", "violations", "unclaimed")
    assert {name: told[name] for name in wrong} == dict.fromkeys(wrong, 0), told["findings"]


def test_A1_the_same_trial_reports_losses_on_a_server_that_answers_before_it_writes():
    assert figures("chaos_bids", kills=1, bidders=4, unsafe=True)["lost"] > 0


@pytest.fixture(scope="module")
def scratch():
    """Makes databases with the application's tables, on a cluster of these tests."""
    with own_cluster() as cluster:
        first = cluster.make_database()
        with venue_on(first):
            pass  # It has made the tables.
        yield lambda: cluster.make_database(copy_of=first.rpartition("/")[2])


def test_A1_A2_A4_load_loses_and_doubles_nothing_while_no_broker_answers(scratch, monkeypatch):
    monkeypatch.setattr(load, "BASELINE_SECONDS", 0.5)
    with venue_on(scratch(), has_tables=True, changes=load.DEAD_BROKER) as venue:
        told = load.run_load(venue, bidders=8, seconds=3, saturated_seconds=2, seed=1)
    wrong = ("lost", "doubled", "gaps", "out_of_order", "late", "foreign", "faults")
    assert {name: told[name] for name in wrong} == dict.fromkeys(wrong, 0), told
    assert told["accepted"] > 0
    assert told["requests_per_second"] > 0


def test_A4_A5_A12_bids_around_the_end_are_in_time_or_late_and_each_lot_ends_once(scratch):
    with venue_on(scratch(), has_tables=True) as venue:
        told = race.run_race(venue, bids=60, per_lot=15, between_seconds=1.0, seed=1)
    assert (told["bids"], told["lots"], told["lots_with_one_terminal_event"]) == (60, 4, 4), told
    assert told["findings"] == []
    assert (told["accepted_late"], told["refused_early"]) == (0, 0)


def test_A19_every_listener_hears_every_event_and_connections_stay_in_the_pool(scratch):
    with venue_on(scratch(), has_tables=True, workers=1) as venue:
        told = listeners.run_listeners(venue, listeners=40, events=10)
    assert (told["gaps"], told["broken"]) == (0, 0)
    assert told["connections_with_listeners"] <= DATABASE_POOL
    assert told["connections_after"] <= DATABASE_POOL
