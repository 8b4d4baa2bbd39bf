"""A system (features, model, target): built, initialised, run on recordings, saved and loaded."""
