"""The first draws of many NumPy generators at once: `default_rng([seed, index])` for thousands of indices in a pass.

A window is a function of seed and running number through a generator of its own. Making one generator takes 20
microseconds of Python, and 16 of them a step keep a GPU waiting whose step takes two milliseconds. The arithmetic is
NumPy's: SeedSequence (M. E. O'Neill, Simple portable C++ seed entropy, 2015) and PCG64 (M. E. O'Neill, PCG: A family of
simple fast space-efficient statistically good algorithms for random number generation, 2014), both of which NumPy
promises not to change (NEP 19).
"""

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


def first_draws(seed: int, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw `default_rng([seed, i]).random()`, and the 32 bits that `integers` draws next, for every index.

    Args:
        seed: 0 to 2^32 - 1.
        index: (n,) whole numbers, 0 to 2^32 - 1.

    Returns:
        (n,) float64 in [0, 1), and (n,) uint32 as uint64.
    """
    with np.errstate(over="ignore"):  # arithmetic modulo 2^32 and 2^64
        state, step = _seeded(seed, np.asarray(index))
        state, first = _next(state, step)
        state, second = _next(state, step)
    return (first >> U64(11)).astype(np.float64) * 2.0**-53, second & LOW_HALF


def bounded(word: np.ndarray, bound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn drawn words into whole numbers below a bound, as `Generator.integers` does (Lemire's method).

    Args:
        word: (n,) drawn 32 bits, as uint64.
        bound: (n,) 2 to 2^32 - 1.

    Returns:
        (n,) int64 in [0, bound), and whether NumPy may draw again, (n,) bool; then the number counts for nothing.
    """
    bound = np.asarray(bound).astype(U64)
    with np.errstate(over="ignore"):
        product = word * bound
    return (product >> HALF_BITS).astype(np.int64), (product & LOW_HALF) < bound


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


def _next(state: Wide, step: Wide) -> tuple[Wide, np.ndarray]:
    """The following state and its 64 bits."""
    high, low = state = _advance(state, step)
    mixed, turn = high ^ low, high >> U64(58)
    return state, (mixed >> turn) | (mixed << ((U64(64) - turn) & U64(63)))


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
