"""The only namer of files under a desk's home."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.errors import UsageError

HOME_VARIABLE = "NIGHTDESK_HOME"
_BACKUP = "backup_"
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


def _folders(folder: Path) -> list[Path]:
    """The folders in `folder`, if there is one; not the hidden ones."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return [entry for entry in entries if not entry.name.startswith(".") and entry.is_dir()]


@dataclass(frozen=True)
class Home:
    """The folder a desk lives in. Every path below it is named here and nowhere else."""

    root: Path

    @classmethod
    def find(cls, given: str | os.PathLike[str] | None = None) -> Home:
        """`--home`, else the variable NIGHTDESK_HOME, else the working directory."""
        chosen = given or os.environ.get(HOME_VARIABLE) or Path.cwd()
        return cls(Path(chosen).expanduser().resolve())

    @property
    def database(self) -> Path:
        """The embedded database: runs, models, signals, alerts."""
        return self.root / "nightdesk.sqlite3"

    @property
    def lock(self) -> Path:
        """Held by the one process that may change this home."""
        return self.root / "nightdesk.lock"

    @property
    def token(self) -> Path:
        """The API's write token, made on the first start when none is configured."""
        return self.root / "api.token"

    @property
    def config(self) -> Path:
        """Where a home keeps its own config, if `--config` names no other."""
        return self.root / "training_config.json"

    @property
    def data(self) -> Path:
        """Market data and trade logs."""
        return self.root / "data"

    @property
    def models(self) -> Path:
        """Model versions and their backups."""
        return self.root / "models"

    @property
    def results(self) -> Path:
        """Reports and pictures, a folder a run."""
        return self.root / "results"

    @property
    def logs(self) -> Path:
        """What the desk said."""
        return self.root / "logs"

    @property
    def log(self) -> Path:
        """The desk's own log, a JSON object a line."""
        return self.logs / "nightdesk.jsonl"

    def run_log(self, run: str) -> Path:
        """The log of one run."""
        return self.logs / "runs" / f"{safe_name('run', run)}.jsonl"

    def bars(self, source: str, symbol: str, interval: str) -> Path:
        """The stored bars of one symbol from one source."""
        return self.data / "bars" / source / safe_name("symbol", symbol) / f"{interval}.parquet"

    @property
    def bars_root(self) -> Path:
        """The folder with a folder of bars for each source."""
        return self.data / "bars"

    def health(self, source: str, symbol: str, interval: str) -> Path:
        """The picture of the health of stored bars."""
        return self.bars(source, symbol, interval).with_suffix(".png")

    @property
    def symbols(self) -> set[str]:
        """Every symbol of which bars are stored."""
        return {folder.name for source in _folders(self.bars_root) for folder in _folders(source)}

    def revision(self, source: str, symbol: str, interval: str, dataset: str) -> Path:
        """Bars that were replaced by a history told otherwise, named by their content."""
        return self.bars(source, symbol, interval).with_suffix("") / f"{safe_name('dataset', dataset)}.parquet"

    @property
    def revision_folders(self) -> list[Path]:
        """The folders of replaced bars, one for each source, symbol and interval that has any."""
        return [entry for entry in sorted(self.bars_root.glob("*/*/*")) if entry.is_dir()]

    def headlines(self, source: str, symbol: str) -> Path:
        """What was reported about one symbol, with the time it was seen."""
        return self.data / "news" / source / f"{safe_name('symbol', symbol)}.parquet"

    def breaker(self, source: str) -> Path:
        """Until when a source is left alone, because it wanted fewer requests."""
        return self.cache(source) / "rate_limited.json"

    @property
    def data_quarantine(self) -> Path:
        """Everything that was refused: bars by source and symbol, logs under their keys."""
        return self.data / "quarantine"

    def quarantine(self, source: str, symbol: str, interval: str, at: datetime) -> Path:
        """Rows that a quality gate refused, with their reasons."""
        name = f"{interval}-{at:%Y%m%dT%H%M%S}.parquet"
        return self.data_quarantine / source / safe_name("symbol", symbol) / name

    def quarantines(self, source: str, symbol: str, interval: str) -> list[Path]:
        """Every file of refused rows of one symbol, oldest first."""
        folder = self.data_quarantine / source / safe_name("symbol", symbol)
        return sorted(folder.glob(f"{interval}-*.parquet"))

    @property
    def expert_logs(self) -> Path:
        """The default folder of expert trade logs, one `<SYMBOL>.csv` each."""
        return self.data / "experts"

    @property
    def bucket(self) -> Path:
        """The embedded default of the traders' bucket."""
        return self.data / "bucket"

    @property
    def trades(self) -> Path:
        """Traders' logs as they were pulled from their bucket, under their keys."""
        return self.data / "trades"

    @property
    def trades_index(self) -> Path:
        """What was pulled from the bucket, and in which version."""
        return self.data / "trades.json"

    def log_list(self, logs: str) -> Path:
        """Which logs a table was made of: a JSON object a line, under the name of them all."""
        return self.data / "lineage" / f"{safe_name('dataset', logs)}.jsonl"

    @property
    def trades_quarantine(self) -> Path:
        """Traders' logs that are torn, under their keys."""
        return self.data_quarantine / "trades"

    @property
    def trader_table(self) -> Path:
        """Traders' decisions with their states, ready to learn from."""
        return self.data / "processed_trader_data.parquet"

    @property
    def samples(self) -> Path:
        """Sample files for a person to learn the formats from; the desk never reads them."""
        return self.data / "samples"

    def cache(self, name: str) -> Path:
        """A library's cache; may be deleted at any time."""
        return self.data / "cache" / name

    @property
    def library_home(self) -> Path:
        """What libraries take for the home folder of a user; may be deleted at any time."""
        return self.cache("libraries")

    def folds(self, symbol: str, model_type: str) -> Path:
        """What walk-forward has done of one model; may be deleted at any time."""
        return self.cache("walk_forward") / safe_name("symbol", symbol) / safe_name("model type", model_type)

    @property
    def checkpoints_root(self) -> Path:
        """Where trainings that were cut off go on from; may be deleted when none is at work."""
        return self.cache("training")

    def checkpoints(self, symbol: str, model_type: str, version: str) -> Path:
        """How far the training of one model version has come."""
        return (
            self.checkpoints_root
            / safe_name("symbol", symbol)
            / safe_name("model type", model_type)
            / safe_name("version", version)
        )

    def model(self, symbol: str, model_type: str, version: str) -> Path:
        """The folder of one model version."""
        return (
            self.models
            / safe_name("symbol", symbol)
            / safe_name("model type", model_type)
            / safe_name("version", version)
        )

    @property
    def versions(self) -> set[tuple[str, str, str]]:
        """Symbol, model type and version of every model folder. Hidden folders are unfinished, or about to go."""
        return {
            (symbol.name, model_type.name, version.name)
            for symbol in _folders(self.models)
            if symbol.name != self.models_quarantine.name and not symbol.name.startswith(_BACKUP)
            for model_type in _folders(symbol)
            for version in _folders(model_type)
        }

    @property
    def models_quarantine(self) -> Path:
        """Model folders whose files do not match their manifest; never served."""
        return self.models / "quarantine"

    def backup(self, at: datetime) -> Path:
        """The folder of the backup taken at `at`."""
        return self.models / f"{_BACKUP}{at:%Y%m%d_%H%M%S}"

    @property
    def backups(self) -> list[Path]:
        """Every finished backup, oldest first."""
        return sorted(self.models.glob(f"{_BACKUP}????????_??????"))

    def result(self, run: str) -> Path:
        """The folder of one run's reports."""
        return self.results / safe_name("run", run)

    def relative(self, path: Path) -> str:
        """`path` as it is told to readers: relative to the home, so no path of the machine leaks."""
        try:
            return path.resolve().relative_to(self.root).as_posix()
        except ValueError:
            return path.name
