"""The main job on one tape, through the same services as pages and API."""
