"""STARSS23 layout: audio, labels, equirectangular video, and the boxes of visible people.

Source: K. Shimada et al., "STARSS23: An audio-visual dataset of spatial recordings of real scenes with spatiotemporal
annotations of sound events", 2023 (arXiv 2306.09126), and the README of the corpus: 24 kHz, 16 bit; label frames of
100 ms; distances in centimetres.
"""

from functools import partial
from pathlib import Path

import numpy as np

from avseld.base.files import fingerprint, replacing
from avseld.io.boxes import write_boxes
from avseld.io.dcase_csv import write_dcase
from data_prep.synth.acoustics.formats import receiver_format
from data_prep.synth.acoustics.render import render
from data_prep.synth.drawing import draw_room_of, draw_scene_of
from data_prep.synth.layouts.plan import (
    RECORDING_SEEDS,
    ROOM_SEEDS,
    CorpusOptions,
    PlannedRecording,
    fresh_seed,
    write_wav,
)
from data_prep.synth.presets import get_preset, parse_presets
from data_prep.synth.scene import Scene
from data_prep.synth.sounds.banks import FilesByClass
from data_prep.synth.sounds.classes import CLASSES
from data_prep.synth.sounds.events import SHORTEST_SYNTHESIS_S, dry_sound
from data_prep.synth.sounds.random_timbres import any_sound
from data_prep.synth.video.camera import Camera
from data_prep.synth.video.detector_noise import yolox_nano_noise
from data_prep.synth.video.writer import frame_rate, frame_times, write_video

BOX_HOP_S = 0.1
"""seconds between rows of boxes: one per label frame"""


def plan_starss23(options: CorpusOptions) -> list[PlannedRecording]:
    """Distribute the recordings over the rooms in turn, training first; no room is in both sets."""
    n_test = round(options.recordings * options.test_share)
    if options.recordings > 1 and options.test_share > 0:
        n_test = min(max(n_test, 1), options.recordings - 1)
    n_train = options.recordings - n_test
    planned = [
        PlannedRecording(k, 1 + k % options.train_rooms, 1 + k // options.train_rooms, False)
        for k in range(n_train)
    ]
    first = options.train_rooms + 1
    planned += [
        PlannedRecording(n_train + k, first + k % options.test_rooms, 1 + k // options.test_rooms, True)
        for k in range(n_test)
    ]
    return planned


def preset_name(recording: PlannedRecording, options: CorpusOptions) -> str:
    """Return the preset of a recording's room; the rooms of each set take the presets in turn."""
    names = parse_presets(options.preset)
    number = recording.room - 1 - (options.train_rooms if recording.test else 0)
    return names[number % len(names)]


def plan_scene(
    recording: PlannedRecording, options: CorpusOptions
) -> tuple[Scene, np.random.SeedSequence, np.random.SeedSequence]:
    """Draw the scene of a recording.

    Returns:
        The scene, the seed of its audio and the seed of its boxes.
    """
    preset = get_preset(preset_name(recording, options))
    room_seed = np.random.SeedSequence([options.seed, ROOM_SEEDS, recording.room])
    room = draw_room_of(preset, recording.room, np.random.default_rng(room_seed))
    seed = np.random.SeedSequence([options.seed, RECORDING_SEEDS, recording.index])
    scene_seed, audio_seed, box_seed = seed.spawn(3)
    rng = np.random.default_rng(scene_seed)
    return draw_scene_of(preset, room, options.seconds, rng, options.like), audio_seed, box_seed


def last_starss23(out: Path, recording: PlannedRecording, options: CorpusOptions) -> Path:
    """Return the file of a recording that is written last: its boxes, or its labels where there is no video."""
    kind, suffix = ("metadata_dev", ".csv") if options.video == "none" else ("boxes_dev", ".npz")
    return out / kind / recording.folder / f"{recording.name}{suffix}"


def write_starss23(
    out: Path, recording: PlannedRecording, options: CorpusOptions, sounds: FilesByClass, images: FilesByClass
) -> None:
    """Write one recording: wav of every format, csv; mp4 and boxes unless there is no video.

    Args:
        out: folder of the corpus.
        recording: the recording.
        options: options of the corpus.
        sounds: sound files by class.
        images: image files by class.
    """

    def path(kind: str, suffix: str) -> Path:
        return out / kind / recording.folder / f"{recording.name}{suffix}"

    scene, audio_seed, box_seed = plan_scene(recording, options)
    preset = get_preset(preset_name(recording, options))
    dry = partial(
        dry_sound,
        bank=sounds,
        synthesizers=(any_sound,) * len(CLASSES) if preset.any_sound else (),
        shortest=SHORTEST_SYNTHESIS_S if preset.statistics else 0.0,
    )
    for name in options.formats:
        # A fresh seed for each format, so that all formats hold the same sounds.
        format = receiver_format(name, options.sofa)
        rendering = render(scene, format, dry, fresh_seed(audio_seed))
        write_wav(path(format.folder, ".wav"), rendering.mix)
    write_dcase(path("metadata_dev", ".csv"), rendering.labels)
    if options.video == "none":
        return
    rate = frame_rate(options.fps)
    camera = Camera(scene, options.width, images)
    video = path("video_dev", ".mp4")
    frames = (camera.frame(time) for time in frame_times(scene.duration, rate))
    write_video(video, frames, rate, options.width)
    about = {
        "detector": "generator",
        "weights": None,
        "video": fingerprint(video),
        "width": options.width,
        "height": options.width // 2,
        "fps": 1 / BOX_HOP_S,
        "duration": scene.duration,
    }
    times = np.arange(int(np.ceil(scene.duration / BOX_HOP_S - 1e-6))) * BOX_HOP_S
    rng = np.random.default_rng(box_seed)
    boxes = camera.boxes(times, about, rng)
    boxes_path = last_starss23(out, recording, options)
    write_boxes(boxes_path, yolox_nano_noise().apply(boxes, rng) if options.boxes == "detected" else boxes)


def finish_starss23(out: Path, planned: list[PlannedRecording], options: CorpusOptions) -> None:
    """Write presets.csv: the preset of each recording, for scores by preset (`avseld evaluate --parts`)."""
    rows = [f"{recording.name},{preset_name(recording, options)}" for recording in planned]
    with replacing(out / "presets.csv", keep_same=True) as temporary:
        temporary.write_text("\n".join(["recording,part", *rows]) + "\n", encoding="utf-8")
