"""Generator of audio-visual scenes with exact labels: rooms, moving sources, equirectangular video.

`scene` draws a plan of sources and people. `acoustics` renders it to sound in a channel format, `video` to frames and
boxes, `layouts` writes both as a published corpus is laid out. `corpus` is the command.
"""
