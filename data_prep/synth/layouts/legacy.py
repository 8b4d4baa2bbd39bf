"""Layouts of the corpora before STARSS: folders, names and tables of the published corpora.

Sources: TUT Sound Events 2018 (S. Adavanne et al., "Sound event localization and detection of overlapping sources
using convolutional recurrent neural networks", IEEE JSTSP 13(1), 2019; Zenodo 1237703, 1237707, 1237752,
1237754, 1237793), TAU Spatial Sound Events 2019
(Zenodo 2599196), TAU-NIGENS Spatial Sound Events 2020 (Zenodo 3870859), DCASE 2019 Task 4 (N. Turpault et al., "Sound
event detection in domestic environments with weakly labeled data and soundscape synthesis", DCASE 2019 workshop;
repository turpaultn/DCASE2019_task4).

Sounds are synthesized at 24 kHz and resampled to the rate of the corpus: there is no energy above 12 kHz.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soxr

from avseld.base.files import replacing
from avseld.io.dcase_csv import POLAR, Dialect, write_dcase
from avseld.io.events import Events
from data_prep.synth.acoustics.formats import receiver_format
from data_prep.synth.acoustics.render import DrySound, event_extents, render
from data_prep.synth.acoustics.rooms import draw_room
from data_prep.synth.layouts.class_tables import LEGACY_CORPORA, TUT2018, LegacyCorpus
from data_prep.synth.layouts.legacy_scenes import draw_legacy_scene
from data_prep.synth.layouts.plan import (
    RECORDING_SEEDS,
    ROOM_SEEDS,
    CorpusOptions,
    PlannedRecording,
    fresh_seed,
    write_wav,
)
from data_prep.synth.motion import to_spherical
from data_prep.synth.presets import get_preset
from data_prep.synth.scene import Scene
from data_prep.synth.sounds.banks import FilesByClass
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.events import dry_sound

INTERVAL_HEADER = "sound_event_recording,start_time,end_time,ele,azi,dist"
"""columns of TAU Spatial Sound Events 2019; TUT 2018 has the same in the same order"""
TASK4_SHARES = {"weak": 0.45, "synthetic": 0.2, "unlabelled": 0.1, "validation": 0.25}
"""shares of the clips; most are unlabelled in the corpus, but no recipe trains on them"""
TASK4_FOLDERS = {
    "weak": "train/weak",
    "synthetic": "train/synthetic",
    "unlabelled": "train/unlabel_in_domain",
    "validation": "validation",
}
RECORDINGS_PER_PART = 1_000_000
"""numbers of recordings set aside for an overlap and split of TUT 2018, so that each has scenes of its own"""


def plan_tut2018(options: CorpusOptions) -> list[PlannedRecording]:
    """Plan training and test recordings of every overlap and split that is asked for, in one room."""
    n_test = max(1, round(options.recordings * options.test_share))
    n_train = options.recordings - n_test
    known = TUT2018[options.dataset].splits
    return [
        PlannedRecording(
            k + RECORDINGS_PER_PART * (len(known) * (overlap - 1) + known.index(split)),
            0,
            k,
            k >= n_train,
            "test" if k >= n_train else "train",
            overlap,
            split,
        )
        for overlap in options.overlaps
        for split in options.splits
        for k in range(options.recordings)
    ]


def plan_dcase2019(options: CorpusOptions) -> list[PlannedRecording]:
    """Plan four splits, each with five rooms and polyphony 1 and 2, as published."""
    return [
        PlannedRecording(k, (k // 4) % 5, k, False, f"split{1 + k % 4}", 1 + (k // 4) % 2)
        for k in range(options.recordings)
    ]


def plan_tau_nigens2020(options: CorpusOptions) -> list[PlannedRecording]:
    """Plan six folds, each with two rooms of its own and polyphony 1 and 2."""
    return [
        PlannedRecording(
            k, 2 * (k % 6) + (k // 12) % 2, 1 + k // 6, False, f"fold{1 + k % 6}", 1 + (k // 6) % 2
        )
        for k in range(options.recordings)
    ]


def plan_task4(options: CorpusOptions) -> list[PlannedRecording]:
    """Plan weakly labelled, synthetic, unlabelled and validation clips, each in a room of its own."""
    edges = np.round(np.cumsum([0, *TASK4_SHARES.values()]) * options.recordings).astype(int)
    return [
        PlannedRecording(k, k, k, part == "validation", part)
        for part, first, last in zip(TASK4_SHARES, edges[:-1], edges[1:], strict=True)
        for k in range(first, last)
    ]


def last_tut2018(out: Path, recording: PlannedRecording, options: CorpusOptions) -> Path:
    """Return the file of a recording that is written last: its labels."""
    part = f"ov{recording.overlap}_split{recording.split}"
    return out / f"desc_{part}" / f"{recording.part}_{recording.mix}_desc_30_100.csv"


def write_tut2018(
    out: Path, recording: PlannedRecording, options: CorpusOptions, sounds: FilesByClass, images: FilesByClass
) -> None:
    """Write a recording of TUT Sound Events 2018: one csv row per event.

    Args:
        out: folder of the corpus.
        recording: the recording.
        options: options of the corpus.
        sounds: unused; all sounds are synthesized.
        images: unused; there is no video.
    """
    data_set, labels = TUT2018[options.dataset], last_tut2018(out, recording, options)
    scene, seed = plan_legacy_scene(recording, options)
    path = out / f"wav_ov{recording.overlap}_split{recording.split}_30db" / f"{labels.stem}.wav"
    _write_recording(path, scene, data_set.format, seed, data_set.corpus)
    write_interval_csv(labels, scene, seed, data_set.corpus, data_set.file_of)


def last_dcase2019(out: Path, recording: PlannedRecording, options: CorpusOptions) -> Path:
    """Return the file of a recording that is written last: its labels."""
    name = f"{recording.part}_ir{recording.room}_ov{recording.overlap}_{recording.mix}"
    return out / "metadata_dev" / f"{name}.csv"


def write_dcase2019(
    out: Path, recording: PlannedRecording, options: CorpusOptions, sounds: FilesByClass, images: FilesByClass
) -> None:
    """Write a recording of TAU Spatial Sound Events 2019: directions on a grid of 10 degrees, one csv row per event.

    Arguments as for `write_tut2018`.
    """
    labels, corpus = last_dcase2019(out, recording, options), LEGACY_CORPORA["dcase2019"]
    scene, seed = plan_legacy_scene(recording, options)
    for format in options.formats:
        path = out / receiver_format(format).folder / f"{labels.stem}.wav"
        _write_recording(path, scene, format, seed, corpus)
    write_interval_csv(labels, scene, seed, corpus, lambda label, number: corpus.classes[label])


def last_tau_nigens2020(out: Path, recording: PlannedRecording, options: CorpusOptions) -> Path:
    """Return the file of a recording that is written last: its labels."""
    name = f"{recording.part}_room{1 + recording.room % 2}_mix{recording.mix:03d}_ov{recording.overlap}"
    return out / "metadata_dev" / f"{name}.csv"


def write_tau_nigens2020(
    out: Path, recording: PlannedRecording, options: CorpusOptions, sounds: FilesByClass, images: FilesByClass
) -> None:
    """Write a recording of TAU-NIGENS 2020: moving sources, one csv row per source and frame of 100 ms.

    Arguments as for `write_tut2018`.
    """
    labels, corpus = last_tau_nigens2020(out, recording, options), LEGACY_CORPORA["tau_nigens2020"]
    scene, seed = plan_legacy_scene(recording, options)
    for format in options.formats:
        path = out / receiver_format(format).folder / f"{labels.stem}.wav"
        rows = _write_recording(path, scene, format, seed, corpus)
    write_dcase(labels, rows, Dialect(columns=POLAR[5]))


def last_task4(out: Path, recording: PlannedRecording, options: CorpusOptions) -> Path:
    """Return the file of a clip that is written last, its only one."""
    return out / "audio" / TASK4_FOLDERS[recording.part] / f"{_clip_name(recording)}.wav"


def write_task4(
    out: Path, recording: PlannedRecording, options: CorpusOptions, sounds: FilesByClass, images: FilesByClass
) -> None:
    """Write a single-channel clip; `finish_task4` writes the labels.

    Arguments as for `write_tut2018`.
    """
    scene, seed = plan_legacy_scene(recording, options)
    _write_recording(
        last_task4(out, recording, options), scene, "foa", seed, LEGACY_CORPORA["task4"], mono=True
    )


def finish_task4(out: Path, planned: list[PlannedRecording], options: CorpusOptions) -> None:
    """Write the tab-separated metadata of every part; for unlabelled clips, the file names only."""
    for part in TASK4_SHARES:
        own = [recording for recording in planned if recording.part == part]
        strong = part in ("synthetic", "validation")
        lines = ["filename\tonset\toffset\tevent_label" if strong else "filename\tevent_labels"]
        if part == "unlabelled":
            lines = ["filename"]
        for recording in own:
            scene, seed = plan_legacy_scene(recording, options)
            lines += _rows_of_clip(part, f"{_clip_name(recording)}.wav", scene, seed)
        folder = TASK4_FOLDERS[part]
        name = "validation/validation" if part == "validation" else folder
        with replacing(out / "metadata" / f"{name}.csv", keep_same=True) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows_of_clip(part: str, name: str, scene: Scene, seed: np.random.SeedSequence) -> list[str]:
    corpus = LEGACY_CORPORA["task4"]
    names = [corpus.classes[event.label] for event in scene.events]
    if part == "unlabelled":
        return [name]
    if part == "weak":
        return [f"{name}\t{','.join(sorted(set(names)))}"]
    times = event_extents(scene, _dry_sound(corpus), fresh_seed(seed))
    return [
        f"{name}\t{onset:.3f}\t{offset:.3f}\t{word}"
        for word, (onset, offset) in zip(names, times, strict=True)
    ] or [f"{name}\t\t\t"]


def write_interval_csv(
    path: Path,
    scene: Scene,
    seed: np.random.SeedSequence,
    corpus: LegacyCorpus,
    name: Callable[[int, int], str],
) -> None:
    """Write one row per event: its file or class, start, end, elevation, azimuth and distance.

    Args:
        path: csv file.
        scene: scene with stationary sources.
        seed: seed of its sounds.
        corpus: corpus that names the classes.
        name: (class index, event number) -> first cell.
    """
    lines = [INTERVAL_HEADER]
    times = event_extents(scene, _dry_sound(corpus), fresh_seed(seed))
    for number, (event, (onset, offset)) in enumerate(zip(scene.events, times, strict=True)):
        azimuth, elevation, distance = to_spherical(event.trajectory.position(event.onset))
        position = f"{round(float(elevation))},{round(float(azimuth))},{round(float(distance))}"
        lines.append(f"{name(event.label, number)},{onset:.3f},{offset:.3f},{position}")
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def corpus_of(options: CorpusOptions) -> LegacyCorpus:
    """Return classes and time scales of the corpus that the options name."""
    return TUT2018[options.dataset].corpus if options.layout == "tut2018" else LEGACY_CORPORA[options.layout]


def plan_legacy_scene(
    recording: PlannedRecording, options: CorpusOptions
) -> tuple[Scene, np.random.SeedSequence]:
    """Draw the scene of a recording.

    Returns:
        The scene and the seed of its audio.
    """
    corpus, preset = corpus_of(options), get_preset(options.preset)
    room_seed = np.random.SeedSequence([options.seed, ROOM_SEEDS, recording.room])
    rt60_s = (0.0, 0.0) if corpus.anechoic else preset.rt60_s
    room = draw_room(recording.room, rt60_s, np.random.default_rng(room_seed))
    seed = np.random.SeedSequence([options.seed, RECORDING_SEEDS, recording.index])
    scene_seed, audio_seed = seed.spawn(2)
    scene = draw_legacy_scene(
        room,
        options.seconds,
        len(corpus.classes),
        corpus.event_s,
        corpus.gaps_s,
        recording.overlap,
        preset.snr_db,
        corpus.moving_share,
        np.random.default_rng(scene_seed),
    )
    return scene, audio_seed


def _dry_sound(corpus: LegacyCorpus) -> DrySound:
    return partial(dry_sound, synthesizers=tuple(corpus.synthesizers.values()))


def _clip_name(recording: PlannedRecording) -> str:
    return (
        f"{recording.index}"
        if recording.part == "synthetic"
        else f"Ygenerated{recording.index:05d}_0.000_10.000"
    )


def _write_recording(
    path: Path,
    scene: Scene,
    format: str,
    seed: np.random.SeedSequence,
    corpus: LegacyCorpus,
    mono: bool = False,
) -> Events:
    """Render a scene and write its audio.

    Returns:
        Labels, one row per source and label frame.
    """
    rendering = render(scene, receiver_format(format), _dry_sound(corpus), fresh_seed(seed))
    sound = rendering.mix[:1] if mono else rendering.mix
    if corpus.sample_rate != SAMPLE_RATE:
        sound = soxr.resample(sound.T, SAMPLE_RATE, corpus.sample_rate).T
    write_wav(path, sound, corpus.sample_rate)
    return rendering.labels
