"""The command `convolve`: a test set of real sounds through measured room responses, with known directions."""

import csv
import json
import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from avseld.base.engines import read_engine
from avseld.base.errors import BadInput
from avseld.base.files import remove_partial, replacing, require_folder, takes_paths, visible, visible_files
from avseld.base.job_shards import read_shard
from avseld.base.rates import LABEL_HOP
from avseld.io.audio import audio_info
from avseld.io.dcase_csv import POLAR, Dialect, write_dcase
from avseld.io.suffixes import SOUNDS
from data_prep.measured.responses import RoomResponse, diffuse_noise, read_response
from data_prep.measured.scenes import SILENCE_AFTER_S, SILENCE_BEFORE_S, Source, draw_sources, render
from data_prep.parts import Parts, key_of, read_part
from data_prep.synth.acoustics.formats import ReceiverFormat, receiver_format
from data_prep.synth.layouts.plan import write_wav

MAX_SOURCES = 3
MIN_SECONDS = SILENCE_BEFORE_S + SILENCE_AFTER_S + 2.0
MAX_SECONDS = 600
FORMATS = ("foa", "stereo")
"""recording formats that follow from first-order responses"""
SCENES_FILE = "scenes.csv"
"""file in the folder that lists every source with its sound file, response and direction"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planned:
    """One recording: its name, room and number of sources."""

    name: str
    room: int
    n_sources: int


@takes_paths
def convolve(
    sounds: Path,
    responses: str,
    out: Path,
    conventions: str = "auto",
    recordings: int = 48,
    seconds: float = 10.0,
    sources: str = "1,2",
    snr_db: float = 15.0,
    formats: str = "foa",
    seed: int = 0,
    jobs: int = 1,
    shard: str | None = None,
    engine: str | None = None,
) -> None:
    """Make test recordings with known directions from real sounds and measured first-order room responses.

    Each sound goes through a whole response that is turned so that its direct sound comes from the wanted direction.
    Sources stand still; noise alone begins and ends a recording: pink noise through the late response in twelve
    orientations, so that it has the colour and the decay of the room and no direction. Recordings take the responses
    and the numbers of sources in turn. The folder has the layout of STARSS23 with one class (avseld-prep dcase
    --one_class sound makes a prepared folder of it): foa_dev, W Y Z X at 24 kHz, stereo_dev where it is asked for, and
    metadata_dev. A label frame
    is active where the power of the dry sound is within 20 dB of its loudest frame; pauses up to 0.2 s count as
    active. The same options and files give the same bytes.

    Args:
        sounds: folder of sound files; files of one subfolder are taken for sounds of one kind, and kinds take turns.
        responses: first-order room responses of any sample rate, separated by commas.
        out: folder to make; with --shard also that of other shards, or of an interrupted run with the same options.
        conventions: ambix (W Y Z X, SN3D), n3d (W Y Z X) or fuma (W X Y Z, W / sqrt 2), one for all responses or one
            each, separated by commas; auto chooses by the energies of the direct sound.
        recordings: number of recordings.
        seconds: duration of each, in tenths of a second.
        sources: numbers of simultaneous sources, separated by commas.
        snr_db: level of the sources above the noise, in W, in the frames in which a source is active.
        formats: foa, stereo (cardioids that face left and right, from the ambisonics) or both, separated by commas.
        seed: seed of all randomness.
        jobs: recordings made at once; 0 for one per core.
        shard: share of the recordings, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. The last one writes scenes.csv. See docs/clusters.md.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.

    Raises:
        BadInput: an option out of range, an unusable sound or response, or `out` holds something; names it.
    """
    given, own_shard, workers = locals(), read_shard(shard), read_engine(engine, jobs)
    numbers = _numbers(sources)
    _check(recordings, seconds, snr_db, seed)
    receivers = _receivers(formats)
    kinds = sounds_by_kind(sounds, max(numbers))
    rooms = _read_responses(responses, conventions)
    for room in rooms:
        log.info(
            "%s: %s, direct sound from azimuth %.0f, elevation %.0f degrees",
            room.name,
            room.convention,
            *room.angles,
        )
    planned = _plan(recordings, len(rooms), numbers)
    scenes = _Scenes(sounds, kinds, rooms, receivers, seconds, snr_db, seed)
    if own_shard.is_whole:
        with _whole_folder(out) as folder:
            calls: list[tuple[Any, ...]] = [
                (scenes, folder, index, each) for index, each in enumerate(planned)
            ]
            rows = list(tqdm(workers.run(_write, calls, in_order=True), total=recordings, unit="recording"))
            _write_listing(folder, [row for each in rows for row in each])
        log.info("%s: %d recordings, %d sources", out, recordings, sum(map(len, rows)))
        return
    parts = Parts(out, key_of(convolve, given, []))
    if visible(out) and not parts.begun:
        raise BadInput(f"{out}: exists; give a new folder")
    parts.begin()
    due = [(index, each) for index, each in own_shard.of(list(enumerate(planned)), "recordings")]
    calls = [(scenes, out, index, each, parts) for index, each in due if not parts.has(f"{each.name}.json")]
    for _ in tqdm(workers.run(_write, calls), total=len(calls), unit="recording"):
        pass
    if workers.is_remote:  # what a worker that was lost was writing
        for folder in (path for path in out.rglob("*") if path.is_dir()):
            remove_partial(folder, [each.name for _, each in due])
    with parts.joined([f"{each.name}.json" for each in planned], SCENES_FILE) as paths:
        if paths is not None:
            rows = [read_part(path) for path in paths]
            _write_listing(out, [row for each in rows for row in each])
            log.info("%s: %d recordings, %d sources", out, recordings, sum(map(len, rows)))


@dataclass(frozen=True, eq=False)
class _Scenes:
    """What all recordings are drawn from; fields are those of `convolve`."""

    sounds: Path
    kinds: list[list[Path]]
    rooms: list[RoomResponse]
    receivers: list[ReceiverFormat]
    seconds: float
    snr_db: float
    seed: int


def _write(
    scenes: _Scenes, folder: Path, index: int, planned: Planned, parts: Parts | None = None
) -> list[dict[str, object]]:
    """Write the audio and the labels of a recording; return its rows of the listing, or leave them as a part."""
    rng = np.random.default_rng([scenes.seed, index])
    room = scenes.rooms[planned.room]
    drawn = draw_sources(_draw_files(scenes.kinds, planned.n_sources, rng), scenes.seconds, rng)
    rendering = render(drawn, room, scenes.snr_db, rng)
    for receiver in scenes.receivers:
        write_wav(folder / receiver.folder / f"{planned.name}.wav", receiver.mix_down(rendering.mix))
    write_dcase(folder / "metadata_dev" / f"{planned.name}.csv", rendering.labels, Dialect(columns=POLAR[5]))
    rows = [_row(planned, number, source, room, scenes.sounds) for number, source in enumerate(drawn)]
    if parts is not None:
        parts.put(f"{planned.name}.json", json.dumps(rows))
    return rows


def _write_listing(folder: Path, rows: list[dict[str, object]]) -> None:
    with (
        replacing(folder / SCENES_FILE, keep_same=True) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def sounds_by_kind(folder: Path, n_kinds: int) -> list[list[Path]]:
    """List sound files by the folder they lie in, and read the header of each.

    Args:
        folder: searched with its subfolders.
        n_kinds: least number of kinds; files of one folder count as a kind each if there are fewer folders.

    Raises:
        BadInput: no such folder, fewer sounds, or an unreadable one.
    """
    require_folder(folder, "give a folder of sound files")
    files = visible_files(folder, SOUNDS)
    if len(files) < n_kinds:
        raise BadInput(
            f"{folder}: {len(files)} sound files ({', '.join(SOUNDS)}) for {n_kinds} sources at once; add some"
        )
    for path in files:
        audio_info(path)
    kinds: dict[Path, list[Path]] = {}
    for path in files:
        kinds.setdefault(path.parent, []).append(path)
    return list(kinds.values()) if len(kinds) >= n_kinds else [[path] for path in files]


def _read_responses(responses: str, conventions: str) -> list[RoomResponse]:
    paths = [Path(word.strip()) for word in responses.split(",") if word.strip()]
    names = [word.strip() for word in conventions.split(",")]
    if not paths:
        raise BadInput("responses: give at least one room response")
    if len(names) == 1:
        names *= len(paths)
    if len(names) != len(paths):
        raise BadInput(f"conventions: {len(names)} for {len(paths)} responses; give one, or one each")
    rooms = [read_response(path, name) for path, name in zip(paths, names, strict=True)]
    for room in rooms:
        diffuse_noise(room, 1, np.random.default_rng(0))  # refuses a response that is too short for it
    return rooms


def _plan(recordings: int, n_rooms: int, numbers: list[int]) -> list[Planned]:
    """Distribute recordings over rooms and numbers of sources in turn; all of them are a test fold."""
    return [
        Planned(
            f"fold4_room{1 + index % n_rooms}_mix{1 + index // n_rooms:03d}",
            index % n_rooms,
            numbers[index // n_rooms % len(numbers)],
        )
        for index in range(recordings)
    ]


def _draw_files(kinds: list[list[Path]], n_sources: int, rng: np.random.Generator) -> list[Path]:
    """Draw sounds of different kinds."""
    chosen = rng.choice(len(kinds), n_sources, replace=False)
    return [kinds[kind][rng.integers(len(kinds[kind]))] for kind in chosen]


def _row(
    planned: Planned, number: int, source: Source, room: RoomResponse, sounds: Path
) -> dict[str, object]:
    return {
        "recording": planned.name,
        "source": number,
        "sound": source.file.relative_to(sounds).as_posix(),
        "response": room.name,
        "azimuth": source.azimuth,
        "elevation": source.elevation,
    }


def _receivers(formats: str) -> list[ReceiverFormat]:
    names = [word.strip() for word in formats.split(",")]
    if unknown := [name for name in names if name not in FORMATS]:
        raise BadInput(f"formats: '{unknown[0]}' is none of {', '.join(FORMATS)}")
    return [receiver_format(name) for name in names]


def _numbers(sources: str) -> list[int]:
    try:
        numbers = [int(word) for word in sources.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(1 <= number <= MAX_SOURCES for number in numbers):
        raise BadInput(f"sources {sources}: give numbers from 1 to {MAX_SOURCES}, separated by commas")
    return numbers


def _check(recordings: int, seconds: float, snr_db: float, seed: int) -> None:
    if recordings < 1:
        raise BadInput(f"recordings {recordings}: give at least 1")
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise BadInput(f"seconds {seconds}: give {MIN_SECONDS:g} to {MAX_SECONDS}")
    if abs(seconds / LABEL_HOP - round(seconds / LABEL_HOP)) > 1e-6:
        raise BadInput(f"seconds {seconds}: give tenths of a second, the length of a label frame")
    if not -60 <= snr_db <= 120:
        raise BadInput(f"snr_db {snr_db}: give -60 to 120 decibels")
    if seed < 0:
        raise BadInput(f"seed {seed}: give 0 or more")


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """Make a folder under a temporary name beside `out` and rename it at the end; nothing is left if the block raises.

    Raises:
        BadInput: `out` exists and is not an empty folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out}: exists; give a new folder")
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if out.is_dir():
            out.rmdir()
        temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
