"""A system: features, model and target built from one blueprint, run on recordings, saved and loaded."""
