import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npa_market.tapes.vault import Place, Vault, VaultError, blind_index, blind_indexes

KEYS = {"k1": b"\x01" * 32, "k2": b"\x02" * 32}
VAULT = Vault(KEYS, "k2")
ROW, OTHER_ROW = uuid.UUID(int=1), uuid.UUID(int=2)
NAME = Place("tapes.Borrower/name_sealed", ROW)


@given(st.text(min_size=1))
def test_what_was_sealed_opens_at_its_place(value):
    sealed = VAULT.seal(value, NAME)
    assert VAULT.open(sealed, NAME) == value
    assert sealed.startswith("k2:")


def test_the_same_value_is_sealed_differently_each_time():
    assert VAULT.seal("张伟", NAME) != VAULT.seal("张伟", NAME)


def test_the_empty_text_stays_empty():
    assert VAULT.seal("", NAME) == "" == VAULT.open("", NAME)


@pytest.mark.parametrize(
    "place",
    [Place("tapes.Borrower/name_sealed", OTHER_ROW), Place("tapes.Borrower/mobile_sealed", ROW)],
)
def test_a_value_moved_to_another_row_or_column_does_not_open(place):
    with pytest.raises(VaultError) as error:
        VAULT.open(VAULT.seal("张伟", NAME), place)
    assert "张伟" not in str(error.value)


@given(st.integers(min_value=3, max_value=40))
def test_a_changed_character_does_not_open(position):
    sealed = VAULT.seal("a value long enough", NAME)
    changed = "A" if sealed[position] != "A" else "B"
    with pytest.raises(VaultError):
        VAULT.open(sealed[:position] + changed + sealed[position + 1 :], NAME)


def test_values_of_an_older_key_stay_readable_and_unknown_keys_are_named_as_such():
    old = Vault(KEYS, "k1").seal("张伟", NAME)
    assert VAULT.open(old, NAME) == "张伟"
    with pytest.raises(VaultError, match="not here"):
        Vault({"k3": b"\x03" * 32}, "k3").open(old, NAME)


@pytest.mark.parametrize(
    ("keys", "current"),
    [({"k1": b"short"}, "k1"), ({"k1": b"\x01" * 32}, "k2"), ({"a:b": b"\x01" * 32}, "a:b")],
)
def test_a_vault_without_a_proper_key_is_refused(keys, current):
    with pytest.raises(ValueError):
        Vault(keys, current)


def test_keys_are_not_shown_by_repr():
    assert "\\x01" not in repr(VAULT)


def test_blind_index_meets_spellings_and_keeps_scopes_and_keys_apart():
    def index(value, scope="cn-id", key=b"k" * 32):
        return blind_index(value, scope=scope, key=key)

    assert index("11010119900307838x") == index(" １１０１０１ 19900307838X ")
    assert index("11010119900307838X") != index("110101199003078380")
    assert index("7") != index("7", scope="seller:1")
    assert index("7") != index("7", key=b"o" * 32)
    assert len(index("7")) == 64


@given(st.lists(st.text(max_size=8), max_size=6))
def test_a_column_is_sealed_and_indexed_as_value_by_value(values):
    pks = [uuid.UUID(int=number) for number in range(1, len(values) + 1)]
    sealed = VAULT.seal_column(values, NAME.label, [pk.hex for pk in pks])
    opened = [VAULT.open(text, Place(NAME.label, pk)) for text, pk in zip(sealed, pks, strict=True)]
    assert opened == values
    key = b"k" * 32
    one_by_one = [blind_index(value, scope="cn-id", key=key) for value in values]
    assert blind_indexes(values, scope="cn-id", key=key) == one_by_one


def test_nonces_of_a_column_differ():
    sealed = VAULT.seal_column(["a"] * 50, NAME.label, [ROW.hex] * 50)
    assert len({text[:20] for text in sealed}) == 50
