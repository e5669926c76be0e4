"""Payment histories: monthly cash after charge-off, checked and reduced to grouped counts."""

from pricing.history.counts import History
from pricing.history.door import read_history

__all__ = ["History", "read_history"]
