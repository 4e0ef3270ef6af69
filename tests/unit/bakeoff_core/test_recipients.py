from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bakeoff_core.experiments.recipients import Email, Recipients, Slack, Topic, Webhook
from bakeoff_core.validation import field_errors

ADAPTER: TypeAdapter[Any] = TypeAdapter(Recipients)


def errors(*recipients: Mapping[str, object]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(recipients)
    return [str(error) for error in field_errors(caught.value)]


def test_each_kind_is_read() -> None:
    read = ADAPTER.validate_python(
        [
            {"type": "sns", "topic_arn": "arn:aws-us-gov:sns:us-gov-west-1:123456789012:alerts"},
            {"type": "email", "address": "Team.Lead+ab@mail.example.com"},
            {"type": "slack", "url": "https://hooks.slack.com/services/T/B/x"},
            {"type": "webhook", "secret_name": "bakeoff/hook"},
            {"type": "webhook", "url": "http://127.0.0.1:8080/hook"},
        ]
    )
    assert [type(each) for each in read] == [Topic, Email, Slack, Webhook, Webhook]


@pytest.mark.parametrize(
    ("recipient", "error"),
    [
        ({"type": "pigeon"}, "[0].type: input tag 'pigeon' found using 'type' does not match any of the expected tags"),
        ({"url": "https://example.com/"}, "[0].type: unable to extract tag using discriminator 'type'"),
        ({"type": "email", "address": 1}, "[0].address: input should be a valid string, got 1"),
        ({"type": "sns", "topic_arn": "arn:aws:sqs:us-east-1:123456789012:queue"}, "string should match pattern"),
        ({"type": "email", "address": "team@example"}, "must be one e-mail address"),
        ({"type": "email", "address": "a@example.com, b@example.com"}, "must be one e-mail address"),
        ({"type": "email", "address": "a@example.com\nBcc: b@example.com"}, "must be one e-mail address"),
        ({"type": "email", "address": "<a@example.com>"}, "must be one e-mail address"),
        ({"type": "webhook", "url": "ftp://example.com/"}, "must be a URL that begins with https://"),
        ({"type": "webhook", "url": "https:///path"}, "must be a URL that begins with https://"),
        ({"type": "webhook", "url": "http://example.com/"}, "must begin with https://"),
        ({"type": "webhook", "url": "https://user:pass@example.com/"}, "no user, password or fragment"),
        ({"type": "webhook", "url": "https://example.com/a b"}, "must hold no spaces"),
        ({"type": "webhook", "url": "https://example.com:99999/"}, "port"),
        ({"type": "webhook"}, "exactly one of url and secret_name"),
        ({"type": "slack", "url": "https://a.example/", "secret_name": "x"}, "exactly one of url and secret_name"),
        ({"type": "slack", "url": "https://a.example/", "channel": "#x"}, "extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_reached_is_refused(recipient: dict[str, object], error: str) -> None:
    found = errors(recipient)
    assert len(found) == 1
    assert error.lower() in found[0].lower()


def test_there_is_a_limit() -> None:
    assert "at most 20" in errors(*[{"type": "email", "address": "a@example.com"}] * 21)[0]
