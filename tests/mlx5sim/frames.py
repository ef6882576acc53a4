# SPDX-License-Identifier: BSD-3-Clause
"""Frames that tests send, and what they look at in those that come."""

from __future__ import annotations

import struct

FAR = bytes.fromhex("020000000001")
NEAR = bytes.fromhex("020000000002")


def is_of_a_kernel(frame: bytes) -> bool:
    """IPv6's multicasts of an interface that comes up, which no test sends."""
    return frame.startswith(b"\x33\x33")


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def payload(size: int, first: int = 0) -> bytes:
    return bytes((first + i) % 251 for i in range(size))


WIRE_TO_VM = bytes([192, 0, 2, 1, 192, 0, 2, 2])
VM_TO_WIRE = bytes([192, 0, 2, 2, 192, 0, 2, 1])


def udp(size: int, source: int = 5000, right: bool = True, partial: bool = False) -> bytes:
    """A frame of @p size octets."""
    return udp_of(payload(size - 42), source, right=right, partial=partial)


def udp_of(data: bytes, source: int = 5000, destination: int = 5001, addresses: bytes = WIRE_TO_VM,
           right: bool = True, partial: bool = False) -> bytes:
    length = 8 + len(data)
    pseudo = addresses + struct.pack("!HH", 17, length)
    header = struct.pack("!HHHH", source, destination, length, 0)
    field = ~checksum(pseudo) & 0xffff if partial else checksum(pseudo + header + data)
    header = header[:6] + struct.pack("!H", field if right else field ^ 0x5555)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 7, 0, 64, 17, 0) + addresses
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return NEAR + FAR + b"\x08\x00" + ip + header + data


def tagged(frame: bytes, *tags: int) -> bytes:
    for tag in tags:
        frame = frame[:12] + struct.pack("!HH", 0x8100, tag) + frame[12:]
    return frame


def check_ipv4(header: bytes) -> None:
    if checksum(header) != 0:
        raise AssertionError(f"the checksum of the IPv4 header {header.hex()} is wrong")


def check_transport(addresses: bytes, protocol: int, segment: bytes) -> None:
    if checksum(addresses + struct.pack("!HH", protocol, len(segment)) + segment) != 0:
        raise AssertionError(f"the checksum of {segment[:20].hex()}... is wrong")


def right_udp(frame: bytes) -> bytes:
    """The payload of a frame whose checksums are right."""
    version = frame[14] >> 4
    start = 34 if version == 4 else 54
    addresses = frame[26:34] if version == 4 else frame[22:54]
    if version == 4:
        check_ipv4(frame[14:34])
    size, = struct.unpack_from("!H", frame, start + 4)
    check_transport(addresses, 17, frame[start:start + size])
    return frame[start + 8:start + size]
