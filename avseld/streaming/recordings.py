"""A recording run as a stream would hear it, without any clock: what steps and look-ahead make of its events."""

import numpy as np

from avseld.decoding.windows import Reader
from avseld.io.boxes import Boxes
from avseld.io.events import Events, concatenate
from avseld.streaming.engine import Engine
from avseld.streaming.messages import Teller
from avseld.streaming.people import PeopleLog
from avseld.system.build import System


def streamed_events(
    system: System,
    read: Reader,
    n_samples: int,
    boxes: Boxes | None = None,
    step: int = 1,
    look_ahead: float | None = None,
) -> Events:
    """Find the events of a recording as a stream finds them.

    Args:
        system: in evaluation.
        read: reads the recording.
        n_samples: its length.
        boxes: of its video, each of which is known when its picture is taken; None for none.
        step: label frames that are said together.
        look_ahead: see `Engine`.
    """
    seen = None if boxes is None else PeopleLog(system.visual_spec, system.run_frames * system.hop)
    engine = Engine(system, look_ahead, None if seen is None else seen.visual_at)
    teller = Teller(system)
    length = round(step * system.label_hop * system.sample_rate)
    parts: list[Events] = []
    n_seen = 0
    for start in range(0, n_samples, length):
        engine.append(read(start, min(length, n_samples - start)))
        now = min(start + length, n_samples) / system.sample_rate
        while (
            boxes is not None and seen is not None and n_seen < len(boxes.time) and boxes.time[n_seen] <= now
        ):
            seen.add(_row(boxes, n_seen))
            n_seen += 1
        if boxes is not None and seen is not None:
            seen.ended = float(boxes.about.get("duration", np.inf))
        while engine.ready >= step:
            parts.append(teller.decode(engine.run(step))[0])
    parts += [teller.decode(stretch)[0] for stretch in engine.finish()]
    return concatenate(parts).with_classes(system.blueprint.classes)


def _row(boxes: Boxes, row: int) -> Boxes:
    one = slice(row, row + 1)
    return Boxes(boxes.time[one], boxes.box[one], boxes.score[one], boxes.label[one])
