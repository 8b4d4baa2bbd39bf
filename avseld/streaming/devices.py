"""Sound devices: which there are, what they can do, and which one a user means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from avseld.base.errors import BadInput

RATES_HZ = (8000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 192000)
"""rates that are tried"""
TWO_CHANNELS_ONLY = ("MME", "Windows DirectSound", "Windows WDM-KS")
"""interfaces of Windows that show two channels of any device (PortAudio)"""


@dataclass(frozen=True)
class Device:
    """A device that records.

    Args:
        number: by which it is chosen; may change when devices come and go.
        name: as the system calls it.
        interface: host interface, such as ALSA, Core Audio or WASAPI.
        n_channels: most channels that it records.
        default_rate: Hz.
        rates: of `RATES_HZ`, those that it offers with `opened` channels.
        opened: channels to open it with: as many as are asked for, or all, where it refuses to give fewer.
        is_default: whether it is taken where none is named.
    """

    number: int
    name: str
    interface: str
    n_channels: int
    default_rate: int
    rates: tuple[int, ...]
    opened: int
    is_default: bool = False

    def flaw(self, n_channels: int) -> str:
        """Say why it cannot give a number of channels; empty if it can."""
        if self.n_channels < n_channels:
            flaw = f"{self.n_channels} of {n_channels} channels"
            if self.interface in TWO_CHANNELS_ONLY:
                flaw += f": {self.interface} shows two of any device; take the same one by WASAPI or ASIO"
            return flaw
        if not self.rates:
            return f"refuses {n_channels} channels at every rate; is another program using it?"
        return ""

    def rate_for(self, sample_rate: int) -> int:
        """Return the rate to open it with: that of the system if it has it, else its own, or the next higher one."""
        if sample_rate in self.rates:
            return sample_rate
        if self.default_rate in self.rates and self.default_rate > sample_rate:
            return self.default_rate
        higher = [rate for rate in self.rates if rate > sample_rate]
        return min(higher) if higher else max(self.rates)


def load_sounddevice() -> Any:
    """Import sounddevice, which needs the library PortAudio.

    Raises:
        BadInput: one of the two is not installed; says how to get it.
    """
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise BadInput("a microphone needs sounddevice; pip install 'avseld[live]'") from None
    except OSError:
        raise BadInput(
            "a microphone needs the library PortAudio; on Debian and Ubuntu apt install libportaudio2, on Fedora dnf "
            "install portaudio (files and raw samples, --input FILE and --input -, need neither)"
        ) from None
    return sounddevice


def input_devices(n_channels: int = 1) -> list[Device]:
    """List the devices that record.

    Args:
        n_channels: for which their rates are found out.

    Raises:
        BadInput: sounddevice or PortAudio is not installed.
    """
    sounddevice = load_sounddevice()
    interfaces = sounddevice.query_hostapis()
    default = sounddevice.default.device[0]
    found = []
    for number, about in enumerate(sounddevice.query_devices()):
        most = int(about["max_input_channels"])
        if most > 0:
            opened, rates = _offer(sounddevice, number, n_channels, most)
            interface = str(interfaces[about["hostapi"]]["name"])
            name, rate = str(about["name"]), int(about["default_samplerate"])
            found.append(Device(number, name, interface, most, rate, rates, opened, number == default))
    return found


def _offer(sounddevice: Any, number: int, n_channels: int, most: int) -> tuple[int, tuple[int, ...]]:
    """Find the channels to open a device with, and the rates that it then offers."""
    for opened in (n_channels, most):
        if opened <= most and (rates := tuple(_rates(sounddevice, number, opened))):
            return opened, rates
    return n_channels, ()


def _rates(sounddevice: Any, number: int, n_channels: int) -> Iterator[int]:
    """Yield the rates that a device offers."""
    for rate in RATES_HZ:
        try:
            sounddevice.check_input_settings(number, n_channels, "float32", samplerate=rate)
        except (sounddevice.PortAudioError, ValueError):
            continue
        yield rate


def choose_device(name: str, n_channels: int) -> Device:
    """Find the device that a user means.

    Args:
        name: its number, its name or a part of it; empty for the system's default.
        n_channels: that it must give.

    Raises:
        BadInput: none, several, or one that cannot give them; says which there are.
    """
    devices = input_devices(n_channels)
    if not devices:
        raise BadInput(
            "--input microphone: no device that records; is it plugged in, and not used elsewhere?"
        )
    chosen = _named(devices, name)
    if flaw := chosen.flaw(n_channels):
        able = [device for device in devices if not device.flaw(n_channels)]
        those = " or ".join(f"microphone:{device.number} ({device.name})" for device in able)
        raise BadInput(
            f"--input microphone:{chosen.number}: {chosen.name}: {flaw}; "
            + (f"take {those}" if able else "no other device here can; avseld stream --list shows them")
        )
    return chosen


def _named(devices: Sequence[Device], name: str) -> Device:
    if not name:
        default = [device for device in devices if device.is_default]
        return (default or list(devices))[0]
    if name.isdecimal():
        found = [device for device in devices if device.number == int(name)]
    else:
        lowered = name.lower()
        exact = [device for device in devices if device.name.lower() == lowered]
        found = exact or [device for device in devices if lowered in device.name.lower()]
    if len(found) == 1:
        return found[0]
    numbers = ", ".join(f"{device.number} ({device.name}, {device.interface})" for device in found or devices)
    what = "no such device" if not found else "several devices"
    raise BadInput(f"--input microphone:{name}: {what}; choose by number: {numbers}")


def describe_devices(devices: Sequence[Device], n_channels: int, sample_rate: int, wanted: str) -> str:
    """Write a table of devices, and whether each can serve.

    Args:
        devices: as from `input_devices` with `n_channels`.
        n_channels: that are needed.
        sample_rate: Hz of the system.
        wanted: what is to be served, such as the name of a run with its format.
    """
    rows = [("ID", "device", "interface", "channels", "rates, kHz", f"serves {wanted}")]
    for device in devices:
        flaw = device.flaw(n_channels)
        if flaw:
            verdict = f"no: {flaw}"
        else:
            rate = device.rate_for(sample_rate)
            verdict = "yes" + (f", resampled from {rate} Hz" if rate != sample_rate else "")
        rates = " ".join(f"{rate / 1000:g}" for rate in device.rates) or "-"
        name = device.name + " (default)" * device.is_default
        rows.append((str(device.number), name, device.interface, str(device.n_channels), rates, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        + "\n"
        for row in rows
    )
