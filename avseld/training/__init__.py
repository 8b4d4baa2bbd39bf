"""Training: the command, the Lightning module, callbacks and schedules."""
