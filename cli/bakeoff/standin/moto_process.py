"""The process that keeps tables, objects, streams and queues: a moto server.

It binds a port of its own choice, prints it, and ends when its standard input
does, so that it never outlives the process that started it.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.kinesis.models import Shard
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

_Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def one_at_a_time(application: _Application) -> _Application:
    """Answer requests one after the other.

    moto's Kinesis gives two records that come at once the same sequence number, and
    one of them is lost. Connections still have threads of their own, so that clients
    can keep theirs open.
    """
    lock = threading.Lock()

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with lock:
            return list(application(environ, start_response))

    return answer


def find_last_record_at_once() -> None:
    """Let a shard read its last sequence number; moto copies all of them, for every record that is put."""

    def get_max_sequence_number(shard: Shard) -> int:
        return next(reversed(shard.records), 0)

    setattr(Shard, "get_max_sequence_number", get_max_sequence_number)  # noqa: B010 - a method of somebody else's class


def main() -> None:
    """Serve until standard input ends."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    find_last_record_at_once()
    application = one_at_a_time(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
