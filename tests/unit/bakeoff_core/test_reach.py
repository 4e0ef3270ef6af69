"""Recipients that a deployment could never reach are refused, field by field, when they are written down."""

from ipaddress import ip_network
from typing import Any

import pytest

from bakeoff_core.errors import InvalidInput
from bakeoff_core.experiments.management import ExperimentManager
from bakeoff_core.experiments.reach import Reach
from bakeoff_core.stores.experiments import InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.target_users import TargetUserLists
from tests.support import SettableClock

TOPIC = "arn:aws:sns:us-east-1:123456789012:growth"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:bakeoff/slack-growth-AbCdEf"
EMAIL = {"type": "email", "address": "growth@example.com"}
DEFINITION: dict[str, Any] = {
    "name": "checkout",
    "groups": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}],
    "metrics": ["click_rate"],
}


def manager(reach: Reach) -> ExperimentManager:
    lists = TargetUserLists(InMemoryObjectStore())
    return ExperimentManager(
        InMemoryExperimentStore(), InMemoryModelRegistry(), SettableClock(), lists=lists, reach=reach
    )


def refused(manager: ExperimentManager, *recipients: dict[str, str]) -> list[str]:
    rules = {"alert_rules": {"recipients": recipients}}
    schedule = {"schedule": {"frequency": "daily", "recipients": recipients}}
    with pytest.raises(InvalidInput) as created:
        manager.create(DEFINITION | schedule, "t")
    manager.create(DEFINITION, "t")
    with pytest.raises(InvalidInput) as changed:
        manager.change("checkout", DEFINITION | rules, "t")
    with pytest.raises(InvalidInput) as part:
        manager.change_part("checkout", "alert_rules", rules["alert_rules"], "t")
    assert str(changed.value) == str(part.value) == str(created.value).replace("schedule.", "alert_rules.")
    return str(created.value).split("; ")


def test_email_needs_a_sender() -> None:
    webhook = {"type": "webhook", "url": "https://hook.example/"}
    assert refused(manager(Reach(email=False)), webhook, EMAIL) == [
        "schedule.recipients[1].address: cannot be reached: the stack has no EmailSender"
    ]


def test_a_topic_must_be_the_stacks_or_one_that_it_was_given() -> None:
    reach = Reach(topics=frozenset({TOPIC}))
    assert refused(manager(reach), {"type": "sns", "topic_arn": TOPIC}, {"type": "sns", "topic_arn": TOPIC + "2"}) == [
        "schedule.recipients[1].topic_arn: is none of the stack's NotificationTopicArns"
    ]


def test_a_secret_must_be_one_that_the_stack_was_given() -> None:
    reach = Reach(secrets=frozenset({SECRET}))
    known = {"type": "slack", "secret_name": "bakeoff/slack-growth"}
    assert refused(manager(reach), known, {"type": "webhook", "secret_name": "bakeoff/slack"}) == [
        "schedule.recipients[1].secret_name: is none of the stack's NotificationSecretArns"
    ]


def test_an_address_within_a_private_network_is_refused_where_it_stands() -> None:
    reach = Reach(networks=(ip_network("10.1.0.0/16"),))
    own, public = {"type": "webhook", "url": "http://10.1.2.3/x"}, {"type": "slack", "url": "https://93.184.215.14/x"}
    foreign = [
        {"type": "webhook", "url": url}
        for url in ("http://10.2.0.1/", "https://169.254.169.254/", "https://[64:ff9b::a9fe:a9fe]/")
    ]
    refusal = "is an address of a private network, and of none of WebhookNetworks"
    assert refused(manager(reach), own, public, *foreign) == [
        f"schedule.recipients[{index}].url: {refusal}" for index in (2, 3, 4)
    ]


def test_who_can_be_reached_is_taken() -> None:
    everybody = [
        EMAIL,
        {"type": "sns", "topic_arn": TOPIC},
        {"type": "slack", "secret_name": "bakeoff/slack-growth"},
        {"type": "webhook", "url": "https://hook.example/"},
    ]
    able = manager(Reach(topics=frozenset({TOPIC}), secrets=frozenset({SECRET})))
    created = able.create(DEFINITION | {"schedule": {"frequency": "daily", "recipients": everybody}}, "t")
    assert created.schedule is not None
    assert [each.type for each in created.schedule.recipients] == ["email", "sns", "slack", "webhook"]
