# SPDX-License-Identifier: GPL-2.0
"""vsock between a guest and its parent."""

import contextlib
import fcntl
import os
import select
import socket
import struct
import sys
import termios
import threading
import time

from ktap import Skip, test
from vmm import OBEY_PORT, TIMEOUT

ECHO_PORT = 5000
CALL_PORT = 7000
SOME = 1000
MANY = 9999		# and the one that has asked for them: all that there may be


def echo_all(listener, count):
    """Echo on as many connections, all at once."""
    streams = {}
    done = 0
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    while done < count:
        for fd, _ in poll.poll(TIMEOUT):
            if fd == listener.fileno():
                stream = listener.accept()[0]
                streams[stream.fileno()] = stream
                poll.register(stream, select.EPOLLIN)
                continue
            data = streams[fd].recv(65536)
            if data:
                streams[fd].sendall(data)
                continue
            poll.unregister(fd)
            streams.pop(fd).close()
            done += 1


@contextlib.contextmanager
def echoing(guest, count):
    """A server of the parent's, for so many connections."""
    with guest.listen(CALL_PORT) as listener:
        thread = threading.Thread(target=echo_all, args=(listener, count), daemon=True)
        thread.start()
        yield
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    os.unlink(f"{guest.dir.name}/v.sock_{CALL_PORT}")


def ended(stream):
    """Wait for the end of a stream, which is its end or a reset."""
    try:
        while stream.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


@contextlib.contextmanager
def server(guest):
    """An echo in the guest."""
    with guest.connect(OBEY_PORT) as stream:
        stream.sendall(b"agent serve & echo $!; wait\n")
        said = b""
        while b"serves" not in said or said.count(b"\n") < 2:
            said += stream.recv(100)
        pid = [int(word) for word in said.split() if word != b"5000" and word.isdigit()][0]
        yield
        guest.run(f"kill {pid}")
        ended(stream)


def unread(stream):
    return struct.unpack("i", fcntl.ioctl(stream, termios.FIONREAD, bytes(4)))[0]


@test
def heartbeat(lab):
    """Port 9000 answers, again and again; whoever has started the enclave hears of the first."""
    assert lab.guest.run("agent heartbeat") == b"guest: heartbeat\n"
    lab.guest.hear(0)
    assert lab.guest.told.count(b"heartbeat\n") == 1


@test
def host_connects(lab):
    with server(lab.guest):
        with lab.guest.connect(ECHO_PORT) as stream:
            stream.sendall(b"hello")
            assert stream.recv(5) == b"hello"
            stream.shutdown(socket.SHUT_WR)
            assert stream.recv(1) == b""
        assert lab.guest.connect(ECHO_PORT + 1) is None, "nobody listens there"


@test
def host_without_manners(lab):
    """What is no greeting is hung up on, what is not finished waits."""
    with server(lab.guest):
        for line in (b"HELLO\n", b"CONNECT \n", b"CONNECT 1x\n", b"CONNECT 4294967295\n",
                     b"CONNECT -1\n", b"CONNECT " + b"0" * 64):
            with socket.socket(socket.AF_UNIX) as stream:
                stream.connect(f"{lab.guest.dir.name}/v.sock")
                stream.sendall(line)
                stream.settimeout(TIMEOUT)
                try:
                    assert stream.recv(1) == b"", line
                except ConnectionResetError:
                    pass
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(f"{lab.guest.dir.name}/v.sock")
            stream.settimeout(TIMEOUT)
            for byte in f"CONNECT {ECHO_PORT}\nx".encode():
                stream.sendall(bytes([byte]))
            answer = b""
            while not answer.endswith(b"x"):
                answer += stream.recv(64)
            assert answer.startswith(b"OK "), answer


@test
def flow_control(lab):
    """A host that does not read stops the guest; nothing is lost when it does."""
    size = 4 << 20
    data = os.urandom(1 << 16) * (size >> 16)
    with server(lab.guest), lab.guest.connect(ECHO_PORT) as stream, \
            lab.guest.connect(ECHO_PORT) as other:
        def send():
            stream.sendall(data)
            stream.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        # All that lies between is full, at some time: others go on
        for _ in range(20):
            other.sendall(b"x" * 1000)
            got = 0
            while got < 1000:
                got += len(other.recv(1000))
        back = bytearray()
        while part := stream.recv(65536):
            back += part
        sender.join()
        assert back == data, f"{len(back)} bytes, of {size}"


@test
def flood(lab):
    """Nor does a guest that is not read from cost more than its credit."""
    before = int(lab.guest.status("VmRSS").split()[0])
    with lab.guest.connect(OBEY_PORT) as stream:
        stream.sendall(b"exec cat /dev/zero\n")
        assert stream.recv(1) == b"\0"
        # It sleeps, although nothing was read: that is for credit
        deadline = time.monotonic() + TIMEOUT
        while unread(stream) < 65536 or \
                b"S (sleeping)" not in lab.guest.run("grep State /proc/$(pidof cat)/status"):
            assert time.monotonic() < deadline
        after = int(lab.guest.status("VmRSS").split()[0])
        # Its own memory, which becomes real as it is used, is part of that
        assert after - before < 16384, (before, after)
    while lab.guest.run("pidof cat || true"):
        assert time.monotonic() < deadline, "it writes to nobody"


@test
def guest_connects(lab):
    refused = lab.guest.run(f"agent refused {CALL_PORT + 1}")
    assert refused == b"guest: refused reset\n", refused
    with echoing(lab.guest, 1):
        said = lab.guest.run(f"agent call {CALL_PORT} 1000000")
    assert said == f"guest: called {CALL_PORT} 1000000\n".encode(), said


@test(each=(SOME, MANY))
def many_connections(lab, count):
    """Open at once, and then again some."""
    if count == MANY and str(MANY) not in " ".join(sys.argv):
        raise Skip(f"takes minutes where KVM is emulated: tests/hypervisor/suite guests {MANY}")
    start = time.monotonic()
    with echoing(lab.guest, count):
        said = lab.guest.run(f"agent calls {CALL_PORT} {count} 100")
    assert said == f"guest: called {CALL_PORT} {count} 100\n".encode(), said
    print(f"# {count} connections in {time.monotonic() - start:.1f} s")
    with echoing(lab.guest, 20):
        lab.guest.run(f"agent calls {CALL_PORT} 20 1000")


@test
def host_goes_away(lab):
    """The guest hears the end of a connection of a client that dies."""
    with server(lab.guest):
        for _ in range(50):
            lab.guest.connect(ECHO_PORT).close()
        with lab.guest.connect(ECHO_PORT) as stream:
            stream.sendall(b"still there")
            assert stream.recv(64) == b"still there"


@test
def driver_again(lab):
    """Connections end with the driver, and there can be others when it is back."""
    with server(lab.guest), lab.guest.connect(ECHO_PORT) as stream:
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
        with lab.guest.connect(OBEY_PORT) as order:
            order.sendall(b"cd /sys/bus/virtio/drivers/vmw_vsock_virtio_transport && "
                          b"device=$(basename virtio*) && exec >/dev/null 2>&1 && "
                          b"echo $device >unbind; echo $device >bind\n")
            assert ended(order)
        assert ended(stream)
        # Until the driver is back, nobody is there
        deadline = time.monotonic() + TIMEOUT
        while not (stream := lab.guest.connect(ECHO_PORT)):
            assert time.monotonic() < deadline
        stream.close()
    assert lab.guest.run("agent heartbeat") == b"guest: heartbeat\n"
    with echoing(lab.guest, 20):
        lab.guest.run(f"agent calls {CALL_PORT} 20 1000")
