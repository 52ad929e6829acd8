"""When a message that a channel did not take is sent again, and when it is given up; pure, so it is tested without one.

    what the receiver did                        the message
    2xx                                          has arrived
    400, 413, 415, 422                           is a dead letter at once: the same message will always be refused
    a redirect, a private address                is a dead letter at once: following it would not be safe
    any other 4xx (401, 403, 404, 410 ...)       waits: a person can mend the token or the address
    408, 425, 429, 5xx, no answer in time        waits: it passes by itself

What waits is tried again after 2, 4, 8 ... seconds, a quarter of an hour at most, each wait shortened by up to a half
so that messages do not all come at once. It becomes a dead letter after `MOST_TRIES`, once it is a week old; or a day
old, if the channel took a later message: then the fault is in the message. A dead letter stays in the ledger, and a
person can send it again.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=15)
MOST_TRIES = 12
GIVEN_UP_AFTER = timedelta(days=7)
GIVEN_UP_ALONE_AFTER = timedelta(days=1)
# Why a dead letter is one that was tried until its time was over.
EXPIRED = "notify.expired"
# A channel is called mute when a message of this age has been tried so often; a receiver may be restarted meanwhile.
STALLED_AFTER = timedelta(minutes=5)
STALLED_TRIES = 3


def retry_delay(key: str, tries: int) -> timedelta:
    """How long the message with this key waits after so many tries; the same for the same key and number."""
    longest = min(FIRST_DELAY * (1 << min(tries - 1, 16)), LONGEST_DELAY)
    digest = hashlib.sha256(f"{key}/{tries}".encode()).digest()
    return longest * (0.5 + 0.5 * digest[0] / 255)


def given_up(created_at: datetime, tries: int, now: datetime, *, others_pass: bool) -> bool:
    """Whether a message that failed `tries` times is a dead letter; `others_pass` if a later one has arrived."""
    age = GIVEN_UP_ALONE_AFTER if others_pass else GIVEN_UP_AFTER
    return tries >= MOST_TRIES and now - created_at >= age
