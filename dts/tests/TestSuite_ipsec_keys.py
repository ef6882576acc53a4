# SPDX-License-Identifier: BSD-3-Clause
"""Keys that stand in the tenant's file itself: taken from a private file only, and not kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.protected_pair import ProtectedPair, esp_only
from api.sallyport import Sallyport
from api.traffic import assert_pings, wait_ping

#: A sanitizer's shadow is terabytes of addresses.
_LARGEST_MAPPING = 2 << 30


def in_memory_of(sallyport: Sallyport, needles: list[bytes]) -> list[bytes]:
    """Those that stand in memory which the process can write to."""
    found: set[bytes] = set()
    overlap = max(len(needle) for needle in needles)
    with open(f"/proc/{sallyport.pid()}/maps") as maps, \
            open(f"/proc/{sallyport.pid()}/mem", "rb", buffering=0) as memory:
        for line in maps:
            addresses, rights = line.split()[:2]
            begin, end = (int(address, 16) for address in addresses.split("-"))
            if not rights.startswith("rw") or end - begin > _LARGEST_MAPPING:
                continue
            tail = b""
            memory.seek(begin)
            while begin < end:
                try:
                    part = memory.read(min(16 << 20, end - begin))
                except OSError:
                    break
                if not part:
                    break
                begin += len(part)
                text = tail + part
                found |= {needle for needle in needles if needle in text}
                tail = text[-overlap:]
    return sorted(found)


@pytest.fixture(scope="class")
def pair() -> Iterator[ProtectedPair]:
    with ProtectedPair(inline=True) as pair:
        pair.start()
        yield pair


class TestInlineKeys:
    """`key = DIGITS` in `[sa.NAME]`."""

    def test_pings_in_esp(self, pair: ProtectedPair) -> None:
        """The VMs talk, by ESP alone."""
        assert "key = " in pair.near.hypervisor.tenants["blue"].text()
        wait_ping(pair.near.vm, pair.far.vm.ip)
        pair.heard()
        assert_pings(pair.near.vm, pair.far.vm.ip)
        assert len(esp_only(pair.heard())) >= 20

    @pytest.mark.software_only("keys and shell are the CPU's, as without a card")
    def test_shown_nowhere(self, pair: ProtectedPair) -> None:
        """No command, no log and no memory of the process has the digits.

        Steps:
            * Ask the shell for all it tells of SAs and settings; read the log.
            * Search all that the process can write to.
        Verify:
            * The digits are nowhere, half of them neither; the name of the node is, so that the search
              would have found them.
        """
        hv1 = pair.near.hypervisor
        texts = [hv1.shell.run(command).stdout
                 for command in ("show ipsec sa", "show ipsec sa json", "show config",
                                 "show config json", "show tenant blue json")]
        texts.append(hv1.sallyport.log())
        halves = [digits[at:at + 20] for sa in (pair.sas.out, pair.sas.into)
                  for digits in [sa.key.hex()] for at in (0, 20)]
        for text in texts:
            assert not [half for half in halves if half in text]
        assert "not shown" in hv1.shell.run("show config").stdout
        assert hv1.shell.json("show ipsec sa")[0]["key_file"] is None
        known = hv1.name.encode()
        found = in_memory_of(hv1.sallyport, [half.encode() for half in halves] + [known])
        assert found == [known]

    def test_rekeyed(self, pair: ProtectedPair) -> None:
        """`ipsec rekey` takes new ones from the file."""
        old = pair.sas
        pair.rekey()
        assert_pings(pair.near.vm, pair.far.vm.ip)
        assert pair.sas != old
        spis = {entry["spi"] for entry in pair.near.hypervisor.shell.json("show ipsec sa")
                if entry["state"] == "active"}
        assert spis == {f"0x{pair.sas.out.spi:08x}", f"0x{pair.sas.into.spi:08x}"}

    @pytest.mark.software_only("the reload of a file does not come to the card")
    @pytest.mark.parametrize("mode", [0o640, 0o604])
    def test_a_file_that_others_can_read(self, pair: ProtectedPair, mode: int) -> None:
        """It is refused with clear words, and what runs goes on.

        Steps:
            * Open the tenant's file to others; check it, and ask for a rekey.
        Verify:
            * Both say what to do, without a digit; pings pass as before.
        """
        sallyport = pair.near.hypervisor.sallyport
        path = sallyport.tenant_file("blue")
        path.chmod(mode)
        try:
            for result in (sallyport.check_config(),
                           sallyport.shell.run("ipsec rekey blue", check=False)):
                assert result.status != 0
                assert f"{path}:" in result.output and "chmod 600" in result.output
                assert pair.sas.out.key.hex()[:20] not in result.output
        finally:
            path.chmod(0o600)
        assert sallyport.check_config().status == 0
        assert_pings(pair.near.vm, pair.far.vm.ip)
