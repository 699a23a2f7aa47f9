#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""nitro-kms over TCP with a certificate, and without one.

usage: tls.py [TEST...]
"""

import http.client
import pathlib
import socket
import ssl
import subprocess
import sys

from cryptography.hazmat.primitives import serialization

sys.path.insert(1, str(pathlib.Path(__file__).parent.parent / "enclave"))
import identity  # noqa: E402  pylint: disable=wrong-import-position
import maker  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position
import service  # noqa: E402  pylint: disable=wrong-import-position

ROOTS = [maker.Authority()]
OURS, OTHERS = identity.Identity(), identity.Identity()
JOURNAL = service.Journal()
KMS = service.Kms(ROOTS, tls=OURS)


def random():
    return KMS.signed("GenerateRandom", NumberOfBytes=8)["Plaintext"]


def connect(context):
    with socket.create_connection(("127.0.0.1", KMS.port), timeout=60) as link:
        with context.wrap_socket(link, server_hostname="127.0.0.1") as secure:
            return secure.version()


def test_a_client_that_verifies():
    assert random() != random()
    assert connect(OURS.context()) == "TLSv1.3"
    context = OURS.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert connect(context) == "TLSv1.2"
    # Nobody else has to have a certificate
    assert KMS.ask("GenerateRandom", NumberOfBytes=8)["Plaintext"]


def test_who_signs_is_asked_for_as_before():
    try:
        KMS.signed("GenerateRandom", name="nobody", NumberOfBytes=8)
        raise AssertionError("it is answered")
    except service.Refused as why:
        assert why.name == "UnrecognizedClientException", why


def test_a_client_that_knows_another_root():
    try:
        connect(OTHERS.context())
        raise AssertionError("it believes whom it does not know")
    except ssl.SSLCertVerificationError:
        pass
    assert random()


def test_what_is_not_spoken():
    old = OURS.context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    try:
        connect(old)
        raise AssertionError("TLS 1.1 is spoken")
    except (ssl.SSLError, ConnectionResetError):
        pass
    plain = http.client.HTTPConnection("127.0.0.1", KMS.port, timeout=60)
    try:
        plain.request("POST", "/", "{}", {"X-Amz-Target": "TrentService.GenerateRandom"})
        plain.getresponse()
        raise AssertionError("HTTP is answered without TLS")
    except (http.client.HTTPException, ConnectionError):
        pass
    # Who says nothing, or half of a greeting, keeps nobody waiting
    silent = [socket.create_connection(("127.0.0.1", KMS.port), timeout=60) for _ in range(16)]
    for link in silent[8:]:
        link.sendall(b"\x16\x03\x01\x02\x00\x01")
    assert random()
    for link in silent:
        link.close()


def sentence(kms):
    """Why it does not start."""
    kms.stop()
    kms.start(stderr=subprocess.PIPE)
    process, kms.process = kms.process, None
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 1, (process.returncode, said)
    return said.removeprefix("nitro-kms: ").rstrip("\n")


def test_certificates_that_are_none():
    certificate, key = KMS.credentials / "nitro-kms.crt", KMS.credentials / "nitro-kms.key"
    locked = OURS.pem(serialization.BestAvailableEncryption(b"password"))
    not_key = "'nitro-kms.key' has no private key in PEM without a password"
    for path, contents, wanted in (
            (certificate, b"", "'nitro-kms.crt' has no certificate in PEM"),
            (certificate, OURS.key, "'nitro-kms.crt' has no certificate in PEM"),
            (certificate, OTHERS.chain, "'nitro-kms.key' is not the key of the first certificate "
             "in 'nitro-kms.crt'"),
            (certificate, None, "there is 'nitro-kms.key', but no 'nitro-kms.crt'"),
            (key, None, "there is 'nitro-kms.crt', but no 'nitro-kms.key'"),
            (key, b"\0", not_key), (key, OURS.chain, not_key), (key, locked, not_key),
            (key, OURS.key[:100], not_key)):
        before = path.read_bytes()
        if contents is None:
            path.unlink()
        else:
            path.write_bytes(contents)
        said = sentence(KMS)
        path.write_bytes(before)
        assert said == wanted, (said, wanted)
    KMS.start()
    assert random()


def test_plain_tcp_for_other_hosts():
    needed = "TCP for other hosts needs credentials 'nitro-kms.crt' and 'nitro-kms.key', or --plain"
    six = pathlib.Path("/proc/net/if_inet6").exists()
    for host in ["0.0.0.0"] + ["::"] * six:
        kms = service.Kms(ROOTS, host=host, start=False)
        assert sentence(kms) == needed, host
        kms.options = ["--plain"]
        kms.start()
        assert kms.ask("GenerateRandom", NumberOfBytes=8)["Plaintext"]
        kms.stop()
    kms = service.Kms(ROOTS, host="0.0.0.0", tls=OURS)
    assert kms.signed("GenerateRandom", NumberOfBytes=8)["Plaintext"]
    kms.stop()
    for host in ["127.0.0.2"] + ["::1"] * six:
        kms = service.Kms(ROOTS, host=host)
        assert kms.ask("GenerateRandom", NumberOfBytes=8)["Plaintext"]
        kms.stop()


report.run(sys.modules[__name__], sys.argv[1:])
