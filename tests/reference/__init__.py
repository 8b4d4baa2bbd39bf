"""Slow, literal versions to compare the fast ones with; never imported by the package."""
