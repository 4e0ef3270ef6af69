"""The process that keeps tables, objects, streams and queues: a moto server.

It binds a port of its own choice, prints it, and ends when its standard input
does, so that it never outlives the process that started it.
"""

import logging
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from bakeoff.standin.moto_repairs import (
    copy_what_a_transaction_changes,
    find_last_record_at_once,
    keep_no_metrics_of_streams,
    one_at_a_time,
    parse_no_grammars,
    put_records_at_once,
    read_new_records_only,
)


def main(account: str, region: str) -> None:
    """Serve until standard input ends.

    Args:
        account: Whose streams are put into without delay.
        region: Where they are.
    """
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    parse_no_grammars()
    find_last_record_at_once()
    read_new_records_only()
    copy_what_a_transaction_changes()
    keep_no_metrics_of_streams()
    everything = DomainDispatcherApplication(create_backend_app)
    application = one_at_a_time(put_records_at_once(everything, account, region))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
