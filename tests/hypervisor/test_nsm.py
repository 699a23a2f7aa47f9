# SPDX-License-Identifier: GPL-2.0
"""Linux' own driver, the device, and nitro-nsm as systemd runs it."""

import re
import subprocess
import tempfile

import cbor2
from cryptography import x509

import document
import nsm
from ktap import test
from lab import MODULE_ID
from vmm import WAIT_PORT, Guest


def ask_raw(lab, request):
    said = lab.guest.run(f"agent nsm {request.hex()}")
    assert said.startswith(b"guest: nsm "), said
    return bytes.fromhex(said.split()[2].decode())


def ask(lab, request):
    return cbor2.loads(ask_raw(lab, cbor2.dumps(request)))


@test
def requests(lab):
    """Each reaches the module, and its response the one who has asked."""
    described = ask(lab, "DescribeNSM")["DescribeNSM"]
    assert described["module_id"] == MODULE_ID, described
    assert described["locked_pcrs"] == list(range(16)), described
    zero = ask(lab, {"DescribePCR": {"index": 0}})
    assert zero == {"DescribePCR": {"lock": True, "data": lab.pcrs[0]}}, zero
    extended = ask(lab, {"ExtendPCR": {"index": 16, "data": b"x"}})
    sixteen = ask(lab, {"DescribePCR": {"index": 16}})["DescribePCR"]
    assert sixteen == {"lock": False, "data": extended["ExtendPCR"]["data"]}
    assert ask(lab, {"LockPCR": {"index": 16}}) == "LockPCR"
    again = ask(lab, {"ExtendPCR": {"index": 16, "data": b"x"}})
    assert again == {"Error": "ReadOnlyIndex"}
    assert ask(lab, {"LockPCRs": {"range": 18}}) == "LockPCRs"
    assert len(ask(lab, "GetRandom")["GetRandom"]["random"]) >= 24


@test
def errors(lab):
    """What is no request is answered, and the next one is, too."""
    for request, error in ((cbor2.dumps("Nonsense"), "InvalidOperation"), (b"\xff", "InvalidOperation"),
                           (cbor2.dumps({"DescribePCR": {"index": 32}}), "InvalidIndex"),
                           (cbor2.dumps({"ExtendPCR": {"index": 3, "data": b""}}), "ReadOnlyIndex"),
                           (cbor2.dumps({"Attestation": {"nonce": bytes(513)}}), "InputTooLarge")):
        assert cbor2.loads(ask_raw(lab, request)) == {"Error": error}, request


@test
def attestation(lab):
    """The enclave asks, and whoever trusts the root of this host knows what runs."""
    message = ask(lab, {"Attestation": {"user_data": b"user", "nonce": b"nonce",
                                        "public_key": b"key"}})["Attestation"]["document"]
    with open(nsm.ROOT, "rb") as file:
        root = x509.load_pem_x509_certificate(file.read())
    found = document.verify(message, root, nonce=b"nonce", pcrs=lab.pcrs)
    assert (found["module_id"], found["user_data"], found["public_key"]) == \
        (MODULE_ID, b"user", b"key")
    with tempfile.NamedTemporaryFile() as file:
        file.write(message)
        file.flush()

        def verify(pcr0, nonce=b"nonce"):
            return subprocess.run(
                ["nitroctl", "attest", "verify", file.name, "--root", nsm.ROOT, "--nonce",
                 nonce.hex(), "--pcr", f"0={pcr0.hex()}", "--pcr", f"2={lab.pcrs[2].hex()}", "-q"],
                check=False, capture_output=True, text=True)

        done = verify(lab.pcrs[0])
        assert done.returncode == 0, done
        done = verify(lab.pcrs[1][::-1])
        assert done.returncode == 1 and "PCRs: PCR0 is" in done.stderr, done
        done = verify(lab.pcrs[0], b"another")
        assert done.returncode == 1 and "nonce: it is another one" in done.stderr, done


def fips_failures(data):
    """How many blocks of 20,000 bits fail the tests of FIPS 140-2."""
    done = subprocess.run(["rngtest"], input=data, check=False, capture_output=True)
    return int(re.search(rb"FIPS 140-2 failures: (\d+)", done.stderr).group(1))


@test
def random_numbers(lab):
    """nsm.ko feeds the kernel's hwrng with what no test tells from chance."""
    assert lab.guest.run("cat /sys/class/misc/hw_random/rng_current") == b"nsm-hwrng\n"
    blocks = 24
    # 32 bits more, which rngtest takes to begin with
    data = lab.guest.run(f"head -c {blocks * 2500 + 4} /dev/hwrng")
    # One block of 1,250 fails by chance
    assert fips_failures(data) < 4
    assert fips_failures(bytes(byte & 0xfe for byte in data)) > blocks / 2


@test
def driver_again(lab):
    """A device that is reset has no request under way, and its registers are the module's."""
    before = ask(lab, {"ExtendPCR": {"index": 20, "data": b"once"}})["ExtendPCR"]["data"]
    lab.guest.run("cd /sys/bus/virtio/drivers/nsm && device=$(basename virtio*) && "
                  "echo $device >unbind && [ ! -e /dev/nsm ] && echo $device >bind")
    assert ask(lab, {"DescribePCR": {"index": 20}})["DescribePCR"]["data"] == before


@test(own=True)
def module_dies():
    """Nobody waits for one that is gone, and the guest goes on."""
    request = cbor2.dumps("DescribeNSM").hex()
    do = [f"agent,wait,{WAIT_PORT}", f"agent,nsm,{request}", "agent,heartbeat"]
    with Guest(do=do, cid=16, nsm=nsm.enrol("i-1-enc16", {})) as guest:
        with guest.waits():
            subprocess.run(["systemctl", "kill", "-s", "KILL", "nitro-nsm.service"], check=True)
        guest.tells("heartbeat\n")
        assert guest.ends() == (0, "ended off")
        assert re.search(rb"guest: nsm[ :\r]", guest.output), guest.output
