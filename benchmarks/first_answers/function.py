"""A built function: imports its handler and gives it the event."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path


class Context:
    """What Lambda hands over beside the event."""

    function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
    invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function_name}"
    aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        """Tell the time left."""
        return 20_000


event = json.loads(Path(sys.argv[1]).read_text())
module, _, name = sys.argv[2].rpartition(".")
answer = getattr(import_module(module), name)(event, Context())
failed = answer.get("statusCode", 200) >= 400 or answer.get("batchItemFailures") or answer.get("failed")  # noqa: PLR2004
sys.stderr.write(json.dumps(answer))
sys.stderr.flush()
os._exit(bool(failed) or answer.get("isAuthorized") is False)
