"""The names of all files under a desk's home; no other module names one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.names import BACKUP, QUARANTINE, folder_subject, is_trader, safe_name, subject_folder

HOME_VARIABLE = "NIGHTDESK_HOME"


def _folders(folder: Path) -> list[Path]:
    """The folders in `folder`, if there is one; not the hidden ones."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return [entry for entry in entries if not entry.name.startswith(".") and entry.is_dir()]


def _version_path(subject: str, model_type: str, version: str) -> Path:
    return Path(subject_folder(subject), safe_name("model type", model_type), safe_name("version", version))


@dataclass(frozen=True)
class Home:
    """The folder a desk lives in. Every path below it is named here and nowhere else."""

    root: Path

    @classmethod
    def find(cls, path: str | os.PathLike[str] | None = None) -> Home:
        """`--home`, else the variable NIGHTDESK_HOME, else the working directory."""
        root = path or os.environ.get(HOME_VARIABLE) or Path.cwd()
        return cls(Path(root).expanduser().resolve())

    @property
    def database(self) -> Path:
        """The embedded database: runs, models, signals, alerts."""
        return self.root / "nightdesk.sqlite3"

    @property
    def desk_id(self) -> Path:
        """The id of the desk that lives here, which its database holds too."""
        return self.root / "desk.id"

    @property
    def lock(self) -> Path:
        """Held by the one process that may change this home."""
        return self.root / "nightdesk.lock"

    @property
    def token(self) -> Path:
        """The API's write token, made on the first start when none is configured."""
        return self.root / "api.token"

    @property
    def sessions(self) -> Path:
        """Hashes of the sessions of browsers that have signed in."""
        return self.root / "sessions.json"

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
        """Reports and figures, a folder for each run."""
        return self.root / "results"

    @property
    def logs(self) -> Path:
        """The logs of the desk and of its runs."""
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
        """The figure of the health of stored bars."""
        return self.bars(source, symbol, interval).with_suffix(".png")

    @property
    def symbols(self) -> set[str]:
        """Every symbol of which bars are stored."""
        return {folder.name for source in _folders(self.bars_root) for folder in _folders(source)}

    def revision(self, source: str, symbol: str, interval: str, dataset: str) -> Path:
        """Bars that were replaced because their source changed past prices, named by their content."""
        return self.bars(source, symbol, interval).with_suffix("") / f"{safe_name('dataset', dataset)}.parquet"

    @property
    def revision_folders(self) -> list[Path]:
        """The folders of replaced bars, one for each source, symbol and interval that has any."""
        return [entry for entry in sorted(self.bars_root.glob("*/*/*")) if entry.is_dir()]

    def headlines(self, source: str, symbol: str) -> Path:
        """The headlines about one symbol, each with the time it was first seen."""
        return self.headlines_root / source / f"{safe_name('symbol', symbol)}.parquet"

    def breaker(self, source: str) -> Path:
        """The file that says until when a source is not asked, after it answered with too many requests."""
        return self.cache(source) / "rate_limited.json"

    @property
    def headlines_root(self) -> Path:
        """The folder with a folder of headlines for each source."""
        return self.data / "news"

    @property
    def data_quarantine(self) -> Path:
        """All refused data: bars by source and symbol, logs under their keys."""
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
    def traders(self) -> list[str]:
        """The addresses of the traders whose logs were pulled: the folders of the bucket that are called like one."""
        named = {folder.name for top in _folders(self.trades) for folder in (top, *_folders(top))}
        return sorted(filter(is_trader, named))

    @property
    def trades_index(self) -> Path:
        """What was pulled from the bucket, and in which version."""
        return self.data / "trades.json"

    def log_list(self, logs: str) -> Path:
        """The list of the logs that a table was made of, a JSON object a line, named by the fingerprint of them all."""
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

    def record(self, subject: str, model_type: str, recipe: str) -> Path:
        """The folds of the record of one recipe; what is deleted is computed again."""
        return self.data / "records" / subject_folder(subject) / safe_name("model type", model_type) / recipe[:16]

    @property
    def checkpoints_root(self) -> Path:
        """Checkpoints from which interrupted trainings resume; may be deleted when no training runs."""
        return self.cache("training")

    def checkpoints(self, subject: str, model_type: str, version: str) -> Path:
        """How far the training of one model version has come."""
        return self.checkpoints_root / _version_path(subject, model_type, version)

    def model(self, subject: str, model_type: str, version: str) -> Path:
        """The folder of one model version."""
        return self.models / _version_path(subject, model_type, version)

    @property
    def versions(self) -> set[tuple[str, str, str]]:
        """Subject, model type and version of every model folder. Hidden folders are unfinished, or about to go."""
        return {
            (folder_subject(subject.name), model_type.name, version.name)
            for subject in _folders(self.models)
            if subject.name != QUARANTINE and not subject.name.startswith(BACKUP)
            for model_type in _folders(subject)
            for version in _folders(model_type)
        }

    @property
    def models_quarantine(self) -> Path:
        """Model folders whose files do not match their manifest; never served."""
        return self.models / QUARANTINE

    def backup(self, at: datetime) -> Path:
        """The folder of the backup taken at `at`."""
        return self.models / f"{BACKUP}{at:%Y%m%d_%H%M%S}"

    @property
    def backups(self) -> list[Path]:
        """Every finished backup, oldest first."""
        return sorted(path.parent for path in self.models.glob(f"{BACKUP}????????_??????/manifest.json"))

    @property
    def restoring(self) -> Path:
        """There while a restore into this home is under way, and after one that was cut off."""
        return self.root / "restore.json"

    @property
    def data_to_back_up(self) -> tuple[Path, ...]:
        """The files and folders of `data` that could not be had again, or only by long work."""
        names = ("bars", "news", "experts", "trades", "lineage", "quarantine", "records")
        return (*(self.data / name for name in names), self.trades_index, self.trader_table)

    @property
    def file_states(self) -> Path:
        """What the files of data and reports were at the last backup, by which a flipped bit is told from a change."""
        return self.cache("backups") / "file_states.json"

    def damaged(self, path: Path, at: datetime) -> Path:
        """Where a damaged file is set aside; nothing ever deletes it there."""
        name = path.relative_to(self.data if path.is_relative_to(self.data) else self.root).as_posix().replace("/", "-")
        return self.data_quarantine / "damaged" / f"{path.stem}-{at:%Y%m%dT%H%M%S}-{name}"

    def result(self, run: str) -> Path:
        """The folder of one run's reports."""
        return self.results / safe_name("run", run)

    @property
    def result_names(self) -> set[str]:
        """The names of the folders of results: of runs, and what the owner put there."""
        return {folder.name for folder in _folders(self.results)}

    @property
    def run_log_names(self) -> set[str]:
        """The names of the runs that have a log."""
        return {file.name.partition(".")[0] for file in (self.logs / "runs").glob("*.jsonl")}

    def report(self, run: str, subject: str) -> Path:
        """The folder of what one run reports of one subject."""
        return self.result(run) / subject_folder(subject)

    def relative(self, path: Path) -> str:
        """`path` as readers see it: relative to the home, so no path of the machine leaks."""
        try:
            return path.resolve().relative_to(self.root).as_posix()
        except ValueError:
            return path.name
