"""Trained systems for others: the model card and the folder that a hub takes."""
