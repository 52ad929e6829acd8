"""Which bars are pulled, and where bars, expert logs and trader logs come from."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from config.section import Section
from config.settings.bucket_keys import BucketKeys
from config.settings.older_keys import note
from config.settings.references import WebAddress
from config.settings.types import CalendarCode, Duration, Interval, Symbol


class DataParams(Section):
    """Which bars are pulled."""

    interval: Interval = Field(default="1d", description="Length of a bar.")
    wait_for_data: Duration = Field(
        default=timedelta(hours=6),
        description="How long training waits for the bars of the last closed session before it is skipped.",
    )
    as_of: Literal["now", "data"] = Field(
        default="now",
        description=(
            "`now`: training needs the bars of the last closed session. `data`: histories that have ended are trained"
            " and judged as of their last bar, and marked as not live."
        ),
    )
    calendars: dict[Symbol, CalendarCode] = Field(
        default={},
        description=(
            "Calendar by symbol, where Yahoo's way of writing it tells none or another one: `24/5` (currencies, from"
            " Sunday to Friday 17:00 in New York), `24/7`, or the code of an exchange, such as `XLON`."
        ),
    )


class CsvFormat(Section):
    """How the owner's files write times and numbers; nothing is guessed from what they look like."""

    dates: Literal["iso", "day_first", "month_first", "epoch_seconds", "epoch_milliseconds", "excel"] = Field(
        default="iso",
        description=(
            "How times are written: `iso` (2024-01-31), `day_first` (31/01/2024), `month_first` (01/31/2024), seconds"
            " or milliseconds since 1970 in UTC, or Excel's days since 1900."
        ),
    )
    delimiter: Literal[",", ";", "\t", "|"] = Field(default=",", description="What stands between two columns.")
    decimal: Literal[".", ","] = Field(default=".", description="What stands before the decimals of a number.")
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        default=None, description="What groups the digits of large numbers; `null` for nothing."
    )

    @model_validator(mode="after")
    def _distinct(self) -> CsvFormat:
        marks = [mark for mark in (self.delimiter, self.decimal, self.thousands) if mark is not None]
        if len(set(marks)) < len(marks):
            raise ValueError("delimiter, decimal and thousands must differ")
        return self


class YahooSource(Section):
    """Yahoo Finance, or a server that speaks its protocol."""

    base_url: WebAddress | None = Field(
        default=None,
        description=(
            "Server that speaks Yahoo's protocol and is used in its place; an address with a password must be "
            "`env:NAME` or `file:PATH`."
        ),
    )
    timeout: Duration = Field(default=timedelta(seconds=10), description="Time limit of one request.")
    at_once: int = Field(
        default=4, ge=1, le=32, description="Symbols pulled at the same time, if there are as many workers."
    )
    headlines: bool = Field(
        default=True, description="Whether headlines are stored, each with the time at which this desk first saw it."
    )
    macro_symbol: Symbol | None = Field(
        default="^GSPC", description="Symbol whose headlines are stored as news of the whole market; `null` for none."
    )


class ExpertLogs(Section):
    """Logs of an expert's trades, which the behavioural cloner learns from."""

    folder: str | None = Field(
        default=None, description="Folder of expert logs, one `<SYMBOL>.csv` each; else `data/experts` in the home."
    )
    when_missing: Literal["fail", "sample"] = Field(
        default="fail",
        description="What happens with real bars and no log: training fails, or the sample expert stands in.",
    )


class Bucket(BucketKeys):
    """The bucket of trader logs. The keys to it are not in the config: it names the variable or file of each."""

    url: str | None = Field(
        default=None,
        description=(
            "Where trader logs are: `file:///folder`, an S3 endpoint such as `https://host`, or `r2` for "
            "Cloudflare R2; `null` pulls none."
        ),
    )
    env_file: str | None = Field(
        default=None,
        description=(
            "File of `NAME=value` lines, such as a `.env`, in which variables of the keys are looked up that are not"
            " set; it should be readable by its owner alone (`chmod 600`)."
        ),
    )
    repeated_fills: Literal["keep", "drop"] = Field(
        default="keep", description="Equal fills of one transaction: keep all of them, or only the first."
    )

    @model_validator(mode="before")
    @classmethod
    def _older_keys(cls, section: Any, info: ValidationInfo) -> Any:
        """An older config names a folder of files that are called as the variables, for those that are not set."""
        if not isinstance(section, dict) or not isinstance(section.get("secrets_folder", 0), str | None):
            return section
        document = {key: value for key, value in section.items() if key != "secrets_folder"}
        for key in BucketKeys.model_fields if section["secrets_folder"] else ():
            file = Path(section["secrets_folder"], f"R2_{key.upper()}")
            if file.exists() and key not in document:
                document[key] = f"file:{file}"
                note(info, f'sources.bucket.secrets_folder is an older key; write "{key}": "file:{file}".')
        return document

    @model_validator(mode="after")
    def _valid(self) -> Bucket:
        if self.url is not None and not re.fullmatch(r"r2|file:///\S*|https?://[^/\s@?#\\%]+/?", self.url):
            raise ValueError("url must be r2, file:///folder, or an S3 endpoint such as https://host without a path")
        return self


class Sources(Section):
    """Where bars and expert logs come from. `auto` is Yahoo, and the sample market where Yahoo cannot be reached."""

    bars: Literal["auto", "yahoo", "csv", "sample"] = Field(
        default="auto",
        description=(
            "Source of bars; `auto` is Yahoo, or the sample market where Yahoo cannot be reached and no real bars"
            " are stored."
        ),
    )
    csv_folder: str | None = Field(
        default=None, description="Folder of `<SYMBOL>.csv` or `<SYMBOL>.parquet` files, required by the source `csv`."
    )
    csv: CsvFormat = CsvFormat()
    yahoo: YahooSource = YahooSource()
    expert_logs: ExpertLogs = ExpertLogs()
    bucket: Bucket = Bucket()

    @model_validator(mode="after")
    def _folder(self) -> Sources:
        if self.bars == "csv" and not self.csv_folder:
            raise ValueError('bars is "csv", so csv_folder must name a folder')
        return self
