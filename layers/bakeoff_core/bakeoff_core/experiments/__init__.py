"""What an experiment is, and how it lives."""
