"""A believable seller's tape out of a seed: people, loans, what they paid, and deliberate dirt."""
