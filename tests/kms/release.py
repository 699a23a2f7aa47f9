#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""nitro-kms by a client and attestation documents of the tests' own: what is released, to
whom, and everything that is refused.

usage: release.py [TEST...]
"""

import base64
import datetime
import http.client
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import time

from cryptography.hazmat.primitives import serialization

# The first folder of the path is this one
sys.path.insert(1, str(pathlib.Path(__file__).parent.parent / "enclave"))
import maker  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position
import service  # noqa: E402  pylint: disable=wrong-import-position

OAEP = "RSAES_OAEP_SHA_256"
IMAGE = {index: bytes([0xa0 + index]) * 48 for index in range(16)}
OURS, OTHERS = maker.Authority(), maker.Authority("second root")
RSA, PUBLIC = maker.recipient()
JOURNAL = service.Journal()
KMS = service.Kms([OURS, OTHERS])


def statement(effect="Allow", action="kms:Decrypt", principal="*", **more):
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*", **more}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def only_image(operator="StringEqualsIgnoreCase", key="ImageSha384", value=None):
    return {operator: {f"kms:RecipientAttestation:{key}": value or IMAGE[0].hex().upper()}}


def recipient(document=None, **more):
    return {"AttestationDocument": document or OURS.document(IMAGE, PUBLIC, **more),
            "KeyEncryptionAlgorithm": OAEP}


def refused(error, function, /, *args, status=400, **more):
    """What the sentence is; nothing else may come of it."""
    try:
        reply = function(*args, **more)
    except service.Refused as why:
        assert (why.name, why.status) == (error, status), why
        return why.message
    raise AssertionError(f"it is answered: {reply}")


def opened(envelope, key=None):
    """By the openssl command, which knows nothing of who made it."""
    folder = KMS.folder
    (folder / "envelope").write_bytes(base64.b64decode(envelope))
    (folder / "recipient.pem").write_bytes((key or RSA).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-in",
                           folder / "envelope", "-inkey", folder / "recipient.pem"],
                          check=True, capture_output=True).stdout


def unb64(text):
    return base64.b64decode(text)


def setup():
    """A key for an image alone, one for whoever asks, and a secret under both."""
    KMS.call("CreateKey", name="image", policy=policy(
        statement(action=["kms:Decrypt", "kms:GenerateDataKey"], Condition=only_image()),
        statement(action="kms:DescribeKey")))
    KMS.call("CreateKey", name="open", policy=policy(statement(action="kms:*")))
    secret = base64.b64encode(b"the secret").decode()
    return {name: unb64(KMS.call("Encrypt", name=name, plaintext=secret)["ciphertext"])
            for name in ("image", "open")}


def test_enclave_gets_the_secret_in_an_envelope():
    reply = KMS.ask("Decrypt", CiphertextBlob=SECRET["image"], Recipient=recipient())
    assert set(reply) == {"KeyId", "CiphertextForRecipient", "EncryptionAlgorithm"}, reply
    assert opened(reply["CiphertextForRecipient"]) == b"the secret"
    text = subprocess.run(["openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in",
                           KMS.folder / "envelope"], check=True, capture_output=True,
                          text=True).stdout
    for part in ("enveloped", "rsaesOaep", "sha256", "aes-256-cbc", "subjectKeyIdentifier"):
        assert part in text, text
    # As AWS's SDK for C wants it
    assert text.count("version: 2") == 2 and "b00" not in text, text


def test_nobody_else_gets_it():
    asked = dict(CiphertextBlob=SECRET["image"])
    assert refused("AccessDeniedException", KMS.ask, "Decrypt", **asked) == \
        "'uid/0' may not kms:Decrypt with key 'image' without an attestation document"
    other = {**IMAGE, 0: bytes(47) + b"\x01"}
    document = OURS.document(other, PUBLIC)
    assert refused("AccessDeniedException", KMS.ask, "Decrypt", Recipient=recipient(document),
                   **asked) == "'uid/0' may not kms:Decrypt with key 'image' from this enclave"
    # A single bit
    one = {**IMAGE, 0: bytes([IMAGE[0][0] ^ 1]) + IMAGE[0][1:]}
    refused("AccessDeniedException", KMS.ask, "Decrypt",
            Recipient=recipient(OURS.document(one, PUBLIC)), **asked)


def test_documents_that_are_not_good():
    key, public = maker.recipient()
    stranger = maker.Authority("root")
    good = OURS.payload(IMAGE, PUBLIC)
    flipped = bytearray(OURS.document(IMAGE, PUBLIC))
    flipped[-1] ^= 1
    start = "the attestation document is not good: "
    for document, sentence in (
            (OURS.document(IMAGE, PUBLIC, age=301), "dates: it is older than 300 seconds"),
            (OURS.document(IMAGE, PUBLIC, age=-310), "dates: it was made in the future"),
            (OURS.document(IMAGE, PUBLIC, leaf=OURS.enclave(begin=-7200, end=-60)), "dates: "),
            (OURS.document(IMAGE, None), "fields: there is no public_key"),
            (OURS.document(IMAGE, b"no key"), "the public key is not RSA of 2048 to 4096 bits"),
            (OURS.document(IMAGE, maker.public(OURS.key)), "the public key is not RSA"),
            (OURS.document(IMAGE, public[:-1]), "the public key is not RSA"),
            (OURS.document(IMAGE, maker.recipient(1024)[1]), "the public key is not RSA"),
            (OURS.sign(good, OURS.host_key), "signature: "),
            (bytes(flipped), "signature: "),
            (stranger.document(IMAGE, PUBLIC), "chain: "),
            (OURS.document(IMAGE, PUBLIC, leaf=OURS.host), "chain: "),
            (b"\x00", "message: "),
            (good, "message: "),
            (OURS.document({0: b"short"}, PUBLIC), "fields: PCR0")):
        said = refused("ValidationException", KMS.ask, "Decrypt",
                       CiphertextBlob=SECRET["open"], Recipient=recipient(document))
        assert said.startswith(start + sentence), said
    assert key


def test_a_document_is_used_once():
    document = OURS.document(IMAGE, PUBLIC)
    asked = dict(CiphertextBlob=SECRET["image"], Recipient=recipient(document))
    KMS.ask("Decrypt", **asked)
    sentence = "the attestation document was used before"
    assert refused("AccessDeniedException", KMS.ask, "Decrypt", **asked) == sentence
    # With another signature of the same, for another operation, after a restart
    again = OURS.sign(maker.cbor2.loads(document)[2])
    assert again != document
    assert refused("AccessDeniedException", KMS.ask, "Decrypt", CiphertextBlob=SECRET["image"],
                   Recipient=recipient(again)) == sentence
    assert refused("AccessDeniedException", KMS.ask, "GenerateRandom", NumberOfBytes=16,
                   Recipient=recipient(document)) == sentence
    KMS.restart()
    assert refused("AccessDeniedException", KMS.ask, "Decrypt", **asked) == sentence
    assert opened(KMS.ask("Decrypt", CiphertextBlob=SECRET["image"], Recipient=recipient())
                  ["CiphertextForRecipient"]) == b"the secret"


def test_enclave_in_debug_mode():
    zeros = {index: bytes(48) for index in range(16)}
    KMS.call("CreateKey", name="zeros", policy=policy(
        statement(Condition=only_image(value="0" * 96))))
    secret = KMS.call("Encrypt", name="zeros", plaintext="AA==")["ciphertext"]
    for blob in (SECRET["open"], SECRET["image"], secret):
        assert refused("AccessDeniedException", KMS.ask, "Decrypt", CiphertextBlob=blob,
                       Recipient=recipient(OURS.document(zeros, PUBLIC))) == \
            "the attestation document is of an enclave in debug mode"
    # Without PCR0 nothing is known of the image
    refused("ValidationException", KMS.ask, "Decrypt", CiphertextBlob=SECRET["open"],
            Recipient=recipient(OURS.document({1: bytes(48)}, PUBLIC)))


def test_each_root_that_is_trusted():
    for authority in (OURS, OTHERS):
        reply = KMS.ask("Decrypt", CiphertextBlob=SECRET["image"],
                        Recipient=recipient(authority.document(IMAGE, PUBLIC)))
        assert opened(reply["CiphertextForRecipient"]) == b"the secret"


def test_data_keys():
    for parameters, size in (({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16),
                             ({"NumberOfBytes": 1}, 1), ({"NumberOfBytes": 1024}, 1024)):
        reply = KMS.ask("GenerateDataKey", KeyId="alias/open", **parameters)
        plain = unb64(reply["Plaintext"])
        assert len(plain) == size and set(reply) == {"KeyId", "CiphertextBlob", "Plaintext"}
        assert unb64(KMS.ask("Decrypt", CiphertextBlob=unb64(reply["CiphertextBlob"]))
                     ["Plaintext"]) == plain
    reply = KMS.ask("GenerateDataKey", KeyId="image", KeySpec="AES_256", Recipient=recipient())
    assert set(reply) == {"KeyId", "CiphertextBlob", "CiphertextForRecipient"}, reply
    plain = opened(reply["CiphertextForRecipient"])
    again = KMS.ask("Decrypt", CiphertextBlob=unb64(reply["CiphertextBlob"]), KeyId=reply["KeyId"],
                    Recipient=recipient())
    assert len(plain) == 32 and opened(again["CiphertextForRecipient"]) == plain
    refused("AccessDeniedException", KMS.ask, "GenerateDataKey", KeyId="image", KeySpec="AES_256")
    reply = KMS.ask("GenerateDataKeyWithoutPlaintext", KeyId="open", KeySpec="AES_256")
    assert set(reply) == {"KeyId", "CiphertextBlob"}
    for parameters in ({}, {"KeySpec": "AES_256", "NumberOfBytes": 32}, {"KeySpec": "AES_512"},
                       {"NumberOfBytes": 0}, {"NumberOfBytes": 1025}, {"NumberOfBytes": -1},
                       {"NumberOfBytes": "32"}):
        refused("ValidationException", KMS.ask, "GenerateDataKey", KeyId="open", **parameters)


def test_random_numbers():
    plain = KMS.ask("GenerateRandom", NumberOfBytes=32)["Plaintext"]
    assert len(unb64(plain)) == 32 and KMS.ask("GenerateRandom", NumberOfBytes=32) != plain
    reply = KMS.ask("GenerateRandom", NumberOfBytes=1024, Recipient=recipient())
    assert set(reply) == {"CiphertextForRecipient"}
    assert len(opened(reply["CiphertextForRecipient"])) == 1024
    refused("ValidationException", KMS.ask, "GenerateRandom")
    # Larger keys of enclaves as well
    key, public = maker.recipient(4096)
    reply = KMS.ask("GenerateRandom", NumberOfBytes=7,
                    Recipient=recipient(OURS.document(IMAGE, public)))
    assert len(opened(reply["CiphertextForRecipient"], key)) == 7


def test_encrypt_and_context():
    context = {"b": "2", "a": "1", "ü": "\n"}
    blob = unb64(KMS.ask("Encrypt", KeyId="open", Plaintext=b"x" * 4096,
                         EncryptionContext=context)["CiphertextBlob"])
    reordered = dict(reversed(context.items()))
    reply = KMS.ask("Decrypt", CiphertextBlob=blob, EncryptionContext=reordered)
    assert unb64(reply["Plaintext"]) == b"x" * 4096
    for other in ({}, None, {**context, "c": "3"}, {"a": "1", "b": "2"}, {**context, "a": "2"}):
        refused("InvalidCiphertextException", KMS.ask, "Decrypt", CiphertextBlob=blob,
                EncryptionContext=other)
    blob = unb64(KMS.ask("Encrypt", KeyId="open", Plaintext=b"x")["CiphertextBlob"])
    assert unb64(KMS.ask("Decrypt", CiphertextBlob=blob, EncryptionContext={})["Plaintext"]) == b"x"
    for other in ([], "a", {"a": 1}, {"a": None}):
        refused("SerializationException", KMS.ask, "Decrypt", CiphertextBlob=blob,
                EncryptionContext=other)
    refused("SerializationException", KMS.post, '{"EncryptionContext":{"a":"1","a":"2"}}',
            {"X-Amz-Target": "TrentService.Decrypt"})
    refused("ValidationException", KMS.ask, "Encrypt", KeyId="open", Plaintext=b"x" * 4097)
    refused("ValidationException", KMS.ask, "Encrypt", KeyId="open", Plaintext=b"")


def test_every_bit_of_a_ciphertext():
    blob = SECRET["open"]
    for bit in range(8 * len(blob)):
        changed = bytearray(blob)
        changed[bit // 8] ^= 1 << bit % 8
        # The ID of the key is in it: a bit of that makes it another one's
        name = "AccessDeniedException" if 1 <= bit // 8 < 17 else "InvalidCiphertextException"
        refused(name, KMS.ask, "Decrypt", CiphertextBlob=bytes(changed))
    for size in range(1, len(blob)):
        refused("InvalidCiphertextException", KMS.ask, "Decrypt", CiphertextBlob=blob[:size])


def test_names_of_keys():
    described = KMS.ask("DescribeKey", KeyId="image")["KeyMetadata"]
    arn = f"arn:aws:kms:nitro-local-1:000000000000:key/{described['KeyId']}"
    assert described["Arn"] == arn and described["KeyState"] == "Enabled"
    for name in ("alias/image", described["KeyId"], arn,
                 "arn:aws:kms:nitro-local-1:000000000000:alias/image"):
        assert KMS.ask("DescribeKey", KeyId=name)["KeyMetadata"] == described
    for name in ("none", "alias/none", "arn:aws:kms:", "key/", "", "%s%n", "x" * 2048):
        refused("NotFoundException", KMS.ask, "DescribeKey", KeyId=name)
    refused("ValidationException", KMS.ask, "DescribeKey")
    refused("IncorrectKeyException", KMS.ask, "Decrypt", CiphertextBlob=SECRET["open"],
            KeyId="image")
    refused("NotFoundException", KMS.ask, "Decrypt", CiphertextBlob=SECRET["open"], KeyId="none")


def test_policies():
    pcr3 = "kms:RecipientAttestation:PCR3"
    context = "kms:EncryptionContext:app"
    rows = (
        # what the policy says, what is shown, whether it is enough
        ([statement(Condition=only_image("StringEquals", "PCR0", IMAGE[0].hex()))], IMAGE, {}, True),
        ([statement(Condition=only_image("StringEquals", "PCR0", IMAGE[0].hex().upper()))],
         IMAGE, {}, False),
        ([statement(Condition=only_image(key="PCR3", value=IMAGE[3].hex()))], IMAGE, {}, True),
        ([statement(Condition=only_image(key="PCR3", value=IMAGE[4].hex()))], IMAGE, {}, False),
        ([statement(Condition=only_image(key="pcr3", value=IMAGE[3].hex()))], IMAGE, {}, True),
        ([statement(Condition=only_image(key="PCR16", value=IMAGE[3].hex()))], IMAGE, {}, False),
        ([statement(Condition=only_image(value=[IMAGE[4].hex(), IMAGE[0].hex()]))],
         IMAGE, {}, True),
        # All conditions count
        ([statement(Condition={"StringEqualsIgnoreCase": {
            "kms:RecipientAttestation:ImageSha384": IMAGE[0].hex(), pcr3: IMAGE[4].hex()}})],
         IMAGE, {}, False),
        ([statement(Condition={**only_image(), "StringEquals": {context: "shop"}})],
         IMAGE, {"app": "shop"}, True),
        ([statement(Condition={**only_image(), "StringEquals": {context: "shop"}})],
         IMAGE, {"app": "Shop"}, False),
        ([statement(Condition={"StringLike": {context: "s*p?"}})], None, {"app": "shop1"}, True),
        ([statement(Condition={"StringLike": {context: "s*p?"}})], None, {"app": "shop"}, False),
        ([statement(Condition={"StringNotLike": {context: "s*"}})], None, {"app": "web"}, True),
        # Deny goes before Allow, wherever it stands
        ([statement(), statement("Deny", Condition=only_image())], IMAGE, {}, False),
        ([statement("Deny", Condition=only_image(key="PCR3", value=IMAGE[3].hex())), statement()],
         {**IMAGE, 3: IMAGE[4]}, {}, True),
        # What is not shown is equal to nothing
        ([statement(), statement("Deny", Condition=only_image("StringNotEqualsIgnoreCase"))],
         None, {}, False),
        ([statement(), statement("Deny", Condition=only_image("StringNotEquals",
                                                              value=IMAGE[0].hex()))],
         IMAGE, {}, True),
        ([statement(Condition={"Null": {pcr3: "false"}})], IMAGE, {}, True),
        ([statement(Condition={"Null": {pcr3: "false"}})], None, {}, False),
        ([statement(Condition={"Null": {pcr3: True}})], None, {}, True),
        ([statement(Condition={"Null": {pcr3: "true"}})], IMAGE, {}, False),
        # Who and what
        ([statement(principal={"AWS": "*"})], None, {}, True),
        ([statement(principal="uid/0")], None, {}, True),
        ([statement(principal={"AWS": ["user/alice", "uid/0"]})], None, {}, True),
        ([statement(principal={"AWS": "arn:aws:iam::000000000000:uid/0"})], None, {}, True),
        ([statement(principal={"AWS": ["user/alice", "uid/1", "vsock/0"]})], None, {}, False),
        ([statement(action="kms:GenerateDataKey*")], None, {}, False),
        ([statement(action=["kms:Encrypt", "KMS:decrypt"])], None, {}, True),
        ([statement(action="*")], None, {}, True),
    )
    for number, (statements, shown, asked, enough) in enumerate(rows):
        name = f"row-{number}"
        KMS.call("CreateKey", name=name, policy=policy(*statements))
        blob = sealed(name)
        parameters = {"CiphertextBlob": blob, "EncryptionContext": asked}
        if shown:
            parameters["Recipient"] = recipient(OURS.document(shown, PUBLIC))
        if enough:
            try:
                KMS.ask("Decrypt", **parameters)
            except service.Refused as why:
                # The operator encrypts without a context; that far the policy has let it
                assert why.name == "InvalidCiphertextException" and asked, (number, why)
        else:
            refused("AccessDeniedException", KMS.ask, "Decrypt", **parameters)
        KMS.call("Delete", name=name)


def sealed(name):
    return unb64(KMS.call("Encrypt", name=name, plaintext="AA==")["ciphertext"])


def test_policies_that_are_refused():
    good = statement()
    for text, sentence in (
            ("", "line 1 of the policy is no JSON"),
            ("{", "line 1 of the policy is no JSON"),
            ("[]", "the policy is no JSON object"),
            ('{"Statement": []}', "the policy's Version is not 2012-10-17"),
            ('{"Version": "2008-10-17"}', "the policy's Version is not 2012-10-17"),
            ('{"Version": "2012-10-17"}', "the policy has no Statement"),
            (policy(), "the policy has no Statement"),
            ('{"Version": "2012-10-17", "Statements": []}', "policy: 'Statements' is not known"),
            (policy(1), "it is no object"),
            (policy({**good, "Effect": "allow"}), "Effect is neither Allow nor Deny"),
            (policy({**good, "NotAction": "kms:*"}), "'NotAction' is not known"),
            (policy({**good, "Resource": "arn:x"}),
             "Resource is not '*', the key that the policy belongs to"),
            (policy({**good, "Action": []}), "Action is missing"),
            (policy({**good, "Action": 1}), "Action is neither text nor a list of texts"),
            (policy({**good, "Action": "s3:*"}), "Action 's3:*' is none of this service"),
            (policy({**good, "Principal": {"Service": "x"}}), "Principal is missing"),
            (policy({**good, "Principal": {"AWS": "*", "Service": "x"}}),
             "Principal has more than AWS in it"),
            (policy({**good, "Principal": "alice"}),
             "Principal 'alice' is not '*', 'user/NAME', 'uid/N' or 'vsock/CID'"),
            (policy({**good, "Principal": "user/*"}),
             "Principal 'user/*' is not '*', 'user/NAME', 'uid/N' or 'vsock/CID'"),
            (policy({**good, "Condition": {"Bool": {}}}),
             "the condition operator 'Bool' is not known"),
            (policy({**good, "Condition": only_image(key="PCR32")}),
             "the condition key 'kms:RecipientAttestation:PCR32' is not known"),
            (policy({**good, "Condition": only_image(key="PCR01")}),
             "the condition key 'kms:RecipientAttestation:PCR01' is not known"),
            (policy({**good, "Condition": only_image(value="12")}),
             "'kms:RecipientAttestation:ImageSha384' is not compared with 96 hexadecimal digits"),
            (policy({**good, "Condition": {"Null": {"kms:EncryptionContext:a": "yes"}}}),
             "Null of 'kms:EncryptionContext:a' is neither true nor false"),
            (policy(good).replace('"Effect"', '"Effect": "Deny", "Effect"'),
             "'Effect' is there twice"),
            (policy(good) + " " * 32768, "a policy has 1 to 32768 bytes")):
        said = refused("io.nitro.Kms.Invalid", KMS.call, "CreateKey", name="bad", policy=text,
                       status=0)
        assert said.removeprefix("statement 1 of the policy: ") == sentence, (said, sentence)
    assert "bad" not in [key["name"] for key in KMS.call("List")["keys"]]


def test_managing():
    for name in ("", "x" * 65, "a b", "a/b", "12345678-1234-1234-1234-123456789abc"):
        refused("io.nitro.Kms.Invalid", KMS.call, "CreateKey", name=name,
                policy=policy(statement()), status=0)
    assert refused("io.nitro.Kms.Invalid", KMS.call, "CreateKey", name="open",
                   policy=policy(statement()), status=0) == "there is a key 'open' already"
    made = KMS.call("CreateKey", name="short-lived", policy=policy(statement()))["key"]
    shown = KMS.call("Show", name="short-lived")
    assert shown["key"] == made and json.loads(shown["policy"])["Statement"] == [statement()]
    assert KMS.call("Show", name=made["id"]) == shown
    assert made in KMS.call("List")["keys"]
    blob = sealed("short-lived")
    wrapped = sqlite3.connect(KMS.state / "keys.db").execute(
        "SELECT wrapped FROM versions WHERE key = ?", (made["id"],)).fetchone()[0]
    KMS.call("Delete", name="short-lived")
    assert refused("AccessDeniedException", KMS.ask, "Decrypt", CiphertextBlob=blob) == \
        "the ciphertext's key does not exist"
    # It is gone from the disk as well
    for path in KMS.state.iterdir():
        assert wrapped not in path.read_bytes(), path
    for method, more in (("Show", {}), ("Delete", {}), ("Encrypt", {"plaintext": "AA=="})):
        refused("io.nitro.NotFound", KMS.call, method, name="short-lived", status=0, **more)
    for plain in ("", "*", base64.b64encode(bytes(4097)).decode()):
        refused("io.nitro.Kms.Invalid", KMS.call, "Encrypt", name="open", plaintext=plain,
                status=0)


def test_keys_are_not_in_the_files():
    """What was made with a key cannot be had from the database without the master key."""
    master = (KMS.credentials / "master.key").read_bytes()
    for path in KMS.state.iterdir():
        assert master not in path.read_bytes() and b"the secret" not in path.read_bytes()
    KMS.stop()
    (KMS.credentials / "master.key").write_bytes(os.urandom(32))
    KMS.start()
    refused("KMSInternalException", KMS.ask, "Decrypt", CiphertextBlob=SECRET["open"], status=500)
    KMS.stop()
    (KMS.credentials / "master.key").write_bytes(master)
    KMS.start()
    assert unb64(KMS.ask("Decrypt", CiphertextBlob=SECRET["open"])["Plaintext"]) == b"the secret"


def test_callers_over_tcp():
    assert unb64(KMS.signed("Decrypt", CiphertextBlob=SECRET["open"])["Plaintext"]) == b"the secret"
    KMS.call("CreateKey", name="alices", policy=policy(statement(principal="user/alice")))
    blob = sealed("alices")
    KMS.signed("Decrypt", CiphertextBlob=blob)
    assert refused("AccessDeniedException", KMS.signed, "Decrypt", name="bob",
                   CiphertextBlob=blob).startswith("'user/bob' may not")
    refused("AccessDeniedException", KMS.ask, "Decrypt", CiphertextBlob=blob)


def test_signatures_that_are_refused():
    def headers(**more):
        return lambda body, before: (body, {**before, **more})

    def authorization(function):
        return lambda body, before: (body, {**before, "Authorization":
                                            function(before["Authorization"])})

    now = datetime.datetime.now(datetime.timezone.utc)
    asked = dict(CiphertextBlob=SECRET["open"])
    target = {"x-amz-target": "TrentService.DescribeKey"}
    invalid, incomplete = "InvalidSignatureException", "IncompleteSignatureException"
    for error, more in (
            ("UnrecognizedClientException", {"name": "nobody"}),
            (invalid, {"change": lambda body, before: (body + " ", before)}),
            (invalid, {"change": headers(**target)}),
            (invalid, {"change": headers(**{"content-type": "text/plain"})}),
            (invalid, {"change": authorization(lambda text: text[:-1] + "z")}),
            (invalid, {"change": authorization(lambda text: text[:-1])}),
            (invalid, {"change": authorization(
                lambda text: text.replace("nitro-local-1", "eu-west-1"))}),
            (invalid, {"at": now - datetime.timedelta(seconds=330)}),
            (invalid, {"at": now + datetime.timedelta(seconds=330)}),
            (incomplete, {"leave_out": ("x-amz-target",)}),
            (incomplete, {"leave_out": ("host",)}),
            (incomplete, {"leave_out": ("x-amz-date",)}),
            (incomplete, {"change": headers(Authorization="Basic YTpi")}),
            (incomplete, {"change": headers(Authorization="AWS4-HMAC-SHA256 ")}),
            (incomplete, {"change": authorization(
                lambda text: text.replace("/kms/", "/s3/"))}),
            ("MissingAuthenticationTokenException", {"change": lambda body, before: (
                body, {key: value for key, value in before.items() if key != "Authorization"})})):
        refused(error, KMS.signed, "Decrypt", **more, **asked)
    assert KMS.signed("Decrypt", **asked)


def test_what_is_no_request():
    good = {"X-Amz-Target": "TrentService.GenerateRandom"}
    for headers in ({}, {"X-Amz-Target": "TrentService."}, {"X-Amz-Target": "GenerateRandom"},
                    {"X-Amz-Target": "TrentService.ScheduleKeyDeletion"}):
        refused("UnknownOperationException", KMS.post, "{}", headers)
    for body in ("", "{", "[]", "1", '"x"', "\0", '{"NumberOfBytes": 1}\0', "{}{}", "[" * 60000):
        refused("SerializationException", KMS.post, body, good)
    refused("SerializationException", KMS.post, " " * 65537, good)
    assert KMS.post('{"NumberOfBytes": 1}' + " " * 65000, good)
    for method, url in (("GET", "/"), ("PUT", "/"), ("POST", "/x"), ("POST", "/?a=b")):
        connection = service.Unix(KMS.path)
        connection.request(method, url, '{"NumberOfBytes": 1}', good)
        response = connection.getresponse()
        assert response.status == 400 and \
            json.loads(response.read())["__type"] == "UnknownOperationException", (method, url)
        connection.close()
    for parameters in ({"CiphertextBlob": 1}, {"CiphertextBlob": "*"}, {"CiphertextBlob": b"x",
                                                                      "KeyId": 1}):
        refused("SerializationException", KMS.ask, "Decrypt", **parameters)
    refused("ValidationException", KMS.ask, "Decrypt")
    asked = dict(CiphertextBlob=SECRET["open"])
    refused("ValidationException", KMS.ask, "Decrypt", EncryptionAlgorithm="RSAES_OAEP_SHA_1",
            **asked)
    for name, value in (("SerializationException", "x"), ("ValidationException", {}),
                        ("ValidationException", {**recipient(), "KeyEncryptionAlgorithm": "RSA"}),
                        ("ValidationException", {"KeyEncryptionAlgorithm": OAEP}),
                        ("SerializationException", {**recipient(), "AttestationDocument": "*"}),
                        ("ValidationException", {**recipient(),
                                                 "AttestationDocument": bytes(32769)})):
        refused(name, KMS.ask, "Decrypt", Recipient=value, **asked)


def test_dry_run_uses_nothing():
    document = OURS.document(IMAGE, PUBLIC)
    asked = dict(CiphertextBlob=SECRET["image"], Recipient=recipient(document))
    refused("DryRunOperationException", KMS.ask, "Decrypt", DryRun=True, status=412, **asked)
    refused("AccessDeniedException", KMS.ask, "Decrypt", DryRun=True,
            CiphertextBlob=SECRET["image"])
    KMS.ask("Decrypt", DryRun=False, **asked)


def test_all_of_it_is_audited():
    KMS.call("CreateKey", name="mark", policy=policy(statement()))
    JOURNAL.after("user 0: CreateKey of key 'mark'")
    KMS.ask("Decrypt", CiphertextBlob=SECRET["image"], Recipient=recipient())
    record = JOURNAL.next()
    assert record["MESSAGE"] == "Decrypt by 'uid/0' with key image for enclave i-1-enc2", record
    assert record["MESSAGE_ID"] == "6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a60"
    assert record["NITRO_PCR0"] == IMAGE[0].hex() and record["NITRO_KMS_PRINCIPAL"] == "uid/0"
    # What a document says that is not true is not repeated
    forged = OURS.sign(OURS.payload(IMAGE, PUBLIC), OURS.host_key)
    refused("ValidationException", KMS.ask, "Decrypt", CiphertextBlob=SECRET["image"],
            Recipient=recipient(forged))
    record = JOURNAL.next()
    assert record["MESSAGE_ID"] == "6d1f0c1e8d6c4d0c9d3b6c1f5b0e7a61"
    assert record["NITRO_KMS_ERROR"] == "ValidationException" and not record["NITRO_PCR0"]
    assert "signature" in record["NITRO_REASON"] and record["PRIORITY"] == "4"
    other = {**IMAGE, 0: IMAGE[1]}
    refused("AccessDeniedException", KMS.ask, "Decrypt", CiphertextBlob=SECRET["image"],
            Recipient=recipient(OURS.document(other, PUBLIC)))
    record = JOURNAL.next()
    assert record["NITRO_PCR0"] == IMAGE[1].hex(), record
    refused("UnrecognizedClientException", KMS.signed, "Decrypt", name="nobody",
            CiphertextBlob=SECRET["open"])
    assert JOURNAL.next()["NITRO_KMS_PRINCIPAL"] == "user/?"
    KMS.call("Encrypt", name="open", plaintext="AA==")
    record = JOURNAL.next()
    assert record["MESSAGE"] == "user 0: Encrypt of key 'open'", record
    assert b"the secret" not in json.dumps(record).encode()


def test_many_at_once():
    connections = [http.client.HTTPConnection("127.0.0.1", KMS.port, timeout=60)
                   for _ in range(32)]
    for connection in connections:
        connection.connect()
    # Those that say nothing keep nobody from being answered
    assert KMS.ask("GenerateRandom", NumberOfBytes=8)
    for connection in connections:
        connection.close()
    connection = service.Unix(KMS.path)
    before = time.monotonic()
    for _ in range(200):
        connection.request("POST", "/", '{"NumberOfBytes": 8}',
                           {"X-Amz-Target": "TrentService.GenerateRandom"})
        assert connection.getresponse().read()
    print(f"# {(time.monotonic() - before) * 5:.2f} ms each of 200 GenerateRandom")
    connection.close()


def test_it_does_not_start_with_less():
    def sentence():
        done = subprocess.run([service.SERVICE, "--credentials", KMS.credentials, "--state",
                               KMS.state], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and not done.stdout, done
        return done.stderr

    for name, contents, wanted in (
            ("master.key", b"short", "'master.key' has 5 bytes, not 32"),
            ("roots.pem", b"", "'roots.pem' has not only certificates, or none"),
            ("roots.pem", OURS.pem() + b"-----BEGIN CERTIFICATE-----\nAAAA\n"
             b"-----END CERTIFICATE-----\n", "'roots.pem' has not only certificates, or none"),
            ("nitro-kms.callers", b"x = 1", "'nitro-kms.callers': line 1: it is neither "
             "'[name]' nor 'key = value' below one"),
            ("nitro-kms.callers", b"[a]\nx = 1", "'nitro-kms.callers': line 2: 'x' is not known"),
            ("nitro-kms.callers", b"[a]\naws_access_key_id = b", "'nitro-kms.callers': 'a' has no "
             "aws_access_key_id or no aws_secret_access_key")):
        path = KMS.credentials / name
        before = path.read_bytes()
        path.write_bytes(contents)
        said = sentence()
        path.write_bytes(before)
        assert said == f"nitro-kms: {wanted}\n", said
    assert sentence() == "nitro-kms: cannot listen; start nitro-kms.socket: " \
        "Transport endpoint is not connected\n"


SECRET = setup()
report.run(sys.modules[__name__], sys.argv[1:])
