# SPDX-License-Identifier: GPL-2.0
"""A guest that tests share: an enclave that is what its image says, and obeys."""

import json
import struct
import subprocess
import tempfile

import nsm
from netlink import Family
from vmm import BUILD, CMDLINE, OBEY_PORT, Guest

POOL, MEMORY = "512M", 384 << 20
CID = 16
MODULE_ID = "i-1234-enc16"
LINE = f"{CMDLINE} do=agent,heartbeat;agent,obey"
HEADER = struct.Struct(">4sHHQQHH32Q32QII")
SECTION_HEADER = 12


class Card(Family):
    name = "nitro_mem"


class Lab:
    """guest: the guest. pcrs: what its image measures."""

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory()
        image = f"{self.dir.name}/enclave.eif"
        subprocess.run(["nitroctl", "enclave", "build", "-q", "-o", image, "--kernel",
                        f"{BUILD}/guest/kernel", "--ramdisk", f"{BUILD}/guest/initrd",
                        "--cmdline", LINE], check=True)
        described = subprocess.run(["nitroctl", "enclave", "describe-image", "-j", image],
                                   check=True, stdout=subprocess.PIPE).stdout
        measured = json.loads(described)["Measurements"]
        self.pcrs = {index: bytes.fromhex(measured[f"PCR{index}"]) for index in range(3)}
        with open(image, "rb") as file:
            header = HEADER.unpack(file.read(HEADER.size))
        # kernel, command line, metadata, RAM disk
        kernel, initrd = ((image, header[7 + i] + SECTION_HEADER, header[39 + i])
                          for i in (0, 3))
        subprocess.run(["nitroctl", "memory", "set", "-q", "--pool", POOL], check=True)
        memory = Card()("create", name="lab", size=MEMORY)["fd"]
        self.guest = Guest(images=(kernel, initrd), cmdline=LINE, pool=memory, cid=CID,
                           nsm=nsm.enrol(MODULE_ID, self.pcrs))
        self.broken = False
        self.guest.says("guest: serves")

    def reset(self):
        assert self.guest.process.poll() is None, "the VMM has ended"
        self.guest.hear(0)

    def close(self):
        with self.guest, self.dir:
            if self.broken:
                return
            with self.guest.connect(OBEY_PORT) as stream:
                stream.sendall(b"poweroff -f\n")
                assert self.guest.ends() == (0, "ended off"), self.guest.told


class Labs:
    """The one lab that there is; a broken one is replaced."""

    def __init__(self):
        self.lab = None

    def __call__(self, underlay):
        if self.lab and (self.lab.broken or not underlay):
            lab, self.lab = self.lab, None
            lab.close()
        if underlay and not self.lab:
            self.lab = Lab()
        return self.lab
