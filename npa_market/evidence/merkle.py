"""Merkle tree hashing and proofs (RFC 9162 section 2.1, the tree of RFC 6962)."""

import hashlib
from collections.abc import Sequence

HASH_BYTES = 32


class InvalidProof(ValueError):
    """The proof does not lead to the root."""


def leaf_hash(content: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 || content)."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Every level from the leaves up to the root; a lone last node moves up unchanged.

    For any size this gives the tree of RFC 9162, whose left subtree is the largest power of two.
    """
    rows, digest = [list(leaves)], hashlib.sha256  # Called a million times: no call in between.
    while len(rows[-1]) > 1:
        below = rows[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        above = [digest(b"\x01" + left + right).digest() for left, right in pairs]
        if len(below) % 2:
            above.append(below[-1])
        rows.append(above)
    return rows


def root(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree over leaf hashes; of no leaves, SHA-256 of nothing."""
    return levels(leaves)[-1][0] if leaves else hashlib.sha256(b"").digest()


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path of leaf `index`, from the leaf's sibling upwards."""
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    path = []
    for row in levels(leaves)[:-1]:
        sibling = index ^ 1
        if sibling < len(row):
            path.append(row[sibling])
        index //= 2
    return path


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes
) -> None:
    """Check that `leaf` is number `index` of the tree of `size` leaves with this root.

    Algorithm of RFC 9162 section 2.1.3.2. Raises InvalidProof, also for hashes of a wrong length.
    """
    if not 0 <= index < size:
        raise InvalidProof("index outside the tree")
    if any(len(part) != HASH_BYTES for part in (leaf, expected_root, *path)):
        raise InvalidProof("a hash is not 32 bytes")
    position, last, current = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise InvalidProof("path too long")
        if position & 1 or position == last:
            current = node_hash(sibling, current)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise InvalidProof("path too short")
    if current != expected_root:
        raise InvalidProof("root differs")
