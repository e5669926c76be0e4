"""Ground floor: money, clock, identity, jobs, outbox, files, pages, API. Knows no app."""
