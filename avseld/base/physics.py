"""Physical constants."""

SPEED_OF_SOUND_M_S = 343.0
"""metres per second in dry air at 20 degrees Celsius; also the value of the DCASE baselines"""
