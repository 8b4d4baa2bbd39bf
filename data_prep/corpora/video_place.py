"""Where the videos of recordings lie in time and in direction: options of `own`, a csv, or the camera's sound track."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.io.manifest import VIDEO_COLUMNS, VIDEO_LIMITS, Recording
from avseld.io.sheets import recording_name
from avseld.io.tables import is_number, read_rows
from data_prep.corpora.prepared_folder import read_earlier
from data_prep.corpora.recordings import example
from data_prep.media.synchrony import estimate_offset

log = logging.getLogger(__name__)

AUTO = "auto"
"""value that asks for the offset of the camera's sound track"""


def place_videos(
    recordings: Sequence[Recording],
    prepared: Path,
    offset: str | None = None,
    yaw: str | None = None,
    names: Sequence[str] = (),
) -> list[Recording]:
    """Enter offset and yaw of their videos into recordings.

    Args:
        recordings: as found.
        prepared: the prepared folder; what its manifest says of the same video is kept where an option is left out.
        offset: seconds, `auto`, or a csv with the columns file and video_offset; None keeps it.
        yaw: degrees, or a csv with the columns file and video_yaw (it may be the same one); None keeps it.
        names: of all recordings, which a csv may list, where these are a share of them.

    Raises:
        BadInput: no number, a csv without these columns or of other recordings, or a sound track without a clear match.
    """
    before = read_earlier(prepared)
    names = names or [recording.name for recording in recordings]
    values = {
        name: _values(text, name, names) for name, text in zip(VIDEO_COLUMNS, (offset, yaw), strict=True)
    }
    placed: list[Recording] = []
    automatic = any(value == AUTO for value in values["video_offset"].values())
    for recording in tqdm(recordings, "synchronize", unit="recording", disable=not automatic):
        kept = before.get(recording.name, recording)
        place: dict[str, float] = {}
        for name in VIDEO_COLUMNS:
            value = values[name].get(recording.name, "") if recording.video else ""
            if value == AUTO and recording.video:
                place[name] = round(estimate_offset(recording.audio, recording.video), 3)
                log.info("%s: the video starts at %.3f s", recording.name, place[name])
            else:
                place[name] = float(value) if value else getattr(kept, name)
        placed.append(replace(recording, video_offset=place["video_offset"], video_yaw=place["video_yaw"]))
    _report_kept(placed, values, before)
    return placed


def _report_kept(
    placed: Sequence[Recording], values: Mapping[str, Mapping[str, str]], before: Mapping[str, Recording]
) -> None:
    """Log which recordings keep an offset or yaw of the manifest, and which of them have another video now."""
    for name in VIDEO_COLUMNS:
        kept = [one for one in placed if getattr(one, name) and not values[name].get(one.name)]
        if kept:
            log.info(
                "%s of %d recordings is kept from the manifest (%s)",
                name,
                len(kept),
                example(f"{one.name}: {getattr(one, name):g}" for one in kept),
            )
        others = [
            one for one in kept if one.video and before[one.name].video not in (None, one.video.absolute())
        ]
        if others:
            log.warning(
                "%d of them have another video than before (%s); if it starts elsewhere, give --%s",
                len(others),
                example(str(one.video) for one in others),
                name,
            )


def _values(text: str | None, column: str, names: Sequence[str]) -> Mapping[str, str]:
    """Return the value of each recording as text; recordings without one are absent."""
    if text is None:
        return {}
    text = str(text)  # a number from Python
    path = Path(text)
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return _column(path, column, names)
    return dict.fromkeys(names, _checked(text, column, f"--{column}"))


def _column(path: Path, column: str, names: Sequence[str]) -> dict[str, str]:
    example = f"file,{column} and rows such as take1.wav,{'0.7' if column == 'video_offset' else '-90'}"
    rows = read_rows(path, (column,), example)
    # The manifest of a prepared folder has names, perhaps of more recordings.
    key = "file" if not rows or "file" in rows[0][1] else "name"
    found: dict[str, str] = {}
    for line, row in rows:
        if key not in row:
            raise BadInput(f"{path}:1: no column file; expected {example}")
        name = recording_name(row[key])
        where = f"{path}:{line}"
        if name not in names and key == "name":
            continue
        if name not in names:
            raise BadInput(f"{where}: no recording {name}; correct the name, or remove the row")
        if name in found:
            raise BadInput(f"{where}: {name} stands above; remove one")
        if row[column]:
            found[name] = _checked(row[column], column, where)
    return found


def _checked(text: str, column: str, where: str) -> str:
    text = text.strip()
    if text == AUTO and column == "video_offset":
        return text
    value = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    if not is_number(value) or not abs(float(value)) < float("inf"):
        other = "seconds, auto, or a csv with the columns file and video_offset"
        raise BadInput(
            f"{where}: '{text}' is not a number; give "
            + (other if column == "video_offset" else "degrees, or a csv with the columns file and video_yaw")
        )
    if abs(float(value)) > VIDEO_LIMITS[column]:
        raise BadInput(f"{where}: {column} {text} is beyond {VIDEO_LIMITS[column]:g}; correct it")
    return value
