"""How well the Decision Transformer copies a real trader, and its controls beside it, on markets that came later.

FOLDER holds the logs of one trader, `<slug>_prices.json`. The newest share of the markets is held out; everything, the
epoch too, is fitted on the markets before them. Bounds are of 90 %, by bootstrap over markets. Without a FOLDER there
is nothing to measure.

python -m benchmarks.copied_traders FOLDER --bar 30 --hold-out 0.2
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch

from config.errors import UsageError
from data_pipeline.inputs import Inputs
from data_pipeline.trader_logs.inputs import market_rows, trader_inputs
from evaluation.imitation.controls import controls_of, in_words, verdict
from evaluation.labels import format_number
from trainers.decision_transformer.desk.fitting import Fitter
from trainers.decision_transformer.desk.markets import Market, mirrored, settled_markets, split_by_time
from trainers.decision_transformer.desk.measurement import measure
from trainers.decision_transformer.params import DecisionTransformerParams


def inputs_of(folder: Path, seconds: int) -> Inputs:
    """The markets of the trader whose logs lie in or below the folder."""
    logs = sorted(folder.glob("**/*_prices.json"))
    traders = {log.parent for log in logs}
    if len(traders) != 1:
        raise UsageError(
            "benchmark.logs", f"{folder} holds logs of {len(traders)} traders.", "Name the folder of one trader."
        )
    return trader_inputs(f"trader:{traders.pop().name}", logs, seconds=seconds)


def markets_of(inputs: Inputs, params: DecisionTransformerParams) -> list[Market]:
    """The markets that are settled, the oldest first."""
    mirrors = market_rows(mirrored(inputs)) if params.mirrored else None
    first, last = inputs.times[0].to_pydatetime(), inputs.times[-1].to_pydatetime()
    settled = [log.index[-1].to_pydatetime() for log in inputs.trader_log.values()]
    return settled_markets(market_rows(inputs), first, max(last, *settled), mirrors)


def show(measured: dict[str, Any], seconds: int) -> None:
    """Print the table of docs/models.md."""
    learned, judged, bars = (measured[name] for name in ("learned_markets", "markets", "bars"))
    print(f"\nBars of {seconds} s: {judged} later markets ({bars} bars), {learned} to learn from\n")
    own, balanced = measured["accuracy"], measured["balanced_accuracy"]
    controls = controls_of(measured["controls"])
    rows = [("transformer", own["estimate"], own["low"], own["high"], balanced["estimate"], "")]
    for name, of in controls.items():
        lead = f"{of.gain:+.1f} ({format_number(of.gain_low, '+.1f')} to {format_number(of.gain_high, '+.1f')})"
        rows.append((in_words(name), of.accuracy, of.low, of.high, of.balanced_accuracy, lead))
    print("| | copied, % | 90 % bounds | mean recall, % | lead of the transformer, points |\n|---|---|---|---|---|")
    for name, accuracy, low, high, mean_recall, lead in rows:
        bounds = f"{format_number(low, '.1f')} to {format_number(high, '.1f')}"
        print(f"| {name} | {accuracy:.1f} | {bounds} | {format_number(mean_recall, '.1f')} | {lead} |")
    print("\n| class | trader | transformer | recall, % | precision, % |\n|---|---|---|---|---|")
    for of in measured["by_class"]:
        parts = (format_number(of[name], ".1f") for name in ("recall", "precision"))
        print(f"| {in_words(of['name'])} | {of['actual']} | {of['copied']} | {' | '.join(parts)} |")
    print()
    for name, control in controls.items():
        print(verdict(name, control))


def main(folder: Path | None, bar: int, hold_out: float, seed: int) -> int:
    """Measure and print."""
    if folder is None:
        print("Skipped: name a folder of a trader's logs, `python -m benchmarks.copied_traders FOLDER --bar 30`.")
        return 0
    torch.set_num_threads(1)
    params = DecisionTransformerParams()
    began = time.perf_counter()
    learned, judged = split_by_time(markets_of(inputs_of(folder, bar), params), hold_out)
    if not judged:
        raise UsageError("benchmark.markets", f"{len(learned)} markets are too few to hold any out.", "Pull more logs.")
    fitter = Fitter(params, seed, "cpu", None, lambda name, epoch: print(f"{name}: {epoch.message}", flush=True))
    measured = measure(fitter, learned, judged)
    show(measured, bar)
    print(f"\nSeed {seed}, one core, {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, nargs="?", help="the logs of one trader")
    parser.add_argument("--bar", type=int, default=30, help="seconds of a bar")
    parser.add_argument("--hold-out", type=float, default=0.2, help="share of the markets, the newest")
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()
    raise SystemExit(main(arguments.folder, arguments.bar, arguments.hold_out, arguments.seed))
