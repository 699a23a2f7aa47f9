# SPDX-License-Identifier: GPL-2.0
"""Makes attestation documents by the description that AWS gives, good ones and others."""

import datetime
import time

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.x509.oid import NameOID

DER = serialization.Encoding.DER


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def issue(name, key, issuer=None, path=None, begin=-3600, end=3 * 3600):
    """path: how many authorities may come below; None for one who signs documents."""
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate, issuer_key = issuer or (None, key)
    usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment",
                           "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
                           "encipher_only", "decipher_only"), False)
    usage["digital_signature" if path is None else "key_cert_sign"] = True
    builder = x509.CertificateBuilder().subject_name(name_of(name)).public_key(key.public_key())
    builder = builder.issuer_name(certificate.subject if certificate else name_of(name))
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now + datetime.timedelta(seconds=begin))
    builder = builder.not_valid_after(now + datetime.timedelta(seconds=end))
    builder = builder.add_extension(x509.BasicConstraints(path is not None, path), True)
    builder = builder.add_extension(x509.KeyUsage(**usage), True)
    return builder.sign(issuer_key, hashes.SHA384())


class Authority:
    """A root, a host below it, and an enclave on that."""

    def __init__(self, name="root"):
        self.root_key = ec.generate_private_key(ec.SECP384R1())
        self.root = issue(name, self.root_key, path=1)
        self.host_key = ec.generate_private_key(ec.SECP384R1())
        self.host = issue("host", self.host_key, (self.root, self.root_key), 0)
        self.key = ec.generate_private_key(ec.SECP384R1())
        self.leaf = self.enclave()
        self.last = 0

    def enclave(self, **dates):
        return issue("i-1-enc2", self.key, (self.host, self.host_key), **dates)

    def pem(self):
        return self.root.public_bytes(serialization.Encoding.PEM)

    def sign(self, payload, key=None):
        protected = cbor2.dumps({1: -35})
        body = cbor2.dumps(["Signature1", protected, b"", payload])
        r, s = utils.decode_dss_signature((key or self.key).sign(body, ec.ECDSA(hashes.SHA384())))
        return cbor2.dumps([protected, {}, payload, r.to_bytes(48, "big") + s.to_bytes(48, "big")])

    def now(self):
        """In milliseconds, of which no two documents have the same."""
        self.last = max(self.last + 1, int(time.time() * 1000))
        return self.last

    def payload(self, pcrs, public_key, leaf=None, age=0, **more):
        fields = {"module_id": "i-1-enc2", "digest": "SHA384",
                  "timestamp": self.now() - age * 1000, "pcrs": pcrs,
                  "certificate": (leaf or self.leaf).public_bytes(DER),
                  "cabundle": [self.root.public_bytes(DER), self.host.public_bytes(DER)],
                  "public_key": public_key, "user_data": None, "nonce": None}
        return cbor2.dumps({**fields, **more})

    def document(self, pcrs, public_key, **more):
        return self.sign(self.payload(pcrs, public_key, **more))


def recipient(bits=2048):
    """A key of an enclave, and its public part as it goes into a document."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return key, public(key)


def public(key):
    return key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
