"""How a value is refused: in words of our own, with a remedy, inside pydantic's validation."""

from __future__ import annotations

from pydantic_core import PydanticCustomError

REFUSED = "refused"


def refusal(message: str, remedy: str) -> PydanticCustomError:
    """Return the error to raise; `message` must not hold what may be a secret."""
    return PydanticCustomError(REFUSED, "{message}", {"message": message, "remedy": remedy})
