"""The dashboard: all experiments as they stand, for programs and as web pages."""
