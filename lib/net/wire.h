// SPDX-License-Identifier: BSD-3-Clause
// Loads and stores at unaligned places of a packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sallyport::net {

/// As the octets lie in memory, no byte order applied.
template<class T>
inline T load(const std::uint8_t* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}
template<class T>
inline void store(std::uint8_t* to, T value) {
    std::memcpy(to, &value, sizeof value);
}

/// Octets of an IPv4 header whose first octet is given (RFC 791 section 3.1, IHL).
constexpr std::size_t ipv4_header_length(std::uint8_t first) {
    return std::size_t{4} * (first & 0x0fU);
}

/// Network byte order to host byte order, and back.
inline std::uint16_t load_be16(const std::uint8_t* from) {
    return static_cast<std::uint16_t>(from[0] << 8 | from[1]);
}
inline std::uint32_t load_be24(const std::uint8_t* from) {
    return std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8 | from[2];
}
inline std::uint32_t load_be32(const std::uint8_t* from) {
    return std::uint32_t{load_be16(from)} << 16 | load_be16(from + 2);
}
inline std::uint64_t load_be64(const std::uint8_t* from) {
    return std::uint64_t{load_be32(from)} << 32 | load_be32(from + 4);
}
inline void store_be16(std::uint8_t* to, std::uint16_t value) {
    to[0] = static_cast<std::uint8_t>(value >> 8);
    to[1] = static_cast<std::uint8_t>(value);
}
inline void store_be24(std::uint8_t* to, std::uint32_t value) {
    to[0] = static_cast<std::uint8_t>(value >> 16);
    to[1] = static_cast<std::uint8_t>(value >> 8);
    to[2] = static_cast<std::uint8_t>(value);
}
inline void store_be32(std::uint8_t* to, std::uint32_t value) {
    store_be16(to, static_cast<std::uint16_t>(value >> 16));
    store_be16(to + 2, static_cast<std::uint16_t>(value));
}
inline void store_be64(std::uint8_t* to, std::uint64_t value) {
    store_be32(to, static_cast<std::uint32_t>(value >> 32));
    store_be32(to + 4, static_cast<std::uint32_t>(value));
}

} // namespace sallyport::net
