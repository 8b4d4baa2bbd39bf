"""The command line of detection: a table of commands."""

import logging

from avseld.base.cli import Command, run
from avseld.base.memory import keep_freed_memory

logger = logging.getLogger(__name__)


def _warn_about_old_name(words: list[str]) -> list[str]:
    logger.warning("avseld-detect frames is the old name of avseld-detect embed")
    return words


COMMANDS = {
    "boxes": Command(
        "detection.prepared_boxes", "boxes", "detect the people in every video of a prepared folder"
    ),
    "embed": Command(
        "detection.embed", "embed", "compute visual embeddings of every video of a prepared folder"
    ),
    "frames": Command("detection.embed", "embed", "old name of embed", prepare=_warn_about_old_name),
    "measure": Command(
        "detection.measure", "measure", "score a detector of people on pictures with COCO annotations"
    ),
    "train": Command("detection.train", "train", "train a YOLOX on pictures with COCO annotations, by mmdet"),
    "export": Command("detection.export", "export", "turn an mmdet YOLOX checkpoint into ONNX"),
}


def main(words: list[str] | None = None) -> None:
    """Run one command."""
    keep_freed_memory()
    run("avseld-detect", "boxes and embeddings of videos", COMMANDS, words)


if __name__ == "__main__":
    main()
