#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""AWS's own clients drive nitro-kms: boto3, and the JavaScript client.

usage: clients.py [TEST...]
"""

import base64
import json
import os
import pathlib
import subprocess
import sys

import boto3
import botocore.config
import botocore.exceptions
from cryptography.hazmat.primitives import serialization

sys.path.insert(1, str(pathlib.Path(__file__).parent.parent / "enclave"))
import identity  # noqa: E402  pylint: disable=wrong-import-position
import maker  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position
import service  # noqa: E402  pylint: disable=wrong-import-position

OURS = maker.Authority()
KEY, PUBLIC = maker.recipient()
JOURNAL = service.Journal()
KMS = service.Kms([OURS])
SECURE, STRANGER = service.Kms([OURS], tls=identity.Identity()), identity.Identity()
IMAGE = {index: bytes([0xa0 + index]) * 48 for index in range(16)}
ENDPOINT = f"http://127.0.0.1:{KMS.port}"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:user/alice"},
     "Action": "kms:*", "Resource": "*"},
    {"Effect": "Deny", "Principal": "*", "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
     "Resource": "*", "Condition": {"StringNotEqualsIgnoreCase": {
         "kms:RecipientAttestation:ImageSha384": IMAGE[0].hex()}}}]})


def recipient(pcrs=None):
    return {"AttestationDocument": OURS.document(pcrs or IMAGE, PUBLIC),
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}


def opened(envelope):
    (KMS.folder / "envelope").write_bytes(envelope)
    (KMS.folder / "recipient.pem").write_bytes(KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-in",
                           KMS.folder / "envelope", "-inkey", KMS.folder / "recipient.pem"],
                          check=True, capture_output=True).stdout


def python_client(name="alice", endpoint=ENDPOINT, **more):
    access, secret = service.SECRETS[name]
    return boto3.client("kms", endpoint_url=endpoint, **more, region_name="nitro-local-1",
                        aws_access_key_id=access, aws_secret_access_key=secret,
                        config=botocore.config.Config(retries={"max_attempts": 0}))


def refused(name, function, **parameters):
    try:
        function(**parameters)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == name, error.response
        assert error.response["Error"]["Message"], error.response
        return error
    raise AssertionError("it is answered")


def test_boto3():
    client = python_client()
    described = client.describe_key(KeyId="alias/app")["KeyMetadata"]
    assert described["KeyState"] == "Enabled" and described["CreationDate"].year > 2000
    blob = client.encrypt(KeyId=described["Arn"], Plaintext=b"a secret",
                          EncryptionContext={"app": "shop"})["CiphertextBlob"]
    reply = client.decrypt(CiphertextBlob=blob, EncryptionContext={"app": "shop"},
                           Recipient=recipient())
    assert "Plaintext" not in reply and reply["KeyId"] == described["Arn"]
    assert opened(reply["CiphertextForRecipient"]) == b"a secret"
    reply = client.generate_data_key(KeyId="alias/app", KeySpec="AES_256", Recipient=recipient())
    again = client.decrypt(CiphertextBlob=reply["CiphertextBlob"], Recipient=recipient())
    assert opened(reply["CiphertextForRecipient"]) == opened(again["CiphertextForRecipient"])
    assert len(client.generate_random(NumberOfBytes=64)["Plaintext"]) == 64
    reply = client.generate_random(NumberOfBytes=64, Recipient=recipient())
    assert len(opened(reply["CiphertextForRecipient"])) == 64


def test_boto3_rotates():
    client = python_client()
    blob = client.encrypt(KeyId="alias/app", Plaintext=b"before")["CiphertextBlob"]
    key = client.rotate_key_on_demand(KeyId="alias/app")["KeyId"]
    client.rotate_key_on_demand(KeyId=key)
    pages = client.get_paginator("list_key_rotations").paginate(
        KeyId=key, PaginationConfig={"PageSize": 1})
    rotations = [rotation for page in pages for rotation in page["Rotations"]]
    assert len(rotations) == 2 and rotations[0]["RotationDate"].year > 2000, rotations
    reply = client.decrypt(CiphertextBlob=blob, Recipient=recipient())
    assert opened(reply["CiphertextForRecipient"]) == b"before"
    refused("AccessDeniedException", python_client("bob").rotate_key_on_demand, KeyId=key)


def test_boto3_knows_the_errors():
    client = python_client()
    blob = client.encrypt(KeyId="alias/app", Plaintext=b"a secret")["CiphertextBlob"]
    refused("AccessDeniedException", client.decrypt, CiphertextBlob=blob)
    refused("AccessDeniedException", client.decrypt, CiphertextBlob=blob,
            Recipient=recipient({**IMAGE, 0: IMAGE[1]}))
    used = recipient()
    client.decrypt(CiphertextBlob=blob, Recipient=used)
    refused("AccessDeniedException", client.decrypt, CiphertextBlob=blob, Recipient=used)
    for error, function, parameters in (
            (client.exceptions.InvalidCiphertextException, client.decrypt,
             {"CiphertextBlob": b"x" * 80}),
            (client.exceptions.NotFoundException, client.describe_key, {"KeyId": "alias/none"}),
            (client.exceptions.DryRunOperationException, client.encrypt,
             {"KeyId": "alias/app", "Plaintext": b"x", "DryRun": True})):
        assert isinstance(refused(error.__name__, function, **parameters), error)
    refused("ValidationException", client.decrypt, CiphertextBlob=blob, Recipient={
        "AttestationDocument": b"x", "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"})
    refused("AccessDeniedException", python_client("bob").encrypt, KeyId="alias/app",
            Plaintext=b"x")
    refused("UnknownOperationException", client.list_keys)


def in_file(name, contents):
    path = SECURE.folder / name
    path.write_bytes(contents)
    return str(path)


def test_boto3_over_tls():
    SECURE.call("CreateKey", name="app", policy=POLICY)
    endpoint = f"https://127.0.0.1:{SECURE.port}"
    client = python_client(endpoint=endpoint, verify=in_file("root.pem", SECURE.tls.root))
    blob = client.encrypt(KeyId="alias/app", Plaintext=b"a secret")["CiphertextBlob"]
    reply = client.decrypt(CiphertextBlob=blob, Recipient=recipient())
    assert opened(reply["CiphertextForRecipient"]) == b"a secret"
    client = python_client(endpoint=endpoint, verify=in_file("stranger.pem", STRANGER.root))
    try:
        client.generate_random(NumberOfBytes=8)
        raise AssertionError("it believes whom it does not know")
    except botocore.exceptions.SSLError:
        pass


def test_javascript_over_tls():
    endpoint = f"https://127.0.0.1:{SECURE.port}"
    asked = ("GenerateRandom", {"NumberOfBytes": 32})
    random, = javascript(asked, endpoint=endpoint, root=in_file("root.pem", SECURE.tls.root))
    assert len(base64.b64decode(random["Plaintext"])) == 32
    random, = javascript(asked, endpoint=endpoint, root=in_file("other.pem", STRANGER.root))
    assert "Plaintext" not in random and random["error"], random


def javascript(*commands, secret=None, endpoint=ENDPOINT, root=""):
    access, ours = service.SECRETS["alice"]
    done = subprocess.run(
        ["node", "--no-warnings", "tests/kms/client.mjs", endpoint, access, secret or ours],
        check=True, env={**os.environ, "NODE_EXTRA_CA_CERTS": root},
        stdout=subprocess.PIPE, text=True, input=json.dumps(
            [{"command": command, "input": parameters} for command, parameters in commands],
            default=lambda data: {"base64": base64.b64encode(data).decode()}))
    return json.loads(done.stdout)


def test_javascript():
    encrypted, described, data_key, random = javascript(
        ("Encrypt", {"KeyId": "alias/app", "Plaintext": b"a secret"}),
        ("DescribeKey", {"KeyId": "alias/app"}),
        ("GenerateDataKey", {"KeyId": "alias/app", "KeySpec": "AES_256", "Recipient": recipient()}),
        ("GenerateRandom", {"NumberOfBytes": 32}))
    assert described["KeyMetadata"]["Enabled"], described
    assert len(opened(base64.b64decode(data_key["CiphertextForRecipient"]))) == 32
    assert len(base64.b64decode(random["Plaintext"])) == 32
    blob = base64.b64decode(encrypted["CiphertextBlob"])
    good, bare, damaged, missing = javascript(
        ("Decrypt", {"CiphertextBlob": blob, "Recipient": recipient()}),
        ("Decrypt", {"CiphertextBlob": blob}),
        ("Decrypt", {"CiphertextBlob": blob[:-1], "Recipient": recipient()}),
        ("DescribeKey", {"KeyId": "alias/none"}))
    assert opened(base64.b64decode(good["CiphertextForRecipient"])) == b"a secret"
    assert "Plaintext" not in good and bare["error"] == "AccessDeniedException", bare
    assert damaged["error"] == "InvalidCiphertextException" and damaged["known"], damaged
    assert missing["error"] == "NotFoundException" and missing["known"], missing
    unsigned, = javascript(("GenerateRandom", {"NumberOfBytes": 1}), secret="another")
    assert unsigned["error"] == "InvalidSignatureException", unsigned


KMS.call("CreateKey", name="app", policy=POLICY)
report.run(sys.modules[__name__], sys.argv[1:])
