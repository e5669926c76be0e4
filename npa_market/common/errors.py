"""What a service says when it does not do as asked: expected answers, never stack traces."""


class Refused(Exception):
    """A rule said no. `code` is stable for machines, the message is for people.

    `field` names the input at fault where there is one; `status` is the HTTP answer of the doors.
    """

    status = 409

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class InvalidInput(Refused):
    """The input itself is wrong (a text that is no amount, a date order)."""

    status = 422


class NotPermitted(Refused):
    """The user may see the object but lacks the role for this act."""

    status = 403

    def __init__(self, message: str) -> None:
        super().__init__("not_permitted", message)


class Busy(Refused):
    """Overload: nothing was done, ask again after `retry_after_seconds`."""

    status = 503
    retry_after_seconds = 1

    def __init__(self, message: str = "The venue is busy. Nothing was done; try again.") -> None:
        super().__init__("busy", message)
