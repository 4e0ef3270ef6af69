"""From events to sufficient statistics: the half of the analysis that sees single events."""
