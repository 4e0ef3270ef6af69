"""Where alerts are kept, and where the watching of each experiment stands."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Protocol

from botocore.exceptions import ClientError

from bakeoff_core.clock import rfc3339
from bakeoff_core.errors import AlertNotFound
from bakeoff_core.experiments.alerts import Alert, Watch
from bakeoff_core.stores.aws import aws_failures, batch_get

MOST_LISTED = 200
"""How many alerts of one experiment are listed, the newest."""

_WHAT = "the alert table"
_WATCH = "watch"
_ALERT = "alert#"
_MOST_AT_ONCE = 99  # alerts beside the watch: DynamoDB takes a hundred writes at once
_NOTED = {"acknowledged_at", "acknowledged_by"}  # written by those who take note, and by no look


class WatchChanged(Exception):
    """Another look wrote in the meantime: read again, and see what is left to do."""


class AlertStore(Protocol):
    """Alerts by experiment. Every implementation passes tests/contract/test_alert_store.py."""

    def watch(self, experiment: str) -> Watch:
        """Read where the watching of an experiment stands, with every write until now; of a new one, its beginning."""
        ...

    def record(self, watch: Watch, alerts: Sequence[Alert] = ()) -> Watch:
        """Write the next version of a watch, with alerts that began, went on or were over.

        Who took note of an alert is left as it is.

        Raises:
            WatchChanged: Somebody else wrote a version since this one was read; then nothing counts.
        """
        ...

    def get(self, experiment: str, alert_ids: Iterable[str]) -> dict[str, Alert]:
        """Read alerts by id; those that do not exist are left out."""
        ...

    def newest(self, experiment: str) -> list[Alert]:
        """Read the newest alerts of an experiment, open or over, newest first."""
        ...

    def open_alerts(self, experiments: Iterable[str]) -> dict[str, list[Alert]]:
        """Read the open alerts of experiments, newest first; those without any are left out."""
        ...

    def acknowledge(self, experiment: str, alert_id: str, actor: str, now: datetime) -> Alert:
        """Say that somebody took note of an alert; whoever did first stays on record.

        Raises:
            AlertNotFound: The experiment has no such alert.
        """
        ...


class InMemoryAlertStore:
    """Alerts in a dictionary."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}
        self._alerts: dict[tuple[str, str], Alert] = {}
        self._lock = Lock()

    def watch(self, experiment: str) -> Watch:
        """Read where the watching of an experiment stands."""
        return self._watches.get(experiment, Watch(experiment=experiment))

    def record(self, watch: Watch, alerts: Sequence[Alert] = ()) -> Watch:
        """Write the next version of a watch."""
        with self._lock:
            if self.watch(watch.experiment).version != watch.version:
                raise WatchChanged
            for alert in alerts:
                key = alert.experiment, alert.alert_id
                noted = self._alerts.get(key)
                update = {name: getattr(noted, name, None) for name in _NOTED}
                self._alerts[key] = alert.model_copy(update=update)
            successor = watch.model_copy(update={"version": watch.version + 1})
            self._watches[watch.experiment] = successor
            return successor

    def get(self, experiment: str, alert_ids: Iterable[str]) -> dict[str, Alert]:
        """Read alerts by id."""
        return {each: self._alerts[experiment, each] for each in alert_ids if (experiment, each) in self._alerts}

    def newest(self, experiment: str) -> list[Alert]:
        """Read the newest alerts of an experiment."""
        ids = sorted((each for name, each in self._alerts if name == experiment), reverse=True)
        return [self._alerts[experiment, each] for each in ids[:MOST_LISTED]]

    def open_alerts(self, experiments: Iterable[str]) -> dict[str, list[Alert]]:
        """Read the open alerts of experiments."""
        found = {name: list(self.get(name, self.watch(name).open_ids).values()) for name in experiments}
        return {name: alerts for name, alerts in found.items() if alerts}

    def acknowledge(self, experiment: str, alert_id: str, actor: str, now: datetime) -> Alert:
        """Say that somebody took note of an alert."""
        with self._lock:
            alert = self._alerts.get((experiment, alert_id))
            if alert is None:
                raise AlertNotFound(experiment, alert_id)
            if alert.acknowledged_by is None:
                alert = alert.model_copy(update={"acknowledged_at": now, "acknowledged_by": actor})
                self._alerts[experiment, alert_id] = alert
            return alert


class DynamoAlertStore:
    """Alerts in a DynamoDB table: an item an alert, and an item where the watching of an experiment stands.

    Args:
        table: A boto3 Table with hash key `experiment` and range key `item`.
    """

    def __init__(self, table: Any) -> None:
        self._table = table

    def watch(self, experiment: str) -> Watch:
        """Read where the watching of an experiment stands."""
        with aws_failures(_WHAT):
            answer = self._table.get_item(Key=_key(experiment, _WATCH), ConsistentRead=True)
        return _watch_of(answer["Item"]) if "Item" in answer else Watch(experiment=experiment)

    def record(self, watch: Watch, alerts: Sequence[Alert] = ()) -> Watch:
        """Write the next version of a watch, and its alerts."""
        successor = watch.model_copy(update={"version": watch.version + 1})
        unchanged = _only_after(watch.version)
        # An alert that no watch names is open to nobody: what comes first counts once the watch is written.
        *first, last = [alerts[start : start + _MOST_AT_ONCE] for start in range(0, len(alerts), _MOST_AT_ONCE)] or [()]
        key = _key(watch.experiment, _WATCH)
        for part in first:
            self._write([{"ConditionCheck": {"Key": key, **unchanged}}, *map(_update, part)])
        item = {**key, "version": successor.version, "document": successor.model_dump_json()}
        self._write([{"Put": {"Item": item, **unchanged}}, *map(_update, last)])
        return successor

    def get(self, experiment: str, alert_ids: Iterable[str]) -> dict[str, Alert]:
        """Read alerts by id."""
        keys = [_key(experiment, _ALERT + each) for each in dict.fromkeys(alert_ids)]
        found = map(_alert_of, batch_get(self._table, keys, _WHAT, ConsistentRead=True))
        return {alert.alert_id: alert for alert in sorted(found, key=_id, reverse=True)}

    def newest(self, experiment: str) -> list[Alert]:
        """Read the newest alerts of an experiment."""
        with aws_failures(_WHAT):
            answer = self._table.query(
                KeyConditionExpression="#experiment = :experiment AND begins_with(#item, :alert)",
                ExpressionAttributeNames={"#experiment": "experiment", "#item": "item"},
                ExpressionAttributeValues={":experiment": experiment, ":alert": _ALERT},
                ScanIndexForward=False,
                Limit=MOST_LISTED,
            )
        return [_alert_of(item) for item in answer["Items"]]

    def open_alerts(self, experiments: Iterable[str]) -> dict[str, list[Alert]]:
        """Read the open alerts of experiments."""
        watches = batch_get(self._table, [_key(name, _WATCH) for name in dict.fromkeys(experiments)], _WHAT)
        keys = [_key(watch.experiment, _ALERT + each) for watch in map(_watch_of, watches) for each in watch.open_ids]
        found: dict[str, list[Alert]] = {}
        for alert in sorted(map(_alert_of, batch_get(self._table, keys, _WHAT)), key=_id, reverse=True):
            found.setdefault(alert.experiment, []).append(alert)
        return found

    def acknowledge(self, experiment: str, alert_id: str, actor: str, now: datetime) -> Alert:
        """Say that somebody took note of an alert."""
        with aws_failures(_WHAT):
            try:
                answer = self._table.update_item(
                    Key=_key(experiment, _ALERT + alert_id),
                    UpdateExpression="SET acknowledged_at = if_not_exists(acknowledged_at, :at), "
                    "acknowledged_by = if_not_exists(acknowledged_by, :actor)",
                    ConditionExpression="attribute_exists(document)",
                    ExpressionAttributeValues={":at": rfc3339(now), ":actor": actor},
                    ReturnValues="ALL_NEW",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                    raise AlertNotFound(experiment, alert_id) from None
                raise
        return _alert_of(answer["Attributes"])

    def _write(self, actions: Sequence[dict[str, dict[str, Any]]]) -> None:
        named = [{what: {"TableName": self._table.name, **action} for what, action in each.items()} for each in actions]
        with aws_failures(_WHAT):
            try:
                self._table.meta.client.transact_write_items(TransactItems=named)
            except ClientError as error:
                if _is_conflict(error):
                    raise WatchChanged from error
                raise


def _key(experiment: str, item: str) -> dict[str, str]:
    return {"experiment": experiment, "item": item}


def _id(alert: Alert) -> str:
    return alert.alert_id


def _update(alert: Alert) -> dict[str, dict[str, Any]]:
    # Not put as a whole: somebody may have taken note of it since it was read.
    return {
        "Update": {
            "Key": _key(alert.experiment, _ALERT + alert.alert_id),
            "UpdateExpression": "SET document = :document",
            "ExpressionAttributeValues": {":document": alert.model_dump_json(exclude={*_NOTED, "status"})},
        }
    }


def _watch_of(item: dict[str, Any]) -> Watch:
    return Watch.model_validate_json(item["document"])


def _alert_of(item: dict[str, Any]) -> Alert:
    noted = {name: item.get(name) for name in _NOTED}
    return Alert.model_validate({**json.loads(item["document"]), **noted})


def _only_after(version: int) -> dict[str, Any]:
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(experiment)"}
    return {
        "ConditionExpression": "#version = :read",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":read": version},
    }


def _is_conflict(error: ClientError) -> bool:
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return bool({reason.get("Code") for reason in reasons} & {"ConditionalCheckFailed", "TransactionConflict"})
