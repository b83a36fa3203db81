"""Audio that plays, made here: a quiet tone, or silence as MP3, as long as the text takes to speak.

Ten minutes for 10,000 characters, as ElevenLabs says of its models (help.elevenlabs.io, article 19572237925521). MP3 is
MPEG audio layer III frames without sound, since an encoder would be a library; the rest is a tone of 200 Hz.
"""

from __future__ import annotations

import math
import struct
from typing import Final

SECONDS_PER_CHARACTER: Final = 0.06
_SHORTEST = 0.2
_AMPLITUDE = 3000
_FULL_RATES = (44_100, 48_000, 32_000)
_HALF_RATES = (22_050, 24_000, 16_000)
_FULL_KILOBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_HALF_KILOBITS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

_PUBLISHED = (
    "alaw_8000 mp3_22050_32 mp3_24000_48 mp3_44100_128 mp3_44100_192 mp3_44100_32 mp3_44100_64 mp3_44100_96"
    " opus_48000_128 opus_48000_192 opus_48000_32 opus_48000_64 opus_48000_96 pcm_16000 pcm_22050 pcm_24000"
    " pcm_32000 pcm_44100 pcm_48000 pcm_8000 ulaw_8000 wav_16000 wav_22050 wav_24000 wav_32000 wav_44100 wav_48000"
    " wav_8000"
)
FORMATS: Final = frozenset(_PUBLISHED.split())
"""What ElevenLabs publishes."""


def seconds_of(text: str) -> float:
    """How long the text takes to speak."""
    return max(_SHORTEST, len(text) * SECONDS_PER_CHARACTER)


def speak(text: str, output_format: str) -> bytes | None:
    """The audio; None for a format that is not made here (Opus and A-law)."""
    codec, _, rest = output_format.partition("_")
    rate, _, kilobits = rest.partition("_")
    seconds = seconds_of(text)
    if codec == "mp3":
        return _silent_mp3(int(rate), int(kilobits), seconds)
    if codec == "ulaw":
        return bytes(_ulaw(sample) for sample in _period(int(rate))) * _periods(seconds)
    if codec in ("pcm", "wav"):
        samples = b"".join(struct.pack("<h", sample) for sample in _period(int(rate))) * _periods(seconds)
        return samples if codec == "pcm" else _wav(int(rate), samples)
    return None


def _period(rate: int) -> list[int]:
    """A fiftieth of a second of 200 Hz: four whole waves in a whole number of samples at every published rate."""
    count = rate // 50
    return [round(_AMPLITUDE * math.sin(2 * math.pi * 4 * index / count)) for index in range(count)]


def _periods(seconds: float) -> int:
    return math.ceil(seconds * 50)


def _ulaw(sample: int) -> int:
    """One 16-bit sample in ITU-T G.711 mu-law."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32_635) + 132
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def _wav(rate: int, samples: bytes) -> bytes:
    """RIFF with one channel of 16 bits."""
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    body = head + struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", len(body) + 4, b"WAVE") + body


def _silent_mp3(rate: int, kilobits: int, seconds: float) -> bytes:
    """Frames of ISO/IEC 11172-3 (44.1 kHz) or 13818-3 (half rates), mono: a header, then zeros, which is silence."""
    full = rate in _FULL_RATES
    bitrate = (_FULL_KILOBITS if full else _HALF_KILOBITS).index(kilobits) + 1
    frequency = (_FULL_RATES if full else _HALF_RATES).index(rate)
    samples = 1152 if full else 576
    header = bytes((0xFF, 0xFB if full else 0xF3, bitrate << 4 | frequency << 2, 0xC4))
    frame = header + bytes(samples // 8 * kilobits * 1000 // rate - len(header))
    return frame * math.ceil(seconds * rate / samples)
