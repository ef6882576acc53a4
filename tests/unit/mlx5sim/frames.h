// SPDX-License-Identifier: BSD-3-Clause
// Frames for the tests, made octet by octet; and checksums computed apart from the code under test.
#pragma once

#include "offloads.h"

#include <cstdint>
#include <span>
#include <vector>

namespace mlx5sim::test {

inline void append(FrameBuffer& packet, std::initializer_list<int> octets) {
    for (const int octet : octets)
        packet.push_back(static_cast<std::uint8_t>(octet));
}

inline void append16(FrameBuffer& packet, std::size_t value) {
    append(packet, {static_cast<int>(value >> 8 & 0xff), static_cast<int>(value & 0xff)});
}

inline FrameBuffer ethernet(std::uint16_t type) {
    FrameBuffer packet;
    append(packet, {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1});
    append16(packet, type);
    return packet;
}

inline FrameBuffer operator+(FrameBuffer one, const FrameBuffer& other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
}

/// 66.9.149.187 to 161.142.100.80, the first pair of Microsoft's examples. No checksum.
inline FrameBuffer ipv4(std::uint8_t protocol, const FrameBuffer& payload) {
    FrameBuffer packet;
    append(packet, {0x45, 0});
    append16(packet, 20 + payload.size());
    append(packet, {0, 7, 0x40, 0, 64, protocol, 0, 0, 66, 9, 149, 187, 161, 142, 100, 80});
    return packet + payload;
}

/// 3ffe:2501:200:1fff::7 to 3ffe:2501:200:3::1.
inline FrameBuffer ipv6(std::uint8_t next, const FrameBuffer& payload) {
    FrameBuffer packet;
    append(packet, {0x60, 0, 0, 0});
    append16(packet, payload.size());
    append(packet,
           {next, 64,   0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0,
            7,    0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0,    3,    0,    0, 0, 0, 0, 0, 0, 1});
    return packet + payload;
}

/// Octet n is n modulo 251.
inline FrameBuffer payload(std::size_t size) {
    FrameBuffer packet(size);
    for (std::size_t i = 0; i < size; ++i)
        packet[i] = static_cast<std::uint8_t>(i % 251);
    return packet;
}

/// From port 2794 to 1766 unless it is said otherwise. No checksum.
inline FrameBuffer udp(const FrameBuffer& data, std::uint16_t to = 1766) {
    FrameBuffer packet;
    append16(packet, 2794);
    append16(packet, to);
    append16(packet, 8 + data.size());
    append16(packet, 0);
    return packet + data;
}

/// Sequence number 1000, ACK, PSH, FIN and CWR. No checksum.
inline FrameBuffer tcp(const FrameBuffer& data) {
    FrameBuffer packet;
    append16(packet, 2794);
    append16(packet, 1766);
    append(packet, {0, 0, 3, 0xe8, 0, 0, 0, 1, 0x50, 0x99, 4, 0, 0, 0, 0, 0});
    return packet + data;
}

inline FrameBuffer vxlan(const FrameBuffer& frame) {
    FrameBuffer packet;
    append(packet, {8, 0, 0, 0, 0, 0, 42, 0});
    return udp(packet + frame, 4789);
}

/// RFC 1071 as it is written: 16 bits after the other. 0xffff where a checksum is right.
inline std::uint32_t ones_sum(std::span<const std::uint8_t> octets, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < octets.size(); ++i)
        sum += i % 2 == 0 ? std::uint32_t{octets[i]} << 8 : octets[i];
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/// Whether the IPv4 header at @p at, of 20 octets, has the right checksum.
inline bool ipv4_is_right(const FrameBuffer& frame, std::size_t at) {
    return ones_sum(std::span(frame).subspan(at, 20)) == 0xffff;
}

/// Whether what is behind the IPv4 header at @p at has the right checksum of TCP or UDP.
inline bool over_ipv4_is_right(const FrameBuffer& frame, std::size_t at) {
    const std::size_t size = load16(frame.data() + at + 2) - 20U;
    const auto sum = ones_sum(std::span(frame).subspan(at + 12, 8),
                              frame[at + 9] + static_cast<std::uint32_t>(size));
    return ones_sum(std::span(frame).subspan(at + 20, size), sum) == 0xffff;
}

inline bool over_ipv6_is_right(const FrameBuffer& frame, std::size_t at) {
    const std::size_t size = load16(frame.data() + at + 4);
    const auto sum = ones_sum(std::span(frame).subspan(at + 8, 32),
                              frame[at + 6] + static_cast<std::uint32_t>(size));
    return ones_sum(std::span(frame).subspan(at + 40, size), sum) == 0xffff;
}

} // namespace mlx5sim::test
