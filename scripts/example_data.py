"""What the example events are about, put where a deployment keeps it: an experiment, its model, its users' events."""

import gzip
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from bakeoff_core.clock import rfc3339, utc_now
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.identity.key_ring import KeyRing
from bakeoff_core.identity.scopes import Scope
from bakeoff_core.stores.api_keys import DynamoApiKeyStore
from bakeoff_core.stores.experiments import Audit, DynamoExperimentStore
from bakeoff_core.stores.models import DynamoModelRegistry, ModelVersion, artefact_key, metadata_key
from scripts.built_functions import ROOT, Deployment

EXPERIMENT = "recommendation_model_v2"

STARTED = datetime(2026, 1, 1, tzinfo=UTC)
_SEEN = datetime(2026, 1, 15, 10, tzinfo=UTC)
_MODEL = ROOT / "examples" / "models" / "recommendation" / "v1"


def put_experiment(deployment: Deployment) -> Experiment:
    """Start an experiment in which everybody takes part."""
    groups = [
        {"name": name, "weight": 0.5, "model_name": "recommendation", "model_version": "v1"}
        for name in ("control", "treatment")
    ]
    running = Experiment.model_validate(
        {
            "name": EXPERIMENT,
            "status": "running",
            "start_time": STARTED,
            "groups": groups,
            "metrics": ["click_rate"],
            "created_at": STARTED,
            "updated_at": STARTED,
        }
    )
    store = DynamoExperimentStore(deployment.table("ExperimentsTable"))
    return store.put(running, Audit(actor="test", action="create", at=STARTED))


def put_model(deployment: Deployment) -> dict[str, Any]:
    """Publish an example model, and return its metadata."""
    artefact, document = (_MODEL / "model.onnx").read_bytes(), (_MODEL / "metadata.json").read_bytes()
    metadata: dict[str, Any] = json.loads(document)
    bucket, s3 = deployment.names["ModelBucket"], deployment.client("s3")
    s3.put_object(Bucket=bucket, Key=artefact_key("recommendation", "v1"), Body=artefact)
    s3.put_object(Bucket=bucket, Key=metadata_key("recommendation", "v1"), Body=document)
    DynamoModelRegistry(deployment.table("ModelsTable")).register(
        ModelVersion(
            name="recommendation",
            version="v1",
            status="ready",
            sha256=sha256(artefact).hexdigest(),
            size_bytes=len(artefact),
            registered_at=STARTED,
            metadata=metadata,
        )
    )
    return metadata


def put_events(deployment: Deployment, experiment: Experiment) -> dict[str, tuple[int, int]]:
    """Put events of an experiment into the lake.

    Returns:
        Users and users who clicked, by group.
    """
    counts = {"control": (40, 4), "treatment": (44, 9)}
    moment = rfc3339(_SEEN)
    lines = []
    for group, (users, clicks) in counts.items():
        for number in range(users):
            common = {
                "schema_version": 1,
                "user_id": f"{group}-{number}",
                "timestamp": moment,
                "received_at": moment,
                "experiment_name": experiment.name,
            }
            exposure = {"event_id": f"exposure-{group}-{number}", "event_type": "exposure", "group_name": group}
            lines.append({**common, **exposure, "config_version": experiment.config_version, "propensity": 0.5})
            if number < clicks:
                lines.append({**common, "event_id": f"click-{group}-{number}", "event_type": "click"})
    deployment.client("s3").put_object(
        Bucket=deployment.names["EventBucket"],
        Key=f"events/dt={_SEEN:%Y-%m-%d}/hour={_SEEN:%H}/shardId-000000000000-1-2.ndjson.gz",
        Body=gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()),
    )
    return counts


def put_key(deployment: Deployment, *scopes: Scope) -> str:
    """Make an API key."""
    ring = KeyRing(DynamoApiKeyStore(deployment.table("ApiKeysTable")), utc_now)
    return str(ring.create("test", frozenset(scopes), created_by="test"))


def example_event(name: str) -> dict[str, Any]:
    """Read one of the project's example events."""
    content: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return content
