#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""One caller of nitro-kms cannot keep the others from being answered.

usage: limits.py [TEST...]
"""

import base64
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(1, str(pathlib.Path(__file__).parent.parent / "enclave"))
import maker  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position
import service  # noqa: E402  pylint: disable=wrong-import-position

OURS = maker.Authority()
PUBLIC = maker.recipient()[1]
JOURNAL = service.Journal()
KMS = service.Kms([OURS], rate=1)
POLICY = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}})
THROTTLED = "ThrottlingException"
OTHER_USER = 65534


def asked(function, *args, **parameters):
    """The name of the error, or None."""
    try:
        function(*args, **parameters)
    except service.Refused as why:
        if why.name == THROTTLED:
            assert why.status == 400 and why.message.endswith(
                " asks more often than 1 times a minute"), why
        return why.name
    return None


def throttle():
    """One request in a minute is answered, however long each takes here."""
    return [asked(KMS.ask, "GenerateRandom", NumberOfBytes=8) for _ in range(30)]


def test_who_asks_too_often():
    KMS.call("CreateKey", name="before", policy=POLICY)
    JOURNAL.after("user 0: CreateKey of key 'before'")
    verdicts = throttle()
    passed = verdicts.count(None)
    assert 1 <= passed < 30 and set(verdicts) == {None, THROTTLED}, verdicts
    # Others are answered, and the operator is not counted
    assert asked(KMS.signed, "GenerateRandom", name="bob", NumberOfBytes=8) is None
    assert asked(KMS.signed, "GenerateRandom", name="alice", NumberOfBytes=8) is None
    KMS.call("CreateKey", name="after", policy=POLICY)
    # What is refused is on record once, until something is answered again
    records = []
    while not records or records[-1]["MESSAGE"] != "user 0: CreateKey of key 'after'":
        records.append(JOURNAL.next())
    refusals = [record for record in records if record.get("NITRO_KMS_ERROR") == THROTTLED]
    assert 1 <= len(refusals) <= passed, records
    assert refusals[0]["NITRO_KMS_PRINCIPAL"] == "uid/0"
    assert refusals[0]["NITRO_REASON"] == "'uid/0' asks more often than 1 times a minute"


def test_who_does_not_sign_counts_as_one():
    verdicts = [asked(KMS.signed, "GenerateRandom", name="nobody", NumberOfBytes=8)
                for _ in range(30)]
    assert THROTTLED in verdicts and "UnrecognizedClientException" in verdicts, verdicts
    KMS.restart()
    assert asked(KMS.signed, "GenerateRandom", name="alice", NumberOfBytes=8) is None


def test_what_is_refused_uses_no_document():
    KMS.call("CreateKey", name="app", policy=POLICY)
    blob = base64.b64decode(KMS.call("Encrypt", name="app", plaintext="AA==")["ciphertext"])
    verdict = None
    while verdict != THROTTLED:
        recipient = {"AttestationDocument": OURS.document({0: b"\1" * 48}, PUBLIC),
                     "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
        verdict = asked(KMS.ask, "Decrypt", CiphertextBlob=blob, Recipient=recipient)
        assert verdict in (None, THROTTLED), verdict
    # Nothing is counted yet
    KMS.restart()
    assert asked(KMS.ask, "Decrypt", CiphertextBlob=blob, Recipient=recipient) is None


def test_rates_that_are_none():
    for rate in ("0", "-1", "1x", "", "60000001", "99999999999999999999"):
        done = subprocess.run([service.SERVICE, "--rate", rate], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 2, done
        assert done.stderr == f"nitro-kms: '{rate}' is no rate of 1 to 60000000\n", done
    done = subprocess.run([service.SERVICE], capture_output=True, text=True, check=False,
                          env={**os.environ, "NITRO_KMS_RATE": "many"})
    assert done.returncode == 2 and "'many' is no rate" in done.stderr, done


def answered_as(user):
    child = os.fork()
    if child == 0:
        try:
            os.setuid(user)
            KMS.ask("GenerateRandom", NumberOfBytes=8)
        except BaseException as why:  # pylint: disable=broad-except
            print(f"# {why}", flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_connections_of_one_caller():
    KMS.folder.chmod(0o755)
    os.chmod(KMS.path, 0o666)
    KMS.restart()
    links = [service.Unix(KMS.path) for _ in range(65)]
    for link in links:
        link.connect()
    try:
        assert links[-1].sock.recv(1) == b"", "there is an answer to nothing"
    except ConnectionResetError:
        pass
    assert answered_as(OTHER_USER)
    for link in links:
        link.close()

    def again():
        try:
            return asked(KMS.ask, "GenerateRandom", NumberOfBytes=8) in (None, THROTTLED)
        except OSError:
            return False
    service.wait_for(again, "who has closed its connections can make others")


report.run(sys.modules[__name__], sys.argv[1:])
