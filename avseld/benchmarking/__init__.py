"""The same work done here and the published way, in one run on one machine."""
