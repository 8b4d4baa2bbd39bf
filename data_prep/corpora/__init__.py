"""Corpora to prepared folders: one module a family of layouts."""
