"""The params of the Decision Transformer; light: a config is checked without loading torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.section import Section
from trainers.flags import Flag

Tokens = Literal["interleaved", "concatenated"]
Count = Annotated[int, Field(ge=1)]


class Architecture(Section):
    """The shape of the network: its tokens and its blocks.

    Args:
        d_model: width of a token; a multiple of `heads`.
        layers: blocks of attention and feed-forward network, each normalised before.
        heads: heads of the attention.
        context: the most bars of a window.
        dropout: share of the numbers that a training leaves out at random, behind embeddings and blocks.
        tokens: whether return, state and action of a bar are three tokens or one.
        conditioned: whether the returns to go are read at all; without them the network clones behaviour.
    """

    d_model: Annotated[Count, Flag("--d-model", help="width of a token")] = 128
    layers: Annotated[Count, Flag("--layers", "--num-layers", help="blocks of the network")] = 6
    heads: Annotated[Count, Flag("--heads", help="heads of the attention")] = 4
    context: Annotated[Count, Flag("--context", "--context-window", help="the most bars of a window")] = 128
    dropout: Annotated[float, Field(ge=0.0, lt=1.0), Flag("--dropout", help="share of numbers left out")] = 0.1
    tokens: Annotated[Tokens, Flag("--tokens", help="interleaved, or concatenated")] = "interleaved"
    conditioned: bool = True

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Architecture:
        if self.d_model % self.heads:
            raise ValueError(f"d_model must be a multiple of heads ({self.heads}), and {self.d_model} is not")
        return self


class NetworkConfig(Architecture):
    """The architecture of a Decision Transformer (Chen et al. 2021, https://arxiv.org/abs/2106.01345).

    With returns to go R, states s and actions a, the network reads

        R_1 s_1 a_1 R_2 s_2 a_2 ...     (interleaved)

    under a causal mask, and predicts a_t from the token of s_t, and R_t from the token before it: neither has been seen
    there. With concatenated tokens a bar is one token of (R_t, s_t, a_(t-1)): a third of the length; a_t follows from
    it, and R_t from the token before.

    Args:
        state_dim: numbers of a state.
        action_dim: actions to choose from.
        return_scale: by what returns to go are multiplied before the network reads or predicts them.
    """

    state_dim: Count = 17
    action_dim: Annotated[int, Field(ge=2)] = 5
    return_scale: float = Field(default=100.0, gt=0.0)


class FitConfig(Section):
    """How the network is fitted: AdamW (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101) on

        loss = action_loss_weight CE(a) + rtg_loss_weight MSE(R)

    means over the bars that count, the cross-entropy weighted by class,

        w_c = (n / (classes n_c)) ^ class_balance

    The learning rate rises linearly for `warmup` steps and then falls along half a cosine to a tenth.

    Args:
        epochs: at most; the best one by validation loss serves.
        batch_size: windows of a step.
        learning_rate: at its highest.
        weight_decay: of AdamW.
        warmup: steps until the learning rate is at its highest; never more than half of all steps.
        clip: the largest norm of a gradient.
        patience: epochs without a lower validation loss after which a training ends.
        action_loss_weight: weight of the cross-entropy of actions.
        rtg_loss_weight: weight of the squared error of returns to go.
        class_balance: 0 weighs every bar alike, 1 every class.
    """

    epochs: Annotated[Count, Flag("--epochs", help="passes over the training markets, at most")] = 50
    batch_size: Annotated[Count, Flag("--batch-size", help="windows of a training step")] = 8
    learning_rate: Annotated[float, Field(gt=0.0), Flag("--lr", "--learning-rate", help="learning rate")] = 1e-3
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    warmup: Annotated[int, Field(ge=0)] = 100
    clip: float = Field(default=1.0, gt=0.0)
    patience: Annotated[Count, Flag("--patience", help="epochs without a better validation loss to stop after")] = 8
    action_loss_weight: float = Field(default=1.0, ge=0.0)
    rtg_loss_weight: float = Field(default=0.1, ge=0.0)
    class_balance: float = Field(default=0.0, ge=0.0, le=1.0)


Group = Literal["base", "price", "actions", "fills", "book"]


class DecisionTransformerParams(Architecture):
    """The params of the model type `decision_transformer` (Chen et al. 2021, https://arxiv.org/abs/2106.01345).

    From the markets of a trader the network learns p(a_t | R_1, s_1, a_1, ..., R_t, s_t): what the trader does in the
    bar that begins now, where R_t is what the market still earns from there on. When it decides, R_t is a target return
    less what the market has earned until then.

    Args:
        groups: named groups of states, `base` first.
        strong: the quantile of net amounts from which on a trade is strong.
        return_scale: by what returns to go are multiplied; with None by one over their deviation in training.
        target_quantile: of what the training markets earned; the target return when none is asked for.
        mirrored: whether every market is also learned from with Up and Down exchanged.
        validation: the share of the markets, the newest, by which the epoch is chosen that serves.
        fit: how the network is fitted.
    """

    # Smaller than the published architecture: as good on an inner validation of real markets, in a tenth of the time.
    d_model: Annotated[Count, Flag("--d-model", help="width of a token")] = 64
    layers: Annotated[Count, Flag("--layers", "--num-layers", help="blocks of the network")] = 3
    dropout: Annotated[float, Field(ge=0.0, lt=1.0), Flag("--dropout", help="share of numbers left out")] = 0.2
    groups: tuple[Group, ...] = Field(default=("base", "price", "actions", "fills"), min_length=1, strict=False)
    strong: float = Field(default=0.8, ge=0.0, le=1.0)
    return_scale: Annotated[float, Field(gt=0.0)] | None = None
    target_quantile: float = Field(default=0.5, ge=0.0, le=1.0)
    mirrored: bool = True
    validation: float = Field(default=0.2, gt=0.0, lt=1.0)
    fit: FitConfig = FitConfig()

    @model_validator(mode="after")
    def _base_is_first(self) -> DecisionTransformerParams:
        if self.groups[0] != "base" or len(set(self.groups)) < len(self.groups):
            raise ValueError("groups must name base first, and none twice")
        return self

    def network(self, states: int, return_scale: float) -> NetworkConfig:
        """The config of a network that reads so many states."""
        architecture = self.model_dump(include=set(Architecture.model_fields))
        return NetworkConfig(**architecture, state_dim=states, return_scale=return_scale)
