"""What the API answers, field by field; a generated client has these as its types."""

from daemon.api.answers.datasets import Dataset, Lineage, Log, LogsRecord, TableRecord
from daemon.api.answers.models import (
    Evaluation,
    Model,
    ModelVersion,
    ModelVersionFacts,
    ModelVersionPage,
    Serving,
    ServingDecision,
)
from daemon.api.answers.records import Record, RecordList
from daemon.api.answers.runs import ActiveRun, Progress, Run, RunLog, RunPage, RunWithTasks, Task, TaskProgress
from daemon.api.answers.signals import MissingSignal, Signal, SignalHistory, SignalList
from daemon.api.answers.status import (
    Alert,
    AlertPage,
    Backup,
    BackupPlace,
    Backups,
    Condition,
    Health,
    Job,
    JobList,
    Readiness,
    Status,
)

__all__ = [
    "ActiveRun",
    "Alert",
    "AlertPage",
    "Backup",
    "BackupPlace",
    "Backups",
    "Condition",
    "Dataset",
    "Evaluation",
    "Health",
    "Job",
    "JobList",
    "Lineage",
    "Log",
    "LogsRecord",
    "MissingSignal",
    "Model",
    "ModelVersion",
    "ModelVersionFacts",
    "ModelVersionPage",
    "Progress",
    "Readiness",
    "Record",
    "RecordList",
    "Run",
    "RunLog",
    "RunPage",
    "RunWithTasks",
    "Serving",
    "ServingDecision",
    "Signal",
    "SignalHistory",
    "SignalList",
    "Status",
    "TableRecord",
    "Task",
    "TaskProgress",
]
