import json

import rfc8785

from npa_market.evidence.merkle import verify_inclusion
from npa_market.packages.leaves import leaf_lines
from npa_market.packages.schema import COLUMNS
from npa_market.packages.sealed import loan_proof, manifest_of, read_sealed, read_table, receipts_of
from tests.builders import sealed_package


def test_a_sealed_package(db, seller_user, second_seller_user):
    p = sealed_package(seller_user, second_seller_user)
    f = read_sealed(p)
    assert tuple(f.columns) == COLUMNS
    print(f.dtypes)
    print(f.head(3).T)
    print(json.dumps(manifest_of(p), indent=1)[:3000])
    t = read_table(p)
    assert len(f) == 60
    for line in leaf_lines(t):
        assert rfc8785.dumps(json.loads(line)) == line
    print(line)
    for tok in f.loan_token:
        q = loan_proof(p, tok)
        verify_inclusion(
            bytes.fromhex(q["leaf"]),
            q["index"],
            q["size"],
            [bytes.fromhex(x) for x in q["path"]],
            bytes.fromhex(q["root"]),
        )
    print(receipts_of(p).head())
