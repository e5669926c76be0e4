"""The rules once more, written apart from the core, and the check of one against the other."""
