"""`avseld-prep synth`: a corpus of generated scenes in the layout of a published one."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from joblib import Parallel, delayed
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.base.rates import LABEL_HOP, samples
from avseld.io.audio import audio_info
from data_prep.jobs import workers
from data_prep.synth.acoustics.formats import FORMATS, format_named
from data_prep.synth.layouts import legacy
from data_prep.synth.layouts.starss23 import Options, Slot, finish_starss23, write_starss23
from data_prep.synth.presets import names as preset_names
from data_prep.synth.sounds.banks import PICTURES, SOUNDS, Bank, part, scan
from data_prep.synth.sounds.classes import CLASSES, FEMALE_SPEECH, MALE_SPEECH, SAMPLE_RATE
from data_prep.synth.video.sprites import DRAWN, real_picture
from data_prep.synth.video.writer import frame_rate

log = logging.getLogger(__name__)

OPTIONS = "synth.json"


def synth(
    out: Path,
    layout: Literal["starss23", "tut2018", "dcase2019", "tau_nigens2020", "task4"] = "starss23",
    recordings: int = 40,
    seconds: float | None = None,
    formats: str = "foa",
    preset: str = "easy",
    soundbank: Path | None = None,
    images: Path | None = None,
    seed: int = 0,
    width: int = 1920,
    fps: float = 29.97,
    train_rooms: int = 6,
    test_rooms: int = 3,
    test_share: float = 0.25,
    sofa: Path | None = None,
    boxes: Literal["exact", "detected"] = "exact",
    jobs: int = 0,
) -> None:
    """Generate audio-visual scenes with exact labels in the layout of a corpus.

    The same options give the same bytes, whatever the number of jobs. What is there already from the same
    options is kept, so that an interrupted run can be called again. Beside the corpus' own folders, boxes_dev
    holds the boxes of the visible people, ten times a second; a box across the picture's edge goes beyond 0 or 1.

    Args:
        out: folder of the corpus; new, or begun with the same options.
        layout: whose classes, folders, names and file formats; the corpora before STARSS have no video, and take no
            sound bank.
        recordings: how many, training and test together.
        seconds: duration of each, in tenths; that of the corpus if left out (60, 30 for tut2018, 10 for task4).
        formats: audio formats, separated by commas: foa, mic (the array of STARSS23, on its sphere), binaural, stereo.
        preset: how difficult: simple, easy, reverberant, noisy or crowded; several, separated by commas, take turns
            from room to room (in layout starss23), and presets.csv tells which recording is of which.
        soundbank: folder of sounds, one folder a class; classes without are synthesised.
        images: folder of pictures, one folder a class, in place of drawn people and things.
        seed: all chance comes from it.
        width: columns of the video; rows are half as many.
        fps: frames a second of the video; 29.97 is 30000/1001.
        train_rooms: rooms of the training recordings.
        test_rooms: rooms of the test recordings, none of them a training room.
        test_share: share of the recordings that are for test.
        sofa: head responses for binaural (SOFA); a spherical head if left out.
        boxes: of the visible people: exact, or as YOLOX-Nano would detect them (missed, doubled, moved, false).
        jobs: recordings made at once; 0 for one a core.

    Raises:
        BadInput: an option out of range, a bad folder, or `out` holds something else.
    """
    options = Options(
        layout,
        recordings,
        float(LAYOUTS[layout].seconds if seconds is None else seconds) if layout in LAYOUTS else 0.0,
        tuple(word.strip() for word in formats.split(",") if word.strip()),
        preset,
        str(soundbank) if soundbank else None,
        str(images) if images else None,
        seed,
        width,
        fps,
        train_rooms,
        test_rooms,
        test_share,
        str(sofa) if sofa else None,
        boxes,
    )
    _check(options)
    sounds = scan(Path(soundbank), SOUNDS) if soundbank else {}
    pictures = scan(Path(images), PICTURES, (FEMALE_SPEECH, MALE_SPEECH, *DRAWN)) if images else {}
    _open_all(sounds, audio_info)
    _open_all(pictures, real_picture)
    slots = LAYOUTS[layout].plan(options)
    _claim(out, options)
    make = LAYOUTS[layout].write
    work = (
        delayed(make)(out, slot, options, part(sounds, slot.test), part(pictures, slot.test))
        for slot in slots
    )
    parallel = Parallel(min(workers(jobs), len(slots)), return_as="generator_unordered")
    for _ in tqdm(parallel(work), "scenes", len(slots), unit="scene"):
        pass
    if finish := LAYOUTS[layout].finish:
        finish(out, slots, options)
    tests = sum(slot.test for slot in slots)
    log.info("%s: %d recordings for training, %d for test, preset %s", out, len(slots) - tests, tests, preset)


def plan(options: Options) -> list[Slot]:
    """Share recordings out among rooms in turn, training first; no room serves both."""
    n_test = round(options.recordings * options.test_share)
    if options.recordings > 1 and options.test_share > 0:
        n_test = min(max(n_test, 1), options.recordings - 1)
    n_train = options.recordings - n_test
    slots = [
        Slot(k, 1 + k % options.train_rooms, 1 + k // options.train_rooms, False) for k in range(n_train)
    ]
    first = options.train_rooms + 1
    slots += [
        Slot(n_train + k, first + k % options.test_rooms, 1 + k // options.test_rooms, True)
        for k in range(n_test)
    ]
    return slots


@dataclass(frozen=True)
class Layout:
    """How the recordings of a corpus are shared out and written."""

    plan: Callable[[Options], list[Slot]]
    write: Callable[[Path, Slot, Options, Bank, Bank], None]
    seconds: float
    """of a recording of the corpus"""
    finish: Callable[[Path, list[Slot], Options], None] | None = None
    """writes what belongs to all recordings together"""


LAYOUTS = {
    "starss23": Layout(plan, write_starss23, 60.0, finish_starss23),
    "tut2018": Layout(legacy.plan_tut2018, legacy.write_tut2018, 30.0),
    "dcase2019": Layout(legacy.plan_dcase2019, legacy.write_dcase2019, 60.0),
    "tau_nigens2020": Layout(legacy.plan_tau_nigens2020, legacy.write_tau_nigens2020, 60.0),
    "task4": Layout(legacy.plan_task4, legacy.write_task4, 10.0, legacy.finish_task4),
}


def _open_all(bank: Bank, reader: Callable[[Path], object]) -> None:
    """Let an unreadable file be known before hours of work, not after."""
    for path in (path for files in bank.values() for path in files):
        reader(path)


def _check(options: Options) -> None:
    shortest = max(kind.seconds[0] for kind in CLASSES)
    if options.layout not in LAYOUTS:
        raise BadInput(f"layout {options.layout}: choose one of {', '.join(LAYOUTS)}")
    if options.layout != "starss23" and (options.soundbank or options.images):
        raise BadInput(
            f"layout {options.layout}: its sounds are all made up, without pictures; leave out soundbank and images"
        )
    if unknown := set(options.formats) - set(FORMATS) or not options.formats:
        raise BadInput(f"formats {unknown if options.formats else ''}: choose from {', '.join(FORMATS)}")
    if min(options.recordings, options.train_rooms, options.test_rooms) < 1:
        raise BadInput("recordings, train_rooms and test_rooms: give at least 1 each")
    if not 0 <= options.test_share <= 1:
        raise BadInput(f"test_share {options.test_share}: give a share from 0 to 1")
    if not shortest <= options.seconds <= 3600:
        raise BadInput(f"seconds {options.seconds}: give {shortest} to 3600")
    if abs(options.seconds / LABEL_HOP - round(options.seconds / LABEL_HOP)) > 1e-6:
        raise BadInput(f"seconds {options.seconds}: give whole tenths, the frames of the labels")
    if options.width < 32 or options.width % 4 or options.width > 8192:
        raise BadInput(
            f"width {options.width}: give a multiple of 4 from 32 to 8192 (the height is half of it)"
        )
    if options.seed < 0:
        raise BadInput(f"seed {options.seed}: give 0 or more")
    samples(options.seconds, SAMPLE_RATE, "seconds")
    frame_rate(options.fps)
    if len(preset_names(options.preset)) > 1 and options.layout != "starss23":
        raise BadInput(f"layout {options.layout}: takes one preset, not {options.preset}")
    for name in options.formats:
        format_named(name, options.sofa)


def _claim(out: Path, options: Options) -> None:
    """Note the options in the folder, or refuse one that holds anything else."""
    note = out / OPTIONS
    wanted: dict[str, Any] = json.loads(json.dumps(asdict(options)))
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: is a file; give a folder")
    if not note.is_file():
        if out.is_dir() and any(out.iterdir()):
            raise BadInput(f"{out}: holds something else than a generated corpus; give a new folder")
        with replacing(note) as temporary:
            temporary.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
        return
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
        other = sorted(key for key in wanted if found.get(key) != wanted[key])
    except (ValueError, AttributeError):
        raise BadInput(f"{note}: cannot be read; remove the folder or give a new one") from None
    if other:
        raise BadInput(
            f"{out}: made with other options ({', '.join(other)}); remove the folder or give a new one"
        )
