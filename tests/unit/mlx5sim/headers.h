// SPDX-License-Identifier: BSD-3-Clause
// Frames for the tests of the E-Switch, header by header.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace mlx5sim::test {

using Octets = std::vector<std::uint8_t>;

inline Octets operator+(Octets one, const Octets& other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
}

inline Octets word16(std::size_t value) {
    return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

/// The complement of the sum that RFC 1071 wants, by the book.
inline std::uint16_t checksum(const Octets& octets) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < octets.size(); ++i)
        sum += i % 2 == 0 ? octets[i] << 8 : octets[i];
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

inline const Octets near_mac{0x02, 0, 0, 0, 0, 0x01}, far_mac{0x02, 0, 0, 0, 0, 0x02};

inline Octets ethernet(const Octets& payload, std::uint16_t type, const Octets& to = far_mac,
                       const Octets& from = near_mac) {
    return to + from + word16(type) + payload;
}

inline Octets ipv4(const Octets& payload, std::uint8_t protocol, std::uint8_t ttl = 64,
                   const Octets& addresses = {192, 0, 2, 1, 192, 0, 2, 2}) {
    Octets header = Octets{0x45, 0} + word16(20 + payload.size())
                    + Octets{0, 0, 0x40, 0, ttl, protocol, 0, 0} + addresses;
    const Octets sum = word16(checksum(header));
    header[10] = sum[0];
    header[11] = sum[1];
    return header + payload;
}

/// With the checksum that belongs to the addresses of ipv4().
inline Octets udp(const Octets& payload, std::uint16_t from, std::uint16_t to) {
    Octets header = word16(from) + word16(to) + word16(8 + payload.size()) + Octets{0, 0};
    const Octets pseudo = Octets{192, 0, 2, 1, 192, 0, 2, 2, 0, 17} + word16(8 + payload.size());
    const Octets sum = word16(checksum(pseudo + header + payload));
    header[6] = sum[0];
    header[7] = sum[1];
    return header + payload;
}

inline Octets plain(std::size_t size = 40) {
    return ethernet(ipv4(udp(Octets(size, 0x5a), 1000, 2000), 17), 0x0800);
}

inline Octets vxlan(const Octets& inner, std::uint32_t vni) {
    const Octets header{0x08,
                        0,
                        0,
                        0,
                        static_cast<std::uint8_t>(vni >> 16),
                        static_cast<std::uint8_t>(vni >> 8),
                        static_cast<std::uint8_t>(vni),
                        0};
    return ethernet(ipv4(udp(header + inner, 50000, 4789), 17), 0x0800);
}

} // namespace mlx5sim::test
