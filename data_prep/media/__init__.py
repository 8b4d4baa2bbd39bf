"""Audio and video files: resample, resize, cut, binaural rendering."""
