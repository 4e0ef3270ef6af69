"""The domain that every Bakeoff function shares: experiments, assignment, events, and where they are kept."""

__version__ = "0.1.0"
