#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes scapy.txt: ESP packets by scapy, an implementation of ESP that shares no code with ours.

Run by hand when cases are added (Debian: python3-scapy, python3-cryptography); what it writes is
checked in. One line a case, blanks between the fields:
name algorithm mode inner-family udp esn spi sequence key clear-frame protected-frame
"""

import hmac
import itertools
import pathlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.layers.l2 import Ether
from scapy.packet import Raw

SUITES = {
    # name: (cipher, key, salt, authentication, authentication key)
    "aes128gcm16": ("AES-GCM", 16, 4, None, 0),
    "aes256gcm16": ("AES-GCM", 32, 4, None, 0),
    "chacha20poly1305": ("CHACHA20-POLY1305", 32, 4, None, 0),
    "aes128-sha256": ("AES-CBC", 16, 0, "SHA2-256-128", 32),
    "aes128-sha384": ("AES-CBC", 16, 0, "SHA2-384-192", 48),
    "aes128-sha512": ("AES-CBC", 16, 0, "SHA2-512-256", 64),
    "aes256-sha256": ("AES-CBC", 32, 0, "SHA2-256-128", 32),
    "aes256-sha384": ("AES-CBC", 32, 0, "SHA2-384-192", 48),
    "aes256-sha512": ("AES-CBC", 32, 0, "SHA2-512-256", 64),
}
MACS = {"dst": "02:00:00:00:00:02", "src": "02:00:00:00:00:01"}
LOCAL = {4: "192.0.2.1", 6: "2001:db8::1"}
REMOTE = {4: "192.0.2.2", 6: "2001:db8::2"}
INNER_LOCAL = {4: "198.51.100.1", 6: "2001:db8:1::1"}
INNER_REMOTE = {4: "198.51.100.2", 6: "2001:db8:1::2"}


def ip(family, source, destination, **fields):
    if family == 4:
        return IP(src=source, dst=destination, **fields)
    fields.pop("id", None)
    fields.pop("flags", None)
    fields["tc"] = fields.pop("tos", 0)
    fields["hlim"] = fields.pop("ttl", 64)
    return IPv6(src=source, dst=destination, **fields)


def initialization_vector(cipher, key, sequence):
    """As librte_ipsec makes it: the number, or the cipher of the number."""
    if cipher != "AES-CBC":
        return sequence.to_bytes(8, "big")
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return block.update(sequence.to_bytes(8, "big") + bytes(8))


def mend(packet, udp_offset, udp, esn, authentication, authentication_key, sequence):
    """What scapy 2.5 does not do: the high half of the sequence number in an HMAC (RFC 4303 2.2.1), the
    length of an UDP header over IPv4, and its checksum over IPv6."""
    esp_offset = udp_offset + (8 if udp else 0)
    if esn and authentication:
        digest, icv = {"SHA2-256-128": ("sha256", 16), "SHA2-384-192": ("sha384", 24), "SHA2-512-256": ("sha512", 32)}[
            authentication
        ]
        authenticated = bytes(packet[esp_offset:-icv]) + (sequence >> 32).to_bytes(4, "big")
        packet[-icv:] = hmac.new(authentication_key, authenticated, digest).digest()[:icv]
    if not udp:
        return
    packet[udp_offset + 4 : udp_offset + 6] = (len(packet) - udp_offset).to_bytes(2, "big")
    if udp_offset == 40:
        checksum = in6_chksum(17, IPv6(bytes(packet[:40])), bytes(packet[40:]))
        packet[46:48] = checksum.to_bytes(2, "big")


def case(number, suite, mode, outer, inner, udp, esn):
    cipher, key_length, salt, authentication, authentication_key = SUITES[suite]
    material = bytes((number * 7 + i * 13) & 0xFF for i in range(key_length + salt + authentication_key))
    sequence = (5 << 32 | 0x01020304 + number) if esn else 0x01020304 + number
    spi = 0x1000 + number
    tos = (number * 5) & 0xFF
    source, destination = (LOCAL, REMOTE) if mode == "transport" else (INNER_LOCAL, INNER_REMOTE)
    payload = bytes((number + i * 3) & 0xFF for i in range(18 + number % 37))
    clear = ip(inner, source[inner], destination[inner], tos=tos, id=number, ttl=63)
    clear = clear / UDP(sport=50000, dport=4789) / Raw(payload)
    clear = clear.__class__(bytes(clear))

    options = {}
    if mode == "tunnel":
        options["tunnel_header"] = ip(
            outer, LOCAL[outer], REMOTE[outer], tos=tos, id=sequence & 0xFFFF, flags="DF", ttl=64
        )
    if udp:
        options["nat_t_header"] = UDP(sport=4500, dport=4500)
    association = SecurityAssociation(
        ESP,
        spi=spi,
        crypt_algo=cipher,
        crypt_key=material[: key_length + salt],
        auth_algo=authentication,
        auth_key=material[key_length:] if authentication else None,
        **options,
    )
    iv = initialization_vector(cipher, material[:key_length], sequence)
    protected = association.encrypt(
        clear, seq_num=sequence & 0xFFFFFFFF, iv=iv, esn_en=bool(esn), esn=sequence >> 32
    )
    packet = bytearray(bytes(protected))
    mend(packet, 20 if outer == 4 else 40, udp, esn, authentication, material[key_length:], sequence)
    kinds = {4: 0x0800, 6: 0x86DD}
    return " ".join(
        [
            f"{suite}-{mode}-{outer}-{inner}{'-udp' if udp else ''}{'-esn' if esn else ''}",
            suite,
            mode,
            str(inner),
            str(int(udp)),
            str(int(esn)),
            str(spi),
            str(sequence),
            material.hex(),
            (bytes(Ether(**MACS, type=kinds[inner])) + bytes(clear)).hex(),
            (bytes(Ether(**MACS, type=kinds[outer])) + packet).hex(),
        ]
    )


def main():
    lines = ["# SPDX-License-Identifier: BSD-3-Clause", "# Made by make_vectors.py, which says what is what."]
    shapes = [("transport", 4, 4), ("transport", 6, 6)]
    shapes += [("tunnel", outer, inner) for outer in (4, 6) for inner in (4, 6)]
    cases = itertools.product(SUITES, shapes, (False, True), (False, True))
    for number, (suite, (mode, outer, inner), udp, esn) in enumerate(cases):
        lines.append(case(number, suite, mode, outer, inner, udp, esn))
    path = pathlib.Path(__file__).with_name("scapy.txt")
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    print(f"{len(lines) - 2} cases in {path}")


if __name__ == "__main__":
    main()
