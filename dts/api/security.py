# SPDX-License-Identifier: BSD-3-Clause
"""Security associations as values: the same ones for Linux, for scapy and for us."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

VXLAN_PORT = 4789
ENCAPSULATION_PORT = 4500


@dataclass(frozen=True)
class Cipher:
    """A cipher suite; sizes in octets.

    Attributes:
        key_size: with the salt at its end, as `ip xfrm` takes it.
        auth_key_size: 0: the cipher authenticates by itself.
        block: plain text is padded to a multiple of it, and of 4.
        xfrm: its name for `ip xfrm`.
        scapy: its name in scapy.
    """

    name: str
    key_size: int
    iv_size: int
    block: int
    xfrm: str
    scapy: str
    salt_size: int = 4
    auth_key_size: int = 0
    icv_size: int = 16


AES_128_GCM = Cipher("aes-128-gcm", 20, 8, 4, "rfc4106(gcm(aes))", "AES-GCM")
AES_256_GCM = Cipher("aes-256-gcm", 36, 8, 4, "rfc4106(gcm(aes))", "AES-GCM")
CHACHA20_POLY1305 = Cipher("chacha20-poly1305", 36, 8, 4, "rfc7539esp(chacha20,poly1305)",
                           "CHACHA20-POLY1305")
AES_128_CBC_SHA256 = Cipher("aes-128-cbc-hmac-sha256", 16, 16, 16, "cbc(aes)", "AES-CBC", 0, 32)
AES_256_CBC_SHA256 = Cipher("aes-256-cbc-hmac-sha256", 32, 16, 16, "cbc(aes)", "AES-CBC", 0, 32)
CIPHERS = (AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, AES_128_CBC_SHA256, AES_256_CBC_SHA256)


@dataclass(frozen=True)
class Sa:
    """One direction of protected traffic between two vteps.

    Attributes:
        window: the receiver's anti-replay window, packets.
        udp: in UDP from and to port 4500 (RFC 3948).
        reqid: binds it to the policies that ask for it; a successor has the same one.
        first: the last sequence number that counts as used: it starts behind it.
    """

    spi: int
    source: str
    destination: str
    cipher: Cipher
    key: bytes
    auth_key: bytes = b""
    tunnel: bool = False
    esn: bool = True
    window: int = 64
    udp: bool = False
    reqid: int = 1
    first: int = 0

    @staticmethod
    def fresh(spi: int, source: str, destination: str, cipher: Cipher = AES_128_GCM,
              **fields: object) -> Sa:
        """With keys of its own; other attributes by name."""
        return Sa(spi, source, destination, cipher, os.urandom(cipher.key_size),
                  os.urandom(cipher.auth_key_size), **fields)  # type: ignore[arg-type]

    def successor(self, spi: int) -> Sa:
        """What replaces it: another SPI and other keys, else alike."""
        return dataclasses.replace(self, spi=spi, key=os.urandom(len(self.key)),
                                   auth_key=os.urandom(len(self.auth_key)), first=0)

    @property
    def ipv6(self) -> bool:
        return ":" in self.source

    @property
    def salt(self) -> bytes:
        return self.key[len(self.key) - self.cipher.salt_size:]

    @property
    def cipher_key(self) -> bytes:
        """The key without its salt."""
        return self.key[:len(self.key) - self.cipher.salt_size]


@dataclass(frozen=True)
class SaPair:
    """Both directions between two vteps, seen from one of them."""

    out: Sa
    into: Sa

    @staticmethod
    def fresh(local: str, remote: str, spi: int = 0x1000, cipher: Cipher = AES_128_GCM,
              **fields: object) -> SaPair:
        """SPIs `spi` (out) and `spi` + 1 (in)."""
        return SaPair(Sa.fresh(spi, local, remote, cipher, **fields),
                      Sa.fresh(spi + 1, remote, local, cipher, **fields))

    @property
    def reversed(self) -> SaPair:
        """As the other end sees it."""
        return SaPair(self.into, self.out)

    def successor(self, spi: int) -> SaPair:
        return SaPair(self.out.successor(spi), self.into.successor(spi + 1))
