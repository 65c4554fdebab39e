"""Words of the register: cut the same way when they are written and when they are looked for."""

from functools import cache

import rjieba

#: A query of more words than this is a text, not a query.
MAX_WORDS = 16


def tokens(*texts: str) -> str:
    """The words of Chinese and Latin text, lower case, each apart, as ``to_tsvector('simple', …)`` reads them."""
    words = (word for text in texts for word in _cutter().cut_for_search(_clean(text)))
    return " ".join(word for word in words if any(map(str.isalnum, word)))


def query(text: str) -> str:
    """The words looked for, all of which have to be there; empty when ``text`` holds none."""
    return " ".join(tokens(text).split()[:MAX_WORDS])


def _clean(text: str) -> str:
    return "".join(character if character.isalnum() else " " for character in text).lower()


@cache
def _cutter() -> rjieba.Jieba:
    return rjieba.Jieba()
