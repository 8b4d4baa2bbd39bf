"""Test recordings from measured room responses: real sounds in real rooms at known directions."""
