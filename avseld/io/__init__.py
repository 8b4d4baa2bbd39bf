"""File formats and their in-memory tables: one reader and one writer for each."""
