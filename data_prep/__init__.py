"""Make prepared folders: readers of corpora, steps on media files, a scene generator and a check."""
