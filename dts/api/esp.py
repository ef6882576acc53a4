# SPDX-License-Identifier: BSD-3-Clause
"""ESP by hand (RFC 4303, 4106, 7634, 3602 with 4868, 3948): a peer that may lie about everything.

What is sent is sealed octet by octet, so that every field can be wrong; what comes is opened, and
all that the receiver would not look at can be looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from api.security import CHACHA20_POLY1305, ENCAPSULATION_PORT, Sa
from api.wire import outer

PROTO_IPV4, PROTO_UDP, PROTO_IPV6, PROTO_ESP = 4, 17, 41, 50


class WrongIcv(AssertionError):
    """The integrity check value does not fit."""


@dataclass(frozen=True)
class Opened:
    """An ESP packet without its protection.

    Attributes:
        frame: what would have been on the wire in clear.
        number: the sequence number, all 64 bits with ESN.
    """

    frame: Packet
    number: int
    iv: bytes
    padding: bytes
    next_header: int


def ip_of(frame: Packet) -> Packet | None:
    """The outer IP packet of a frame."""
    return frame.payload if isinstance(frame.payload, (IP, IPv6)) else None


def headers_of(frame: Packet, protocol: int) -> tuple[Packet, Packet]:
    """Ethernet and outer IP header of a frame, to carry something else: lengths are worked out."""
    ether, header = frame.copy(), ip_of(frame)
    assert header is not None, f"no IP: {frame.summary()}"
    header = header.copy()
    ether.remove_payload()
    header.remove_payload()
    if isinstance(header, IP):
        header.proto = protocol
        del header.len, header.chksum
    else:
        header.nh = protocol
        del header.plen
    return ether, header


def esp_octets(frame: Packet) -> bytes | None:
    """ESP's octets from the SPI on, by protocol 50 or UDP port 4500; None: no ESP."""
    header = ip_of(frame)
    if header is None:
        return None
    # An Ethernet frame may be padded.
    if isinstance(header, IP):
        protocol, length = header.proto, header.len - header.ihl * 4
    else:
        protocol, length = header.nh, header.plen
    octets = bytes(header.payload)[:length]
    if protocol == PROTO_ESP:
        return octets
    # An SPI of 0 marks IKE on the same port.
    if (protocol == PROTO_UDP and len(octets) >= 12 and octets[8:12] != bytes(4)
            and struct.unpack("!H", octets[2:4])[0] == ENCAPSULATION_PORT):
        return octets[8:]
    return None


def is_esp(spi: int | None = None) -> Callable[[Packet], bool]:
    """Matches frames that carry ESP, of this SPI if one is given."""
    def matches(frame: Packet) -> bool:
        octets = esp_octets(frame)
        return octets is not None and (spi is None or octets[:4] == struct.pack("!I", spi))

    return matches


class EspSender:
    """One security association from the sender's end; numbers its packets by itself.

    Attributes:
        number: the last sequence number used.
    """

    def __init__(self, sa: Sa) -> None:
        self.sa = sa
        self.number = sa.first

    def seal(self, payload: bytes, next_header: int, *, number: int | None = None,
             iv: bytes | None = None, padding: bytes | None = None, pad_length: int | None = None,
             spi: int | None = None) -> bytes:
        """ESP around a payload. What is given is taken as it is, however wrong.

        Args:
            number: the sequence number, 64 bits; its high half is in the ICV only, with ESN.
            pad_length: what the trailer says; by default the truth.
        """
        sa, cipher = self.sa, self.sa.cipher
        if number is None:
            self.number = number = self.number + 1
        if iv is None:
            iv = os.urandom(cipher.iv_size)
        if padding is None:
            padding = bytes(range(1, -(len(payload) + 2) % cipher.block + 1))
        if pad_length is None:
            pad_length = len(padding)
        plain = payload + padding + bytes((pad_length, next_header))
        header = struct.pack("!II", sa.spi if spi is None else spi, number & 0xffffffff)
        if not cipher.auth_key_size:
            return header + iv + _aead(sa).encrypt(sa.salt + iv, plain, _aad(sa, header, number))
        encryptor = Cipher(algorithms.AES(sa.key), modes.CBC(iv)).encryptor()
        sealed = header + iv + encryptor.update(plain) + encryptor.finalize()
        return sealed + _hmac(sa, sealed, number)

    def wrap(self, clear: Packet, esp: bytes) -> Packet:
        """The frame that carries these ESP octets; `clear` gives Ethernet and IP headers."""
        protocol = PROTO_UDP if self.sa.udp else PROTO_ESP
        ether, header = headers_of(clear, protocol)
        if self.sa.tunnel:
            field = "nh" if self.sa.ipv6 else "proto"
            header = outer(self.sa.source, self.sa.destination, **{field: protocol})
        carried: Packet = Raw(esp)
        if self.sa.udp:
            # Over IPv6 Linux takes none without a checksum, which is worked out then.
            carried = UDP(sport=ENCAPSULATION_PORT, dport=ENCAPSULATION_PORT,
                          chksum=None if self.sa.ipv6 else 0) / carried
        return Ether(bytes(ether / header / carried))

    def protect(self, clear: Packet, **how) -> Packet:
        """The frame that carries `clear` (Ethernet, IP and all) in ESP; `how`: see `seal`."""
        whole = ip_of(Ether(bytes(clear)))  # lengths and checksums worked out
        assert whole is not None, f"no IP: {clear.summary()}"
        if self.sa.tunnel:
            how = {"next_header": PROTO_IPV6 if isinstance(whole, IPv6) else PROTO_IPV4, **how}
            return self.wrap(clear, self.seal(bytes(whole), **how))
        protocol = whole.nh if isinstance(whole, IPv6) else whole.proto
        return self.wrap(clear, self.seal(bytes(whole.payload), **{"next_header": protocol, **how}))

    def truncated(self, clear: Packet, **how) -> Iterator[Packet]:
        """One packet cut off at every length of ESP, from 0 to one octet less than all of it; the
        headers around it tell the shorter length."""
        whole = esp_octets(self.protect(clear, **how))
        assert whole is not None
        for length in range(len(whole)):
            yield self.wrap(clear, whole[:length])


def flip(frame: Packet, octet: int = -1, bit: int = 0) -> Packet:
    """The frame with one bit of ESP turned over; by default the last octet's: in the ICV."""
    raw, esp = bytes(frame), esp_octets(frame)
    assert esp is not None
    start = raw.rindex(esp)
    place = start + (octet if octet >= 0 else len(esp) + octet)
    return Ether(raw[:place] + bytes((raw[place] ^ 1 << bit,)) + raw[place + 1:])


def open_esp(sa: Sa, frame: Packet, high: int = 0) -> Opened:
    """What a frame carries under a security association.

    Args:
        high: the high half of its sequence number, with ESN.

    Raises:
        WrongIcv: another key, another sequence number, or a changed packet.
    """
    octets, cipher = esp_octets(frame), sa.cipher
    assert octets is not None, f"no ESP: {frame.summary()}"
    spi, low = struct.unpack("!II", octets[:8])
    assert spi == sa.spi, f"SPI {spi:#x}, not {sa.spi:#x}"
    number = high << 32 | low
    iv, sealed = octets[8:8 + cipher.iv_size], octets[8 + cipher.iv_size:]
    if not cipher.auth_key_size:
        try:
            plain = _aead(sa).decrypt(sa.salt + iv, sealed, _aad(sa, octets[:8], number))
        except InvalidTag:
            raise WrongIcv(frame.summary()) from None
    else:
        icv = octets[-cipher.icv_size:]
        if not hmac.compare_digest(icv, _hmac(sa, octets[:-cipher.icv_size], number)):
            raise WrongIcv(frame.summary())
        decryptor = Cipher(algorithms.AES(sa.key), modes.CBC(iv)).decryptor()
        plain = decryptor.update(sealed[:-cipher.icv_size]) + decryptor.finalize()
    pad_length, next_header = plain[-2], plain[-1]
    payload, padding = plain[:-2 - pad_length], plain[len(plain) - 2 - pad_length:-2]
    return Opened(_clear(frame, payload, next_header, sa.tunnel), number, iv, padding, next_header)


class EspReceiver:
    """One security association from the receiver's end; works out the high halves of numbers.

    Attributes:
        number: the highest sequence number seen.
    """

    def __init__(self, sa: Sa) -> None:
        self.sa = sa
        self.number = sa.first

    def open(self, frame: Packet) -> Opened:
        """See `open_esp`: the number is taken to be the one next to those seen before."""
        octets = esp_octets(frame)
        assert octets is not None, f"no ESP: {frame.summary()}"
        low, high = struct.unpack("!I", octets[4:8])[0], self.number >> 32
        if self.sa.esn:
            high = min((near for near in (high - 1, high, high + 1) if near >= 0),
                       key=lambda near: abs((near << 32 | low) - self.number))
        opened = open_esp(self.sa, frame, high)
        self.number = max(self.number, opened.number)
        return opened


def _clear(frame: Packet, payload: bytes, next_header: int, tunnel: bool) -> Packet:
    ether, header = headers_of(frame, next_header)
    if tunnel:
        assert next_header in (PROTO_IPV4, PROTO_IPV6), f"next header {next_header} in a tunnel"
        return Ether(bytes(ether / (IPv6 if next_header == PROTO_IPV6 else IP)(payload)))
    return Ether(bytes(ether / header / Raw(payload)))


def _aead(sa: Sa) -> AESGCM | ChaCha20Poly1305:
    return (ChaCha20Poly1305 if sa.cipher is CHACHA20_POLY1305 else AESGCM)(sa.cipher_key)


def _aad(sa: Sa, header: bytes, number: int) -> bytes:
    return header[:4] + struct.pack("!Q", number) if sa.esn else header


def _hmac(sa: Sa, sealed: bytes, number: int) -> bytes:
    high = struct.pack("!I", number >> 32) if sa.esn else b""
    return hmac.new(sa.auth_key, sealed + high, hashlib.sha256).digest()[:sa.cipher.icv_size]
