"""Corpus layouts that the generator writes."""
