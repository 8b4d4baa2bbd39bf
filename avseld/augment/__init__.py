"""Augmentation of scenes (sound, video and labels together) and of features."""
