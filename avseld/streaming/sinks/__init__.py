"""Outputs of a stream: files, the terminal, and programs that listen; none of them can hold the stream up."""
