"""The command line of detection: a table of verbs."""

from avseld.base.cli import Verb, run
from avseld.base.memory import keep_freed_memory

VERBS = {
    "boxes": Verb("detection.detect", "boxes", "find the people in every video of a prepared folder"),
    "frames": Verb(
        "detection.encode", "frames", "let an image network describe every video of a prepared folder"
    ),
    "export": Verb("detection.export", "export", "turn an mmdet YOLOX checkpoint into ONNX"),
}


def main(words: list[str] | None = None) -> None:
    """Run one verb."""
    keep_freed_memory()
    run("avseld-detect", "video to boxes", VERBS, words)


if __name__ == "__main__":
    main()
