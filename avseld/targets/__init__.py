"""Targets (output formats): each owns its encode, loss and decode, and tells the model the shape of its heads."""

from avseld.targets.multi_accdoa import MultiACCDOA

TARGETS = {"multi_accdoa": MultiACCDOA}
