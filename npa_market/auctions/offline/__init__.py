"""Tools that bidders run without the venue: one file each, standard library only."""
