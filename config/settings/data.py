"""Which bars are pulled, and where bars, expert logs and trader logs come from."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from config.section import Section
from config.settings.types import Duration, Interval, Symbol


class DataParams(Section):
    """Which bars are pulled."""

    interval: Interval = "1d"
    wait_for_data: Duration = timedelta(hours=6)


class YahooSource(Section):
    """Yahoo Finance, or a server that speaks its protocol."""

    base_url: str | None = None
    timeout: Duration = timedelta(seconds=10)
    at_once: int = Field(default=4, ge=1, le=32)
    headlines: bool = True
    macro_symbol: Symbol | None = "^GSPC"


class ExpertLogs(Section):
    """Where an expert's trades are read; the sample expert is used for real bars only if it is asked for."""

    folder: str | None = None
    when_missing: Literal["fail", "sample"] = "fail"


class Bucket(Section):
    """The bucket of traders' logs: a folder, an S3 endpoint, or `r2` for Cloudflare's. Its keys are named nowhere here.

    They are read from R2_ACCOUNT_ID, R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY and R2_BUCKET_NAME: variables of the
    environment, or files of those names in `secrets_folder`.
    """

    url: str | None = None
    secrets_folder: str | None = None
    repeated_fills: Literal["keep", "drop"] = "keep"

    @model_validator(mode="after")
    def _valid(self) -> Bucket:
        if self.url is not None and not re.fullmatch(r"r2|file:///\S*|https?://[^/\s@]+/?", self.url):
            raise ValueError("url must be r2, file:///folder, or an S3 endpoint such as https://host without a path")
        return self


class Sources(Section):
    """Where bars and expert logs come from. `auto` is Yahoo, and the sample market where Yahoo cannot be reached."""

    bars: Literal["auto", "yahoo", "csv", "sample"] = "auto"
    csv_folder: str | None = None
    yahoo: YahooSource = YahooSource()
    expert_logs: ExpertLogs = ExpertLogs()
    bucket: Bucket = Bucket()

    @model_validator(mode="after")
    def _folder(self) -> Sources:
        if self.bars == "csv" and not self.csv_folder:
            raise ValueError('bars is "csv", so csv_folder must name a folder')
        return self
