"""What raises an alert, and where alerts go."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, model_validator

from config.section import Section
from config.settings.older_keys import replace_keys
from config.settings.references import SecretReference, WebAddress
from config.settings.types import LOG_CHANNEL, ChannelName


class Monitoring(Section):
    """The thresholds whose breach raises an alert."""

    min_sharpe_ratio: float = Field(
        default=0.5, description="Annualised Sharpe ratio of a champion on unseen bars below which an alert is raised."
    )
    max_drawdown_threshold: float = Field(
        default=-25.0,
        le=0.0,
        description="Drawdown of a champion on unseen bars, in percent; a deeper one raises an alert.",
    )
    max_psi: float = Field(
        default=0.25,
        gt=0.0,
        description=(
            "Population stability index between training and recent bars, of a feature or of the signals, above "
            "which an alert is raised; only if it is also above what chance explains."
        ),
    )
    max_drifted_features: float = Field(
        default=50.0,
        gt=0.0,
        le=100.0,
        description="Percent of a model's features that have drifted, above which an alert is raised.",
    )
    min_accuracy: float = Field(
        default=60.0,
        ge=0.0,
        le=100.0,
        description=(
            "Percent of unseen bars on which the model holds the position of its expert; below it an alert is raised."
        ),
    )
    min_strength: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description=(
            "Median size of the recent positions below which an alert is raised, of a model whose positions were that "
            "large in training; 1 is the whole account."
        ),
    )
    max_calibration_error: float = Field(
        default=0.25,
        ge=0.0,
        le=1.0,
        description=(
            "Mean gap between a model's confidence and how often it agrees with its expert, above which an alert is "
            "raised."
        ),
    )
    min_bars: int = Field(default=60, ge=20, description="With fewer recent bars, drift and accuracy are not measured.")
    for_evaluations: int = Field(default=1, ge=1, description="Breaches in a row before an alert is raised.")
    clear_after: int = Field(
        default=2, ge=1, description="Measurements in a row without a breach before an alert is resolved."
    )
    clear_margin: float = Field(
        default=0.1,
        ge=0.0,
        description=(
            "How far beyond its threshold a measurement must be to count as recovered, as a share of the threshold."
        ),
    )


class Webhook(Section):
    """A signed webhook, an older way to configure one channel named `webhook`."""

    url: WebAddress = Field(
        description="Address that alerts are posted to; one that is itself a secret must be `env:NAME` or `file:PATH`."
    )
    secret: SecretReference = Field(
        description="Where the signing secret is, by which the receiver can trust what it gets."
    )
    allow_private: bool = Field(default=False, description="Whether the address may be in a private network.")

    @model_validator(mode="before")
    @classmethod
    def _older_keys(cls, section: Any, info: ValidationInfo) -> Any:
        newer = {"secret_env": ("secret", "env:"), "secret_file": ("secret", "file:")}
        return replace_keys(section, info, "the webhook's ", newer)


class WebhookChannel(Webhook):
    """A signed webhook among `notifications.channels`."""

    kind: Literal["webhook"] = Field(
        default="webhook", description="Kind of the channel; always to be given. `webhook` is the only kind so far."
    )
    name: ChannelName = Field(
        default="webhook",
        description=(
            "Name of the channel, different from that of every other: a lower-case letter, then letters, digits, "
            "`_` or `-`."
        ),
    )


def _channel_kind(value: Any) -> Any:
    """Which class of settings a channel has."""
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)


# Another kind joins by `| Annotated[EmailChannel, Tag("email")]`, and in `daemon/alerts/channels/base.py`.
ChannelSettings = Annotated[Annotated[WebhookChannel, Tag("webhook")], Discriminator(_channel_kind)]


class Notifications(Section):
    """Where alerts go besides the log. `webhook`, `email` and `slack_webhook` are keys of older configs."""

    enabled: bool = Field(default=False, description="Whether alerts go to the channels. They always go to the log.")
    channels: tuple[ChannelSettings, ...] = Field(
        default=(),
        strict=False,
        description="Channels that alerts go to besides the log: a list of objects, each with its `kind`.",
    )
    email: SecretReference | None = Field(
        default=None,
        description="Where the address for e-mail is. Not delivered by this version: refused while `enabled` is true.",
    )
    slack_webhook: SecretReference | None = Field(
        default=None,
        description="Where Slack's webhook is. Not delivered by this version: refused while `enabled` is true.",
    )
    webhook: Webhook | None = None

    @model_validator(mode="after")
    def _deliverable(self) -> Notifications:
        for name in ("email", "slack_webhook"):
            if self.enabled and getattr(self, name):
                raise ValueError(f"{name} cannot be delivered by this version; use channels, or set enabled to false")
        names = Counter(channel.name for channel in self.configured)
        if repeated := sorted(name for name, channels in names.items() if channels > 1):
            raise ValueError(f"has more than one channel called {repeated[0]}; give each a name of its own")
        return self

    @property
    def configured(self) -> tuple[ChannelSettings, ...]:
        """Every channel that is written down, also while `enabled` is false."""
        older = [] if self.webhook is None else [WebhookChannel(**self.webhook.model_dump())]
        return (*older, *self.channels)

    @property
    def active(self) -> tuple[ChannelSettings, ...]:
        """The channels that are opened besides the log."""
        return self.configured if self.enabled else ()

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of all channels that an alert goes to, the log's first."""
        return (LOG_CHANNEL, *(channel.name for channel in self.active))
