#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Keys of nitro-kms that are rotated: what was encrypted before is decrypted as before.

usage: rotation.py [TEST...]
"""

import base64
import json
import os
import pathlib
import sqlite3
import sys
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

sys.path.insert(1, str(pathlib.Path(__file__).parent.parent / "enclave"))
import maker  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position
import service  # noqa: E402  pylint: disable=wrong-import-position

JOURNAL = service.Journal()
KMS = service.Kms([maker.Authority()])
POLICY = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}})
# As the first version of nitro-kms made it
FIRST_SCHEMA = """
CREATE TABLE keys (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, policy TEXT NOT NULL,
 wrapped BLOB NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE used (digest BLOB PRIMARY KEY NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX used_until ON used (until);
PRAGMA user_version = 1;
"""


def refused(error, function, /, *args, **more):
    try:
        reply = function(*args, **more)
    except service.Refused as why:
        assert why.name == error, why
        return why.message
    raise AssertionError(f"it is answered: {reply}")


def create(name):
    return KMS.call("CreateKey", name=name, policy=POLICY)["key"]


def encrypt(name, plain):
    return base64.b64decode(KMS.ask("Encrypt", KeyId=name, Plaintext=plain)["CiphertextBlob"])


def decrypt(blob):
    return base64.b64decode(KMS.ask("Decrypt", CiphertextBlob=blob)["Plaintext"])


def seal(key, aad, plain):
    """As nitro-kms encrypts, by other code."""
    salt, nonce = os.urandom(16), os.urandom(12)
    derived = HKDF(hashes.SHA256(), 32, salt, b"nitro-kms").derive(key)
    return salt + nonce + AESGCM(derived).encrypt(nonce, plain, aad)


def wrapped(key_id):
    with sqlite3.connect(KMS.state / "keys.db") as database:
        return [row[0] for row in database.execute(
            "SELECT wrapped FROM versions WHERE key = ? ORDER BY number", (key_id,))]


def test_what_was_encrypted_before():
    made = create("app")
    assert made["version"] == 1 and made["rotated"] == made["created"]
    blobs = [encrypt("app", b"of version 1")]
    for number in range(2, 5):
        rotated = KMS.call("Rotate", name="app")["key"]
        assert rotated["version"] == number and rotated["rotated"] >= made["created"]
        assert (rotated["id"], rotated["created"]) == (made["id"], made["created"])
        blobs.append(encrypt("app", b"of version %d" % number))
    KMS.restart()
    for number, blob in enumerate(blobs, 1):
        # Format, ID, and the version that made it
        assert blob[:1] == b"\2" and str(uuid.UUID(bytes=blob[1:17])) == made["id"]
        assert int.from_bytes(blob[17:21], "big") == number
        assert decrypt(blob) == b"of version %d" % number
    assert len(set(wrapped(made["id"]))) == 4
    assert [key["version"] for key in KMS.call("List")["keys"]] == [4]
    assert KMS.call("Show", name="app")["key"]["version"] == 4


def test_versions_do_not_pass_for_each_other():
    made = create("swapped")
    first = encrypt("swapped", b"x")
    KMS.call("Rotate", name="swapped")
    second = encrypt("swapped", b"x")
    for number in (0, 2, 3, 0x10001, 0xffffffff):
        refused("InvalidCiphertextException", KMS.ask, "Decrypt",
                CiphertextBlob=first[:17] + number.to_bytes(4, "big") + first[21:])
    for blob in (first, second):
        for changed in (b"\1" + blob[1:], b"\1" + blob[1:17] + blob[21:], b"\0" + blob[1:],
                        b"\3" + blob[1:]):
            refused("InvalidCiphertextException", KMS.ask, "Decrypt", CiphertextBlob=changed) \
                if changed != b"\1" + first[1:17] + first[21:] else decrypt(changed)
    # Neither in the database
    KMS.stop()
    with sqlite3.connect(KMS.state / "keys.db") as database:
        one, two = wrapped(made["id"])
        for number, value in ((1, two), (2, one)):
            database.execute("UPDATE versions SET wrapped = ? WHERE key = ? AND number = ?",
                             (value, made["id"], number))
    KMS.start()
    for blob in (first, second):
        refused("KMSInternalException", KMS.ask, "Decrypt", CiphertextBlob=blob)
    KMS.call("Delete", name="swapped")


def test_aws_names():
    made = create("aws")
    started = int(time.time())
    assert KMS.ask("ListKeyRotations", KeyId="aws") == {"Rotations": [], "Truncated": False}
    blob = encrypt("aws", b"before")
    for _ in range(5):
        assert KMS.ask("RotateKeyOnDemand", KeyId="alias/aws") == {"KeyId": made["id"]}
    assert decrypt(blob) == b"before" and KMS.call("Show", name="aws")["key"]["version"] == 6
    reply = KMS.ask("ListKeyRotations", KeyId=made["id"])
    assert len(reply["Rotations"]) == 5 and not reply["Truncated"] and "NextMarker" not in reply
    for rotation in reply["Rotations"]:
        assert rotation["KeyId"] == made["id"] and rotation["RotationType"] == "ON_DEMAND"
        assert rotation["RotationDate"] >= made["created"] - 1 and started
    pages, more = [], {}
    while not pages or pages[-1]["Truncated"]:
        pages.append(KMS.ask("ListKeyRotations", KeyId="aws", Limit=2, **more))
        more = {"Marker": pages[-1].get("NextMarker")}
    assert [len(page["Rotations"]) for page in pages] == [2, 2, 1]
    assert sum((page["Rotations"] for page in pages), []) == reply["Rotations"]
    for limit in (0, 1001, -1, "2"):
        refused("ValidationException", KMS.ask, "ListKeyRotations", KeyId="aws", Limit=limit)
    for marker in ("", "0", "x", "-1", "1 ", "99999999999"):
        refused("InvalidMarkerException", KMS.ask, "ListKeyRotations", KeyId="aws", Marker=marker)
    for operation in ("ListKeyRotations", "RotateKeyOnDemand"):
        refused("NotFoundException", KMS.ask, operation, KeyId="none")
        refused("ValidationException", KMS.ask, operation)
    KMS.call("CreateKey", name="decrypt", policy=POLICY.replace("kms:*", "kms:Decrypt"))
    for operation in ("ListKeyRotations", "RotateKeyOnDemand"):
        refused("AccessDeniedException", KMS.ask, operation, KeyId="decrypt")
    refused("DryRunOperationException", KMS.ask, "RotateKeyOnDemand", KeyId="aws", DryRun=True)
    assert KMS.call("Show", name="aws")["key"]["version"] == 6


def test_a_key_has_its_last_version():
    made = create("old")
    KMS.stop()
    with sqlite3.connect(KMS.state / "keys.db") as database:
        database.execute("UPDATE versions SET number = 999 WHERE key = ?", (made["id"],))
    KMS.start()
    assert KMS.call("Rotate", name="old")["key"]["version"] == 1000
    blob = encrypt("old", b"x")
    sentence = "key 'old' was rotated 999 times, which is all that it can be"
    assert refused("LimitExceededException", KMS.ask, "RotateKeyOnDemand", KeyId="old") == sentence
    assert refused("io.nitro.Kms.Invalid", KMS.call, "Rotate", name="old") == sentence
    assert refused("io.nitro.NotFound", KMS.call, "Rotate", name="none") == \
        "there is no key 'none'"
    assert decrypt(blob) == b"x"
    KMS.call("Delete", name="old")


def test_all_versions_go_with_the_key():
    made = create("short-lived")
    KMS.call("Rotate", name="short-lived")
    erased = wrapped(made["id"])
    assert len(erased) == 2
    KMS.call("Delete", name="short-lived")
    for path in KMS.state.iterdir():
        for value in erased:
            assert value not in path.read_bytes(), path
    assert not wrapped(made["id"])


def test_it_is_audited():
    create("mark")
    JOURNAL.after("user 0: CreateKey of key 'mark'")
    KMS.call("Rotate", name="mark")
    assert JOURNAL.next()["MESSAGE"] == "user 0: Rotate of key 'mark'"
    KMS.ask("RotateKeyOnDemand", KeyId="mark")
    assert JOURNAL.next()["MESSAGE"] == "RotateKeyOnDemand by 'uid/0' with key mark"


def test_keys_of_the_first_schema():
    """Database and ciphertexts of before there were versions."""
    KMS.stop()
    for path in KMS.state.iterdir():
        path.unlink()
    master = (KMS.credentials / "master.key").read_bytes()
    key, key_id = os.urandom(32), str(uuid.uuid4())
    with sqlite3.connect(KMS.state / "keys.db") as database:
        database.executescript(FIRST_SCHEMA)
        old = seal(master, key_id.encode(), key)
        database.execute("INSERT INTO keys VALUES (?, 'first', ?, ?, 1700000000)",
                         (key_id, POLICY, old))
    KMS.start()
    for _ in range(2):
        for context, text in ({}, b""), ({"b": "2", "a": "1"}, b'{"a":"1","b":"2"}'):
            blob = b"\1" + uuid.UUID(key_id).bytes + seal(key, text, b"of long ago")
            assert base64.b64decode(KMS.ask("Decrypt", CiphertextBlob=blob,
                                            EncryptionContext=context)["Plaintext"]) == \
                b"of long ago"
            refused("InvalidCiphertextException", KMS.ask, "Decrypt", CiphertextBlob=blob,
                    EncryptionContext={"c": "3"})
        shown = KMS.call("Show", name="first")["key"]
        assert shown["id"] == key_id and shown["created"] == 1700000000
        longest = b"\1" + uuid.UUID(key_id).bytes + seal(key, b"", bytes(4096))
        assert decrypt(longest) == bytes(4096)
        refused("InvalidCiphertextException", KMS.ask, "Decrypt",
                CiphertextBlob=b"\1" + uuid.UUID(key_id).bytes + seal(key, b"", bytes(4097)))
        assert decrypt(encrypt("first", b"now")) == b"now"
        # Once more with two versions, by the next start
        KMS.call("Rotate", name="first")
        KMS.restart()
    assert len(wrapped(key_id)) == 3 and wrapped(key_id)[0] == old
    with sqlite3.connect(KMS.state / "keys.db") as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


report.run(sys.modules[__name__], sys.argv[1:])
