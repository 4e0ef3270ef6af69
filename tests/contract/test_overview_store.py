from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.experiments.overview import DecisionOverview, GroupOverview, Overview, Traffic
from bakeoff_core.stores.aws import table
from bakeoff_core.stores.overviews import DynamoOverviewStore, InMemoryOverviewStore, OverviewStore
from tests.aws import create_table
from tests.support import NOON


def overview(name: str = "checkout_button", **changes: Any) -> Overview:
    known: dict[str, Any] = {
        "experiment": name,
        "config_version": 1,
        "computed_at": NOON,
        "users": 3,
        "groups": {
            "control": GroupOverview(users=2, control=True, value=0.5, interval=(0.1, 0.9), amount=1),
            "treatment": GroupOverview(users=1, control=False),
        },
        "traffic": (Traffic(date=NOON.date(), users=3),),
        "decision": DecisionOverview(verdict="no_data", rule="no_data", headline="nobody came"),
    }
    return Overview.model_validate(known | changes)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> OverviewStore:
    if request.param == "memory":
        return InMemoryOverviewStore()
    request.getfixturevalue("aws")
    create_table("overviews", "name")
    return DynamoOverviewStore(table("overviews"))


def test_reads_what_was_written_and_leaves_out_what_was_not(store: OverviewStore) -> None:
    assert store.read(["checkout_button"]) == {}
    written = overview(report_id="20260301T120000.000000Z")
    store.put(written)
    assert store.read(["checkout_button", "other", "checkout_button"]) == {"checkout_button": written}
    assert store.read([]) == {}


def test_reads_more_than_dynamodb_takes_at_once(store: OverviewStore) -> None:
    written = {f"e{number}": overview(f"e{number}", users=number) for number in range(205)}
    for each in written.values():
        store.put(each)
    assert store.read(written) == written


def test_never_goes_back_in_time(store: OverviewStore) -> None:
    later = overview(computed_at=NOON + timedelta(microseconds=1), users=5)
    store.put(overview())
    store.put(later)
    store.put(overview(users=4))
    assert store.read(["checkout_button"]) == {"checkout_button": later}


def test_the_same_look_again_replaces_itself(store: OverviewStore) -> None:
    store.put(overview(users=4))
    store.put(overview(users=5))
    assert store.read(["checkout_button"])["checkout_button"].users == 5


def test_a_look_without_a_report_keeps_the_last_report(store: OverviewStore) -> None:
    store.put(overview(report_id="first"))
    store.put(overview(computed_at=NOON + timedelta(hours=1)))
    read = store.read(["checkout_button"])["checkout_button"]
    assert (read.computed_at, read.report_id) == (NOON + timedelta(hours=1), "first")
    store.put(overview(computed_at=NOON + timedelta(hours=2), report_id="second"))
    assert store.read(["checkout_button"])["checkout_button"].report_id == "second"


def test_of_looks_at_the_same_time_the_latest_stays(store: OverviewStore) -> None:
    looks = [overview(computed_at=NOON + timedelta(hours=hour), users=hour) for hour in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store.put, reversed(looks)))
    assert store.read(["checkout_button"])["checkout_button"] == looks[-1]


def test_what_another_release_wrote_counts_as_missing(aws: None) -> None:
    create_table("overviews", "name")
    store = DynamoOverviewStore(table("overviews"))
    boto3.resource("dynamodb").Table("overviews").put_item(
        Item={"name": "old", "document": '{"users": "many"}', "computed_at": "2026"}
    )
    store.put(overview())
    assert list(store.read(["old", "checkout_button"])) == ["checkout_button"]


def test_a_table_that_does_not_answer_is_an_unavailable_dependency(aws: None) -> None:
    store = DynamoOverviewStore(table("missing"))
    for call in (lambda: store.put(overview()), lambda: store.read(["checkout_button"])):
        with pytest.raises(DependencyUnavailable, match="the overview table is unavailable at the moment"):
            call()


def test_keys_left_for_later_are_asked_for_again(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    create_table("overviews", "name")
    kept = table("overviews")
    store = DynamoOverviewStore(kept)
    for name in ("a", "b"):
        store.put(overview(name))
    ask, asked = kept.meta.client.batch_get_item, []

    def answer_one(RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - boto3's spelling
        keys = RequestItems["overviews"]["Keys"]
        asked.append(len(keys))
        answer = ask(RequestItems={"overviews": {"Keys": keys[:1]}})
        return {**answer, "UnprocessedKeys": {"overviews": {"Keys": keys[1:]}} if keys[1:] else {}}

    monkeypatch.setattr(kept.meta.client, "batch_get_item", answer_one)
    assert store.read(["a", "b"]) == {"a": overview("a"), "b": overview("b")}
    assert asked == [2, 1]


def test_keys_left_for_later_for_good_are_an_unavailable_dependency(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    create_table("overviews", "name")
    kept = table("overviews")
    monkeypatch.setattr("bakeoff_core.stores.aws.time.sleep", lambda _seconds: None)
    monkeypatch.setattr(
        kept.meta.client,
        "batch_get_item",
        lambda RequestItems: {"Responses": {}, "UnprocessedKeys": RequestItems},  # noqa: N803 - boto3's spelling
    )
    with pytest.raises(DependencyUnavailable):
        DynamoOverviewStore(kept).read(["a"])
