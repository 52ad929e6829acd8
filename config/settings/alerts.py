"""What raises an alert, and where alerts go."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from config.section import Section
from config.settings.types import LOG_CHANNEL, ChannelName


class Monitoring(Section):
    """The thresholds whose breach raises an alert."""

    min_sharpe_ratio: float = 0.5
    max_drawdown_threshold: float = Field(default=-25.0, le=0.0)
    max_psi: float = Field(default=0.25, gt=0.0)
    max_drifted_features: float = Field(default=50.0, gt=0.0, le=100.0)
    min_accuracy: float = Field(default=60.0, ge=0.0, le=100.0)
    min_bars: int = Field(default=60, ge=20)
    for_evaluations: int = Field(default=1, ge=1)
    clear_after: int = Field(default=2, ge=1)
    clear_margin: float = Field(default=0.1, ge=0.0)


class Webhook(Section):
    """A signed webhook. The secret is named, never written here."""

    url: str
    secret_env: str | None = None
    secret_file: str | None = None
    allow_private: bool = False

    @model_validator(mode="after")
    def _valid(self) -> Webhook:
        if not re.match(r"https?://[^/\s]+", self.url):
            raise ValueError("url must begin with http:// or https:// and name a host")
        if not (self.secret_env or self.secret_file):
            raise ValueError("needs secret_env or secret_file, so that the receiver can trust what it gets")
        return self


class WebhookChannel(Webhook):
    """A signed webhook as an entry of `notifications.channels`; several need names of their own."""

    kind: Literal["webhook"] = "webhook"
    name: ChannelName = "webhook"


def _channel_kind(value: Any) -> Any:
    """Which class of settings a channel has."""
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)


# Another kind joins by `| Annotated[EmailChannel, Tag("email")]`, and in `daemon/alerts/channels.py`.
ChannelSettings = Annotated[Annotated[WebhookChannel, Tag("webhook")], Discriminator(_channel_kind)]


class Notifications(Section):
    """Where alerts go besides the log: `channels`; `webhook`, `email` and `slack_webhook` are older keys."""

    enabled: bool = False
    channels: tuple[ChannelSettings, ...] = Field(default=(), strict=False)
    email: str | None = None
    slack_webhook: str | None = None
    webhook: Webhook | None = None

    @model_validator(mode="after")
    def _deliverable(self) -> Notifications:
        for name in ("email", "slack_webhook"):
            if self.enabled and getattr(self, name):
                raise ValueError(f"{name} cannot be delivered by this version; use channels, or set enabled to false")
        names = [channel.name for channel in self.configured]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
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
