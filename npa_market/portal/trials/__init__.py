"""Load, crash, race and feed trials of the live venue, on scratch databases of their own."""
