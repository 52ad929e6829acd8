"""Write the schemas of reports from their models: `python -m tests.golden.regenerate_report_schema`."""

from __future__ import annotations

from pathlib import Path

import orjson
from pydantic import BaseModel

from evaluation.reports import schema as report_schema
from evaluation.reports.imitation import schema as copy_schema

SCHEMAS: dict[Path, type[BaseModel]] = {
    Path(report_schema.__file__).with_name("report.schema.json"): report_schema.Report,
    Path(copy_schema.__file__).with_name("imitation.schema.json"): copy_schema.CopyReport,
}


def schema(model: type[BaseModel] = report_schema.Report) -> bytes:
    return orjson.dumps(model.model_json_schema(mode="serialization"), option=orjson.OPT_INDENT_2) + b"\n"


if __name__ == "__main__":
    for path, model in SCHEMAS.items():
        path.write_bytes(schema(model))
