"""The types of events that mean something to Bakeoff itself."""

EXPOSURE = "exposure"
PREDICTION = "prediction"
ASSIGNMENT = "assignment"
"""An exposure that was decided elsewhere."""

EXPOSURE_TYPES = frozenset({EXPOSURE, ASSIGNMENT})
