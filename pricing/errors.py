"""Refusals of the pricing library: each names place and rule, none carries a personal value."""


class PricingError(ValueError):
    """Something in the input cannot be priced; the text can be shown to the person who sent it."""


class EmptyPool(PricingError):
    """The pool has no row, or no live loan."""


class EmptyHistory(PricingError):
    """A history has no row, no loan, or nothing a parameter could be fitted to."""


class TooManyKinds(PricingError):
    """The loans of a history differ in too many ways to be counted in groups."""

    def __init__(self, kinds: int, most: int) -> None:
        self.kinds, self.most = kinds, most
        super().__init__(
            f"the loans fall into {kinds:,} kinds, up to {most:,} can be counted; leave out an "
            "attribute with many values, or name wider cohorts"
        )


class MissingColumn(PricingError):
    """A required column is not in the frame."""

    def __init__(self, column: str, present: list[str]) -> None:
        self.column, self.present = column, present
        super().__init__(f"column {column!r} is missing; the frame has: {', '.join(present)}")


class BadColumn(PricingError):
    """A cell breaks the rule of its column. Rows count from 1, the first row below the header."""

    def __init__(self, column: str, row: int, value: object, rule: str) -> None:
        self.column, self.row, self.value, self.rule = column, row, value, rule
        super().__init__(f"row {row}, column {column!r}, value {value!r}: {rule}")


class BadTerms(PricingError):
    """A field of the terms or of a channel's cost is outside its rule."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        self.field, self.value, self.rule = field, value, rule
        super().__init__(f"terms: {field} = {value!r}: {rule}")


class BadCalibration(PricingError):
    """A field of a calibration is outside its rule, or its JSON cannot be read."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        self.field, self.value, self.rule = field, value, rule
        super().__init__(f"calibration: {field} = {value!r}: {rule}")


class MixedBasis(PricingError):
    """The pool's balances stand on a basis the calibration knows no rates for."""

    def __init__(self, pool: str, known: list[str]) -> None:
        self.pool, self.known = pool, known
        super().__init__(f"balances are {pool!r}, the calibration speaks of: {', '.join(known)}")


class MixedCurrency(PricingError):
    """The pool's currency is not the calibration's; amounts are never converted here."""

    def __init__(self, pool: str, calibration: str) -> None:
        self.pool, self.calibration = pool, calibration
        super().__init__(f"the pool is in {pool!r}, the calibration in {calibration!r}")


class BadFile(PricingError):
    """A file cannot be read as what it should be."""

    def __init__(self, path: str, rule: str) -> None:
        self.path, self.rule = path, rule
        super().__init__(f"{path}: {rule}")


class NotFinite(PricingError):
    """A computed figure is not a number: the inputs drove the model out of its range."""

    def __init__(self, figure: str) -> None:
        self.figure = figure
        super().__init__(f"{figure} is not a finite number; check balances, costs and rates")
