# SPDX-License-Identifier: GPL-2.0
"""A nitro-kms of one's own, and the ways to ask it."""

import atexit
import base64
import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import tempfile
import threading
import time

SERVICE = os.environ.get("NITRO_KMS", "build/kms/check/nitro-kms")
# More than a test can ask in a minute
LIMITLESS = 60000000
JOURNAL = "/run/systemd/journal/socket"
SECRETS = {"alice": ("AKIAALICE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
           "bob": ("AKIABOB", "anothersecret")}


class Unix(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path):
        super().__init__("kms", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Refused(Exception):
    """AWS's name of an error, and its sentence."""

    def __init__(self, status, name, message):
        super().__init__(f"{status} {name}: {message}")
        self.status, self.name, self.message = status, name, message


class Journal:
    """Takes what goes to the journal, where there is none."""

    def __init__(self):
        os.makedirs(os.path.dirname(JOURNAL), exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(JOURNAL)
        self.records = queue.Queue()
        # Who writes waits for who reads
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            self.records.put(self.socket.recv(65536))

    def next(self):
        """One record; fields of more than one line are not used here."""
        data = self.records.get(timeout=60).decode()
        return dict(line.split("=", 1) for line in data.splitlines() if "=" in line)

    def after(self, mark):
        """The first record after one with this message."""
        while self.next()["MESSAGE"] != mark:
            pass


class Kms:
    """The service, with the sockets that systemd would give it."""

    def __init__(self, roots, callers=True, rate=LIMITLESS, host="127.0.0.1", tls=None,
                 start=True):
        self.rate, self.options, self.tls = str(rate), [], tls
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.credentials, self.state = self.folder / "credentials", self.folder / "state"
        self.credentials.mkdir()
        self.state.mkdir()
        self.path, self.manage = str(self.folder / "kms.sock"), str(self.folder / "manage.sock")
        (self.credentials / "master.key").write_bytes(os.urandom(32))
        (self.credentials / "roots.pem").write_bytes(b"".join(root.pem() for root in roots))
        if callers:
            (self.credentials / "nitro-kms.callers").write_text("# of the tests\n" + "".join(
                f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n\n"
                for name, (key, secret) in SECRETS.items()))
        if tls:
            (self.credentials / "nitro-kms.crt").write_bytes(tls.chain)
            (self.credentials / "nitro-kms.key").write_bytes(tls.key)
        self.tcp = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host
                                        else socket.AF_INET)
        self.port = self.tcp.getsockname()[1]
        self.sockets = [self.listen(self.path), self.listen(self.manage), self.tcp]
        self.process = None
        atexit.register(self.stop)
        if start:
            self.start()

    @staticmethod
    def listen(path):
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen(64)
        return listening

    def start(self, **more):
        def hand_over():
            # First above what is handed over, so that none is overwritten
            high = [os.dup2(one.fileno(), 100 + n) for n, one in enumerate(self.sockets)]
            for n, fd in enumerate(high):
                os.dup2(fd, 3 + n)
            # It takes it when it is up, however early it comes
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        environment = {**os.environ, "LISTEN_FDS": str(len(self.sockets)),
                       "LISTEN_FDNAMES": "kms:varlink:tcp"}
        self.process = subprocess.Popen(  # pylint: disable=subprocess-popen-preexec-fn
            ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", SERVICE, "--credentials",
             self.credentials, "--state", self.state, "--rate", self.rate, *self.options],
            close_fds=False, preexec_fn=hand_over,
            env=environment, stdin=subprocess.DEVNULL, **more)

    def stop(self):
        if self.process:
            self.process.terminate()
            code = self.process.wait(60)
            self.process = None
            assert code == 0, f"nitro-kms ended with {code}"

    def restart(self):
        self.stop()
        self.start()

    def call(self, method, **parameters):
        """Varlink, as nitroctl does."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(60)
            link.connect(self.manage)
            request = {"method": f"io.nitro.Kms.{method}", "parameters": parameters}
            link.sendall(json.dumps(request).encode() + b"\0")
            reply = b""
            while not reply.endswith(b"\0"):
                piece = link.recv(65536)
                if not piece:
                    raise ConnectionError("nitro-kms closed the connection")
                reply += piece
        reply = json.loads(reply[:-1])
        if "error" in reply:
            raise Refused(0, reply["error"], reply["parameters"].get("message"))
        return reply.get("parameters", {})

    def post(self, body, headers, connection=None):
        connection = connection or Unix(self.path)
        connection.request("POST", "/", body, headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        assert response.headers["Content-Type"] == "application/x-amz-json-1.1"
        reply = json.loads(text)
        if response.status != 200:
            assert reply["message"] == reply["Message"]
            raise Refused(response.status, reply["__type"], reply["message"])
        return reply

    def ask(self, operation, connection=None, headers=None, **parameters):
        """An operation in AWS's JSON; bytes become base64."""
        body = json.dumps(parameters, default=lambda data: base64.b64encode(data).decode())
        return self.post(body, {"X-Amz-Target": f"TrentService.{operation}",
                                "Content-Type": "application/x-amz-json-1.1", **(headers or {})},
                         connection)

    def over_tcp(self):
        if not self.tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60,
                                           context=self.tls.context())

    def signed(self, operation, name="alice", change=None, at=None, leave_out=(), **parameters):
        """The same over TCP, signed by AWS's version 4 as its documentation has it."""
        access, secret = SECRETS.get(name, ("AKIANOBODY", "x"))
        body = json.dumps(parameters, default=lambda data: base64.b64encode(data).decode())
        at = at or datetime.datetime.now(datetime.timezone.utc)
        date = at.strftime("%Y%m%dT%H%M%SZ")
        headers = {"content-type": "application/x-amz-json-1.1",
                   "host": f"127.0.0.1:{self.port}", "x-amz-date": date,
                   "x-amz-target": f"TrentService.{operation}"}
        names = [name for name in sorted(headers) if name not in leave_out]
        canonical = "POST\n/\n\n" + "".join(f"{name}:{headers[name]}\n" for name in names) + \
            "\n" + ";".join(names) + "\n" + hashlib.sha256(body.encode()).hexdigest()
        scope = f"{date[:8]}/nitro-local-1/kms/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n" + \
            hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{secret}".encode()
        for part in scope.split("/") + [text]:
            key = hmac.digest(key, part.encode(), "sha256")
        headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={access}/{scope}, "
                                    f"SignedHeaders={';'.join(names)}, Signature={key.hex()}")
        if change:
            body, headers = change(body, headers)
        return self.post(body, headers, self.over_tcp())


def wait_for(condition, what):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError(what)
