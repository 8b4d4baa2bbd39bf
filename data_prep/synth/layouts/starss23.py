"""How a generated recording is written as the files of a published corpus."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from avseld.base.files import fingerprint, replacing
from avseld.io.boxes import write_boxes
from avseld.io.dcase_csv import write_dcase
from data_prep.synth.acoustics.formats import format_named
from data_prep.synth.acoustics.render import render
from data_prep.synth.acoustics.rooms import draw_room
from data_prep.synth.presets import names, preset
from data_prep.synth.scene import Scene, draw_scene
from data_prep.synth.sounds.banks import Bank
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.events import dry_sound
from data_prep.synth.video.camera import Camera
from data_prep.synth.video.detector_noise import measured
from data_prep.synth.video.writer import frame_rate, frame_times, write_video

ROOMS, RECORDINGS = 0, 1
"""first branch of the tree of seeds"""
BOX_HOP = 0.1
"""seconds between rows of boxes"""


@dataclass(frozen=True)
class Slot:
    """One recording to be made: where it stands in the corpus and what it grows from."""

    index: int
    room: int
    mix: int
    test: bool
    part: str = ""
    """split, fold or part of corpora that have more than these two"""
    overlap: int = 1
    """voices, where the corpus says so in the name"""

    @property
    def name(self) -> str:
        """Name without ending, as in STARSS23."""
        return f"fold{4 if self.test else 3}_room{self.room}_mix{self.mix:03d}"

    @property
    def folder(self) -> str:
        """Sub-folder: split and site; rooms of odd number are said to be Sony's."""
        return f"dev-{'test' if self.test else 'train'}-{'sony' if self.room % 2 else 'tau'}"


@dataclass(frozen=True)
class Options:
    """What the files of a corpus depend on; another value of any makes another corpus."""

    layout: str
    recordings: int
    seconds: float
    formats: tuple[str, ...]
    preset: str
    soundbank: str | None
    images: str | None
    seed: int
    width: int
    fps: float
    train_rooms: int
    test_rooms: int
    test_share: float
    sofa: str | None = None
    boxes: str = "exact"


def preset_of(slot: Slot, options: Options) -> str:
    """Rooms take the presets in turn, those for training and those for test each from the first on."""
    there = names(options.preset)
    number = slot.room - 1 - (options.train_rooms if slot.test else 0)
    return there[number % len(there)]


def scene_of(slot: Slot, options: Options) -> tuple[Scene, np.random.SeedSequence, np.random.SeedSequence]:
    """The plan of a recording and the seeds of its sound and its picture."""
    chosen = preset(preset_of(slot, options))
    room_seed = np.random.SeedSequence([options.seed, ROOMS, slot.room])
    room = draw_room(slot.room, chosen.reverberation, np.random.default_rng(room_seed))
    seed = np.random.SeedSequence([options.seed, RECORDINGS, slot.index])
    plan_seed, sound_seed, picture_seed = seed.spawn(3)
    scene = draw_scene(room, options.seconds, chosen, np.random.default_rng(plan_seed))
    return scene, sound_seed, picture_seed


def write_starss23(out: Path, slot: Slot, options: Options, sounds: Bank, pictures: Bank) -> None:
    """Write one recording in STARSS23's layout: wav, csv, equirectangular mp4; and its boxes.

    Source: STARSS23 (arXiv 2306.09126): 24 kHz int16, rows of 100 ms with distances in centimetres.
    """

    def place(kind: str, ending: str) -> Path:
        return out / kind / slot.folder / f"{slot.name}{ending}"

    boxes = place("boxes_dev", ".npz")
    if boxes.is_file():  # the last of a recording's files
        return
    scene, sound_seed, picture_seed = scene_of(slot, options)
    for name in options.formats:
        # Every format starts from the same state of the seed, so that it renders the same sounds.
        fresh = np.random.SeedSequence(sound_seed.entropy, spawn_key=sound_seed.spawn_key)
        format = format_named(name, options.sofa)
        rendering = render(scene, format, partial(dry_sound, bank=sounds), fresh)
        write_wav(place(format.folder, ".wav"), rendering.mix)
    write_dcase(place("metadata_dev", ".csv"), rendering.labels)
    rate = frame_rate(options.fps)
    camera = Camera(scene, options.width, pictures)
    video = place("video_dev", ".mp4")
    frames = (camera.frame(time) for time in frame_times(scene.seconds, rate))
    write_video(video, frames, rate, options.width)
    about = {
        "detector": "generator",
        "weights": None,
        "video": fingerprint(video),
        "width": options.width,
        "height": options.width // 2,
        "fps": 1 / BOX_HOP,
        "duration": scene.seconds,
    }
    times = np.arange(int(np.ceil(scene.seconds / BOX_HOP - 1e-6))) * BOX_HOP
    chance = np.random.default_rng(picture_seed)
    seen = camera.boxes(times, about, chance)
    write_boxes(boxes, measured().apply(seen, chance) if options.boxes == "detected" else seen)


def finish_starss23(out: Path, slots: list[Slot], options: Options) -> None:
    """Write which preset each recording is of, for scores by preset (`avseld evaluate --parts`)."""
    rows = [f"{slot.name},{preset_of(slot, options)}" for slot in slots]
    with replacing(out / "presets.csv") as temporary:
        temporary.write_text("\n".join(["recording,part", *rows]) + "\n", encoding="utf-8")


def write_wav(path: Path, sound: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write (channel, sample) in -1..1 as int16, the nearest value each."""
    whole = np.clip(np.round(sound.T * 32768.0), -32768, 32767).astype(np.int16)
    with replacing(path) as temporary:
        soundfile.write(str(temporary), whole, sample_rate, subtype="PCM_16", format="WAV")
