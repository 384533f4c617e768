r"""Texts that differ and look alike: what a reader does not see is written as an escape.

Two texts look alike if they are equal once letters are composed, letters of other scripts are read
as the Latin ones that they resemble, invisible characters are left out, blanks are joined, and
upper and lower case are one. Of such a pair every differing character that is not a plain one is
shown as `\u00a0`. Other texts are shown as they are.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, pairwise

_LONGEST = 2_000  # characters; longer texts that look alike are shown as they are
_MOST_NAMED = 3
_LATIN = "aeopcyxisjhkbmtvnrqdgwABEKMHOPCTXYIJSZN"
_RESEMBLING = (
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0458\u04bb\u043a\u042c\u043c\u0442"
    "\u03bd\u0578\u0433\u051b\u0501\u0261\u051d"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u04ae\u0406\u0408\u0405"
    "\u0396\u039d"
)
_MORE = {
    "\u03b1": "a", "\u03bf": "o", "\u03c1": "p", "\u03b9": "i", "\u0131": "i", "\u03ba": "k",
    "\u0391": "A", "\u0392": "B", "\u0395": "E", "\u0397": "H", "\u0399": "I", "\u039a": "K",
    "\u039c": "M", "\u039f": "O", "\u03a1": "P", "\u03a4": "T", "\u03a5": "Y", "\u03a7": "X",
    "\u0423": "Y", "\u04cf": "l", "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-",
    "\u2014": "-", "\u2212": "-", "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"',
    "\u201d": '"', "\u2044": "/", "\u2215": "/", "\u2800": "", "\u1160": "", "\u115f": "",
}  # fmt: skip
_READ_AS = str.maketrans(dict(zip(_RESEMBLING, _LATIN, strict=True)) | _MORE)
_LETTERS = re.compile(r"\w+")
_CONTROLS = {"\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\0": "NUL"}


def outline_of(text: str) -> str:
    """Return what texts that look alike have in common."""
    return " ".join(_visible_part(text).casefold().split())


def outline_of_line(text: str) -> str:
    """Return the same of a line of code, whose blanks within and case are seen."""
    return _visible_part(text.expandtabs(4)).rstrip()


def tell_apart(first: str, second: str) -> tuple[str, str]:
    """Return two texts that look alike, with escapes for what a reader would not see."""
    if max(len(first), len(second)) > _LONGEST:
        return first, second
    ours, theirs = [*first], [*second]
    for start, end, other_start, other_end in _differences(first, second):
        ours[start:end] = map(_escaped, first[start:end])
        theirs[other_start:other_end] = map(_escaped, second[other_start:other_end])
    return "".join(ours), "".join(theirs)


def name_difference(first: str, second: str) -> str:
    """Return what differs between two texts that look alike, in words."""
    if max(len(first), len(second)) > _LONGEST:
        return "they look alike"
    hidden = dict.fromkeys(_hidden_differences(first, second))
    if not hidden:
        return "only upper and lower case differ"
    return name_letters(hidden)


def find_hidden_letters(*texts: str) -> frozenset[str]:
    """Return the characters in which words of texts differ while they look alike, case kept.

    A word is what stands between blanks, and every run of letters and digits in it.
    """
    if all(map(str.isascii, texts)):
        return frozenset()
    alike: dict[str, set[str]] = {}
    for word in {word for text in texts for word in (*text.split(), *_LETTERS.findall(text))}:
        alike.setdefault(word if word.isascii() else _visible_part(word), set()).add(word)
    return frozenset(
        chain.from_iterable(
            _hidden_differences(*pair)
            for words in alike.values()
            for pair in pairwise(sorted(words))
            if max(map(len, pair)) <= _LONGEST
        )
    )


def escape_letters(text: str, letters: Collection[str]) -> str:
    """Return a text with some of its characters as escapes."""
    return "".join(_escaped(each) if each in letters else each for each in text)


def name_letters(letters: Iterable[str]) -> str:
    """Return in words what characters are, the first ones by name."""
    return ", ".join(_names(letters))


def _visible_part(text: str) -> str:
    composed = unicodedata.normalize("NFKC", text)
    return "".join(filter(_is_seen, composed)).translate(_READ_AS)


def _is_seen(character: str) -> bool:
    if character.isprintable() or character.isspace():
        return not "\ufe00" <= character <= "\ufe0f"  # which only choose a letter's variant
    return unicodedata.category(character) not in ("Cf", "Cc")


def _differences(first: str, second: str) -> Iterator[tuple[int, int, int, int]]:
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    yield from (spans for tag, *spans in matcher.get_opcodes() if tag != "equal")  # type: ignore[misc]


def _hidden_differences(first: str, second: str) -> Iterator[str]:
    for start, end, other_start, other_end in _differences(first, second):
        yield from filter(_needs_escape, first[start:end] + second[other_start:other_end])


def _needs_escape(character: str) -> bool:
    return not "!" <= character <= "~"


def _escaped(character: str) -> str:
    if not _needs_escape(character):
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _names(characters: Iterable[str]) -> Iterator[str]:
    for place, character in enumerate(characters):
        if place == _MOST_NAMED:
            yield "and more"
            return
        named = _CONTROLS.get(character) or unicodedata.name(character, "a character without name")
        yield f"{_escaped(character)} is {named}"
