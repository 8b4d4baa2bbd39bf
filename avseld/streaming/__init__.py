"""Live sound: events of a microphone, of a stream of samples, or of a file played at its own speed."""
