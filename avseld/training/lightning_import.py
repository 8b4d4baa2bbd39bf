"""Import Lightning without all of torchmetrics.

Lightning derives its class of logged values from `torchmetrics.Metric`. Importing torchmetrics for that imports
matplotlib, librosa, onnxruntime, torchvision and scipy.signal too, wherever they are installed: a third of the time
until a training begins. A stand-in answers while Lightning is imported; the first logged value imports torchmetrics.
"""

import importlib
import sys
from abc import ABCMeta
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

PACKAGE = "torchmetrics"


class _Deferred(ABCMeta):
    """Metaclass of the stand-ins for classes of torchmetrics, and of the classes that Lightning derives from them."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Create an instance; before the first, put the class of torchmetrics in place of the stand-in."""
        bases = tuple(_real(base) if base in _STAND_INS else base for base in cls.__bases__)
        if bases != cls.__bases__:
            cls.__bases__ = bases
        return super().__call__(*args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls not in _STAND_INS:
            return super().__instancecheck__(instance)
        return PACKAGE in sys.modules and isinstance(instance, _real(cls))


def _real(stand_in: type) -> type:
    """Return the class of torchmetrics for which another stands."""
    return getattr(importlib.import_module(PACKAGE), stand_in.__name__)


class Metric(metaclass=_Deferred):
    """Stands for `torchmetrics.Metric`."""


class MetricCollection(metaclass=_Deferred):
    """Stands for `torchmetrics.MetricCollection`."""


_STAND_INS = (Metric, MetricCollection)


def import_lightning() -> None:
    """Import Lightning, unless it or torchmetrics is imported already: then there is nothing to gain."""
    if "lightning" in sys.modules or PACKAGE in sys.modules:
        return
    module = ModuleType(PACKAGE)
    try:
        module.__version__ = version(PACKAGE)  # type: ignore[attr-defined]
    except PackageNotFoundError:
        return
    for stand_in in _STAND_INS:
        setattr(module, stand_in.__name__, stand_in)
    sys.modules[PACKAGE] = module
    try:
        importlib.import_module("lightning")
    except ImportError:  # another version of Lightning, which reads more of torchmetrics than these
        for name in [name for name in sys.modules if name.split(".")[0] == "lightning"]:
            del sys.modules[name]
        del sys.modules[PACKAGE]
        importlib.import_module("lightning")
    finally:
        if sys.modules.get(PACKAGE) is module:
            del sys.modules[PACKAGE]
