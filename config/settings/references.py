"""Secrets in a config: as a reference, `env:NAME` or `file:PATH`, and never as the value itself, also not in a URL.

A URL that is written out holds no user name with a password, no query that could be a key, and no path that could be
a token. What is refused is never shown: it may be the secret.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from config.secrets import is_reference

# The type of error whose value no message may show, and its cure.
WRITTEN_OUT = "written_out"
REFERENCE_CURE = 'Put it into an environment variable or a file, and write "env:NAME" or "file:PATH" here.'

_HOST = r"(?:[^\s/?#@:\\%\[\],]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
# A part of a path that a person chose: words, perhaps with a small number. A token has more digits, or odd capitals.
_WORD = r"[A-Za-z][a-z]{0,14}\d{0,2}"
_WORDS = rf"{_WORD}(?:[._-]{_WORD}){{0,3}}"
_WEB = re.compile(rf"https?://{_HOST}(?:/{_WORDS}){{0,8}}/?")
# The parameters of libpq that are no secrets; `password`, `sslpassword` and all others are refused.
_PARAMETERS = (
    "application_name|channel_binding|connect_timeout|gssencmode|host|keepalives(?:_[a-z]+)?|options|passfile|port|"
    "service|sslcert|sslkey|sslmode|sslrootcert|target_session_attrs"
)
_PARAMETER = rf"(?:{_PARAMETERS})=[A-Za-z0-9_.,/:%=-]*"
_DATABASE = re.compile(
    r"postgres(?:ql)?(?:\+psycopg)?://(?:[A-Za-z0-9_.-]+@)?"
    rf"(?:{_HOST}(?:,{_HOST})*)?(?:/[A-Za-z0-9_.-]*(?:\?{_PARAMETER}(?:&{_PARAMETER})*)?)?"
)


def _refused(problem: str) -> PydanticCustomError:
    return PydanticCustomError(WRITTEN_OUT, "{problem}", {"problem": problem})


def _reference(value: Any) -> Any:
    if not isinstance(value, str) or not is_reference(value):
        raise _refused("is a secret, which must be env:NAME or file:PATH, never the value itself")
    return value


def _web_address(value: Any) -> Any:
    if not isinstance(value, str) or not (is_reference(value) or _WEB.fullmatch(value)):
        raise _refused(
            "must begin with http:// or https:// and name a host; an address with a user name, a query or a path "
            "that may be a token is a secret, which must be env:NAME or file:PATH"
        )
    return value


def _database_address(value: Any) -> Any:
    if not isinstance(value, str) or not (is_reference(value) or _DATABASE.fullmatch(value)):
        raise _refused(
            "must be the URL of a PostgreSQL database without a password, such as postgresql://user@host/database; "
            "one that holds a password or an unknown parameter is a secret, which must be env:NAME or file:PATH"
        )
    return value


SecretReference = Annotated[str, BeforeValidator(_reference)]
# An address that can be written out as long as it holds no secret.
WebAddress = Annotated[str, BeforeValidator(_web_address)]
DatabaseAddress = Annotated[str, BeforeValidator(_database_address)]
