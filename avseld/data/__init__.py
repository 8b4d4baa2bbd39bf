"""Training windows: drawn from recordings, batched, or gathered from a corpus cached on the device."""
