"""Recordings written as the files of the corpora before STARSS.

Names, folders and columns: `SELDnet` spec, sections 1.1 to 1.3, and `DCASE2019 Task 4` spec, section 1. Sounds are made
at 24 kHz and resampled to the corpus' rate, so that nothing is above 12 kHz.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soxr

from avseld.base.files import replacing
from avseld.io.dcase_csv import POLAR, Dialect, write_dcase
from avseld.io.events import Events
from data_prep.synth.acoustics import grid
from data_prep.synth.acoustics.formats import format_named
from data_prep.synth.acoustics.render import Dry, extents, render
from data_prep.synth.acoustics.rooms import Room, draw_room
from data_prep.synth.layouts.class_tables import CORPORA, Corpus
from data_prep.synth.layouts.starss23 import RECORDINGS, ROOMS, Options, Slot, write_wav
from data_prep.synth.motion import seen_from_array
from data_prep.synth.presets import preset
from data_prep.synth.scene import Scene
from data_prep.synth.sounds.banks import Bank
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.events import dry_sound

INTERVALS = "sound_event_recording,start_time,end_time,ele,azi,dist"
TASK4_SHARES = {"weak": 0.45, "synthetic": 0.2, "unlabelled": 0.1, "validation": 0.25}
TASK4_FOLDERS = {
    "weak": "train/weak",
    "synthetic": "train/synthetic",
    "unlabelled": "train/unlabel_in_domain",
    "validation": "validation",
}
MOVING = 0.5


def plan_tut2018(options: Options) -> list[Slot]:
    """Training and test recordings of ANSIM, one source at a time, first split."""
    n_test = max(1, round(options.recordings * options.test_share))
    return [
        Slot(k, 0, k, k >= options.recordings - n_test, "test" if k >= options.recordings - n_test else "train")
        for k in range(options.recordings)
    ]  # fmt: skip


def plan_dcase2019(options: Options) -> list[Slot]:
    """Four splits in turn; five rooms and one or two voices in each, as recorded."""
    return [
        Slot(k, (k // 4) % 5, k, False, f"split{1 + k % 4}", 1 + (k // 4) % 2)
        for k in range(options.recordings)
    ]


def plan_tau_nigens2020(options: Options) -> list[Slot]:
    """Six folds in turn; two rooms in each that no other fold has, one or two voices."""
    return [
        Slot(k, 2 * (k % 6) + (k // 12) % 2, 1 + k // 6, False, f"fold{1 + k % 6}", 1 + (k // 6) % 2)
        for k in range(options.recordings)
    ]


def plan_task4(options: Options) -> list[Slot]:
    """Weakly labelled, synthetic, unlabelled and validation clips, each in a room of its own."""
    edges = np.round(np.cumsum([0, *TASK4_SHARES.values()]) * options.recordings).astype(int)
    return [
        Slot(k, k, k, part == "validation", part)
        for part, first, last in zip(TASK4_SHARES, edges[:-1], edges[1:], strict=True)
        for k in range(first, last)
    ]


def write_tut2018(out: Path, slot: Slot, options: Options, sounds: Bank, pictures: Bank) -> None:
    """ANSIM's layout: first-order ambisonics without reverberation, one csv row an event."""
    name = f"{slot.part}_{slot.mix}_desc_30_100"
    labels = out / "desc_ov1_split1" / f"{name}.csv"
    if not labels.is_file():
        scene, seed = scene_of(slot, options)
        _write_audio(out / "wav_ov1_split1_30db" / f"{name}.wav", scene, "foa", seed, CORPORA["tut2018"])
        write_intervals(labels, scene, seed, CORPORA["tut2018"], lambda word, k: f"{word}{k:03d}.wav")


def write_dcase2019(out: Path, slot: Slot, options: Options, sounds: Bank, pictures: Bank) -> None:
    """The layout of TAU Spatial Sound Events 2019: directions on a grid of 10 degrees, one csv row an event."""
    name = f"{slot.part}_ir{slot.room}_ov{slot.overlap}_{slot.mix}"
    labels = out / "metadata_dev" / f"{name}.csv"
    if not labels.is_file():
        scene, seed = scene_of(slot, options)
        for format in options.formats:
            path = out / format_named(format).folder / f"{name}.wav"
            _write_audio(path, scene, format, seed, CORPORA["dcase2019"])
        write_intervals(labels, scene, seed, CORPORA["dcase2019"], lambda word, k: word)


def write_tau_nigens2020(out: Path, slot: Slot, options: Options, sounds: Bank, pictures: Bank) -> None:
    """The layout of TAU-NIGENS Spatial Sound Events 2020: moving sources, one csv row a frame of 100 ms."""
    name = f"{slot.part}_room{1 + slot.room % 2}_mix{slot.mix:03d}_ov{slot.overlap}"
    labels = out / "metadata_dev" / f"{name}.csv"
    if not labels.is_file():
        scene, seed = scene_of(slot, options)
        corpus = CORPORA["tau_nigens2020"]
        for format in options.formats:
            path = out / format_named(format).folder / f"{name}.wav"
            rows = _write_audio(path, scene, format, seed, corpus)
        write_dcase(labels, rows, Dialect(columns=POLAR[5]))


def write_task4(out: Path, slot: Slot, options: Options, sounds: Bank, pictures: Bank) -> None:
    """A clip of one channel; its labels are in the tables that `finish_task4` writes."""
    path = out / "audio" / TASK4_FOLDERS[slot.part] / f"{_clip(slot)}.wav"
    if not path.is_file():
        scene, seed = scene_of(slot, options)
        _write_audio(path, scene, "foa", seed, CORPORA["task4"], mono=True)


def finish_task4(out: Path, slots: list[Slot], options: Options) -> None:
    """The metadata of every part, separated by tabs; none of the unlabelled clips but their names."""
    for part in TASK4_SHARES:
        own = [slot for slot in slots if slot.part == part]
        strong = part in ("synthetic", "validation")
        lines = ["filename\tonset\toffset\tevent_label" if strong else "filename\tevent_labels"]
        if part == "unlabelled":
            lines = ["filename"]
        for slot in own:
            scene, seed = scene_of(slot, options)
            lines += _rows_of_clip(part, f"{_clip(slot)}.wav", scene, seed)
        folder = TASK4_FOLDERS[part]
        name = "validation/validation" if part == "validation" else folder
        with replacing(out / "metadata" / f"{name}.csv") as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows_of_clip(part: str, name: str, scene: Scene, seed: np.random.SeedSequence) -> list[str]:
    corpus = CORPORA["task4"]
    names = [corpus.classes[event.label] for event in scene.events]
    if part == "unlabelled":
        return [name]
    if part == "weak":
        return [f"{name}\t{','.join(sorted(set(names)))}"]
    times = extents(scene, _dry(corpus), _again(seed))
    return [
        f"{name}\t{onset:.3f}\t{offset:.3f}\t{word}"
        for word, (onset, offset) in zip(names, times, strict=True)
    ] or [f"{name}\t\t\t"]


def write_intervals(
    path: Path, scene: Scene, seed: np.random.SeedSequence, corpus: Corpus, name: Callable[[str, int], str]
) -> None:
    """Write one row an event: its file or class, start, end, elevation, azimuth and distance.

    Args:
        path: csv file.
        scene: with still sources.
        seed: of its sounds.
        corpus: whose classes.
        name: (class, number of the event) -> first cell.
    """
    lines = [INTERVALS]
    times = extents(scene, _dry(corpus), _again(seed))
    for number, (event, (onset, offset)) in enumerate(zip(scene.events, times, strict=True)):
        azimuth, elevation, distance = seen_from_array(event.path.position(event.onset))
        where = f"{round(float(elevation))},{round(float(azimuth))},{round(float(distance))}"
        lines.append(f"{name(corpus.classes[event.label], number)},{onset:.3f},{offset:.3f},{where}")
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def scene_of(slot: Slot, options: Options) -> tuple[Scene, np.random.SeedSequence]:
    """The plan of a recording and the seed of its sound."""
    corpus, chosen = CORPORA[options.layout], preset(options.preset)
    random = np.random.default_rng(np.random.SeedSequence([options.seed, ROOMS, slot.room]))
    dry = options.layout == "tut2018"
    room = draw_room(slot.room, (0.0, 0.0) if dry else chosen.reverberation, random)
    plan_seed, sound_seed = np.random.SeedSequence([options.seed, RECORDINGS, slot.index]).spawn(2)
    scene = grid.draw_scene(
        Room(room.number, room.size, room.array, room.reverberation, room.look),
        options.seconds,
        len(corpus.classes),
        corpus.seconds,
        corpus.gaps,
        slot.overlap,
        chosen.snr_db,
        MOVING if options.layout == "tau_nigens2020" else 0.0,
        np.random.default_rng(plan_seed),
    )
    return scene, sound_seed


def _dry(corpus: Corpus) -> Dry:
    return partial(dry_sound, syntheses=tuple(corpus.sounds.values()))


def _again(seed: np.random.SeedSequence) -> np.random.SeedSequence:
    """The same seed before anything was spawned from it."""
    return np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)


def _clip(slot: Slot) -> str:
    return f"{slot.index}" if slot.part == "synthetic" else f"Ygenerated{slot.index:05d}_0.000_10.000"


def _write_audio(
    path: Path, scene: Scene, format: str, seed: np.random.SeedSequence, corpus: Corpus, mono: bool = False
) -> Events:
    """Write a recording; its rows a label frame come back."""
    rendering = render(scene, format_named(format), _dry(corpus), _again(seed))
    sound = rendering.mix[:1] if mono else rendering.mix
    if corpus.sample_rate != SAMPLE_RATE:
        sound = soxr.resample(sound.T, SAMPLE_RATE, corpus.sample_rate).T
    write_wav(path, sound, corpus.sample_rate)
    return rendering.labels
