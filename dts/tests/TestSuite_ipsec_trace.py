# SPDX-License-Identifier: BSD-3-Clause
"""What is on the wire, judged by Wireshark with the keys that `ipsec.trace = keys-to-file` writes."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from scapy.packet import Packet
from scapy.utils import wrpcap

from api.esp import EspReceiver, EspSender, flip, is_esp
from api.lab import BLUE
from api.protected_pair import ProtectedPair, esp_only
from api.security import (AES_128_CBC_SHA256, AES_256_CBC_SHA256, AES_256_GCM, CHACHA20_POLY1305,
                          SaPair)
from api.traffic import assert_pings, wait_ping

#: Wireshark 4.0 knows no ChaCha20-Poly1305.
_SHAPES: dict[str, tuple[bool, dict]] = {
    "gcm": (False, {}),
    "gcm-256-ipv6": (True, {"cipher": AES_256_GCM}),
    "tunnel": (False, {"tunnel": True, "cipher": AES_256_GCM}),
    "tunnel-ipv6": (True, {"tunnel": True}),
    "udp": (False, {"udp": True}),
    "udp-tunnel": (False, {"udp": True, "tunnel": True}),
    "cbc": (False, {"cipher": AES_128_CBC_SHA256}),
    "cbc-256-tunnel-ipv6": (True, {"cipher": AES_256_CBC_SHA256, "tunnel": True}),
}
_FIELDS = ("esp.spi", "esp.icv_good", "esp.icv_bad", "vxlan.vni", "icmp.type", "icmpv6.type")

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="there is no tshark")


class Dissected(dict):
    """The fields of one frame; those it has not are empty."""

    @property
    def is_good(self) -> bool:
        return self["esp.icv_good"] in ("1", "True") and self["esp.icv_bad"] in ("", "0", "False")


def dissect(frames: list[Packet], keys: Path) -> list[Dissected]:
    """What tshark says of each frame, given a file of SAs."""
    with tempfile.TemporaryDirectory(prefix="sallyport-tshark-") as folder:
        shutil.copy(keys, Path(folder, "esp_sa"))
        capture = Path(folder, "capture.pcap")
        wrpcap(str(capture), frames)
        fields = [word for field in _FIELDS for word in ("-e", field)]
        done = subprocess.run(
            ["tshark", "-n", "-r", capture, "-o", "esp.enable_encryption_decode:TRUE",
             "-o", "esp.enable_authentication_check:TRUE", "-T", "fields", "-E", "occurrence=l",
             *fields], env={"WIRESHARK_CONFIG_DIR": folder, "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, timeout=120, check=False)
    # What is wrong with the file of SAs is on standard error, and no error.
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert done.returncode == 0 and not complaints, done.stderr
    return [Dissected(zip(_FIELDS, line.split("\t"))) for line in done.stdout.splitlines()]


class Traced:
    """Two hypervisors of which the first writes its keys."""

    def __init__(self, ipv6: bool, **fields) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sallyport-trace-"))
        self.keys = self.folder / "esp_sa"
        self.pair = ProtectedPair(ipv6, **fields)
        self.pair.near.hypervisor.main.settings["ipsec.trace"] = f"keys-to-file {self.keys}"

    def __enter__(self) -> Traced:
        return self

    def __exit__(self, *how: object) -> None:
        self.pair.__exit__(*how)
        shutil.rmtree(self.folder, ignore_errors=True)

    def pings(self) -> list[Packet]:
        """What was sent while each VM pinged the other, small, full-sized and by IPv6."""
        self.pair.start()
        near, far = self.pair.near.vm, self.pair.far.vm
        wait_ping(near, far.ip)
        self.pair.heard()
        for one, other in ((near, far), (far, near)):
            assert_pings(one, other.ip, count=3)
            assert_pings(one, other.ip, count=3, size=1472, options=("-M", "do"))
            assert_pings(one, other.ipv6, count=3)
        return esp_only(self.pair.heard())


class TestIpsecTrace:
    """Wireshark opens what we seal."""

    @pytest.mark.parametrize("shape", list(_SHAPES))
    def test_every_icv_is_good(self, shape: str) -> None:
        """Each packet's ICV is good, and what is inside is the tenant's.

        Steps:
            * Ping both ways, small and full-sized, IPv4 and IPv6 inside; capture on both switches.
            * Behind the capture put one packet more, with a bit of its ICV turned over.
        Verify:
            * tshark finds every ICV good but the last one, by both SPIs; in every packet the
              tenant's VXLAN, and in them all requests and answers.
        """
        ipv6, fields = _SHAPES[shape]
        with Traced(ipv6, esn=False, **fields) as traced:
            frames = traced.pings()
            assert len(frames) >= 36
            sas: SaPair = traced.pair.sas
            *good, bad = dissect([*frames, flip(frames[0])], traced.keys)
            assert [found for found in good if not found.is_good] == []
            assert not bad.is_good
            assert {int(found["esp.spi"], 16) for found in good} == {sas.out.spi, sas.into.spi}
            self._all_is_read(good)

    @pytest.mark.parametrize("shape", ["gcm", "tunnel-ipv6", "udp", "cbc"])
    def test_with_esn(self, shape: str) -> None:
        """With extended sequence numbers, the default, Wireshark 4.0 opens every packet, and finds
        every ICV bad: it has no place to be told of the high half, which is authenticated too.

        Steps:
            * Ping both ways and capture, as above.
            * Seal what is inside each packet once more under the same keys and numbers, but without
              the high half in the ICV.
        Verify:
            * The ICVs are right, by our own reckoning with the high half, and tshark finds them bad
              (when it does not, it has learned ESN: say so in docs/configuration.md); in every
              packet it finds the tenant's VXLAN, and in them all requests and answers.
            * tshark finds all of the others good: it is the high half alone, not key or salt.
        """
        ipv6, fields = _SHAPES[shape]
        with Traced(ipv6, **fields) as traced:
            frames = traced.pings()
            assert len(frames) >= 36
            sas: SaPair = traced.pair.sas
            assert sas.out.esn
            again = []
            for sa in (sas.out, sas.into):
                receiver = EspReceiver(sa)
                short = EspSender(dataclasses.replace(sa, esn=False))
                for frame in filter(is_esp(sa.spi), frames):
                    opened = receiver.open(frame)
                    again.append(short.protect(opened.frame, number=opened.number, iv=opened.iv))
            found = dissect(frames, traced.keys)
            self._all_is_read(found)
            assert not [entry for entry in found if entry.is_good]
            found = dissect(again, traced.keys)
            self._all_is_read(found)
            assert [entry for entry in found if not entry.is_good] == []
            assert len(again) == len(frames)

    @staticmethod
    def _all_is_read(found: list[Dissected]) -> None:
        """All packets were the tenant's; all requests and answers are there."""
        assert {entry["vxlan.vni"] for entry in found} == {str(BLUE)}
        kinds = Counter(entry["icmp.type"] for entry in found)
        assert kinds["8"] >= 12 and kinds["0"] >= 12
        kinds = Counter(entry["icmpv6.type"] for entry in found)
        assert kinds["128"] >= 6 and kinds["129"] >= 6

    def test_what_wireshark_does_not_know(self) -> None:
        """SAs that Wireshark has no name for are a comment in the file, and the file stays good."""
        with Traced(False, esn=False, cipher=CHACHA20_POLY1305) as traced:
            frames = traced.pings()
            assert traced.keys.read_text().count("is not for Wireshark\n") == 2
            found = dissect(frames, traced.keys)
            assert len(found) == len(frames) >= 36
            assert all(is_esp()(frame) for frame in frames)
            assert {entry["vxlan.vni"] for entry in found} == {""}
