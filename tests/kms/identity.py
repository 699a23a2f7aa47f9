# SPDX-License-Identifier: GPL-2.0
"""A server's certificate, as an operator gets one from some authority."""

import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Identity:
    """A root, which clients know, one below it, and the server's, for 127.0.0.1."""

    def __init__(self):
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
        names = ["root of the tests", "below it", "nitro-kms"]
        certificates = [self.issue(names[n], keys[n], names[max(n - 1, 0)], keys[max(n - 1, 0)],
                                   n < 2) for n in range(3)]
        self.root = certificates[0].public_bytes(PEM)
        self.chain = b"".join(one.public_bytes(PEM) for one in certificates[:0:-1])
        self.private = keys[2]
        self.key = self.pem(serialization.NoEncryption())

    @staticmethod
    def issue(name, key, issuer, issuer_key, authority):
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = x509.CertificateBuilder(
            name_of(issuer), name_of(name), key.public_key(), x509.random_serial_number(),
            now - day, now + day).add_extension(x509.BasicConstraints(authority, None), True)
        builder = builder.add_extension(identifier, False).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
        usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment",
                               "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
                               "encipher_only", "decipher_only"), False)
        usage["key_cert_sign" if authority else "digital_signature"] = True
        builder = builder.add_extension(x509.KeyUsage(**usage), True)
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        return builder.sign(issuer_key, hashes.SHA256())

    def pem(self, encryption):
        return self.private.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption)

    def context(self):
        return ssl.create_default_context(cadata=self.root.decode())
