"""Latency from a sound to its event in a stream at its own speed: ours, and the way of published live systems."""

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from avseld.benchmarking.machine import alone
from avseld.inference.predictor import load
from avseld.io.example import EXAMPLE
from avseld.streaming.assembly import assembled
from avseld.streaming.budget import LATENCY
from avseld.streaming.wishes import Wishes

STEP_S = 0.1
PUBLISHED_STEP_S = 1.0
"""seconds between windows of itsjunwei/Realtime-SELD-Edge and itsjunwei/SELD_Demo (arXiv 2409.11700)"""
AUDIO_VISUAL, AUDIO = "av_foa_generated", "audio_foa_generated"
DRAWN = Path("people_drawn")
"""detector where no weights are given"""


def bench_stream(weights: Path | None = None) -> dict[str, Any]:
    """Measure the latency of the example played at its own speed, in processes of their own.

    People are looked for in ten pictures a second, beside the audio-visual network; networks run in one thread.

    Args:
        weights: of the detector, such as YOLOX-Nano; None takes `people_drawn`.

    Returns:
        Seconds, 95 % of the label frames: `ours` of the audio-visual network in steps of 0.1 s; `published`, the same
        network in windows that begin a second apart; `ratio`; `nothing_ahead`, without look-ahead and in blocks of 10
        ms; `audio_only`; `stages` of ours, median and 95 % in milliseconds; and samples that were `lost` in all.
    """
    seen = {"detector": weights or DRAWN, "detector_fps": 10.0}
    ours = alone(stream_latency, AUDIO_VISUAL, {"step": STEP_S, **seen})
    prompt = {"step": STEP_S, "look_ahead": 0.0, "block": 0.01, **seen}
    nothing_ahead = alone(stream_latency, AUDIO_VISUAL, prompt)
    published = alone(stream_latency, AUDIO_VISUAL, {"step": PUBLISHED_STEP_S, **seen})
    audio = alone(stream_latency, AUDIO, {"step": STEP_S, "video": "none"})
    return {
        "ours": ours["p95"],
        "published": published["p95"],
        "ratio": published["p95"] / ours["p95"],
        "unit": "s",
        "nothing_ahead": nothing_ahead["p95"],
        "audio_only": audio["p95"],
        "stages": ours["stages"],
        "lost": sum(one["lost"] for one in (ours, nothing_ahead, published, audio)),
        "peak_mb": {"audio_visual": ours["peak_mb"], "audio_only": audio["peak_mb"]},
    }


def stream_latency(run: str, options: dict[str, Any]) -> dict[str, Any]:
    """Play the example to a network.

    Args:
        run: name of weights.
        options: of `Wishes`.

    Returns:
        p95 of the latency, seconds; median and p95 of its stages, milliseconds; and the samples that were lost.
    """
    wishes = Wishes(str(EXAMPLE), simulate=True, **options)
    with redirect_stdout(io.StringIO()), assembled(load(run), wishes) as session:
        session.run()
    summary = session.summary
    stages = {
        name: [round(1000 * one["p50"], 1), round(1000 * one["p95"], 1)]
        for name, one in summary["latency"].items()
        if "p50" in one
    }
    lost = sum(fault["amount"] for fault in summary["faults"])
    return {"p95": summary["latency"][LATENCY]["p95"], "stages": stages, "lost": lost}
