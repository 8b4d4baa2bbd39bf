"""Many NumPy generators that draw at once: `default_rng([seed, index])` for thousands of indices in a pass.

A window is a function of seed and running number through a generator of its own. Making one generator takes 20
microseconds of Python, and 16 of them a step keep a GPU waiting whose step takes two milliseconds. The arithmetic is
NumPy's: SeedSequence (M. E. O'Neill, Simple portable C++ seed entropy, 2015), PCG64 (M. E. O'Neill, PCG: A family of
simple fast space-efficient statistically good algorithms for random number generation, 2014), and whole numbers below a
bound by D. Lemire, Fast random integer generation in an interval, 2019. NumPy promises not to change the first two
(NEP 19); the tests compare all of them.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

U32, U64 = np.uint32, np.uint64
POOL_WORDS = 4
HASH_START, HASH_FACTOR = U32(0x43B0D7E5), U32(0x931E8875)
STATE_START, STATE_FACTOR = U32(0x8B51F9DD), U32(0x58F38DED)
MIX_LEFT, MIX_RIGHT = U32(0xCA01F9DD), U32(0x4973F715)
PCG_FACTOR = (U64(2549297995355413924), U64(4865540595714422341))
LOW_HALF, HALF_BITS = U64(0xFFFFFFFF), U64(32)

Wide = tuple[np.ndarray, np.ndarray]
"""128-bit whole numbers: high and low 64 bits"""


class Generators(Protocol):
    """One random generator for each of some windows; every method draws one number of each, as NumPy's do."""

    def __len__(self) -> int:
        """Return the number of generators."""

    def random(self) -> np.ndarray:
        """Draw numbers in [0, 1): (generator,) float64."""

    def uniform(self, low: float, high: float) -> np.ndarray:
        """Draw numbers in [low, high): (generator,) float64."""

    def integers(self, bound: int | np.ndarray) -> np.ndarray:
        """Draw whole numbers in [0, bound): (generator,) int64; a bound for all, or (generator,)."""

    def some(self, chosen: np.ndarray) -> "Generators":
        """Select those generators that draw on: chosen (generator,) bool. They keep their places, see `place`."""

    @property
    def place(self) -> np.ndarray:
        """(generator,) place of each among all generators."""


def generators(seed: int, index: Sequence[int] | np.ndarray, largest_bound: int = 0) -> Generators:
    """Make `default_rng([seed, i])` for every index.

    Args:
        seed: 0 or more.
        index: (generator,) whole numbers, 0 or more.
        largest_bound: of whole numbers that will be drawn.
    """
    chosen = np.asarray(index, np.int64)
    if max(seed, int(chosen.max(initial=0)), largest_bound) < 2**32:
        return ManyGenerators(seed, chosen)
    return EachGenerator([np.random.default_rng([seed, int(i)]) for i in chosen], np.arange(len(chosen)))


class EachGenerator:
    """NumPy's own generators, one after the other, for seeds and numbers beyond 32 bits.

    Args:
        each: the generators.
        place: (generator,) place of each among all.
    """

    def __init__(self, each: Sequence[np.random.Generator], place: np.ndarray) -> None:
        self.each, self.place = list(each), place

    def __len__(self) -> int:
        return len(self.each)

    def random(self) -> np.ndarray:
        """Draw numbers in [0, 1): (generator,)."""
        return np.array([one.random() for one in self.each], float)

    def uniform(self, low: float, high: float) -> np.ndarray:
        """Draw numbers in [low, high): (generator,)."""
        return np.array([one.uniform(low, high) for one in self.each], float)

    def integers(self, bound: int | np.ndarray) -> np.ndarray:
        """Draw whole numbers in [0, bound): (generator,)."""
        bounds = np.broadcast_to(bound, (len(self.each),))
        return np.array([one.integers(below) for one, below in zip(self.each, bounds, strict=True)], np.int64)

    def some(self, chosen: np.ndarray) -> "EachGenerator":
        """Select generators: chosen (generator,) bool."""
        kept = np.flatnonzero(chosen)
        return EachGenerator([self.each[n] for n in kept], self.place[kept])


class ManyGenerators:
    """Generators of seeds and numbers of 32 bits, drawn in one pass.

    Args:
        seed: 0 to 2^32 - 1.
        index: (generator,) whole numbers, 0 to 2^32 - 1.
    """

    def __init__(self, seed: int, index: np.ndarray) -> None:
        with np.errstate(over="ignore"):  # arithmetic modulo 2^32 and 2^64, here and below
            (self._high, self._low), self._step = _seeded(seed, np.asarray(index))
        self._half = np.zeros(len(index), U64)
        """upper 32 bits of a word whose lower ones were drawn as a whole number"""
        self._has_half = np.zeros(len(index), bool)
        self.place = np.arange(len(index))

    def __len__(self) -> int:
        return len(self.place)

    def some(self, chosen: np.ndarray) -> "ManyGenerators":
        """Select generators: chosen (generator,) bool."""
        part = object.__new__(ManyGenerators)
        vars(part).update(vars(self))  # all selections draw from the same states
        part.place = self.place[chosen]
        return part

    def random(self) -> np.ndarray:
        """Draw numbers in [0, 1): (generator,)."""
        return (self._words(self.place) >> U64(11)).astype(np.float64) * 2.0**-53

    def uniform(self, low: float, high: float) -> np.ndarray:
        """Draw numbers in [low, high): (generator,)."""
        return low + (high - low) * self.random()

    def integers(self, bound: int | np.ndarray) -> np.ndarray:
        """Draw whole numbers in [0, bound), bound below 2^32: (generator,)."""
        bounds = np.broadcast_to(np.asarray(bound), self.place.shape).astype(U64)
        drawn = np.zeros(len(self), np.int64)
        left = np.flatnonzero(bounds > 1)  # there is nothing to draw below 1
        while len(left):
            below = bounds[left]
            product = self._half_words(self.place[left]) * below
            drawn[left] = (product >> HALF_BITS).astype(np.int64)
            # Few: those that would make small numbers more likely than large ones.
            left = left[(product & LOW_HALF) < (U64(2**32) - below) % below]
        return drawn

    def _words(self, place: np.ndarray) -> np.ndarray:
        """Draw the next 64 bits of the generators at these places."""
        with np.errstate(over="ignore"):
            state = _advance(
                (self._high[place], self._low[place]), (self._step[0][place], self._step[1][place])
            )
            self._high[place], self._low[place] = high, low = state
            mixed, turn = high ^ low, high >> U64(58)
            return (mixed >> turn) | (mixed << ((U64(64) - turn) & U64(63)))

    def _half_words(self, place: np.ndarray) -> np.ndarray:
        """Draw the next 32 bits of the generators at these places: the lower half of a word before the upper one."""
        kept, half = self._has_half[place], self._half[place]
        new = place[~kept]
        word = self._words(new)
        self._half[new] = word >> HALF_BITS
        self._has_half[place] = ~kept
        half[~kept] = word & LOW_HALF
        return half


def _seeded(seed: int, index: np.ndarray) -> tuple[Wide, Wide]:
    """State and increment of PCG64 seeded by SeedSequence([seed, index])."""
    words = [
        np.full(index.shape, seed, U32),
        index.astype(U32),
        *(np.zeros(index.shape, U32) for _ in range(2)),
    ]
    factor = HASH_START
    pool: list[np.ndarray] = []
    for word in words:
        mixed, factor = _hash(word, factor, HASH_FACTOR)
        pool.append(mixed)
    for source in range(POOL_WORDS):
        for target in range(POOL_WORDS):
            if source != target:
                mixed, factor = _hash(pool[source], factor, HASH_FACTOR)
                both: np.ndarray = MIX_LEFT * pool[target] - MIX_RIGHT * mixed
                pool[target] = both ^ (both >> U32(16))
    factor = STATE_START
    made: list[np.ndarray] = []
    for number in range(2 * POOL_WORDS):
        mixed, factor = _hash(pool[number % POOL_WORDS], factor, STATE_FACTOR)
        made.append(mixed.astype(U64))
    high, low, step_high, step_low = (made[n] | (made[n + 1] << HALF_BITS) for n in range(0, 8, 2))
    step = ((step_high << U64(1)) | (step_low >> U64(63)), (step_low << U64(1)) | U64(1))
    return _advance(_add(step, (high, low)), step), step


def _hash(value: np.ndarray, factor: np.uint32, growth: np.uint32) -> tuple[np.ndarray, np.uint32]:
    mixed = value ^ factor
    factor = U32((int(factor) * int(growth)) & 0xFFFFFFFF)
    mixed = mixed * factor
    return mixed ^ (mixed >> U32(16)), factor


def _advance(state: Wide, step: Wide) -> Wide:
    high, low = state
    product_high, product_low = _times(low, PCG_FACTOR[1])
    return _add((product_high + high * PCG_FACTOR[1] + low * PCG_FACTOR[0], product_low), step)


def _add(a: Wide, b: Wide) -> Wide:
    low = a[1] + b[1]
    return a[0] + b[0] + (low < b[1]).astype(U64), low


def _times(a: np.ndarray, b: np.uint64) -> Wide:
    """The 128 bits of a product of 64 bits by 64 bits."""
    a_high, a_low, b_high, b_low = a >> HALF_BITS, a & LOW_HALF, b >> HALF_BITS, b & LOW_HALF
    low, cross = a_low * b_low, a_high * b_low
    middle = a_low * b_high + (low >> HALF_BITS) + (cross & LOW_HALF)
    return a_high * b_high + (cross >> HALF_BITS) + (middle >> HALF_BITS), a * b
