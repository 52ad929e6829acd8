from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from config.errors import NightdeskError
from daemon.cli import main
from tests.support.models.small_policies import SMALL, ruled_dataset
from trainers.cloning.policy.config import TrainingConfig
from trainers.cloning.policy.network.inference import load_ensemble, load_rl_policy
from trainers.cloning.policy.training.trainer import BehaviorCloningTrainer, train_seeds

DATASET = ruled_dataset(400)
Command = Callable[..., tuple[int, str, str]]


def config(folder: Path, **changes: object) -> TrainingConfig:
    DATASET.save(folder / "decisions.npz")
    return TrainingConfig(folder / "decisions.npz", folder / "out", **{**SMALL, "device": "cpu", **changes})


def test_it_prints_what_it_trains_on_and_each_epoch_and_writes_the_best_policy(tmp_path: Path) -> None:
    stream = io.StringIO()
    metrics = BehaviorCloningTrainer(config(tmp_path), stream).train()
    lines = stream.getvalue().splitlines()
    assert "Loaded dataset: 400 samples, 34 features" in lines
    counts = DATASET.counts
    assert f"Action distribution: HOLD={counts[0]}, BUY={counts[1]}, SELL={counts[2]}" in lines
    assert "Train size: 340, Val size: 40 (20 between them left out)" in lines
    assert f"Model parameters: {34 * 8 + 8 + 8 * 8 + 8 + 8 * 3 + 3 + 9:,}" in lines
    (best,) = [line for line in lines if line.startswith(f"[Epoch {metrics.best_epoch}/6]")]
    assert f"val_loss={metrics.best_val_loss:.4f}" in best
    assert "train_acc=" in best
    policy = load_rl_policy(tmp_path / "out" / "policy_best.pt")
    metadata = policy.get_metadata()
    assert metadata["val_action_acc"] == metrics.val_action_acc == metrics.validation.accuracy
    assert metadata["config"]["hidden_dim"] == 8
    right = [policy.predict(state)[0] == action for state, action in zip(DATASET.states, DATASET.actions, strict=True)]
    assert sum(right[-40:]) / 40 == pytest.approx(metrics.val_action_acc)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["policy_best.pt"]


def test_the_same_seed_writes_the_same_file_and_three_seeds_vote(tmp_path: Path) -> None:
    cfg = config(tmp_path, max_epochs=2)
    first = train_seeds(cfg, stream=io.StringIO())
    files = [Path(metrics.policy_path) for metrics in first]
    assert [path.parent.name for path in files] == ["out_seed42", "out_seed123", "out_seed456"]
    contents = [path.read_bytes() for path in files]
    assert len(set(contents)) == 3
    train_seeds(cfg, (42,), io.StringIO())
    assert files[0].read_bytes() == contents[0]
    assert load_ensemble(files).predict(DATASET.states[0])[0].name in {"HOLD", "BUY", "SELL"}


def test_a_dataset_of_one_action_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    cfg = config(tmp_path)
    DATASET.rows((DATASET.actions == 0).nonzero()[0]).save(cfg.dataset_path)
    with pytest.raises(NightdeskError, match="only action is hold") as refused:
        BehaviorCloningTrainer(cfg, io.StringIO()).train()
    assert refused.value.code == "training.single_class"
    assert not cfg.output_dir.exists()


@pytest.fixture
def nightdesk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["nightdesk", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def test_the_command_trains_on_a_dataset_with_flags(tmp_path: Path, nightdesk: Command) -> None:
    DATASET.save(tmp_path / "d.npz")
    words = ["--home", str(tmp_path / "home"), "--json", "train", "--dataset", str(tmp_path / "d.npz")]
    words += ["--output", str(tmp_path / "bc"), "--epochs", "2", "--batch-size", "64", "--lr", "0.01"]
    words += ["--hidden-dim", "8", "--seed", "7", "--model-type"]
    code, out, err = nightdesk(*words, "policy_cloner", "--num-layers", "1", "--dropout", "0.2")
    assert code == 0
    assert "[Epoch 2/2]" in err
    metadata = load_rl_policy(tmp_path / "bc" / "policy_best.pt").get_metadata()
    assert json.loads(out)["val_action_acc"] == metadata["val_action_acc"]
    expected = {"batch_size": 64, "lr": 0.01, "hidden_dim": 8, "num_layers": 1, "dropout": 0.2, "seed": 7}
    assert metadata["config"].items() >= {**expected, "max_epochs": 2}.items()
    code, _, err = nightdesk("train", "--dataset", str(tmp_path / "d.npz"), "--model-type", "a2c")
    assert (code, "Model types that do: policy_cloner" in err.replace("\n", " ")) == (2, True)


def test_a_wrong_dataset_ends_the_command_with_its_cure(tmp_path: Path, nightdesk: Command) -> None:
    (tmp_path / "d.npz").write_text("no arrays")
    code, _, err = nightdesk("train", "--model-type", "policy_cloner", "--dataset", str(tmp_path / "d.npz"))
    assert code != 0
    assert "states (N, 34)" in err.replace("\n", " ")
    code, _, err = nightdesk("train", "--dataset", str(tmp_path / "d.npz"), "--symbol", "AAPL")
    assert (code, "without symbols" in err.replace("\n", " ")) == (2, True)
