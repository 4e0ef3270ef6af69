from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from bakeoff_core.errors import AlertNotFound, DependencyUnavailable
from bakeoff_core.experiments.alerts import Alert, Signal, Untold, Watch, alert_id_of
from bakeoff_core.stores.alerts import MOST_LISTED, AlertStore, DynamoAlertStore, InMemoryAlertStore, WatchChanged
from bakeoff_core.stores.aws import table
from tests.aws import create_table
from tests.support import NOON


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> AlertStore:
    if request.param == "memory":
        return InMemoryAlertStore()
    request.getfixturevalue("aws")
    create_table("alerts", "experiment", "item")
    return DynamoAlertStore(table("alerts"))


def alert(subject: str = "", opened_at: datetime = NOON, **changes: Any) -> Alert:
    known: dict[str, Any] = {
        "alert_id": alert_id_of("NO_EVENTS", subject, opened_at),
        "experiment": "e",
        "kind": "NO_EVENTS",
        "subject": subject,
        "message": "nobody came",
        "figures": {"hours": 6.5, "groups": ["a"]},
        "config_version": 1,
        "opened_at": opened_at,
        "last_seen_at": opened_at,
    }
    return Alert.model_validate(known | changes)


def watching(*alerts: Alert, **changes: Any) -> Watch:
    signals = tuple(Signal(kind=each.kind, subject=each.subject, alert_id=each.alert_id) for each in alerts)
    return Watch(experiment="e", signals=signals).model_copy(update=changes)


def test_a_watch_begins_with_nothing_and_is_read_as_it_was_written(store: AlertStore) -> None:
    assert store.watch("e") == Watch(experiment="e")
    opened = alert()
    told = Untold(alert_id=opened.alert_id, change="opened")
    written = store.record(watching(opened, looked_at=NOON, untold=(told,)), [opened])
    assert written.version == 1
    assert store.watch("e") == written
    assert store.get("e", [opened.alert_id, "nothing"]) == {opened.alert_id: opened}
    assert store.get("e", []) == {}
    assert store.record(written).version == 2


def test_of_two_looks_at_once_one_opens_the_episode(store: AlertStore) -> None:
    first, second = alert(opened_at=NOON), alert(opened_at=NOON + timedelta(seconds=1))

    def record(opened: Alert) -> str | None:
        try:
            store.record(watching(opened), [opened])
        except WatchChanged:
            return None
        return opened.alert_id

    with ThreadPoolExecutor() as pool:
        recorded = [each for each in pool.map(record, [first, second] * 3) if each]
    assert len(recorded) == 1
    assert [each.alert_id for each in store.open_alerts(["e"])["e"]] == recorded
    assert [each.alert_id for each in store.newest("e")] == recorded


def test_a_watch_of_before_is_refused(store: AlertStore) -> None:
    written = store.record(watching())
    store.record(written)
    for stale in (written, watching()):
        with pytest.raises(WatchChanged):
            store.record(stale, [alert()])
    assert store.newest("e") == []


def test_open_alerts_are_those_that_the_watch_names_newest_first(store: AlertStore) -> None:
    older, newer = alert("a"), alert("b", NOON + timedelta(hours=1))
    written = store.record(watching(older, newer), [older, newer])
    assert store.open_alerts(["e", "e", "f"]) == {"e": [newer, older]}
    over = older.model_copy(update={"recovered_at": NOON + timedelta(hours=2), "ended_by": "recovery"})
    store.record(written.model_copy(update={"signals": written.signals[1:]}), [over])
    assert store.open_alerts(["e"]) == {"e": [newer]}
    assert store.newest("e") == [newer, over]
    assert (over.status, newer.status) == ("recovered", "open")
    assert store.newest("f") == []


def test_whoever_acknowledged_first_stays_on_record_through_later_looks(store: AlertStore) -> None:
    opened = alert()
    written = store.record(watching(opened), [opened])
    noted = store.acknowledge("e", opened.alert_id, "ann", NOON)
    assert (noted.acknowledged_by, noted.acknowledged_at, noted.message) == ("ann", NOON, "nobody came")
    assert store.acknowledge("e", opened.alert_id, "bea", NOON + timedelta(hours=1)) == noted
    store.record(written, [opened.model_copy(update={"message": "still nobody"})])
    (after,) = store.newest("e")
    assert (after.acknowledged_by, after.message) == ("ann", "still nobody")


def test_an_alert_that_is_not_there_cannot_be_acknowledged(store: AlertStore) -> None:
    opened = alert()
    store.record(watching(opened), [opened])
    for experiment, alert_id in (("e", "nothing"), ("f", opened.alert_id)):
        with pytest.raises(AlertNotFound, match="has no alert"):
            store.acknowledge(experiment, alert_id, "ann", NOON)
    assert store.get("e", ["nothing"]) == {}


def test_more_alerts_than_one_transaction_takes(store: AlertStore) -> None:
    alerts = [alert(str(number)) for number in range(MOST_LISTED + 30)]
    written = store.record(watching(*alerts), alerts)
    assert len(store.open_alerts(["e"])["e"]) == len(alerts)
    assert len(store.newest("e")) == MOST_LISTED
    with pytest.raises(WatchChanged):
        store.record(watching(), alerts)
    assert store.record(written, alerts).version == 2


def test_a_table_that_is_not_there_is_unavailable(aws: None) -> None:
    lost = DynamoAlertStore(table("alerts"))
    for call in (
        lambda: lost.watch("e"),
        lambda: lost.record(watching()),
        lambda: lost.get("e", ["x"]),
        lambda: lost.newest("e"),
        lambda: lost.open_alerts(["e"]),
        lambda: lost.acknowledge("e", "x", "ann", NOON),
    ):
        with pytest.raises(DependencyUnavailable, match="the alert table"):
            call()
    assert boto3.client("dynamodb").list_tables()["TableNames"] == []
