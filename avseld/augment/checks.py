"""Checks of the augmentations that a recipe names."""

from collections.abc import Sequence

from avseld.augment.features import FEATURE_AUGMENTATIONS
from avseld.augment.scenes import SCENE_AUGMENTATIONS
from avseld.base.errors import BadInput


def check_names(names: Sequence[str]) -> None:
    """Refuse unknown augmentations.

    Args:
        names: as in `augment` of a recipe.

    Raises:
        BadInput: the first name that is in neither table.
    """
    known = (*SCENE_AUGMENTATIONS, *FEATURE_AUGMENTATIONS)
    for name in names:
        if name not in known:
            raise BadInput(f"augment: '{name}' is none of {', '.join(known)}")
