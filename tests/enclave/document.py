# SPDX-License-Identifier: GPL-2.0
"""A verifier of attestation documents, by the description that AWS gives: this shares
nothing with what it checks."""

import datetime
import functools

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import SignatureAlgorithmOID

FIELDS = {"module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle", "public_key",
          "user_data", "nonce"}


class Refused(Exception):
    """Says why a document is not good."""


def need(condition, why):
    if not condition:
        raise Refused(why)


@functools.lru_cache(maxsize=4096)
def certificate(der):
    found = x509.load_der_x509_certificate(der)
    need(isinstance(found.public_key(), ec.EllipticCurvePublicKey) and
         isinstance(found.public_key().curve, ec.SECP384R1), "a key is not of P-384")
    need(found.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA384,
         "a certificate is not signed by ECDSA with SHA-384")
    return found


def check_use(found, below):
    """below: how many authorities come after it; None for the one that signs."""
    constraints = found.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = found.extensions.get_extension_for_class(x509.KeyUsage)
    need(constraints.critical and usage.critical, "constraints are not critical")
    if below is None:
        need(not constraints.value.ca and usage.value.digital_signature and
             not usage.value.key_cert_sign, "it must not sign documents")
        return
    need(constraints.value.ca and usage.value.key_cert_sign, "it is no authority")
    length = constraints.value.path_length
    need(length is None or length >= below, "the path is too long")


# The signatures do not change with the time
@functools.lru_cache(maxsize=4096)
def check_links(ders):
    chain = [certificate(der) for der in ders]
    for issuer, issued in zip(chain, chain[1:]):
        issued.verify_directly_issued_by(issuer)
    for place, found in enumerate(chain):
        check_use(found, len(chain) - 2 - place if place + 1 < len(chain) else None)
    return chain


def check_fields(document):
    need(isinstance(document, dict) and set(document) == FIELDS, "fields")
    need(isinstance(document["module_id"], str) and document["module_id"], "module_id")
    need(document["digest"] == "SHA384", "digest")
    need(isinstance(document["timestamp"], int) and document["timestamp"] > 0, "timestamp")
    pcrs = document["pcrs"]
    need(isinstance(pcrs, dict) and 1 <= len(pcrs) <= 32, "pcrs")
    for index, value in pcrs.items():
        need(isinstance(index, int) and 0 <= index < 32, "index of a PCR")
        need(isinstance(value, bytes) and len(value) == 48, "value of a PCR")
    bundle = document["cabundle"]
    need(isinstance(bundle, list) and bundle, "cabundle")
    for der in bundle + [document["certificate"]]:
        need(isinstance(der, bytes) and 1 <= len(der) <= 1024, "size of a certificate")
    for name, least, most in (("public_key", 1, 1024), ("user_data", 0, 512), ("nonce", 0, 512)):
        value = document[name]
        need(value is None or (isinstance(value, bytes) and least <= len(value) <= most), name)


def verify(message, root, at=None, nonce=None, pcrs=None):
    """The document in the message, or Refused or another exception."""
    at = at or datetime.datetime.now(datetime.timezone.utc)
    parts = cbor2.loads(message)
    if isinstance(parts, cbor2.CBORTag):
        need(parts.tag == 18, "tag")
        parts = parts.value
    need(isinstance(parts, list) and len(parts) == 4, "not four parts")
    protected, unprotected, payload, signature = parts
    # There is one way to write it, and nothing behind it
    need(cbor2.dumps(parts) == message[-len(cbor2.dumps(parts)):] and
         len(message) - len(cbor2.dumps(parts)) in (0, 1), "another encoding")
    need(isinstance(protected, bytes) and cbor2.loads(protected) == {1: -35} and
         len(protected) == 4, "algorithm")
    need(unprotected == {}, "unprotected header")
    need(isinstance(payload, bytes) and 1 <= len(payload) <= 16384, "size of the payload")
    need(isinstance(signature, bytes) and len(signature) == 96, "size of the signature")
    document = cbor2.loads(payload)
    check_fields(document)
    need(certificate(document["cabundle"][0]) == root, "another root")
    chain = check_links(tuple(document["cabundle"] + [document["certificate"]]))
    for found in chain:
        need(found.not_valid_before_utc <= at <= found.not_valid_after_utc, "dates")
    der = utils.encode_dss_signature(int.from_bytes(signature[:48], "big"),
                                     int.from_bytes(signature[48:], "big"))
    chain[-1].public_key().verify(der, cbor2.dumps(["Signature1", protected, b"", payload]),
                                  ec.ECDSA(hashes.SHA384()))
    need(nonce is None or document["nonce"] == nonce, "nonce")
    for index, value in (pcrs or {}).items():
        need(document["pcrs"].get(index) == value, f"PCR{index}")
    return document
