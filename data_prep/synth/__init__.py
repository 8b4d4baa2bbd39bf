"""Scenes with exact labels: rooms, sounds that move, the 360-degree picture that belongs to them.

`scene` draws a plan; `render` turns it into sound, `picture` and `video` into frames and boxes, `layouts`
writes both as a published corpus would, `corpus` is the verb. The room model (`acoustics`) knows nothing of
formats (`formats`), and neither knows of layouts.
"""
