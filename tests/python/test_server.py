"""The page's local server among bad clients: ranges, broken and hostile requests, many, silent and slow ones."""

import contextlib
import random
import re
import signal
import socket
import subprocess
import threading
import time

import pytest


@pytest.fixture(scope="module")
def table(starglow, tmp_path_factory):
    path = tmp_path_factory.mktemp("server") / "t.fits"
    assert starglow("mock", "-n", 300, "-o", path).returncode == 0
    return path


class Server:
    def __init__(self, address, process):
        self.port, self.token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([0-9a-f]{32})/", address).groups()
        self.port, self.process = int(self.port), process

    def connect(self, timeout=10):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def raw(self, request, timeout=10):
        """All that the server says to these bytes, until it or the client's patience ends."""
        with self.connect(timeout) as s:
            with contextlib.suppress(OSError):
                s.sendall(request)
                s.shutdown(socket.SHUT_WR)
            said = b""
            with contextlib.suppress(OSError):
                while piece := s.recv(65536):
                    said += piece
            return said

    def get(self, more="", path="", method="GET"):
        request = (
            f"{method} /{self.token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n{more}\r\n"
        )
        head, _, body = self.raw(request.encode()).partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), body

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) / 1024  # MB


@pytest.fixture(scope="module")
def server(binary, table):
    process = subprocess.Popen(
        [binary, "explore", table, "--serve", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield Server(process.stdout.readline().strip(), process)
    assert process.poll() is None, "the server has ended by itself"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def test_ranges_give_the_bytes_of_the_page_and_no_others(server):
    status, _, page = server.get()
    n = len(page)
    assert status == 200 and n > 1000
    for asked, first, last in (
        ("0-0", 0, 1),
        ("5-9", 5, 10),
        ("0-99999999999999999999999", 0, n),
        (f"{n - 10}-{n + 5000}", n - 10, n),
        (f"{n - 1}-", n - 1, n),
        ("-100", n - 100, n),
        (f"-{n + 5000}", 0, n),
        ("0-", 0, n),
    ):
        status, head, body = server.get(f"Range: bytes={asked}\r\n")
        assert status == 206 and body == page[first:last], asked
        assert f"Content-Range: bytes {first}-{last - 1}/{n}" in head and f"Content-Length: {len(body)}" in head
    for asked in (f"{n}-", f"{n + 100}-{n + 4000}", "99999999999999999999-", "-0"):
        status, head, body = server.get(f"Range: bytes={asked}\r\n")
        assert status == 416 and f"bytes */{n}" in head and len(body) < 200, asked
    for ignored in ("bytes=9-5", "bytes=a-b", "bytes=", "bytes=-", "lines=0-5", "bytes=0-5,10-12", "bytes=1-2-3"):
        status, _, body = server.get(f"Range: {ignored}\r\n")
        assert status == 200 and body == page, ignored
    status, _, body = server.get("Range: bytes=0-5\r\n", method="HEAD")
    assert status == 200 and body == b""


@pytest.mark.parametrize(
    "request_line,headers,wanted",
    [
        ("GET / HTTP/1.1", "", 421),
        ("GET /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\nHost: 127.0.0.1:PORT\r\n", 421),
        ("GET /TOKEN/ HTTP/1.1", "Host: evil.example:PORT\r\n", 421),
        ("GET /TOKEN/ HTTP/2.0", "Host: 127.0.0.1:PORT\r\n", 505),
        ("GET /TOKEN/ FTP/1.1", "Host: 127.0.0.1:PORT\r\n", 400),
        ("GET  /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\n", 400),
        ("GET http://127.0.0.1/TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\n", 400),
        ("G\x00T /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\n", 400),
        ("BREW /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\n", 405),
        ("GET /TOKEN/ HTTP/1.1", "Host : 127.0.0.1:PORT\r\n", 400),
        ("GET /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\n folded: yes\r\n", 400),
        ("GET /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\nno colon\r\n", 400),
        ("GET /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\nX: a\x01b\r\n", 400),
        ("GET /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\n" + "X: y\r\n" * 100, 431),
        ("GET /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\nX: " + "y" * 20000 + "\r\n", 431),
        ("GET /TOKEN/" + "a" * 4000 + " HTTP/1.1", "Host: 127.0.0.1:PORT\r\n", 414),
        ("GET /" + "a" * 30000 + " HTTP/1.1", "", 414),
        ("GET /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\nContent-Length: 5\r\n", 413),
        ("GET /TOKEN/ HTTP/1.1", "Host: 127.0.0.1:PORT\r\nTransfer-Encoding: chunked\r\n", 413),
        ("GET /TOKEN/../index.html HTTP/1.1", "Host: 127.0.0.1:PORT\r\n", 404),
        ("GET /TOKEN/%2e%2e/x HTTP/1.1", "Host: localhost:PORT\r\n", 404),
        ("GET /TOKEN/?x=1 HTTP/1.0", "Host: localhost:PORT\r\n", 200),
    ],
)
def test_each_bad_request_has_its_status(server, request_line, headers, wanted):
    text = (request_line + "\r\n" + headers + "\r\n").replace("TOKEN", server.token).replace("PORT", str(server.port))
    said = server.raw(text.encode("latin-1"))
    assert said.startswith(b"HTTP/1.1 " + str(wanted).encode()), said[:100]


def test_requests_that_come_together_or_in_pieces_are_answered_in_order(server):
    one = f"GET /{server.token}/ HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n"
    none = f"GET /{server.token}/none HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n"
    said = server.raw((one + none + one).encode())
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"200", b"404", b"200"]
    with server.connect() as s:
        for byte in one.encode():
            s.sendall(bytes([byte]))
        assert s.recv(1000).startswith(b"HTTP/1.1 200")


def test_hostile_requests_are_outlived(server):
    """10,000 requests: valid ones with bytes changed, cut, repeated, in random order, half of them with the token."""
    dice = random.Random(7)
    base = (
        f"GET /TOKEN/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nRange: bytes=0-9\r\nConnection: keep-alive\r\n\r\n"
    )
    parts = [b"\r\n", b"\n", b"\x00", b" ", b":", b"GET", b"HEAD", b"POST", b"bytes=", b"-", b"9" * 30, b"%2e", b"../"]
    parts += [
        b"Content-Length: 99999999999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"a" * 3000,
        b"\xff" * 9,
        b"HTTP/9",
    ]
    page = server.get()[2]
    before, said_token = server.memory(), 0
    for k in range(10_000):
        blind = k % 2 == 0
        raw = bytearray(base.replace("TOKEN", "0" * 32 if blind else server.token).encode())
        for _ in range(dice.randint(1, 6)):
            at, what = dice.randrange(len(raw) + 1), dice.random()
            if what < 0.4:
                raw[at:at] = dice.choice(parts)
            elif what < 0.6:
                del raw[at : at + dice.randint(1, 20)]
            elif what < 0.8 and at < len(raw):
                raw[at] = dice.randrange(256)
            else:
                raw += raw[: dice.randrange(len(raw) + 1)]
            raw = raw or bytearray(b"x")
        with server.connect() as s, contextlib.suppress(OSError):
            s.sendall(raw)
            if k % 50 == 0:
                s.settimeout(0.05)
                said = s.recv(4096)
                said_token += blind and server.token.encode() in said
                assert not (blind and page[:200] in said)
    assert said_token == 0
    assert server.get()[2] == page
    assert server.memory() < before + 50


def test_silent_slow_and_many_clients_hold_nobody_up(server):
    """64 that say nothing, 64 that drip a byte a second, 500 at once: an honest client is answered within a second."""

    def slowest_of_20():
        slowest = 0.0
        for _ in range(20):
            began = time.perf_counter()
            assert server.get()[0] == 200
            slowest = max(slowest, time.perf_counter() - began)
        return slowest

    alone = slowest_of_20()  # longer where the machine has much else to do
    quiet = [server.connect() for _ in range(64)]
    dripping = [server.connect() for _ in range(64)]
    stop = threading.Event()

    def drip():
        text = f"GET /{server.token}/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        for byte in text.encode():
            for s in dripping:
                with contextlib.suppress(OSError):
                    s.sendall(bytes([byte]))
            if stop.wait(1):
                return

    thread = threading.Thread(target=drip)
    thread.start()
    before = server.memory()
    try:
        crowd = [server.connect() for _ in range(500)]
        slowest = slowest_of_20()
        for s in crowd:
            s.close()
    finally:
        stop.set()
        thread.join()
        for s in quiet + dripping:
            s.close()
    assert slowest < max(1, 4 * alone)
    assert server.memory() < before + 100


def test_a_client_that_does_not_read_costs_only_itself(server):
    lazy = [server.connect() for _ in range(20)]
    request = f"GET /{server.token}/ HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()
    for s in lazy:
        s.sendall(request * 50)
    began = time.perf_counter()
    assert server.get()[0] == 200 and time.perf_counter() - began < 5  # its patience is 10 s
    for s in lazy:
        s.close()
