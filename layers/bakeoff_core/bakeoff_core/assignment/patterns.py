"""Regular expressions that come from a configuration and meet texts from callers."""

from collections.abc import Callable

LONGEST_PATTERN = 500
LONGEST_TEXT = 10_000

_MEMORY_BYTES = 1 << 18


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Compile a pattern of RE2's syntax into a search.

    RE2 takes time in proportion to the text, whatever the pattern, and knows neither back-references nor
    look-around. The pattern's length and its compiled size are bounded, and so are the texts: a longer one
    is not searched and does not match.

    Args:
        pattern: The pattern; it may match anywhere in a text unless it is anchored.

    Returns:
        Whether a text matches.

    Raises:
        ValueError: The pattern is too long or too large, or it is none.
    """
    # Only an experiment with a pattern pays for the library.
    import re2  # noqa: PLC0415

    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"takes a pattern of at most {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else "it is not valid Unicode"
        raise ValueError(f"takes a pattern of RE2's syntax: {reason}") from None

    def matches(text: str) -> bool:
        return len(text) <= LONGEST_TEXT and compiled.search(text) is not None

    return matches
