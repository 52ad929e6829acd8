"""The configs of the policy cloner, with its equations; light: a config is checked without loading torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.dataclass_section import DataclassSection
from trainers.flags import Flag

Network = Literal["plain", "attention", "multi_task"]
ActionLoss = Literal["plain", "weighted", "focal"]
Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0.0)]
Place = Annotated[Path, Field(strict=False)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class NetworkConfig(DataclassSection):
    """The shape of a policy network over a state x of 34 numbers.

        z = clip((x - mean) / deviation, -10, 10),   of the training rows
        z = 34 z softmax(A z + a)                    (attention)
        h_k = dropout(relu(W_k h_(k-1) + b_k)),      h_0 = z, k = 1 ... num_layers
        action ~ softmax(U h + u),   strength = sigmoid(v h + w)

    `multi_task` has two heads more, for the account's return over the next bar and the regime to come.

    Args:
        network: plain, attention or multi_task.
        hidden_dim: units of a hidden layer.
        num_layers: hidden layers.
        dropout: share of hidden units that a training leaves out at random.
    """

    network: Annotated[Network, Flag("--network", help="plain, attention or multi_task")] = "plain"
    hidden_dim: Annotated[int, Field(ge=1, le=8192), Flag("--hidden-dim", help="units of a hidden layer")] = 128
    num_layers: Annotated[int, Field(ge=1, le=16), Flag("--num-layers", "--layers", help="hidden layers")] = 2
    dropout: Annotated[float, Field(ge=0.0, lt=1.0), Flag("--dropout", help="share of hidden units left out")] = 0.1


class CloningConfig(NetworkConfig):
    """How the network is fitted: by AdamW (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101) on

        loss = alpha CE(action) + beta MSE(strength) + gamma (MSE(return) + CE(risk))

    where the last part belongs to `multi_task` alone. The cross-entropy of actions is that of every row alike (plain),
    weighted by total / (3 count of the class) (weighted), or multiplied by (1 - p)^focal_gamma, p the probability of
    the right action (focal; Lin et al. 2017, https://arxiv.org/abs/1708.02002). The epoch of the lowest loss on the
    newest rows serves.

    Args:
        batch_size: rows of a step.
        lr: learning rate.
        max_epochs: passes over the training rows, at most.
        weight_decay: of AdamW.
        alpha: weight of the actions' loss.
        beta: weight of the strengths' loss.
        gamma: weight of the losses of return and risk.
        loss: plain, weighted or focal.
        focal_gamma: exponent of the focal loss.
        oversample: whether rows are drawn so that each action is as frequent.
        noise: deviation of the noise on market features of training rows, in their own deviations; 0 adds none.
        clip: the largest norm of a gradient.
        patience: epochs without a lower validation loss after which a training ends.
        validation: share of the rows, the newest, on which the epoch is selected.
        purge: rows before these that are left out, since the windows of their states overlap.
    """

    batch_size: Annotated[Count, Flag("--batch-size", help="rows of a training step")] = 256
    lr: Annotated[float, Field(gt=0.0, le=1.0), Flag("--lr", "--learning-rate", help="learning rate")] = 1e-3
    max_epochs: Annotated[Count, Flag("--epochs", help="passes over the training rows, at most")] = 20
    weight_decay: Annotated[NotNegative, Flag("--weight-decay", help="weight decay")] = 1e-5
    alpha: NotNegative = 1.0
    beta: NotNegative = 1.0
    gamma: NotNegative = 0.5
    loss: Annotated[ActionLoss, Flag("--loss", help="plain, weighted or focal")] = "plain"
    focal_gamma: NotNegative = 2.0
    oversample: Annotated[bool, Flag("--oversample", help="draw each action as often")] = False
    noise: Annotated[NotNegative, Flag("--noise", help="noise on training states, in deviations")] = 0.0
    clip: Annotated[float, Field(gt=0.0)] = 1.0
    patience: Annotated[Count, Flag("--patience", help="epochs without a better validation loss to stop after")] = 5
    validation: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    purge: Annotated[int, Field(ge=0)] = 20


class TrainingConfig(CloningConfig):
    """The config of a `BehaviorCloningTrainer`: where its dataset is, where its policy goes, and how it is fitted.

    Args:
        dataset_path: an npz file of `data_pipeline.offline.dataset`.
        output_dir: the folder that `policy_best.pt` is written to.
        seed: of the first weights, the batches and the noise.
        device: where the network trains.
    """

    leading_fields = ("dataset_path", "output_dir")

    dataset_path: Place = Path("data/offline_dataset.npz")
    output_dir: Place = Path("models/rl_bc")
    seed: Seed = 42
    device: Literal["auto", "cpu", "cuda"] = "auto"


class PolicyClonerParams(CloningConfig):
    """The params of the model type `policy_cloner`.

    Args:
        seed: of its training; `desk` is the seed of the desk, and 42 where a dataset is trained on without one.
        strategy: the strategy file, or the name of one that comes with Nightdesk, whose ensemble of analysts is the
            teacher of symbols without recorded decisions.
        sell: whether a sell exits, or goes short by its strength.
    """

    seed: Annotated[Seed | Literal["desk"], Flag("--seed", help="seed of the training, or desk")] = "desk"
    strategy: str = "baseline_v1"
    sell: Literal["exit", "short"] = "exit"
