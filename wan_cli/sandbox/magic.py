"""Magic words: each, put into a prompt, produces an outcome that a pipeline has to survive."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Magic(StrEnum):
    """A word that the sandbox looks for anywhere in the prompt."""

    ERROR = "[error]"
    SLOW = "[slow]"
    REJECT = "[reject]"
    RATE_LIMIT = "[rate-limit]"
    NO_CREDIT = "[no-credit]"
    LOST_REPLY = "[lost-reply]"
    EXPIRED_URL = "[expired-url]"
    CUT_DOWNLOAD = "[cut-download]"

    def is_in(self, prompt: object) -> bool:
        """Whether the prompt holds this word."""
        return isinstance(prompt, str) and self.value in prompt


MAGIC_WORDS: Mapping[str, str] = MappingProxyType(
    {
        Magic.ERROR: "the generation ends with status error and is not charged",
        Magic.SLOW: "the generation takes 30 times as long",
        Magic.REJECT: "the sandbox refuses the submission with 400",
        Magic.RATE_LIMIT: "429 with Retry-After: 1; the same prompt is accepted the next time",
        Magic.NO_CREDIT: "the sandbox refuses the submission with 403: run out of credits",
        Magic.LOST_REPLY: "accepted and charged, but the connection closes without a reply",
        Magic.EXPIRED_URL: "the first video URL has already expired; the next one is good",
        Magic.CUT_DOWNLOAD: "the first download is cut in the middle; later ones succeed",
    }
)
