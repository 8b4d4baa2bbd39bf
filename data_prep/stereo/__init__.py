"""FOA recordings with 360-degree video -> stereo clips with the picture of a camera, as in DCASE2025 Task 3."""
