# SPDX-License-Identifier: GPL-2.0
"""Enclave images, written and measured by the description of the format alone: this
shares nothing with what it checks."""

import datetime
import hashlib
import json
import struct
import zlib

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

KERNEL, CMDLINE, RAMDISK, SIGNATURE, METADATA = 1, 2, 3, 4, 5
HEADER = struct.Struct(">4sHHQQHH32Q32QII")
SECTION = struct.Struct(">HHQ")
CURVES = {
    "P-256": (ec.SECP256R1(), -7, hashes.SHA256(), 32),
    "P-384": (ec.SECP384R1(), -35, hashes.SHA384(), 48),
    "P-521": (ec.SECP521R1(), -36, hashes.SHA512(), 66),
}


def extend(data):
    """A register that was zero, after data."""
    return hashlib.sha384(bytes(48) + data).digest()


def sha384(*parts):
    return hashlib.sha384(b"".join(parts)).digest()


def signer(curve="P-384", days=(-1, 30), name="signer"):
    """A key and its own certificate."""
    key = ec.generate_private_key(CURVES[curve][0])
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
                         x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .sign(key, hashes.SHA384()))
    return key, certificate


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM,
                             serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def algorithm(key):
    for curve, number, digest, half in CURVES.values():
        if curve.name == key.curve.name:
            return number, digest, half
    raise ValueError(key.curve.name)


class Image:
    """What an image is made of."""

    def __init__(self, kernel, cmdline, ramdisks, metadata=b'{"ImageName":"seed"}', version=4):
        self.version, self.flags = version, 0
        self.sections = [(KERNEL, kernel), (CMDLINE, cmdline)]
        if metadata is not None:
            self.sections.append((METADATA, metadata))
        self.sections += [(RAMDISK, ramdisk) for ramdisk in ramdisks]
        self.certificate = None

    def of(self, kind):
        return [data for section, data in self.sections if section == kind]

    def measure(self):
        kernel, cmdline, ramdisks = self.of(KERNEL)[0], self.of(CMDLINE)[0], self.of(RAMDISK)
        pcrs = {
            0: extend(sha384(kernel, cmdline, *ramdisks)),
            1: extend(sha384(kernel, cmdline, ramdisks[0])),
            2: extend(sha384(*ramdisks[1:])),
        }
        if self.certificate:
            pcrs[8] = extend(sha384(self.certificate.public_bytes(serialization.Encoding.DER)))
        return pcrs

    def payload(self):
        return cbor2.dumps({"register_index": 0, "register_value": list(self.measure()[0])})

    def sign(self, key, certificate, payload=None):
        number, digest, half = algorithm(key)
        protected = cbor2.dumps({1: number})
        payload = payload or self.payload()
        signed = cbor2.dumps(["Signature1", protected, b"", payload])
        r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(digest)))
        message = cbor2.dumps([protected, {}, payload,
                               r.to_bytes(half, "big") + s.to_bytes(half, "big")])
        self.certificate = certificate
        self.sections.append((SIGNATURE, cbor2.dumps(
            [{"signing_certificate": list(pem(certificate)), "signature": list(message)}])))

    def file(self):
        body, offsets = b"", []
        for kind, data in self.sections:
            offsets.append(HEADER.size + len(body))
            body += SECTION.pack(kind, 0, len(data)) + data
        pad = [0] * (32 - len(offsets))
        head = HEADER.pack(b".eif", self.version, self.flags, 1 << 30, 2, 0, len(offsets),
                           *offsets, *pad, *(len(data) for _, data in self.sections), *pad,
                           0, 0)[:-4]
        return head + struct.pack(">I", zlib.crc32(body, zlib.crc32(head))) + body


def read(data):
    """Take a file apart; whatever is not as it has to be is an AssertionError."""
    magic, version, flags, memory, cpus, reserved, n, *rest = HEADER.unpack(data[:HEADER.size])
    offsets, sizes, unused, crc = rest[:32], rest[32:64], rest[64], rest[65]
    assert (magic, version, reserved, unused) == (b".eif", 4, 0, 0)
    assert memory == 1 << 30 and cpus == 2
    assert zlib.crc32(data[HEADER.size:], zlib.crc32(data[:HEADER.size - 4])) == crc
    assert not any(offsets[n:]) and not any(sizes[n:])
    image, at = Image(b"", b"", []), HEADER.size
    image.sections, image.flags = [], flags
    for i in range(n):
        kind, section_flags, size = SECTION.unpack(data[at:at + SECTION.size])
        assert offsets[i] == at and sizes[i] == size and section_flags == 0
        at += SECTION.size
        image.sections.append((kind, data[at:at + size]))
        at += size
    assert at == len(data)
    kinds = [kind for kind, _ in image.sections]
    # The order of who makes images first
    ramdisks = kinds.count(RAMDISK)
    signature = [SIGNATURE] * kinds.count(SIGNATURE)
    assert kinds == [KERNEL, CMDLINE, METADATA] + [RAMDISK] * ramdisks + signature
    json.loads(image.of(METADATA)[0])
    if signature:
        (entry,) = cbor2.loads(image.of(SIGNATURE)[0])
        assert list(entry) == ["signing_certificate", "signature"]
        image.certificate = x509.load_pem_x509_certificate(bytes(entry["signing_certificate"]))
        verify(bytes(entry["signature"]), image.certificate.public_key(), image.payload())
    return image


def verify(message, key, expected):
    """A COSE_Sign1 message; raises if it is not right."""
    protected, unprotected, payload, signature = cbor2.loads(message)
    number, digest, half = algorithm(key)
    assert cbor2.loads(protected) == {1: number} and unprotected == {}
    assert len(signature) == 2 * half and payload == expected
    der = utils.encode_dss_signature(int.from_bytes(signature[:half], "big"),
                                     int.from_bytes(signature[half:], "big"))
    key.verify(der, cbor2.dumps(["Signature1", protected, b"", payload]), ec.ECDSA(digest))
