# SPDX-License-Identifier: GPL-2.0
"""What systemd does for nitro-nsm (sd_notify(3), FileDescriptorStoreMax=), so that it can be
killed at any point; tests/enclaves does it with systemd itself."""

import array
import os
import socket
import subprocess
import threading

FDS_MAX = 253


class Manager:
    """Starts a service, and holds what it stores."""

    def __init__(self, command, path):
        self.command, self.process = command, None
        # name: descriptors
        self.held = {}
        self.ready = threading.Semaphore(0)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        self.path = path
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            message, control, _, _ = self.notify.recvmsg(
                65536, socket.CMSG_SPACE(FDS_MAX * array.array("i").itemsize))
            fds = array.array("i")
            for _, _, data in control:
                fds.frombytes(data)
            self.handle(dict(line.split("=", 1) for line in message.decode().splitlines()), fds)

    def handle(self, said, fds):
        name = said.get("FDNAME")
        if "FDSTORE" in said:
            self.held.setdefault(name, []).extend(fds)
        elif "FDSTOREREMOVE" in said:
            for fd in self.held.pop(name, []):
                os.close(fd)
        elif "READY" in said:
            self.ready.release()

    def start(self):
        """Return once it is ready."""
        names = [name for name, fds in self.held.items() for _ in fds]
        fds = [fd for fds in self.held.values() for fd in fds]
        listen = {"LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": ":".join(names)} if fds else {}
        # A copy above all others first, as a descriptor may be where another one has to be
        script = ["import fcntl, os, sys", f"fds = {fds!r}",
                  "fds = [fcntl.fcntl(fd, fcntl.F_DUPFD, 1000) for fd in fds]",
                  "os.closerange(3, 1000)",
                  "for number, fd in enumerate(fds, 3): os.dup2(fd, number)",
                  "for fd in fds: os.close(fd)",
                  "os.environ['LISTEN_PID'] = str(os.getpid())",
                  "os.execv(sys.argv[1], sys.argv[1:])"]
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", "\n".join(script), *self.command], pass_fds=fds,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": self.path, **listen})
        if not self.ready.acquire(timeout=60):
            raise TimeoutError(f"{self.command[0]} is not ready")

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        self.settle()

    def settle(self):
        """All that was said until now is known."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"READY=1", self.path)
        if not self.ready.acquire(timeout=60):
            raise TimeoutError("the manager does not listen")
