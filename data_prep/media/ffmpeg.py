"""Run the ffmpeg program that moviepy brings, the one caller for all steps that encode video."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from avseld.base.errors import BadInput


def run_ffmpeg(
    source: Path, target: Path, before_input: Sequence[str] = (), after_input: Sequence[str] = ()
) -> str:
    """Encode one file to another.

    Args:
        source: the input.
        target: the output; it is overwritten.
        before_input: options for reading.
        after_input: options for writing.

    Returns:
        The last line that ffmpeg complains with; empty if there is none.

    Raises:
        BadInput: ffmpeg gave up.
    """
    from moviepy.config import FFMPEG_BINARY  # slow to import

    # absolute, because a relative name may look like an option or a protocol
    paths = ["-i", str(source.absolute()), *after_input, str(target.absolute())]
    command = [FFMPEG_BINARY, "-nostdin", "-v", "error", "-y", *before_input, *paths]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    complaint = " ".join((done.stderr.strip().splitlines() or [""])[-1].split())
    if done.returncode:
        raise BadInput(f"{source}: ffmpeg cannot encode it ({complaint}); check the video and the disk space")
    return complaint
