"""The text of a message in the forms that a service may take, the longest first.

Apprise splits a text into parts that a service takes, by characters. Where a service counts
otherwise, or shows the parts badly, it gets one part that fits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_SHORTER = (2_900, 900)  # for a service that refuses the form: Slack's blocks take 3,000
_MARGIN = 40  # of each part, for its number
_STEP = 0.8  # between two tries to fit a text
_CARD = "NotifyWorkflows"  # Teams
# What Adaptive Cards take for markup (learn.microsoft.com/adaptive-cards/authoring-cards/
# text-features) and what else CommonMark does. Some clients of Teams show a backslash before
# anything else, and some before these. `_` within a word is none.
_MARKUP = re.compile(
    r"\\(?=[!-/:-@\[-`{-~])|(?<! )\*|\*(?! )|`|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    r"|(?<=\])[(:\[]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|~(?=~)|(?<=~)~"
)
_LIST = re.compile(r"^(?:(?=#|>|[-+](?:[ +-]|$))|\d{1,9}(?=[.)](?: |$)))")
_LINK = re.compile(r"^(Full report): (https?://[^\s()<>\\]+)$")


@dataclass(frozen=True, slots=True)
class Limit:
    """What a service takes in one part.

    Attributes:
        most: how large the text may be.
        measure: returns the size of a text as the service sees it.
    """

    most: int
    measure: Callable[[str], int]


def _count_bytes(text: str) -> int:
    return len(text.encode())


def _count_card(text: str) -> int:
    return len(json.dumps(text))


# By the names of Apprise's classes. What is longer than 4,096 bytes, ntfy turns into a file that
# nobody reads (docs.ntfy.sh/publish). Teams takes messages of about 28 KB
# (learn.microsoft.com/connectors/teams), which here are UTF-16, with 1 KB for the card.
_LIMITS = {
    "NotifyNtfy": Limit(4_096, _count_bytes),
    _CARD: Limit(13_000, _count_card),
}


def list_texts(plugin: Any, title: str, text: str, *, most_parts: int) -> Iterator[str]:  # noqa: ANN401 - Apprise's own
    """Yield a text as long as the service takes it in so many parts, then shorter forms."""
    limit = _LIMITS.get(type(plugin).__name__)
    if limit is None:
        room = most_parts * max(plugin.body_maxlen - len(title) - _MARGIN, _SHORTER[-1])
    else:
        room = _find_room(plugin, text, limit)
        plugin.body_maxlen = max(plugin.body_maxlen, limit.most)
    for most in (room, *(most for most in _SHORTER if most < min(room, len(text)))):
        yield _form(plugin, cut_text(text, most))


def _find_room(plugin: Any, text: str, limit: Limit) -> int:  # noqa: ANN401 - Apprise's own
    """Return to how many characters a text is cut to be within a limit."""
    room = len(text)
    while room > _SHORTER[-1] and limit.measure(_form(plugin, cut_text(text, room))) > limit.most:
        room = int(room * _STEP)
    return room


def is_marked_up(plugin: Any) -> bool:  # noqa: ANN401 - Apprise's own
    """Return whether texts are in the Markdown that the service reads, not in plain text."""
    return type(plugin).__name__ == _CARD


def mark_up(line: str) -> str:
    """Return the Markdown of a line for an Adaptive Card, with as few backslashes as it needs."""
    line = line.strip()
    if found := _LINK.match(line):
        return f"[{found[1]}]({found[2]})"
    return _LIST.sub(r"\g<0>\\", _MARKUP.sub(r"\\\g<0>", line))


def _form(plugin: Any, text: str) -> str:  # noqa: ANN401 - Apprise's own
    """Return a text whose lines stay apart: Markdown joins lines without a blank one between."""
    if is_marked_up(plugin):
        return "\n\n".join(mark_up(line) for line in text.split("\n") if line.strip())
    return text.replace("\n", "\n\n") if plugin.notify_format == "markdown" else text


def cut_text(text: str, most: int) -> str:
    """Return a text of at most about `most` characters: of its middle paragraph the first lines.

    The paragraph says how many lines it lacks. The first paragraph has the verdict, the last one
    the link; both stay.
    """
    if len(text) <= most:
        return text
    head, *middle, foot = text.split("\n\n") if text.count("\n\n") > 1 else (text, "")
    lines = "\n\n".join(middle).split("\n")
    room = most - len(head) - len(foot) - 60
    kept = list(_take(lines, room))
    left_out = len(lines) - len(kept)
    more = f"… and {left_out:,} more" if left_out else ""
    return "\n\n".join(filter(None, (head[: max(most, 200)], "\n".join([*kept, more]), foot)))


def _take(lines: list[str], room: int) -> Iterator[str]:
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return
        yield line
