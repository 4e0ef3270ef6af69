import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import trustme

from bakeoff_core.networks import is_public
from hooks import Poster, Refused, TryAgain
from hooks import resolve as look_up
from tests.receiver import Receiver, receiving

LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


def poster(**changes: object) -> Poster:
    return Poster(**{"seconds": 5, "networks": LOOPBACK, **changes})  # type: ignore[arg-type]  # as the test says


def to(*addresses: str) -> Callable[[str], list[str]]:
    return lambda _host: list(addresses)


def test_a_body_arrives_with_its_headers(receiver: Receiver) -> None:
    poster().post(f"http://127.0.0.1:{receiver.port}/hook?a=1", b'{"a": 1}', {"Content-Type": "application/json"})
    (request,) = receiver.requests
    headers = request.headers
    assert (request.path, request.body) == ("/hook?a=1", b'{"a": 1}')
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["content-length"] == "8"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410])
def test_an_answer_that_will_not_change_is_refused(receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(Refused, match=f"answered {status}"):
        poster().post(f"http://127.0.0.1:{receiver.port}/", b"", {})
    assert len(receiver.requests) == 1  # and no redirection was followed


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_an_answer_that_may_change_is_worth_another_try(receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(TryAgain, match=f"answered {status}"):
        poster().post(f"http://127.0.0.1:{receiver.port}/", b"", {})


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "169.254.169.254",  # the metadata of EC2
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - must not be reached
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(Refused, match="private network"):
        Poster(5, resolve=to(address)).post("https://hook.example/", b"", {})


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "localhost"])
def test_no_spelling_of_loopback_gets_through(host: str) -> None:
    with pytest.raises((Refused, TryAgain)):
        Poster(2).post(f"https://{host}/", b"", {})


def test_plain_http_goes_nowhere_but_into_ones_own_networks(receiver: Receiver) -> None:
    with pytest.raises(Refused, match="private network"):
        poster(resolve=to("93.184.215.14")).post("http://93.184.215.14/", b"", {})
    with pytest.raises(Refused):
        poster(networks=()).post(f"http://127.0.0.1:{receiver.port}/", b"", {})
    assert receiver.requests == []


def test_a_host_is_looked_up_once_and_reached_at_that_address(receiver: Receiver) -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    poster(resolve=lambda _host: answers.pop(0)).post(f"http://localhost:{receiver.port}/", b"", {})
    assert len(receiver.requests) == 1
    assert answers == [["10.0.0.1"]]


def test_a_private_address_beside_a_fit_one_is_passed_over(receiver: Receiver) -> None:
    poster(resolve=to("10.0.0.1", "127.0.0.1")).post(f"http://localhost:{receiver.port}/", b"", {})
    assert len(receiver.requests) == 1


def test_a_host_without_an_address_may_have_one_later() -> None:
    def fails(_host: str) -> list[str]:
        raise socket.gaierror("no such host")

    with pytest.raises(TryAgain, match="has no address"):
        poster(resolve=fails).post("https://hook.example/", b"", {})


def test_nobody_listening_may_change(receiver: Receiver) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        with pytest.raises(TryAgain, match="ConnectionRefusedError"):
            poster().post(f"http://127.0.0.1:{taken.getsockname()[1]}/", b"", {})


def test_a_receiver_that_dribbles_is_cut_off() -> None:
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def dribble() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not stopped.wait(0.05):
                        connection.sendall(b"a")  # never long enough apart for a read to time out
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            with pytest.raises(TryAgain, match="took too long"):
                poster(seconds=0.4).post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"", {})
        finally:
            stopped.set()
            thread.join()


def test_tls_is_checked_against_the_hosts_name(receiver: Receiver, tmp_path: Path) -> None:
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hook.example").configure_cert(serving)
    receiver.socket = serving.wrap_socket(receiver.socket, server_side=True)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    there = to("127.0.0.1")
    url = f"https://{{}}:{receiver.port}/"

    poster(resolve=there, context=trusting).post(url.format("hook.example"), b"hello", {})
    assert [request.body for request in receiver.requests] == [b"hello"]
    with pytest.raises(TryAgain, match="SSLCertVerificationError"):
        poster(resolve=there, context=trusting).post(url.format("other.example"), b"", {})
    with pytest.raises(TryAgain, match="SSLCertVerificationError"):
        poster(resolve=there).post(url.format("hook.example"), b"", {})
    assert len(receiver.requests) == 1


def test_an_address_is_its_own_look_up() -> None:
    assert look_up("127.0.0.1") == ["127.0.0.1"]
