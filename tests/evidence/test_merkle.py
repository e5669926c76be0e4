"""The tree against the published RFC 6962 vectors, and against itself."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npa_market.evidence.merkle import (
    InvalidProof,
    inclusion_path,
    leaf_hash,
    root,
    verify_inclusion,
)

VECTORS = Path("../shared/vectors/rfc6962-merkle/testdata/inclusion")
CASES = sorted(VECTORS.rglob("*.json"))


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.skipif(not CASES, reason="the published vectors are not beside the project")
def test_every_published_inclusion_case_is_judged_as_published():
    wrong = []
    for case in CASES:
        vector = json.loads(case.read_text())
        path = [decoded(part) for part in vector["proof"] or []]
        try:
            verify_inclusion(
                decoded(vector["leafHash"]),
                vector["leafIdx"],
                vector["treeSize"],
                path,
                decoded(vector["root"]),
            )
            accepted = True
        except InvalidProof:
            accepted = False
        if accepted == vector["wantErr"]:
            wrong.append(str(case))
    assert not wrong
    assert len(CASES) == 98


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_each_leaf_proves_its_place_and_no_other(size_and_index):
    size, index = size_and_index
    leaves = [leaf_hash(str(i).encode()) for i in range(size)]
    path, top = inclusion_path(leaves, index), root(leaves)
    verify_inclusion(leaves[index], index, size, path, top)
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf_hash(b"another"), index, size, path, top)
    if size > 1:
        with pytest.raises(InvalidProof):
            verify_inclusion(leaves[index], (index + 1) % size, size, path, top)
