#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""nitroctl enclave build and describe-image against a second reading of the format.

usage: images.py [TEST...]
"""

import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import eif
import report

NITROCTL = os.environ.get("NITROCTL", "build/tools/check/nitroctl")
KERNEL = sorted(glob.glob("/boot/vmlinuz-*cloud*"))[0]
FOLDER = pathlib.Path(tempfile.mkdtemp())
CMDLINE = "reboot=k panic=30 nomodules console=ttyS0 random.trust_cpu=on"
EPOCH = "1700000000"


def nitroctl(*args, epoch=EPOCH):
    environment = dict(os.environ, **({"SOURCE_DATE_EPOCH": epoch} if epoch else {}))
    return subprocess.run([NITROCTL, "enclave", *map(str, args)], capture_output=True,
                          text=True, env=environment, check=False)


def file(name, data):
    path = FOLDER / name
    path.write_bytes(data)
    return path


def build(output, *more, ramdisks=("init", "application"), **kwargs):
    options = [option for name in ramdisks
               for option in ("--ramdisk", file(name, name.encode() * 1000))]
    return nitroctl("build", "-o", FOLDER / output, "--kernel", KERNEL, "--cmdline", CMDLINE,
                    *options, *more, **kwargs)


def good(done):
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def refused(done, sentence):
    assert done.returncode == 1 and not done.stdout, done
    assert done.stderr == f"nitroctl: {sentence}\n", done.stderr


def describe(path):
    return json.loads(good(nitroctl("describe-image", path, "-j")))


def measured(image):
    pcrs = {f"PCR{number}": value.hex() for number, value in image.measure().items()}
    return {"HashAlgorithm": "Sha384 { ... }", **pcrs}


def signing(curve="P-384", **kwargs):
    key, certificate = eif.signer(curve, **kwargs)
    return ("--signing-certificate", file("signer.pem", eif.pem(certificate)),
            "--private-key", file("key.pem", eif.key_pem(key)))


def test_measurements_of_what_is_built():
    for ramdisks in (("one",), ("one", "two"), ("one", "two", "three"), tuple(map(str, range(28)))):
        done = good(build("image.eif", "-j", ramdisks=ramdisks))
        image = eif.read((FOLDER / "image.eif").read_bytes())
        assert image.of(eif.KERNEL) == [pathlib.Path(KERNEL).read_bytes()]
        assert image.of(eif.CMDLINE) == [CMDLINE.encode()]
        assert image.of(eif.RAMDISK) == [name.encode() * 1000 for name in ramdisks]
        assert json.loads(done) == {"Measurements": measured(image)}
        described = describe(FOLDER / "image.eif")
        assert described["Measurements"] == measured(image) and not described["IsSigned"]


def test_signatures_of_every_curve():
    for curve in eif.CURVES:
        done = good(build("signed.eif", "-j", *signing(curve)))
        # It verifies the signature, too
        image = eif.read((FOLDER / "signed.eif").read_bytes())
        assert image.certificate
        assert json.loads(done) == {"Measurements": measured(image)}
        described = describe(FOLDER / "signed.eif")
        assert described["IsSigned"] and described["SignatureCheck"] and described["CheckCRC"]
        assert described["Measurements"] == measured(image) and "Problem" not in described


def test_images_of_others():
    signed = eif.Image(b"kernel", b"quiet", [b"init", b"application"])
    signed.sign(*eif.signer())
    for image in (eif.Image(b"kernel", b"", [b"init"]),
                  eif.Image(b"kernel", b"quiet", [b"init"], metadata=None, version=2),
                  eif.Image(b"kernel", b"quiet", [b"a", b"b", b"c"], metadata=None, version=3),
                  signed):
        described = describe(file("other.eif", image.file()))
        assert described["EifVersion"] == image.version and described["CheckCRC"]
        assert described["Measurements"] == measured(image) and "Problem" not in described


def test_json_of_nitro_cli():
    custom = file("custom.json", b'{"team":"blue"}')
    good(build("named.eif", "--name", "hello", "--version", "2.1", "--metadata", custom, *signing()))
    described = describe(FOLDER / "named.eif")
    assert set(described) == {"EifVersion", "Measurements", "IsSigned", "SigningCertificate",
                              "CheckCRC", "SignatureCheck", "ImageName", "ImageVersion",
                              "Metadata"}
    assert (described["EifVersion"], described["ImageName"], described["ImageVersion"]) == \
        (4, "hello", "2.1")
    assert set(described["SigningCertificate"]) == {"IssuerName", "Algorithm", "NotBefore",
                                                    "NotAfter", "Signature"}
    assert described["SigningCertificate"]["IssuerName"] == {"countryName": "DE",
                                                             "commonName": "signer"}
    assert described["SigningCertificate"]["Algorithm"] == "ecdsa-with-SHA384"
    metadata = described["Metadata"]
    assert metadata["BuildTime"] == "2023-11-14T22:13:20+00:00"
    assert metadata["OperatingSystem"] == "Linux" and metadata["team"] == "blue"
    assert metadata["KernelVersion"] == os.path.basename(KERNEL).removeprefix("vmlinuz-")
    image = eif.read((FOLDER / "named.eif").read_bytes())
    # What nitro-cli cannot do without
    written = json.loads(image.of(eif.METADATA)[0])
    assert list(written) == ["ImageName", "ImageVersion", "BuildMetadata", "DockerInfo",
                             "CustomMetadata"]
    assert list(written["BuildMetadata"]) == ["BuildTime", "BuildTool", "BuildToolVersion",
                                              "OperatingSystem", "KernelVersion"]


def test_time_is_not_measured():
    options = signing()
    first = good(build("one.eif", *options))
    assert first == good(build("two.eif", *options))
    assert (FOLDER / "one.eif").read_bytes() == (FOLDER / "two.eif").read_bytes()
    assert first == good(build("three.eif", *options, epoch="1800000000"))
    assert first == good(build("four.eif", *options, epoch=None))
    assert (FOLDER / "one.eif").read_bytes() != (FOLDER / "three.eif").read_bytes()


def test_one_byte_is_another_image():
    before = eif.Image(b"kernel", b"quiet", [b"init", b"application"])
    after = eif.Image(b"kernel", b"quiet", [b"init", b"applicatiom"])
    one, two = (describe(file("x.eif", image.file()))["Measurements"] for image in (before, after))
    assert one["PCR0"] != two["PCR0"] and one["PCR1"] == two["PCR1"]
    assert one["PCR2"] != two["PCR2"]


def test_problems_of_images():
    expired = eif.Image(b"kernel", b"quiet", [b"init"])
    expired.sign(*eif.signer(days=(-30, -1)))
    early = eif.Image(b"kernel", b"quiet", [b"init"])
    early.sign(*eif.signer(days=(1, 30)))
    stolen = eif.Image(b"kernel", b"quiet", [b"init"])
    stolen.sign(*eif.signer(), payload=eif.Image(b"kernel", b"", [b"init"]).payload())
    foreign = eif.Image(b"kernel", b"quiet", [b"init"])
    foreign.sign(eif.signer()[0], eif.signer()[1])
    damaged = bytearray(eif.Image(b"kernel", b"quiet", [b"init"]).file())
    damaged[-1] ^= 1
    wrong = "the signature is not of this image, or not the certificate's"
    for data, problem, key in (
            (expired.file(), "the signing certificate has expired", None),
            (early.file(), "the signing certificate is not valid yet", None),
            (stolen.file(), wrong, "SignatureCheck"),
            (foreign.file(), wrong, "SignatureCheck"),
            (damaged, "the checksum is wrong: the file is damaged", "CheckCRC")):
        path = file("problem.eif", data)
        described = describe(path)
        assert described["Problem"] == problem, described
        for check in ("CheckCRC", "SignatureCheck"):
            assert described.get(check, True) == (check != key), (problem, described)
        assert good(nitroctl("describe-image", path)).rstrip().endswith(f"Problem: {problem}")


def test_what_is_no_image():
    plain = bytearray(eif.Image(b"kernel", b"quiet", [b"init"]).file())
    at = eif.HEADER.size
    huge = plain[:at + 4] + (1 << 40).to_bytes(8, "big") + plain[at + 12:]
    sizes = 28 + 32 * 8
    huge[sizes:sizes + 8] = (1 << 40).to_bytes(8, "big")
    for data, sentence in (
            (b"", "it has 0 bytes, fewer than the header of an enclave image"),
            (b"x" * 1000, "it is no enclave image: it does not begin with '.eif'"),
            (plain[:-1], "section 3 has 4 bytes, and the file ends after 3"),
            (plain + b"x", "there are 1 bytes behind the last section"),
            (huge, "section 0 has 1099511627776 bytes, and the file ends after 71"),
            (eif.Image(b"kernel", b"quiet", []).file(), "there is no ramdisk"),
            (eif.Image(b"kernel", b"quiet", [b"init"], metadata=None).file(),
             "there is no metadata, which version 4 has"),
            (eif.Image(b"kernel", b"quiet", [b"init"], metadata=b"[]").file(),
             "the metadata is no JSON object"),
            (eif.Image(b"kernel", b"quiet", [b"init"], metadata=b"{}\0").file(),
             "the metadata is no JSON object"),
            (eif.Image(b"kernel", b"x" * 2048, [b"init"]).file(),
             "the command line in section 1 has 2048 bytes, more than 2047")):
        path = file("bad.eif", data)
        refused(nitroctl("describe-image", path), f"'{path}': {sentence}")


def test_what_is_not_built():
    before = sorted(os.listdir(FOLDER))
    init, text = file("init", b"init"), file("text", b"no kernel")
    options = ("--kernel", KERNEL, "--cmdline", "quiet", "--ramdisk", init, "-o", FOLDER / "new.eif")
    refused(nitroctl("build", *options[2:], "--kernel", text),
            f"'{text}' is no Linux kernel of x86-64 or arm64")
    refused(nitroctl("build", *options, "--ramdisk", "/nowhere"),
            "cannot open '/nowhere': No such file or directory")
    refused(nitroctl("build", *options[:-1], "/nowhere/new.eif"),
            "cannot write '/nowhere/new.eif': No such file or directory")
    refused(nitroctl("build", *options[:-1], "/dev/null"), "'/dev/null' is no file")
    refused(nitroctl("build", *options, "--metadata", text), f"'{text}' is no JSON")
    refused(nitroctl("build", *options, *["--ramdisk", init] * 28),
            "there are 29 ramdisks, more than 28")
    refused(nitroctl("build", *options, epoch="yesterday"),
            "SOURCE_DATE_EPOCH: 'yesterday' is no time in seconds")
    refused(nitroctl("build", *options, *signing()[:2]),
            "--signing-certificate and --private-key belong together")
    refused(nitroctl("build", *options, *signing(days=(-30, -1))),
            "the signing certificate has expired")
    refused(nitroctl("build", *options, *signing()[:3], file("other.pem", eif.key_pem(eif.signer()[0]))),
            "the private key is not that of the signing certificate")
    refused(nitroctl("build", *options, *signing()[:3], text),
            f"'{text}' is no PEM private key without a passphrase")
    refused(nitroctl("build", *options, "--signing-certificate", text, *signing()[2:]),
            "the signing certificate is no PEM certificate")
    left = set(os.listdir(FOLDER)) - set(before)
    assert not [name for name in left if name.startswith("new.eif")], left


report.run(sys.modules[__name__], sys.argv[1:])
