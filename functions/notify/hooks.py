"""A message posted to somebody else's URL, without being led into a private network or kept waiting."""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Event, Timer
from urllib.parse import SplitResult, urlsplit

from bakeoff_core.networks import Address, Network, may_be_posted_to

Resolve = Callable[[str], Iterable[str]]

_PORTS = {"https": 443, "http": 80}
_AGAIN = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_ANSWERED = range(200, 300)


class Refused(Exception):
    """The message cannot be sent there, now or later."""


class TryAgain(Exception):
    """The message was not taken this time."""


def resolve(host: str) -> list[str]:
    """Look up the addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts bodies to URLs.

    The host is looked up once, and the connection goes to the very address that was found fit. Redirections are not
    followed.

    Attributes:
        seconds: How long one attempt may take in all.
        networks: Private networks that may be reached all the same, and without TLS.
        resolve: Looks up a host's addresses.
        context: Decides which certificates are good.
    """

    seconds: float
    networks: Sequence[Network] = ()
    resolve: Resolve = resolve
    context: ssl.SSLContext | None = None

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post a body.

        Raises:
            Refused: The URL leads where nothing is sent to, or the receiver does not want such a message.
            TryAgain: The receiver did not answer in time, or asked to try later.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        address = self._address(host, parts.scheme)
        connection = self._connection(parts, address)
        # A receiver that sends a byte now and then would outlast every time-out of a single read.
        late = Event()
        timer = Timer(self.seconds, _cut, [connection, late])
        timer.daemon = True
        timer.start()
        try:
            status = _answer(connection, parts, body, headers)
        except (OSError, http.client.HTTPException) as error:
            raise TryAgain(f"{host}: {type(error).__name__}") from error
        finally:
            timer.cancel()
            connection.close()
        if late.is_set():  # what was read of the answer may look whole
            raise TryAgain(f"{host}: took too long")
        if status in _ANSWERED:
            return
        if status in _AGAIN or status >= _SERVER_ERROR:
            raise TryAgain(f"{host}: answered {status}")
        raise Refused(f"{host}: answered {status}")

    def _address(self, host: str, scheme: str) -> Address:
        try:
            found = [ip_address(address) for address in self.resolve(host)]
        except OSError as error:
            raise TryAgain(f"{host}: has no address") from error
        fit = [address for address in found if may_be_posted_to(address, scheme, self.networks)]
        if not fit:
            raise Refused(f"{host}: is in a private network")
        return fit[0]

    def _connection(self, parts: SplitResult, address: Address) -> http.client.HTTPConnection:
        port = parts.port or _PORTS[parts.scheme]
        if parts.scheme == "http":
            return http.client.HTTPConnection(str(address), port, timeout=self.seconds)
        context = self.context or ssl.create_default_context()
        return _PinnedConnection(parts.hostname or "", address, port, context, self.seconds)


class _PinnedConnection(http.client.HTTPSConnection):
    """A connection to one address of a host, whose certificate must be the host's."""

    def __init__(self, host: str, address: Address, port: int, context: ssl.SSLContext, seconds: float) -> None:
        super().__init__(str(address), port, timeout=seconds, context=context)
        self._certified = host
        self._tls = context

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = plain  # so that it can be cut while TLS is being agreed on
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._certified)


def _answer(connection: http.client.HTTPConnection, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", target, body, {**headers, "Host": parts.netloc, "Connection": "close"})
    return connection.getresponse().status


def _cut(connection: http.client.HTTPConnection, late: Event) -> None:
    late.set()
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
