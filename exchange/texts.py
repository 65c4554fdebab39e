"""What people say in their own words: reasons, statements, answers."""

from exchange.errors import Invalid

#: The most characters of what is said at one step.
MAX_TEXT = 2000


def said(text: str, most: int = MAX_TEXT) -> str:
    """``text`` without the space around it.

    Raises:
        Invalid: Nothing is said, or more than ``most`` characters.
    """
    words = text.strip()
    if not 0 < len(words) <= most:
        raise Invalid("Say it in 1 to %(most)s characters.", code="text_length", most=most)
    return words
