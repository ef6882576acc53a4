// SPDX-License-Identifier: BSD-3-Clause
// Receive side scaling: the hash that spreads packets over queues.
#pragma once

#include "layers.h"

#include <array>
#include <cstdint>
#include <span>

namespace mlx5sim {

/// Microsoft's Toeplitz hash. Beyond its end the key begins anew.
std::uint32_t toeplitz(std::span<const std::uint8_t> key, std::span<const std::uint8_t> input);

/// All octets by XOR, inverted.
std::uint32_t inverted_xor8(std::span<const std::uint8_t> input);

/// Which fields of a level make the hash's input.
struct HashFields {
    bool is_ipv6 = false, is_udp = false;
    bool source = false, destination = false;
    bool source_port = false, destination_port = false;
    bool spi = false;

    bool any() const { return source || destination || source_port || destination_port || spi; }
};

enum class HashFunction : std::uint8_t { none = 0, inverted_xor8 = 1, toeplitz = 2 };

struct HashRules {
    HashFunction function = HashFunction::none;
    /// One hash for both directions: of what source and destination have by OR, then by XOR.
    bool is_symmetric = false;
    std::array<std::uint8_t, 40> key{};
    HashFields outer, inner;
};

struct Hash {
    std::uint32_t value = 0;
    /// As the completion tells: two bits each for source and destination, of IP and of transport.
    std::uint8_t type = 0;
};

/// Of the fields that the frame has; one that it has not is not in the input.
Hash hash_of(std::span<const std::uint8_t> frame, const Layers& layers, const HashRules& rules);

} // namespace mlx5sim
