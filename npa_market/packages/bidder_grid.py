"""A table of two dimensions as everybody but the seller sees it: no cell of few borrowers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from npa_market.packages.bidder_tables import SMALLEST_CELL, Groups, merged_groups, regrouped
from npa_market.packages.classes import Classes

Codes = npt.NDArray[np.int64]
DOWN, ACROSS = 0, 1


def coarse_grid(down: Classes, across: Classes, borrowers: Codes) -> tuple[Classes, Classes]:
    """Both axes of a grid of ordered bands, neighbours joined until no used cell is small.

    Each axis begins with the rows of its own table for bidders, which are joined further and never
    cut, so that the margins of the grid say no more than those tables. borrowers: codes, (loans,).
    """
    grid = _Grid.of(down, across, borrowers)
    whole = int(np.count_nonzero(np.bincount(borrowers)))
    for axis in (DOWN, ACROSS):
        rows = grid.margin(axis).tolist()
        grid = grid.joined(axis, merged_groups(rows, whole, is_ordered=True))
    while True:
        counts = grid.counts()
        is_small = (counts > 0) & (counts < SMALLEST_CELL)
        if counts.size <= 1 or not is_small.any():
            return regrouped(down, grid.groups[DOWN]), regrouped(across, grid.groups[ACROSS])
        smallest = np.argmin(np.where(is_small, counts, SMALLEST_CELL))
        axis = DOWN if counts.shape[DOWN] >= counts.shape[ACROSS] else ACROSS
        place = int(np.unravel_index(smallest, counts.shape)[axis])
        grid = grid.joined(axis, _with_one_before(place, counts.shape[axis]))


def _with_one_before(place: int, size: int) -> Groups:
    """The band joined with the one before it, the first with the second."""
    later = max(place, 1)
    groups = [[each] for each in range(size)]
    return [*groups[: later - 1], [later - 1, later], *groups[later + 1 :]]


@dataclass(frozen=True)
class _Grid:
    """Borrowers per cell. One with a single loan is only counted; the others must be kept apart.

    groups: per axis the classes of each band; alone: (rows, columns); seen: (rows, columns, people
    of several loans).
    """

    groups: tuple[Groups, Groups]
    alone: npt.NDArray[np.int64]
    seen: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, down: Classes, across: Classes, borrowers: Codes) -> "_Grid":
        rows, row_of = _used(down)
        columns, column_of = _used(across)
        loans_of = np.bincount(borrowers)
        is_alone = loans_of[borrowers] == 1
        cells = row_of * len(columns) + column_of
        alone = np.bincount(cells[is_alone], minlength=len(rows) * len(columns))
        people = np.cumsum(loans_of > 1) - 1
        seen = np.zeros((len(rows) * len(columns), np.count_nonzero(loans_of > 1)), dtype=np.bool_)
        seen[cells[~is_alone], people[borrowers[~is_alone]]] = True
        shape = (len(rows), len(columns))
        return cls((rows, columns), alone.reshape(shape), seen.reshape(*shape, -1))

    def counts(self) -> npt.NDArray[np.int64]:
        return np.asarray(self.alone + np.count_nonzero(self.seen, axis=2))

    def margin(self, axis: int) -> npt.NDArray[np.int64]:
        """Borrowers per band of one axis."""
        others = np.count_nonzero(np.logical_or.reduce(self.seen, axis=1 - axis), axis=1)
        return np.asarray(self.alone.sum(axis=1 - axis) + others)

    def joined(self, axis: int, parts: Groups) -> "_Grid":
        """parts: neighbouring bands of the axis that become one, every band in one of them."""
        starts = [part[0] for part in parts]
        if not starts:
            return self
        groups = list(self.groups)
        groups[axis] = [[each for band in part for each in groups[axis][band]] for part in parts]
        return _Grid(
            (groups[DOWN], groups[ACROSS]),
            np.add.reduceat(self.alone, starts, axis=axis),
            np.logical_or.reduceat(self.seen, starts, axis=axis),
        )


def _used(classes: Classes) -> tuple[Groups, Codes]:
    """Each class that has loans as a band of its own, and the band of each loan."""
    has_loans = np.bincount(classes.codes, minlength=len(classes.labels)) > 0
    bands = np.cumsum(has_loans) - 1
    return [[int(place)] for place in np.flatnonzero(has_loans)], bands[classes.codes]
