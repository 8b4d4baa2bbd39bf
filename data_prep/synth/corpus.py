"""`avseld-prep synth`: generate a corpus in the layout of a published one."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from avseld.base.engines import Engine, read_engine
from avseld.base.errors import BadInput
from avseld.base.files import remove_partial, replacing, takes_paths, visible
from avseld.base.job_shards import Shard, read_shard
from avseld.base.locks import writes_alone_into
from avseld.base.next_step import beside, tell_next
from avseld.base.rates import LABEL_HOP, samples
from avseld.io.audio import audio_info
from avseld.io.suffixes import SOUNDS
from data_prep.parts import alone_in
from data_prep.synth.acoustics.formats import RECEIVER_FORMATS, receiver_format
from data_prep.synth.label_statistics import read_statistics
from data_prep.synth.layouts import legacy
from data_prep.synth.layouts.class_tables import MAX_OVERLAP, TUT2018
from data_prep.synth.layouts.plan import CorpusOptions, PlannedRecording
from data_prep.synth.layouts.starss23 import finish_starss23, last_starss23, plan_starss23, write_starss23
from data_prep.synth.presets import get_preset, parse_presets
from data_prep.synth.sounds.banks import IMAGE_SUFFIXES, FilesByClass, scan_bank, split_bank
from data_prep.synth.sounds.classes import CLASSES, FEMALE_SPEECH, MALE_SPEECH, SAMPLE_RATE
from data_prep.synth.video.sprites import DRAWN_CLASSES, read_image
from data_prep.synth.video.writer import check_width, frame_rate

log = logging.getLogger(__name__)

EIGENMIKE_FORMATS = ("eigenmike", "eigenmike_rigid")
"""formats of 32 channels, from which energy maps are made"""
OPTIONS_FILE = "synth.json"
"""file in the corpus folder that holds the options"""
BANKS = ("soundbank", "images", "sofa", "like")
"""options that name files"""
MAX_SECONDS = 3600
"""each array of a rendered hour takes 1.4 GB (four channels, float32)"""


@takes_paths
@writes_alone_into("out")
def synth(
    out: Path,
    layout: Literal["starss23", "tut2018", "dcase2019", "tau_nigens2020", "task4"] = "starss23",
    recordings: int = 40,
    seconds: float | None = None,
    formats: str = "foa",
    preset: str | None = None,
    like: Path | None = None,
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
    video: Literal["mp4", "none"] = "mp4",
    dataset: Literal["ansim", "resim", "cansim", "cresim", "real"] = "ansim",
    overlap: str = "1",
    split: str = "1",
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> None:
    """Generate audio-visual scenes with exact labels in the layout of a corpus.

    The same options give the same bytes, whatever the number of jobs. Recordings that exist are kept, so that an
    interrupted run can be continued by the same command. Besides the folders of the corpus, boxes_dev holds the boxes
    of visible people, ten per second; a box across the edge of the frame extends below 0 or above 1.

    Args:
        out: folder of the corpus: new, or of an interrupted run with the same options.
        layout: corpus whose classes, folders, names and file formats to use; layouts before STARSS have no video and
            take no sound bank.
        recordings: number of recordings, training and test together; of tut2018, of every overlap and split.
        seconds: duration of each, in tenths of a second; by default that of the corpus (60, 30 for tut2018, 10 for
            task4).
        formats: audio formats, separated by commas: foa, mic (the rigid-sphere array of STARSS23), binaural, stereo,
            eigenmike (32 capsules without their sphere, for energy_maps) or eigenmike_rigid (on it), in eigen_dev.
        preset: difficulty: simple, easy (the default), reverberant, noisy or crowded; starss: numbers of sources,
            lengths, classes, elevations and motion as in the labels of STARSS22; locator: the same with any sounds, in
            any room and noise, and with errors of the microphones, to train networks that locate sounds of any kind
            (classes mean nothing, prepare it with `dcase --one_class`). In layout starss23 several, separated by
            commas, are assigned to the rooms in turn, and presets.csv lists the preset of each recording.
        like: folder of csv labels, or a table that `avseld-prep statistics` made of one, to resemble in place of
            STARSS22; preset is starss then.
        soundbank: folder of sounds with one subfolder per class; classes without files are synthesized.
        images: folder of images with one subfolder per class, used in place of drawn people and objects.
        seed: seed of all randomness.
        width: columns of the video; it has half as many rows.
        fps: frames per second of the video; 29.97 is 30000/1001.
        train_rooms: number of rooms of the training recordings.
        test_rooms: number of rooms of the test recordings, none of them a training room.
        test_share: share of test recordings.
        sofa: SOFA file with head responses for binaural; by default a spherical head.
        boxes: boxes of visible people: exact, or with the errors of YOLOX-Nano (missed, duplicated, displaced and false
            boxes).
        video: mp4, or none for audio and labels only, which takes a small part of the time.
        dataset: of tut2018: ambisonics (ansim, resim, real) or a circular array of eight microphones (cansim, cresim);
            the second of each is reverberant, as is real.
        overlap: of tut2018, the largest number of simultaneous sources, 1 to 3; several separated by commas.
        split: of tut2018, number of the cross-validation split, 1 to 3 (1, 8 or 9 of real); several separated by
            commas. A later call can add overlaps and splits to a folder.
        jobs: recordings made at once; 0 for one per core.
        shard: share of the recordings, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. See docs/clusters.md.
        engine: loky (processes, the default), threads or dask:ADDRESS, the workers of a Dask cluster.

    Raises:
        BadInput: an option out of range, an unusable folder, or `out` holds something else.
    """
    own_shard, workers = read_shard(shard), read_engine(engine, jobs, "loky")
    options = CorpusOptions(
        layout,
        recordings,
        float(LAYOUTS[layout].seconds if seconds is None else seconds) if layout in LAYOUTS else 0.0,
        tuple(word.strip() for word in formats.split(",") if word.strip()),
        preset or ("starss" if like else "easy"),
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
        str(like) if like else None,
        video,
        dataset,
        _numbers("overlap", overlap),
        _numbers("split", split),
    )
    _check(options)
    sounds = scan_bank(Path(soundbank), SOUNDS) if soundbank else {}
    drawn = (FEMALE_SPEECH, MALE_SPEECH, *DRAWN_CLASSES)
    image_files = scan_bank(Path(images), IMAGE_SUFFIXES, drawn) if images else {}
    _open_all(sounds, audio_info)
    _open_all(image_files, read_image)
    planned = LAYOUTS[layout].plan(options)
    with alone_in(out):
        _claim(out, options)
    _write_recordings(out, planned, options, (sounds, image_files), own_shard, workers)
    if missing := sum(not LAYOUTS[layout].last(out, each, options).is_file() for each in planned):
        log.info("%s: %d of %d recordings are missing, of other shards", out, missing, len(planned))
        return
    if (finish := LAYOUTS[layout].finish) is not None:
        finish(out, planned, options)
    n_test = sum(recording.test for recording in planned)
    log.info(
        "%s: %d training recordings, %d test recordings, preset %s",
        out,
        len(planned) - n_test,
        n_test,
        options.preset,
    )
    tell_next("avseld-prep", *_preparation(out, options))


def _write_recordings(
    out: Path,
    planned: list[PlannedRecording],
    options: CorpusOptions,
    banks: tuple[FilesByClass, FilesByClass],
    shard: Shard,
    engine: Engine,
) -> None:
    """Write the recordings of a shard that are not there."""
    layout = LAYOUTS[options.layout]
    files = {recording: layout.last(out, recording, options) for recording in shard.of(planned, "recordings")}
    # Programs with other shards may be at work.
    stems = None if shard.is_whole else {path.stem for path in files.values()}
    _remove_partial(out, stems)
    # Workers of a cluster have other working directories.
    found: dict[str, Any] = {
        key: str(Path(value).absolute()) for key in BANKS if (value := getattr(options, key))
    }
    arguments = [
        (out, recording, replace(options, **found), *(split_bank(bank, recording.test) for bank in banks))
        for recording, path in files.items()
        if not path.is_file()
    ]
    for _ in tqdm(engine.run(layout.write, arguments), "scenes", len(arguments), unit="scene"):
        pass
    if engine.is_remote:  # what a worker that was lost was writing
        _remove_partial(out, {path.stem for path in files.values()})


def _remove_partial(out: Path, stems: set[str] | None) -> None:
    for folder in (path for path in (out, *out.rglob("*")) if path.is_dir()):
        remove_partial(folder, stems)


def _numbers(name: str, words: str | int) -> tuple[int, ...]:
    """Read whole numbers separated by commas; sorted, each once.

    Raises:
        BadInput: something else.
    """
    try:
        return tuple(sorted({int(word) for word in str(words).split(",")}))
    except ValueError:
        raise BadInput(f"{name} {words}: give whole numbers separated by commas, such as 1,2") from None


def _preparation(out: Path, options: CorpusOptions) -> list[str | Path]:
    """Return the command with its options that prepares a corpus, or the first part of it."""
    if set(options.formats) & set(EIGENMIKE_FORMATS):
        sound, labels, maps = (out / name for name in ("eigen_dev", "metadata_dev", "labels_dev"))
        return ["energy_maps", "--source", sound, "--labels", labels, "--target", maps]
    folders: list[str | Path] = ["--raw", out, "--prepared", beside(out, "prepared")]
    if options.layout == "tut2018":
        numbers = ["--overlap", str(options.overlaps[0]), "--split", str(options.splits[0])]
        return ["tut", *folders, "--dataset", options.dataset, *numbers]
    command = {"dcase2019": "tut", "task4": "task4"}.get(options.layout, "dcase")
    named = ["--dataset", options.layout] if options.layout in ("dcase2019", "tau_nigens2020") else []
    return [command, *folders, *named, *_format_of(options)]


def _format_of(options: CorpusOptions) -> tuple[str, ...]:
    """Return the option that names the format of a corpus without the default one, foa."""
    formats = ("foa",) if options.layout == "task4" else options.formats
    return () if "foa" in formats else ("--format", formats[0])


@dataclass(frozen=True)
class CorpusLayout:
    """How the recordings of a layout are planned and written."""

    plan: Callable[[CorpusOptions], list[PlannedRecording]]
    write: Callable[[Path, PlannedRecording, CorpusOptions, FilesByClass, FilesByClass], None]
    """(folder, recording, options, sounds, images) -> files of one recording"""
    last: Callable[[Path, PlannedRecording, CorpusOptions], Path]
    """(folder, recording, options) -> file of the recording that is written last; all have its name"""
    seconds: float
    """default duration of a recording, that of the corpus"""
    finish: Callable[[Path, list[PlannedRecording], CorpusOptions], None] | None = None
    """writes the files common to all recordings"""


LAYOUTS = {
    "starss23": CorpusLayout(plan_starss23, write_starss23, last_starss23, 60.0, finish_starss23),
    "tut2018": CorpusLayout(legacy.plan_tut2018, legacy.write_tut2018, legacy.last_tut2018, 30.0),
    "dcase2019": CorpusLayout(legacy.plan_dcase2019, legacy.write_dcase2019, legacy.last_dcase2019, 60.0),
    "tau_nigens2020": CorpusLayout(
        legacy.plan_tau_nigens2020, legacy.write_tau_nigens2020, legacy.last_tau_nigens2020, 60.0
    ),
    "task4": CorpusLayout(
        legacy.plan_task4, legacy.write_task4, legacy.last_task4, 10.0, legacy.finish_task4
    ),
}


def _open_all(bank: FilesByClass, reader: Callable[[Path], object]) -> None:
    """Read every file once, so that an unreadable one stops the run before hours of rendering, not after."""
    for path in (path for files in bank.values() for path in files):
        reader(path)


def _check(options: CorpusOptions) -> None:
    shortest = max(sound_class.duration_s[0] for sound_class in CLASSES)
    if options.layout not in LAYOUTS:
        raise BadInput(f"layout {options.layout}: choose one of {', '.join(LAYOUTS)}")
    if options.layout != "starss23" and (options.soundbank or options.images):
        raise BadInput(
            f"layout {options.layout}: all sounds are synthesized and there is no video; leave out soundbank and images"
        )
    if unknown := set(options.formats) - set(RECEIVER_FORMATS) or not options.formats:
        raise BadInput(
            f"formats {unknown if options.formats else ''}: choose from {', '.join(RECEIVER_FORMATS)}"
        )
    eigenmike = [name for name in options.formats if name in EIGENMIKE_FORMATS]
    if eigenmike and (len(eigenmike) > 1 or options.layout != "starss23"):
        raise BadInput(f"formats {', '.join(eigenmike)}: choose one of them, in layout starss23 (eigen_dev)")
    if min(options.recordings, options.train_rooms, options.test_rooms) < 1:
        raise BadInput("recordings, train_rooms and test_rooms: give at least 1 each")
    if not 0 <= options.test_share <= 1:
        raise BadInput(f"test_share {options.test_share}: give a share from 0 to 1")
    if not shortest <= options.seconds <= MAX_SECONDS:
        raise BadInput(f"seconds {options.seconds}: give {shortest} to {MAX_SECONDS}")
    if abs(options.seconds / LABEL_HOP - round(options.seconds / LABEL_HOP)) > 1e-6:
        raise BadInput(f"seconds {options.seconds}: give tenths of a second, the length of a label frame")
    check_width("width", options.width)
    if options.seed < 0:
        raise BadInput(f"seed {options.seed}: give 0 or more")
    samples(options.seconds, SAMPLE_RATE, "seconds")
    frame_rate(options.fps)
    if len(parse_presets(options.preset)) > 1 and options.layout != "starss23":
        raise BadInput(f"layout {options.layout}: takes one preset, not {options.preset}")
    _check_like(options)
    _check_parts(options)
    for name in options.formats:
        receiver_format(name, options.sofa)


def _check_parts(options: CorpusOptions) -> None:
    """Refuse data sets, overlaps and splits that the layout does not have."""
    if options.layout != "tut2018":
        if (options.dataset, options.overlaps, options.splits) != ("ansim", (1,), (1,)):
            raise BadInput(
                f"layout {options.layout}: dataset, overlap and split are of tut2018; leave them out"
            )
        return
    if options.dataset not in TUT2018:
        raise BadInput(f"dataset {options.dataset}: choose one of {', '.join(TUT2018)}")
    known = {"overlap": range(1, MAX_OVERLAP + 1), "split": TUT2018[options.dataset].splits}
    for name, numbers in (("overlap", options.overlaps), ("split", options.splits)):
        if unknown := sorted(set(numbers) - set(known[name])):
            there = ", ".join(map(str, known[name]))
            raise BadInput(f"{name} {unknown[0]}: {options.dataset} has {there}; choose among them")


def _check_like(options: CorpusOptions) -> None:
    """Refuse statistics that no scene can be drawn from."""
    drawn = [name for name in parse_presets(options.preset) if get_preset(name).statistics]
    if drawn and options.layout != "starss23":
        raise BadInput(f"layout {options.layout}: preset {drawn[0]} needs the layout starss23")
    if options.like is None:
        return
    if not drawn:
        raise BadInput(f"like {options.like}: preset {options.preset} has no label statistics; give starss")
    statistics = read_statistics(Path(options.like))
    if unknown := [label for label in statistics.classes if label >= len(CLASSES)]:
        raise BadInput(
            f"{options.like}: class {unknown[0]}, but the layout has {len(CLASSES)} classes; give labels of its classes"
        )


def _claim(out: Path, options: CorpusOptions) -> None:
    """Write the options to the folder, or refuse a folder that holds other options or other files."""
    path = out / OPTIONS_FILE
    expected: dict[str, Any] = json.loads(json.dumps(asdict(options)))
    # Options that a folder of an earlier version does not name had their defaults.
    default = {field.name: field.default for field in fields(options)} | {"overlaps": [1], "splits": [1]}
    if not path.is_file():
        if visible(out):
            raise BadInput(f"{out}: holds something else, not a generated corpus; give a new folder")
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
        return
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        before = {key: stored.get(key, default[key]) for key in expected}
        together = {key: sorted({*before[key], *expected[key]}) for key in ("overlaps", "splits")}
    except (ValueError, AttributeError, TypeError):
        raise BadInput(f"{path}: not readable; remove the folder or give a new one") from None
    if other := sorted(key for key in set(expected) - set(together) if before[key] != expected[key]):
        raise BadInput(
            f"{out}: made with other options ({', '.join(other)}); remove the folder or give a new one"
        )
    if before | together != before:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(before | together, indent=1) + "\n", encoding="utf-8")
