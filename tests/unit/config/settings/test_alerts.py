"""Notifications and their channels in a config."""

from __future__ import annotations

import pytest

from tests.support.settings import settings


@pytest.mark.parametrize("channel", [{"email": "env:ADDRESS"}, {"slack_webhook": "file:/run/slack"}])
def test_a_channel_that_could_not_deliver_is_refused_once_it_is_enabled(channel):
    with pytest.raises(Exception, match="cannot be delivered by this version"):
        settings(notifications={"enabled": True, **channel})


HOOK = {"kind": "webhook", "url": "https://example.org/hook", "secret": "env:HOOK"}


OLDER = {"url": "https://example.org/older", "secret": "env:OLDER"}


def test_the_older_key_of_a_webhook_and_the_list_of_channels_say_the_same():
    older = settings(notifications={"enabled": True, "webhook": OLDER}).notifications
    listed = settings(notifications={"enabled": True, "channels": [{"kind": "webhook", **OLDER}]}).notifications
    assert older.active == listed.active
    assert older.channel_names == listed.channel_names == ("log", "webhook")


def test_channels_go_by_their_names_and_only_while_notifications_are_enabled():
    choices = {"webhook": OLDER, "channels": [{**HOOK, "name": "on-call"}]}
    on, off = (settings(notifications={"enabled": enabled, **choices}) for enabled in (True, False))
    assert on.notifications.channel_names == ("log", "webhook", "on-call")
    assert off.notifications.channel_names == ("log",)
    assert {"HOOK", "OLDER"} <= on.secret_variables() & off.secret_variables()


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([HOOK, HOOK], "more than one channel called webhook; give each a name"),
        ([{**HOOK, "name": "log"}], r"/notifications/channels/0/name is \"log\": must be a short name"),
        ([{**HOOK, "kind": "pigeon"}], r"/notifications/channels/0/kind is \"pigeon\": should be \"webhook\""),
        ([{**HOOK, "kind": None}], "/notifications/channels/0 has no kind"),
        ([{**HOOK, "kind": ["webhook"]}], "/notifications/channels/0/kind should be"),
        ([OLDER], "/notifications/channels/0 has no kind"),
        ([{"kind": "webhook", "url": "https://example.org"}], "/notifications/channels/0/secret is missing"),
        ([{"kind": "webhook", "secret": "env:HOOK"}], "/notifications/channels/0/url is missing"),
        ([{**HOOK, "secert": "env:HOOK"}], "/notifications/channels/0/secert is not a known key"),
        (["https://example.org"], "/notifications/channels/0 should be an object"),
        (HOOK, "/notifications/channels should be a list"),
    ],
)
def test_a_wrong_channel_is_refused_with_its_place(channels, message):
    with pytest.raises(Exception, match=message):
        settings(notifications={"channels": channels})


@pytest.mark.parametrize(
    ("webhook", "complaint"),
    [
        ({"url": "ftp://example.org", "secret": "env:A"}, "/url must begin with http"),
        ({"url": "https://", "secret": "env:A"}, "/url must begin with http"),
        ({"url": "https://example.org"}, "/notifications/webhook/secret is missing"),
    ],
)
def test_a_webhook_names_a_host_and_where_its_secret_is(webhook, complaint):
    with pytest.raises(Exception, match=complaint):
        settings(notifications={"webhook": webhook})
