"""Errors, files, logging, rates and the command line: small modules that import nothing else of avseld."""
