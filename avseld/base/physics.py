"""Physical constants."""

SPEED_OF_SOUND_M_S = 343.0
"""metres per second in dry air at 20 degrees Celsius; also the value of the DCASE baselines"""

TETRAHEDRON_DEG = ((45.0, 35.0), (-45.0, -35.0), (135.0, -35.0), (-135.0, 35.0))
"""azimuth and elevation of the four microphones of STARSS23 (arXiv 2306.09126)"""

EIGENMIKE_RADIUS_M = 0.042
"""radius of the rigid sphere on which they sit"""
