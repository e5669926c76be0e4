"""Version of the model and of its random streams: changes whenever a figure could."""

ENGINE_VERSION = "1.2.0"
