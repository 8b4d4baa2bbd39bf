"""Training: the command, the Lightning module, callbacks and schedules."""

from avseld.training.lightning_import import import_lightning

import_lightning()
