"""The command line of preparation: a table of commands."""

from avseld.base.cli import Command, run

COMMANDS = {
    "synth": Command(
        "data_prep.synth.corpus", "synth", "generate a corpus of audio-visual scenes with exact labels"
    ),
    "pictures": Command(
        "data_prep.synth.video.pictures",
        "pictures",
        "render pictures of generated scenes with COCO annotations of their people",
    ),
    "convolve": Command(
        "data_prep.measured.convolve",
        "convolve",
        "make test recordings of real sounds through measured room responses",
    ),
    "statistics": Command(
        "data_prep.synth.label_statistics",
        "statistics",
        "measure a folder of labels, to generate scenes like them (synth --like)",
        positional=True,
    ),
    "dcase": Command(
        "data_prep.corpora.dcase", "dcase", "make a prepared folder from STARSS23 or a corpus of its layout"
    ),
    "stairs26": Command(
        "data_prep.corpora.stairs26",
        "stairs26",
        "make a prepared folder from STAIRS26 (DCASE2026 Task 3): four of 32 channels, energy maps",
    ),
    "soundata": Command(
        "data_prep.corpora.soundata",
        "soundata",
        "make a prepared folder from a data set that soundata has downloaded",
    ),
    "realseld": Command(
        "data_prep.corpora.realseld",
        "realseld",
        "make a prepared folder from a task of RealSELD (layout of the HEAR benchmark)",
    ),
    "tut": Command(
        "data_prep.corpora.tut",
        "tut",
        "make a prepared folder from TUT Sound Events 2018 or TAU 2019 (DCASE2019 Task 3)",
    ),
    "task4": Command("data_prep.corpora.task4", "task4", "make a prepared folder from DCASE2019 Task 4"),
    "own": Command("data_prep.corpora.own", "own", "make a prepared folder from your own recordings"),
    "resize": Command("data_prep.media.resize", "resize", "resize equirectangular videos to 360x180"),
    "resample": Command("data_prep.media.resample", "resample", "resample audio of any rate to 24 kHz"),
    "cut": Command(
        "data_prep.media.cut", "cut", "cut long recordings into clips: audio, video and labels together"
    ),
    "stereo": Command(
        "data_prep.stereo.command",
        "stereo",
        "make stereo clips with a camera's picture from 360-degree recordings (DCASE2025 Task 3)",
    ),
    "positions": Command("data_prep.positions", "positions", "convert position tracks to frame csv"),
    "binaural": Command("data_prep.media.binaural", "binaural", "render first-order ambisonics binaurally"),
    "energy_maps": Command(
        "data_prep.imaging.command",
        "energy_maps",
        "make the energy maps of DCASE2026 from 32-channel recordings and their labels",
    ),
    "split": Command("data_prep.split", "split", "split recordings into parts, clips of one together"),
    "shards": Command(
        "data_prep.shards",
        "shards",
        "write the recordings of a prepared folder into tar archives, to train on thousands of hours",
    ),
    "lists": Command("data_prep.split", "lists", "write a list of the recordings of each fold"),
    "check": Command("data_prep.check.check", "check", "check a raw or a prepared folder", positional=True),
}


def main(words: list[str] | None = None) -> None:
    """Run one command."""
    run(
        "avseld-prep",
        "make prepared folders of corpora, your own recordings or generated scenes",
        COMMANDS,
        words,
    )


if __name__ == "__main__":
    main()
