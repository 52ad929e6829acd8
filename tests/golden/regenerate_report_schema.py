"""Write the schema of reports from their model: `python -m tests.golden.regenerate_report_schema`."""

from __future__ import annotations

from pathlib import Path

import orjson

from evaluation.reports import schema as report_schema


def schema() -> bytes:
    return (
        orjson.dumps(report_schema.Report.model_json_schema(mode="serialization"), option=orjson.OPT_INDENT_2) + b"\n"
    )


if __name__ == "__main__":
    Path(report_schema.__file__).with_name("report.schema.json").write_bytes(schema())
