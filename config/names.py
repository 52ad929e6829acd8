"""Names that become folders: of subjects, model types, versions and runs."""

from __future__ import annotations

import re
from typing import Literal, get_args

from config.errors import UsageError

# What one model version speaks of: a symbol, all symbols of the desk together, or one trader's markets.
Scope = Literal["symbol", "universe", "trader"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
UNIVERSE = "universe"
BACKUP = "backup_"
BACKUP_OBJECTS = f"{BACKUP}objects"
QUARANTINE = "quarantine"
_TRADER, _TRADER_FOLDER = "trader:", "trader-"
_ADDRESS = re.compile(r"0x[0-9A-Fa-f]{1,40}")
_NAME = re.compile(r"[A-Za-z0-9^_][A-Za-z0-9.^=_-]{0,63}")


def safe_name(kind: str, name: str) -> str:
    """Return `name` if it can be a folder's name on any system; symbols and model types pass through here."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(
            "name.unsafe",
            f"The {kind} {name!r} cannot be used as a file name.",
            "Use letters, digits and . ^ = _ - only, 64 characters at most, not beginning with a dot.",
        )
    return name


def is_trader(address: str) -> bool:
    """Whether `address` is a trader's, such as 0x6031."""
    return _ADDRESS.fullmatch(address) is not None


def trader_subject(address: str) -> str:
    """The subject of models of one trader: trader:0x6031."""
    return f"{_TRADER}{address}"


def trader_address(subject: str) -> str:
    """The address of the trader that this subject is: 0x6031 of trader:0x6031."""
    address = subject.removeprefix(_TRADER)
    if address == subject or not is_trader(address):
        raise UsageError("name.no_trader", f"{subject!r} is no trader.", "Write it as trader:0x6031.")
    return address


def is_trader_subject(subject: str) -> bool:
    """Whether a subject is a trader."""
    return subject.startswith(_TRADER) and is_trader(subject.removeprefix(_TRADER))


def subject_folder(subject: str) -> str:
    """The folder of a subject, safe on any system: trader-0x6031 of trader:0x6031; else the subject's own name."""
    address = subject.removeprefix(_TRADER)
    if address != subject and is_trader(address):
        return f"{_TRADER_FOLDER}{address}"
    return safe_name("subject", subject)


def folder_subject(folder: str) -> str:
    """The subject whose folder has this name: the way back from `subject_folder`."""
    address = folder.removeprefix(_TRADER_FOLDER)
    return trader_subject(address) if address != folder and is_trader(address) else folder


def reserved_folder(symbol: str) -> bool:
    """Whether a symbol of this name would share a folder with something else, in capitals or not."""
    name = symbol.casefold()
    return name in (UNIVERSE, QUARANTINE) or name.startswith((_TRADER_FOLDER, BACKUP))
