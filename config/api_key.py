"""Which keys of the prediction service can be guessed."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

LEAST_CHARACTERS: Final = 24  # 144 bits when they come from `openssl rand -base64`
_LEAST_DIFFERENT: Final = 8  # 24 random hexadecimal digits have 12 to 13
_LEAST_OWN: Final = 12  # letters and digits beside words that placeholders are made of
_MOST_STEPS: Final = 0.5  # of the neighbours that are the same or follow each other in the alphabet; 3 in 64 do by chance
HOW_TO_MAKE_ONE: Final = "make one with `openssl rand -base64 32`"

# What examples and first attempts are made of.
_WORDS: Final = """
a access admin altaviz an and api apikey asdf asdfghjkl auth azerty battery be bearer change changeit changeme changethis compressor
compressors correct credential default demo dev development do dummy example foobar for goes here horse in insert is it key letmein login
long master me must my new not of open opensesame or pass passphrase password passwort placeholder please private prod production put
qwerty qwertyuiop random replace replaceme root sample secret secure server service sesame set some staging staple strong super temp test
the this to todo token use user value very welcome with xxx your yours zxcvbnm
"""
_REFUSED: Final = re.compile("|".join(sorted(_WORDS.split(), key=len, reverse=True)))  # longest first: no word eats a part of another


def weakness(key: str) -> str | None:
    """Why `key` can be guessed; None if no rule finds a reason.

    The text completes a sentence whose subject is the key.
    """
    if len(key) < LEAST_CHARACTERS:
        return f"has {len(key)} characters and needs at least {LEAST_CHARACTERS}"
    if len(set(key)) < _LEAST_DIFFERENT:
        return f"has {len(set(key))} different characters and needs at least {_LEAST_DIFFERENT}"
    bare = re.sub(r"[^a-z0-9]", "", key.lower())
    if _is_one_text_repeated(key) or _is_one_text_repeated(bare):
        return "repeats one text"
    steps = sum(abs(ord(after) - ord(before)) <= 1 for before, after in pairwise(key.lower()))
    if steps > _MOST_STEPS * len(key):
        return "counts up or down"
    if len(_REFUSED.sub("", bare)) < _LEAST_OWN:
        return "consists of words from examples"
    return None


def _is_one_text_repeated(text: str) -> bool:
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, len(text) // 2 + 1))
