# SPDX-License-Identifier: BSD-3-Clause
"""scapy's ESP layer as a peer: it shares no code with ours, nor with api.esp.

scapy 2.5 does all of ESP but three things: an HMAC knows no extended sequence numbers there, so
that CBC suites have 32 bits of them; the UDP header over IPv4 gets a wrong length, and over IPv6 no
checksum and is not taken off, which is done here.
"""

from __future__ import annotations

from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, IPSecIntegrityError, SecurityAssociation
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from api.esp import PROTO_ESP, esp_octets, headers_of, ip_of
from api.security import ENCAPSULATION_PORT, Sa
from api.wire import outer

__all__ = ["IPSecIntegrityError", "ScapySa"]


class ScapySa:
    """One security association in scapy's hands, to send or to receive by.

    Attributes:
        number: the last sequence number that was sent, 64 bits with ESN.
    """

    def __init__(self, sa: Sa) -> None:
        assert not (sa.esn and sa.auth_key), "scapy's HMAC knows no ESN"
        self.sa = sa
        self.number = sa.first
        self._association = SecurityAssociation(
            ESP, spi=sa.spi, crypt_algo=sa.cipher.scapy, crypt_key=sa.key,
            auth_algo="SHA2-256-128" if sa.auth_key else None, auth_key=sa.auth_key or None,
            tunnel_header=outer(sa.source, sa.destination) if sa.tunnel else None,
            nat_t_header=(UDP(sport=ENCAPSULATION_PORT, dport=ENCAPSULATION_PORT) if sa.udp
                          else None),
            esn_en=sa.esn)

    def protect(self, clear: Packet, *, number: int | None = None,
                spi: int | None = None) -> Packet:
        """The frame that carries `clear` (Ethernet, IP and all) in ESP.

        Args:
            number: the sequence number; by default the next one. One that is given counts as sent
                if it is higher than all before.
            spi: instead of its own.
        """
        number = self.number + 1 if number is None else number
        self.number = max(self.number, number)
        own = self._association
        # An argument of 0, which the low half of a number may be, would mean "the next".
        own.spi, own.seq_num = self.sa.spi if spi is None else spi, number & 0xffffffff
        own.esn = number >> 32
        clear = Ether(bytes(clear))  # lengths and checksums worked out
        sealed = own.encrypt(ip_of(clear))
        if self.sa.udp:
            sealed[UDP].len = None
            # Over IPv6 none without a checksum is taken.
            sealed[UDP].chksum = None if self.sa.ipv6 else 0
        return Ether(bytes(headers_of(clear, PROTO_ESP)[0] / sealed))

    def open(self, frame: Packet, high: int = 0) -> Packet:
        """The frame that it carries.

        Args:
            high: the high half of its sequence number, with ESN.

        Raises:
            IPSecIntegrityError: another key, another sequence number, or a changed packet.
        """
        ether, header = headers_of(frame, PROTO_ESP)
        self._association.spi, self._association.esn = self.sa.spi, high
        opened = self._association.decrypt(
            type(header)(bytes(header / ESP(esp_octets(frame)))))
        ether.type = 0x86dd if isinstance(opened, IPv6) else 0x0800
        return Ether(bytes(ether / opened))
