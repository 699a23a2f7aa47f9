#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""nitroctl kms with a nitro-kms whose master key was made as on a host.

usage: verbs.py [TEST...]
"""

import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(1, str(pathlib.Path(__file__).parent.parent / "enclave"))
import maker  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position
import service  # noqa: E402  pylint: disable=wrong-import-position

NITROCTL = os.environ.get("NITROCTL", "build/tools/check/nitroctl")
OURS = maker.Authority()
KEY, PUBLIC = maker.recipient()
JOURNAL = service.Journal()
KMS = service.Kms([OURS])
IMAGE = {0: bytes(47) + b"\1"}
POLICY = {"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
    "Condition": {"StringEqualsIgnoreCase": {
        "kms:RecipientAttestation:ImageSha384": IMAGE[0].hex()}}}}


def nitroctl(*args, stdin=None, **more):
    return subprocess.run([NITROCTL, "kms", *map(str, args)], input=stdin, capture_output=True,
                          check=False, env={**os.environ, "NITRO_KMS_SOCKET": KMS.manage, **more})


def good(done):
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.decode()


def refused(done, sentence, status=1):
    assert done.returncode == status and not done.stdout, done
    assert done.stderr.decode() == f"nitroctl: {sentence}\n", done.stderr


def in_file(name, contents):
    path = KMS.folder / name
    path.write_bytes(contents)
    return path


def test_master_key_is_made_once_and_sealed():
    folder, root = KMS.folder / "kms", in_file("root.pem", OURS.pem())
    for _ in range(2):
        subprocess.run(["kms/nitro-kms-init", folder, root], check=True)
        master = subprocess.run(["systemd-creds", "decrypt", "--name=master.key",
                                 folder / "master.cred", "-"], capture_output=True,
                                check=True).stdout
        assert len(master) == 32
        (KMS.credentials / "master.key").write_bytes(master)
    assert sorted(os.listdir(folder)) == ["master.cred", "roots.pem"]
    assert (folder / "master.cred").stat().st_mode & 0o777 == 0o600
    first = (folder / "master.cred").read_bytes()
    subprocess.run(["kms/nitro-kms-init", folder, root], check=True)
    assert (folder / "master.cred").read_bytes() == first and master not in first
    # A root that is not there is not made up, and no half of it stays
    failed = subprocess.run(["kms/nitro-kms-init", KMS.folder / "none", KMS.folder / "x"],
                            capture_output=True, check=False)
    assert failed.returncode and not (KMS.folder / "none" / "roots.pem").exists()
    KMS.restart()


def test_create_show_list_delete():
    policy = in_file("policy.json", json.dumps(POLICY).encode())
    made = good(nitroctl("create-key", "app", "--policy", policy))
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n",
                        made), made
    shown = json.loads(good(nitroctl("show", "app", "-j")))
    assert shown["id"] == made.strip() and shown["name"] == "app" and shown["policy"] == POLICY
    assert shown["state"] == "available"
    assert json.dumps(POLICY) in good(nitroctl("show", made.strip()))
    other = json.loads(good(nitroctl("create-key", "stdin", "--policy", "-", "-j",
                                     stdin=json.dumps(POLICY).encode())))
    listed = json.loads(good(nitroctl("list", "-j")))
    assert [key["name"] for key in listed] == ["app", "stdin"] and other in listed
    assert "app" in good(nitroctl("list"))
    assert good(nitroctl("rotate", "app")) == ""
    rotated = json.loads(good(nitroctl("rotate", "app", "-j")))
    assert rotated["version"] == 3 and rotated["id"] == made.strip()
    assert "Version: 3" in " ".join(good(nitroctl("show", "app")).split())
    refused(nitroctl("rotate", "none"), "there is no key 'none'", 3)
    assert good(nitroctl("delete", "stdin")) == ""
    refused(nitroctl("show", "stdin"), "there is no key 'stdin'", 3)
    refused(nitroctl("delete", "stdin"), "there is no key 'stdin'", 3)
    refused(nitroctl("create-key", "app", "--policy", policy), "there is a key 'app' already")


def test_encrypt_for_an_enclave():
    secret, out = in_file("secret", b"a secret\n\0"), KMS.folder / "secret.enc"
    assert good(nitroctl("encrypt", "app", "--in", secret, "--out", out)) == ""
    assert b"a secret" not in out.read_bytes()
    for blob in (out.read_bytes(),
                 nitroctl("encrypt", "app", "--in", "-", "--out", "-", stdin=b"a secret\n\0").stdout):
        reply = KMS.ask("Decrypt", CiphertextBlob=blob, Recipient={
            "AttestationDocument": OURS.document(IMAGE, PUBLIC),
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"})
        assert reply["CiphertextForRecipient"]
    try:
        KMS.ask("Decrypt", CiphertextBlob=out.read_bytes())
        raise AssertionError("root gets it without being an enclave")
    except service.Refused as why:
        assert why.name == "AccessDeniedException"


def test_context_has_to_be_said_again():
    secret, out = in_file("secret", b"a secret"), KMS.folder / "context.enc"
    pairs = ("--context", "app=shop", "--context", "b==", "--context", "a=")
    assert good(nitroctl("encrypt", "app", "--in", secret, "--out", out, *pairs)) == ""
    right = {"a": "", "app": "shop", "b": "="}
    for context in (right, {}, {"app": "shop"}, {**right, "a": "x"}):
        asked = {"CiphertextBlob": out.read_bytes(), "EncryptionContext": context, "Recipient": {
            "AttestationDocument": OURS.document(IMAGE, PUBLIC),
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}}
        try:
            assert KMS.ask("Decrypt", **asked)["CiphertextForRecipient"] and context == right
        except service.Refused as why:
            assert why.name == "InvalidCiphertextException" and context != right
    for pair in ("app", "=x", ""):
        refused(nitroctl("encrypt", "app", "--in", secret, "--out", "-", "--context", pair),
                f"--context: '{pair}' is not a pair 'KEY=VALUE'", 2)
    refused(nitroctl("encrypt", "app", "--in", secret, "--out", "-", "--context", "a=1",
                     "--context", "a=2"), "--context has 'a' twice", 2)
    refused(nitroctl("encrypt", "app", "--in", secret, "--out", "-", "--context",
                     "a=" + "x" * 8192), "EncryptionContext has more than 8192 bytes")


def test_what_is_refused():
    secret, out = in_file("secret", b"s"), KMS.folder / "none.enc"
    refused(nitroctl("encrypt", "none", "--in", secret, "--out", out), "there is no key 'none'", 3)
    refused(nitroctl("encrypt", "app", "--in", in_file("empty", b""), "--out", out),
            "there are 0 bytes to encrypt, not 1 to 4096")
    large = in_file("large", bytes(4097))
    refused(nitroctl("encrypt", "app", "--in", large, "--out", out),
            f"'{large}': it has more than 4096 bytes")
    refused(nitroctl("encrypt", "app", "--in", KMS.folder / "x", "--out", out),
            f"cannot open '{KMS.folder}/x': No such file or directory")
    refused(nitroctl("encrypt", "app", "--in", secret, "--out", KMS.folder),
            f"cannot write '{KMS.folder}': File exists")
    assert not out.exists()
    binary = in_file("binary", b"{}\0")
    refused(nitroctl("create-key", "x", "--policy", binary), f"'{binary}' is no text")
    refused(nitroctl("create-key", "x", "--policy", in_file("bad", b"{}")),
            "the policy's Version is not 2012-10-17")
    refused(nitroctl("create-key", "a b", "--policy", in_file("bad", b"{}")),
            "a name has 1 to 64 letters, digits, '-', '_' and '.'")
    refused(nitroctl("list", NITRO_KMS_SOCKET="/nowhere"),
            "cannot reach nitro-kms at '/nowhere': No such file or directory; see 'systemctl "
            "status nitro-kms.socket nitro-kms'")


report.run(sys.modules[__name__], sys.argv[1:])
