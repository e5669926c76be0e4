"""The cast of a deal serves the settlement too."""

from tests.transfers.conftest import cast

__all__ = ["cast"]
