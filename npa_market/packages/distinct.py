"""How many borrowers stand behind each class of loans."""

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]
MOST_CELLS = 200_000_000  # class x borrower, a byte each; above, pairs are sorted instead


def distinct_borrowers(codes: Codes, size: int, borrowers: Codes) -> Codes:
    """Per class 0 … size - 1; class and borrower code of each loan, (loans,)."""
    if not len(borrowers):
        return np.zeros(size, dtype=np.int64)
    width = int(borrowers.max()) + 1
    if width * size <= MOST_CELLS:
        seen = np.zeros((size, width), dtype=bool)
        seen[codes, borrowers] = True
        return np.asarray(seen.sum(axis=1, dtype=np.int64))
    pairs = np.unique(codes * width + borrowers)
    return np.bincount(pairs // width, minlength=size).astype(np.int64)
