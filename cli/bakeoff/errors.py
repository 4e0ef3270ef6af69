"""What a user of the command line can put right."""


class UsageError(Exception):
    """Something is missing or wrong; the text says what, in the user's words."""
