"""The list of mutants fits the source, and a few of them are caught (short form)."""

import pytest

from tests.hostile.mutants import MUTANTS, SHORT, CannotTell, Mutant, check_texts, is_caught


def test_every_mutant_changes_a_text_that_stands_in_the_source():
    check_texts(MUTANTS)
    names = [each.name for each in MUTANTS]
    assert len(set(names)) == len(names) >= 30
    gone = Mutant("gone", MUTANTS[0].file, "no such text", "", ())
    with pytest.raises(CannotTell):
        check_texts([gone])


@pytest.mark.parametrize("name", SHORT)
def test_a_removed_safeguard_is_caught(name):
    (mutant,) = [each for each in MUTANTS if each.name == name]
    assert is_caught(mutant)
