"""Generator of audio-visual scenes with exact labels: rooms, moving sources, equirectangular video.

`scene` draws the plan of a scene: events, sources, people. `acoustics` renders it to the channels of a recording
format, `video` to frames and boxes. `layouts` writes both in the layout of a published corpus. `corpus` is the command.
What the generator assumes is in docs/sources.md, Scene generator.
"""
