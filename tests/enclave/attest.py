#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""nitroctl attest and nitro-nsm, with keys that systemd-creds has sealed: documents of a
running service against a second verifier.

usage: attest.py [TEST...]
"""

import array
import atexit
import datetime
import hashlib
import json
import os
import pathlib
import secrets
import select
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

import cbor2
from cryptography import x509

import document
import eif
import manager
import report

NITROCTL = os.environ.get("NITROCTL", "build/tools/check/nitroctl")
SERVICE = os.environ.get("NITRO_NSM", "build/enclave/check/nitro-nsm")
FOLDER = pathlib.Path(tempfile.mkdtemp())
KEYS, CREDENTIALS, SOCKET = FOLDER / "attest", FOLDER / "credentials", str(FOLDER / "nsm.sock")
ROOT = KEYS / "root.pem"
PCRS = [bytes([index + 1]) * 48 for index in range(16)]


def nitroctl(*args):
    return subprocess.run([NITROCTL, "attest", *map(str, args)], capture_output=True, text=True,
                          check=False)


def good(done):
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def refused(done, sentence):
    assert done.returncode == 1 and not done.stdout, done
    assert done.stderr == f"nitroctl: {sentence}\n", done.stderr


def unseal():
    """What systemd does for the service."""
    CREDENTIALS.mkdir(mode=0o700)
    shutil.copy(ROOT, CREDENTIALS)
    for name in ("host", "debug"):
        shutil.copy(KEYS / f"{name}.pem", CREDENTIALS)
        subprocess.run(["systemd-creds", "decrypt", f"--name={name}.key", KEYS / f"{name}.cred",
                        CREDENTIALS / f"{name}.key"], check=True, stderr=subprocess.DEVNULL)


def start_service():
    systemd = manager.Manager([SERVICE, "--credentials", str(CREDENTIALS), "--socket", SOCKET],
                              str(FOLDER / "notify"))
    systemd.start()
    atexit.register(lambda: systemd.process.kill())  # pylint: disable=unnecessary-lambda
    return systemd


def call(method, parameters, fds=()):
    """A call of Varlink, as nitrod makes it."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(SOCKET)
        request = json.dumps({"method": f"io.nitro.Nsm.{method}", "parameters": parameters})
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        link.sendmsg([request.encode() + b"\0"], rights)
        reply = b""
        while not reply.endswith(b"\0"):
            piece = link.recv(65536)
            if not piece:
                raise ConnectionError("nitro-nsm closed the connection")
            reply += piece
        return json.loads(reply[:-1])


class Enclave:
    """The hypervisor's end of the socket of an enclave."""

    def __init__(self, module_id="i-1-enc2", pcrs=None, debug=False):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            reply = call("Enrol", {"module_id": module_id, "debug": debug,
                                   "pcrs": [value.hex() for value in pcrs or PCRS]},
                         [theirs.fileno()])
        assert "error" not in reply, reply
        self.socket = ours
        self.socket.settimeout(60)
        self.number = 0

    def begin(self, request, room=0x3000):
        """As virtio-nsm does."""
        self.number += 1
        self.socket.send(struct.pack("<QI", self.number, room) + request)

    def end(self):
        """The response as it comes; one that has come before is passed over."""
        while True:
            message = self.socket.recv(65536)
            assert message, "nitro-nsm has let go of the enclave"
            if struct.unpack_from("<Q", message) == (self.number,):
                return message[8:]

    def send(self, request, room=0x3000):
        self.begin(request, room)
        return self.end()

    def ask(self, request):
        return cbor2.loads(self.send(cbor2.dumps(request)))

    def is_gone(self):
        """Its module has closed the socket; with what was not read, that is a reset."""
        try:
            return self.socket.recv(65536) == b""
        except ConnectionResetError:
            return True

    def attest(self, user_data=None, nonce=None, public_key=None):
        reply = self.ask({"Attestation": {"user_data": user_data, "nonce": nonce,
                                          "public_key": public_key}})
        return reply["Attestation"]["document"]


def root():
    return x509.load_pem_x509_certificate(ROOT.read_bytes())


def written(message):
    path = FOLDER / "document"
    path.write_bytes(message)
    return path


def verify(message, *more):
    return nitroctl("verify", written(message), "--root", ROOT, *more)


def setup():
    done = nitroctl("init", "--directory", KEYS, "-j")
    unseal()
    return done, start_service()


def test_keys_are_made_and_sealed():
    made = json.loads(good(INIT))
    assert made["name"].endswith(" root") and made["directory"] == str(KEYS)
    assert sorted(os.listdir(KEYS)) == ["debug.cred", "debug.pem", "host.cred", "host.pem",
                                        "root.cred", "root.pem"]
    for name in os.listdir(KEYS):
        mode = (KEYS / name).stat().st_mode & 0o777
        assert mode == (0o600 if name.endswith(".cred") else 0o644), (name, oct(mode))
        assert b"PRIVATE" not in (KEYS / name).read_bytes()
    der = root().public_bytes(eif.serialization.Encoding.DER)
    assert made["id"] == hashlib.sha256(der).hexdigest()
    assert good(nitroctl("root", "--directory", KEYS)) == ROOT.read_text()
    for name in ("host", "debug"):
        subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", ROOT, KEYS / f"{name}.pem"],
                       check=True, stdout=subprocess.DEVNULL)
    # A key cannot be put in another one's place
    assert subprocess.run(["systemd-creds", "decrypt", "--name=host.key", KEYS / "debug.cred", "-"],
                          capture_output=True, check=False).returncode


def test_keys_are_not_lost_by_mistake():
    before = ROOT.read_bytes()
    refused(nitroctl("init", "--directory", KEYS),
            f"'{KEYS}' is there already; --replace makes new keys, and no document of the old "
            "ones is good any more")
    assert ROOT.read_bytes() == before and not list(FOLDER.glob("attest.*"))
    refused(nitroctl("root", "--directory", FOLDER / "none"),
            f"there is no root in '{FOLDER}/none'; 'nitroctl attest init' makes one")


def test_root_of_the_operator():
    key, certificate = operator_root()
    key_path, path = FOLDER / "root.key", FOLDER / "operator.pem"
    key_path.write_bytes(eif.key_pem(key))
    path.write_bytes(eif.pem(certificate))
    other = FOLDER / "other"
    good(nitroctl("init", "--directory", other, "--root-key", key_path, "--root-certificate", path))
    assert (other / "root.pem").read_bytes() == path.read_bytes()
    # It stays offline
    assert sorted(os.listdir(other)) == ["debug.cred", "debug.pem", "host.cred", "host.pem",
                                         "root.pem"]
    first = (other / "host.pem").read_bytes()
    good(nitroctl("init", "--directory", other, "--replace", "--root-key", key_path,
                  "--root-certificate", path))
    assert (other / "host.pem").read_bytes() != first
    shutil.rmtree(other)
    for made, sentence in (
            (operator_root(days=(-30, -1)), "the certificate has expired"),
            (operator_root(ca=False), "the certificate is not that of an authority"),
            (operator_root(path_length=0), "the certificate allows no authority below it"),
            (operator_root(curve="P-256"), "the key is not of the elliptic curve P-384"),
            ((key, operator_root()[1]), "the private key is not that of the certificate")):
        key_path.write_bytes(eif.key_pem(made[0]))
        path.write_bytes(eif.pem(made[1]))
        refused(nitroctl("init", "--directory", other, "--root-key", key_path,
                         "--root-certificate", path), f"'{path}': {sentence}")
        assert not other.exists()
    refused(nitroctl("init", "--directory", other, "--root-key", key_path),
            "--root-key and --root-certificate belong together")
    assert [name for name in os.listdir(FOLDER) if name.startswith("other")] == []


def operator_root(days=(-1, 300), ca=True, path_length=3, curve="P-384"):
    key = eif.ec.generate_private_key(eif.CURVES[curve][0])
    now = datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(eif.NameOID.COMMON_NAME, "operator")])
    usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment",
                           "data_encipherment", "key_agreement", "crl_sign", "encipher_only",
                           "decipher_only"), False)
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)
        .add_extension(x509.KeyUsage(key_cert_sign=ca, **usage), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    return key, builder.sign(key, eif.hashes.SHA384())


def test_a_document_is_what_was_asked_for():
    enclave, extended = Enclave(), eif.extend(b"application")
    assert enclave.ask({"ExtendPCR": {"index": 31, "data": b"application"}}) == \
        {"ExtendPCR": {"data": extended}}
    assert enclave.ask({"ExtendPCR": {"index": 20, "data": b"free"}})
    assert enclave.ask({"LockPCR": {"index": 31}}) == "LockPCR"
    assert enclave.ask({"LockPCR": {"index": 16}}) == "LockPCR"
    message = enclave.attest(b"user", b"nonce", b"key")
    found = document.verify(message, root(), nonce=b"nonce")
    assert found["module_id"] == "i-1-enc2" and found["user_data"] == b"user"
    assert found["public_key"] == b"key"
    # Those that are locked
    assert set(found["pcrs"]) == {*range(16), 16, 31}
    for index in (0, 1, 2, 3, 4, 8, 15):
        assert found["pcrs"][index] == PCRS[index]
    assert found["pcrs"][31] == extended and not any(found["pcrs"][16])
    assert abs(found["timestamp"] / 1000 - time.time()) < 600
    leaf = x509.load_der_x509_certificate(found["certificate"])
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == datetime.timedelta(hours=3)
    shown = json.loads(good(verify(message, "--nonce", b"nonce".hex(), "--pcr",
                                   f"0={PCRS[0].hex()}", "--pcr", f"31={extended.hex()}", "-j")))
    assert (shown["id"], shown["state"], shown["debug"]) == ("i-1-enc2", "valid", False)
    assert shown["user_data"] == b"user".hex() and shown["timestamp"] == found["timestamp"]
    assert {row["index"]: row["value"] for row in shown["pcrs"]} == \
        {index: value.hex() for index, value in found["pcrs"].items()}


def test_the_host_is_in_it():
    found = document.verify(Enclave().attest(), root())
    host = json.loads(good(nitroctl("host", "-j")))
    for index, name in ((5, "modules"), (6, "kernel"), (7, "cpu")):
        text = "".join(line + "\n" for line in host[name])
        assert found["pcrs"][index] == eif.extend(eif.sha384(text.encode())), name
        assert found["pcrs"][index].hex() == host["pcrs"][str(index)]
    assert f"release {os.uname().release}" in host["kernel"]
    assert host["kernel"][-1].split()[0] == "lockdown"
    assert call("Host", {})["parameters"]["kernel"] == "\n".join(host["kernel"]) + "\n"


def test_debug_shows():
    message = Enclave(debug=True).attest()
    found = document.verify(message, root())
    assert all(not any(value) for value in found["pcrs"].values())
    host, debug = (x509.load_pem_x509_certificate((KEYS / f"{name}.pem").read_bytes())
                   for name in ("host", "debug"))
    assert x509.load_der_x509_certificate(found["certificate"]).issuer == debug.subject
    assert debug.subject != host.subject and debug.public_key() != host.public_key()
    refused(verify(message), f"'{FOLDER}/document': PCRs: PCR0 is zero, so the enclave runs in "
            "debug mode")
    assert json.loads(good(verify(message, "--debug", "-j")))["debug"]


def test_a_thousand_documents():
    """Of several enclaves at once, with fields of every size."""
    enclaves = [Enclave(f"i-1-enc{number}", [secrets.token_bytes(48) for _ in PCRS])
                for number in range(8)]
    authority = root()
    for number in range(1000):
        size = number % 513
        asked = {"user_data": secrets.token_bytes(size), "nonce": secrets.token_bytes(512 - size),
                 "public_key": secrets.token_bytes(number % 1024 + 1)}
        for name in list(asked):
            if secrets.randbelow(4) == 0:
                asked[name] = None
        message = enclaves[number % 8].attest(**asked)
        found = document.verify(message, authority, nonce=asked["nonce"])
        assert {name: found[name] for name in asked} == asked
        assert found["module_id"] == f"i-1-enc{number % 8}"
        # Linux gives 0x3000 bytes for the response
        assert len(message) < 0x3000 - 64


def test_no_document_is_another_one():
    """What is asked in the same words and the same millisecond is as good as the first."""
    enclave, authority = Enclave(), root()
    messages = [enclave.attest(public_key=b"key") for _ in range(30)]
    times = {document.verify(message, authority)["timestamp"] for message in messages}
    assert len(times) == len(messages), times


def test_every_flipped_bit_is_refused():
    message = bytearray(Enclave().attest(b"user", b"nonce", b"key"))
    authority = root()
    document.verify(bytes(message), authority)
    for bit in range(8 * len(message)):
        message[bit // 8] ^= 1 << bit % 8
        try:
            document.verify(bytes(message), authority, nonce=b"nonce")
        except Exception:  # pylint: disable=broad-except
            pass
        else:
            raise AssertionError(f"bit {bit} does not matter")
        message[bit // 8] ^= 1 << bit % 8


def test_verify_says_what_fails_first():
    message = Enclave().attest(b"user", b"nonce")
    path = written(message)
    broken = bytearray(message)
    broken[-1] ^= 1
    (name,) = (name.value for name in root().subject if name.oid == eif.NameOID.COMMON_NAME)
    _, other = operator_root()
    other_path = FOLDER / "other.pem"
    other_path.write_bytes(eif.pem(other))
    refused(verify(b"no document"), f"'{path}': message: it is no CBOR")
    refused(verify(broken), f"'{path}': signature: the signature is wrong")
    written(message)
    refused(nitroctl("verify", path, "--root", other_path),
            f"'{path}': chain: it begins with another root")
    refused(nitroctl("verify", path, "--root", path), f"'{path}' is no PEM certificate")
    refused(verify(message, "--at", "2020-01-01T00:00:00Z"),
            f"'{path}': dates: '{name}': certificate is not yet valid")
    refused(verify(message, "--at", str(int(time.time()) + 4 * 3600)),
            f"'{path}': dates: 'i-1-enc2': certificate has expired")
    refused(verify(message, "--nonce", "00"), f"'{path}': nonce: it is another one")
    refused(verify(message, "--pcr", f"0={'00' * 48}"), f"'{path}': PCRs: PCR0 is {'01' * 48}")
    refused(verify(message, "--pcr", f"16={'00' * 48}"), f"'{path}': PCRs: there is no PCR16")
    # With its tag it is as good
    good(verify(b"\xd2" + message, "-q"))


def test_systemd_hands_the_socket_over():
    unit = (pathlib.Path(__file__).parent / "../../enclave/service/nitro-nsm.socket").read_text()
    (name,) = (line.partition("=")[2] for line in unit.splitlines()
               if line.startswith("FileDescriptorName="))
    path = str(FOLDER / "activated.sock")
    process = subprocess.Popen(
        ["systemd-socket-activate", f"--fdname={name}", "-l", path, SERVICE, "--credentials",
         CREDENTIALS], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    atexit.register(process.kill)
    deadline = time.monotonic() + 60
    while not os.path.exists(path):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    called = subprocess.run(["varlinkctl", "call", path, "io.nitro.Nsm.Host", "{}"],
                            capture_output=True, check=True)
    assert json.loads(called.stdout)["kernel"].startswith("release ")
    # Without one it says so
    done = subprocess.run([SERVICE, "--credentials", CREDENTIALS], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("nitro-nsm: cannot listen: "), done.stderr


def test_what_a_module_answers():
    enclave = Enclave()
    described = enclave.ask("DescribeNSM")["DescribeNSM"]
    assert described["module_id"] == "i-1-enc2" and described["max_pcrs"] == 32
    assert described["locked_pcrs"] == list(range(16)) and described["digest"] == "SHA384"
    assert enclave.ask({"DescribePCR": {"index": 0}}) == \
        {"DescribePCR": {"lock": True, "data": PCRS[0]}}
    assert enclave.ask({"LockPCRs": {"range": 20}}) == "LockPCRs"
    assert enclave.ask({"ExtendPCR": {"index": 19, "data": b""}}) == {"Error": "ReadOnlyIndex"}
    assert len(enclave.ask("GetRandom")["GetRandom"]["random"]) >= 24
    # Another one knows nothing of it
    assert Enclave().ask({"LockPCR": {"index": 19}}) == "LockPCR"


def test_who_asks_wrongly():
    """A hypervisor that an enclave has taken over gets nothing that is not its own."""
    enclave = Enclave()
    for request, error in (
            ({"ExtendPCR": {"index": 0, "data": b"x"}}, "ReadOnlyIndex"),
            ({"LockPCR": {"index": 32}}, "InvalidIndex"),
            ({"Attestation": {"user_data": bytes(513)}}, "InputTooLarge"),
            ({"Attestation": {"nonce": bytes(513)}}, "InputTooLarge"),
            ({"Attestation": {"public_key": bytes(1025)}}, "InputTooLarge"),
            ({"Attestation": {"public_key": b""}}, "InvalidArgument"),
            ({"Attestation": {"pcrs": {0: bytes(48)}, "nonce": 1}}, "InvalidArgument"),
            ("Enrol", "InvalidOperation")):
        assert enclave.ask(request) == {"Error": error}, request
    assert cbor2.loads(enclave.send(b"")) == {"Error": "InvalidOperation"}
    assert cbor2.loads(enclave.send(bytes(0x1001))) == {"Error": "InputTooLarge"}
    assert cbor2.loads(enclave.send(bytes(60000))) == {"Error": "InputTooLarge"}
    attest = cbor2.dumps({"Attestation": {}})
    assert cbor2.loads(enclave.send(attest, 100)) == {"Error": "BufferTooSmall"}
    # A response of nothing would be the end of the module
    assert enclave.send(attest, 0) and enclave.send(attest, 0xffffffff)
    # And still gets its own
    assert document.verify(enclave.attest(), root())["pcrs"][0] == PCRS[0]
    # What is not even a message ends it
    for message in (b"", b"abc", bytes(11)):
        enclave = Enclave()
        enclave.socket.send(message)
        assert enclave.is_gone(), message


def test_who_enrols_wrongly():
    pcrs = [value.hex() for value in PCRS]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stream, _ = socket.socketpair()
    plain = {"module_id": "i-1", "pcrs": pcrs}
    bad_id = "module_id is not 1 to 64 letters, digits and dashes"
    for parameters, fds, sentence in (
            (plain, [], "there is no socket with the call"),
            (plain, [stream.fileno()], "what came with the call is no sequential-packet socket"),
            ({**plain, "module_id": ""}, [theirs.fileno()], bad_id),
            ({**plain, "module_id": "x" * 65}, [theirs.fileno()], bad_id),
            ({**plain, "module_id": "a b"}, [theirs.fileno()], bad_id),
            ({**plain, "pcrs": pcrs[:15]}, [theirs.fileno()], "pcrs is no array of 16"),
            ({**plain, "pcrs": pcrs[:15] + ["00"]}, [theirs.fileno()],
             "PCR15 has not 96 hexadecimal digits")):
        reply = call("Enrol", parameters, fds)
        assert reply.get("error") == "io.nitro.Nsm.Invalid", reply
        assert reply["parameters"]["message"] == sentence, reply
    theirs.close()
    # It kept none of them
    assert ours.recv(1) == b""


def kept():
    """How many enclaves systemd holds: a socket and a state each."""
    SYSTEMD.settle()
    assert all(len(fds) == 2 for fds in SYSTEMD.held.values()), SYSTEMD.held
    return len(SYSTEMD.held)


def only_names():
    """Names of what systemd holds, without those of enclaves that are gone."""
    call("Host", {})
    SYSTEMD.settle()
    return set(SYSTEMD.held)


def memory_of(names):
    """The state among the descriptors of one name."""
    (fds,) = (SYSTEMD.held[name] for name in names)
    (memory,) = (fd for fd in fds if not stat.S_ISSOCK(os.fstat(fd).st_mode))
    return memory


def test_a_restart_goes_on():
    before = only_names()
    enclave, other, debug = Enclave("i-1-enc7"), Enclave("i-1-enc8"), Enclave("i-2-enc9", debug=True)
    extended = eif.extend(b"application")
    enclave.ask({"ExtendPCR": {"index": 16, "data": b"application"}})
    enclave.ask({"LockPCR": {"index": 16}})
    enclave.ask({"ExtendPCR": {"index": 17, "data": b"free"}})
    other.ask({"LockPCRs": {"range": 24}})
    first = document.verify(enclave.attest(), root())
    assert len(only_names() - before) == 3
    for end in (SYSTEMD.stop, SYSTEMD.kill):
        end()
        # One asks while nobody is there
        other.begin(cbor2.dumps({"LockPCR": {"index": 23}}))
        SYSTEMD.start()
        assert cbor2.loads(other.end()) == {"Error": "ReadOnlyIndex"}
        second = document.verify(enclave.attest(nonce=b"again"), root(), nonce=b"again")
        assert (second["module_id"], second["pcrs"]) == ("i-1-enc7", first["pcrs"])
        assert second["pcrs"][16] == extended and set(second["pcrs"]) == {*range(17)}
        assert enclave.ask({"ExtendPCR": {"index": 16, "data": b"x"}}) == {"Error": "ReadOnlyIndex"}
        assert enclave.ask({"DescribePCR": {"index": 17}})["DescribePCR"] == \
            {"lock": False, "data": eif.extend(b"free")}
        assert other.ask("DescribeNSM")["DescribeNSM"]["locked_pcrs"] == list(range(24))
        found = document.verify(debug.attest(), root())
        assert found["module_id"] == "i-2-enc9" and not any(map(any, found["pcrs"].values()))
    # Nothing is kept twice, nor for longer than the enclave is there
    assert len(only_names() - before) == 3
    for gone in (enclave, other, debug):
        gone.socket.close()
    while only_names() - before:
        time.sleep(0.01)


def test_one_that_ends_meanwhile_is_forgotten():
    before = only_names()
    enclave, stays = Enclave(), Enclave()
    names = only_names() - before
    SYSTEMD.kill()
    enclave.socket.close()
    # systemd lets go of a socket when the other end is closed
    for name in names:
        for fd in SYSTEMD.held[name]:
            if stat.S_ISSOCK(os.fstat(fd).st_mode) and select.select([fd], [], [], 0)[0]:
                SYSTEMD.held[name].remove(fd)
                os.close(fd)
                break
    SYSTEMD.start()
    assert len(only_names() - before) == 1 and kept()
    stays.attest()


def test_a_request_is_answered_once():
    """It is killed at each point of one request, which is then there or not."""
    before, enclave, register = only_names(), Enclave(), bytes(48)
    memory = memory_of(only_names() - before)
    request = cbor2.dumps({"ExtendPCR": {"index": 16, "data": b"more"}})
    for point in ("not read", "half kept", "kept", "answered"):
        old = os.pread(memory, 8192, 0)
        register = hashlib.sha384(register + b"more").digest()
        if point == "not read":
            SYSTEMD.kill()
            enclave.begin(request)
        else:
            assert cbor2.loads(enclave.send(request)) == {"ExtendPCR": {"data": register}}
            SYSTEMD.kill()
            if point == "half kept":
                new = os.pread(memory, 8192, 0)
                half = next(at for at in range(8192) if old[at] != new[at]) + 20
                os.pwrite(memory, old[half:], half)
            # The response was not sent, or the request was still there
            enclave.number -= 1
            enclave.begin(request)
        SYSTEMD.start()
        assert cbor2.loads(enclave.end()) == {"ExtendPCR": {"data": register}}, point
        assert enclave.ask({"DescribePCR": {"index": 16}})["DescribePCR"]["data"] == register
    # Another request of that number is that request
    enclave.number -= 1
    assert "DescribePCR" in enclave.ask({"DescribePCR": {"index": 3}})
    assert enclave.ask({"ExtendPCR": {"index": 16, "data": b"x"}})


def test_it_is_killed_and_killed():
    """Whatever it was about: each request has its effect once, and one response."""
    enclave, register = Enclave(), bytes(48)
    for number in range(25):
        data = secrets.token_bytes(8)
        stop = threading.Event()

        def restart(delay=number * 0.0004, stop=stop):
            time.sleep(delay)
            SYSTEMD.kill()
            SYSTEMD.start()
            stop.set()

        killer = threading.Thread(target=restart)
        killer.start()
        while True:
            register = hashlib.sha384(register + data).digest()
            answer = enclave.ask({"ExtendPCR": {"index": 16, "data": data}})
            assert answer == {"ExtendPCR": {"data": register}}, number
            if stop.is_set():
                break
        killer.join()
    assert enclave.ask({"LockPCR": {"index": 16}}) == "LockPCR"
    assert document.verify(enclave.attest(), root())["pcrs"][16] == register


def test_what_another_version_kept_is_not_guessed():
    before, enclave, stays = only_names(), Enclave(), Enclave()
    name = sorted(only_names() - before)[0]
    memory = memory_of([name])
    SYSTEMD.kill()
    os.pwrite(memory, bytes(8192), 0)
    SYSTEMD.start()
    assert name not in only_names() and len(only_names() - before) == 1
    # One of the two, as names tell nothing
    (gone,) = (one for one in (enclave, stays) if select.select([one.socket], [], [], 0)[0])
    assert gone.is_gone()


INIT, SYSTEMD = setup()
report.run(sys.modules[__name__], sys.argv[1:])
