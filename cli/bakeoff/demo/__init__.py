"""The main job from end to end, on real impressions of a fashion shop."""
