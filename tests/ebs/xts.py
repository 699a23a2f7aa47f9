# SPDX-License-Identifier: GPL-2.0
"""aes-xts-plain64 by OpenSSL: what has to be on the backing device."""

import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class Xts:
    """The format of a volume, as dm-crypt's parameters say it: the offset of
    IVs is in units of 512 bytes, whatever they count."""

    def __init__(self, key, sector_size=512, iv_offset=0, large=False):
        self.key = key
        self.sector_size = sector_size
        self.iv_offset = iv_offset
        self.shift = (sector_size >> 10).bit_length() if large else 0

    def convert(self, offset, data, encrypt):
        assert offset % self.sector_size == len(data) % self.sector_size == 0
        out = []
        for index in range(len(data) // self.sector_size):
            at = index * self.sector_size
            number = ((offset + at >> 9) + self.iv_offset) >> self.shift
            mode = modes.XTS(struct.pack("<QQ", number & (1 << 64) - 1, 0))
            cipher = Cipher(algorithms.AES(self.key), mode)
            one = cipher.encryptor() if encrypt else cipher.decryptor()
            out.append(one.update(data[at:at + self.sector_size]))
        return b"".join(out)

    def encrypt(self, offset, data):
        return self.convert(offset, data, True)

    def decrypt(self, offset, data):
        return self.convert(offset, data, False)
