"""The way to the evidence log for rooms below it: the log registers itself when it is ready."""

from typing import Any, Protocol

from django.db import models


class Recorder(Protocol):
    """Signature of `evidence.services.record`."""

    def __call__(
        self,
        *,
        type: str,  # noqa: A002 - the field's name in the entry format
        subject: models.Model,
        actor: Any,
        payload: dict[str, Any],
        prev_state: str = "",
    ) -> Any: ...


_recorders: list[Recorder] = []


def register_recorder(recorder: Recorder) -> None:
    """Called once by the evidence app; a second log would split the history."""
    if _recorders and _recorders != [recorder]:
        raise RuntimeError("the evidence log is registered already")
    _recorders[:] = [recorder]


def recorder() -> Recorder:
    """The log's `record`. Raises RuntimeError where no log is installed: no act goes unrecorded."""
    if not _recorders:
        raise RuntimeError("no evidence log is registered")
    return _recorders[0]
