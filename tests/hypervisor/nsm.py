# SPDX-License-Identifier: GPL-2.0
"""nitro-nsm of this host, and enclaves that are enrolled there as nitrod does it."""

import array
import json
import os
import socket
import subprocess

SOCKET = "/run/nitro-nsm/nsm.sock"
KEYS = "/var/lib/nitro/attest"
ROOT = f"{KEYS}/root.pem"


def start():
    if not os.path.exists(ROOT):
        subprocess.run(["nitroctl", "attest", "init", "-q"], check=True)
    subprocess.run(["systemctl", "start", "nitro-nsm.socket"], check=True)


def enrol(module_id, pcrs, debug=False):
    """The hypervisor's end of the enclave's socket. pcrs: what is not zero of 0 to 15."""
    start()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parameters = {"module_id": module_id, "debug": debug,
                  "pcrs": [pcrs.get(index, bytes(48)).hex() for index in range(16)]}
    call = json.dumps({"method": "io.nitro.Nsm.Enrol", "parameters": parameters})
    with theirs, socket.socket(socket.AF_UNIX) as link:
        link.connect(SOCKET)
        link.sendmsg([call.encode() + b"\0"],
                     [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
        reply = b""
        while not reply.endswith(b"\0"):
            piece = link.recv(65536)
            assert piece, "nitro-nsm closed the connection"
            reply += piece
    assert "error" not in json.loads(reply[:-1]), reply
    return ours.detach()
