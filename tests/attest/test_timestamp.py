"""Time stamps by a real small RFC 3161 server on this machine: openssl's own, behind HTTP."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reprobox.attest import timestamp
from reprobox.errors import ServerFailed, SignatureRefused, UsageError

CONFIG = """\
[ca]
basicConstraints = critical,CA:TRUE
[tsa]
extendedKeyUsage = critical,timeStamping
[tsa_config1]
dir = .
serial = ./serial
crypto_device = builtin
signer_cert = ./tsa.pem
signer_key = ./tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def openssl(folder: Path, *words: str) -> bytes:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority, and a signer that it allows to stamp."""
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "ts.cnf").write_text(CONFIG)
    (folder / "serial").write_text("01\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    ca = ["-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30"]
    openssl(folder, "req", "-x509", *key, *ca)
    openssl(folder, "req", *key, "-subj", "/CN=tsa", "-keyout", "tsa.key", "-out", "tsa.csr")
    signed = ["-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    openssl(
        folder,
        *("x509", "-req", *signed, "-out", "tsa.pem", "-days", "30"),
        *("-extfile", "ts.cnf", "-extensions", "tsa"),
    )
    return folder


@pytest.fixture(scope="module")
def server(authority: Path) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/stamp":
                self.send_error(403)
                return
            if self.headers["Content-Type"] != "application/timestamp-query":
                self.send_error(415)
                return
            (authority / "query").write_bytes(body)
            words = ["-queryfile", "query", "-config", "ts.cnf", "-section", "tsa_config1"]
            openssl(authority, "ts", "-reply", *words, "-out", "reply")
            data = (authority / "reply").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()
    thread.join()


def test_a_stamp_is_over_these_bytes_and_by_a_trusted_server(
    server: str, authority: Path, tmp_path: Path
) -> None:
    answer = timestamp.stamp(b"a signature", f"{server}/stamp")
    found = timestamp.check(b"a signature", answer, authority / "ca.pem")
    assert found == timestamp.read(answer)
    assert found.time.endswith("GMT")
    assert len(found.digest) == 64
    with pytest.raises(SignatureRefused, match="not over this signature"):
        timestamp.check(b"another signature", answer, authority / "ca.pem")
    openssl(
        tmp_path,
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", "/CN=other", "-keyout", "other.key", "-out", "other.pem"),
    )
    with pytest.raises(SignatureRefused):
        timestamp.check(b"a signature", answer, tmp_path / "other.pem")


def test_a_server_that_stamps_something_else_is_refused(
    server: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = timestamp.stamp(b"another signature", f"{server}/stamp")
    monkeypatch.setattr(timestamp, "_ask", lambda _server, _query: other)
    with pytest.raises(ServerFailed, match="did not stamp what it was asked to"):
        timestamp.stamp(b"a signature", f"{server}/stamp")


def test_what_is_no_time_stamp_server_is_said(server: str) -> None:
    with pytest.raises(ServerFailed, match="refused: 403"):
        timestamp.stamp(b"x", f"{server}/elsewhere")
    with pytest.raises(ServerFailed, match="did not answer"):
        timestamp.stamp(b"x", "http://127.0.0.1:1/stamp")
    with pytest.raises(UsageError, match="is not the address"):
        timestamp.stamp(b"x", "file:///etc/passwd")
    assert timestamp.read(b"nothing") is None
