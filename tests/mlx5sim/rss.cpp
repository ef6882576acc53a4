// SPDX-License-Identifier: BSD-3-Clause
#include "rss.h"

#include <algorithm>
#include <bit>

namespace mlx5sim {

namespace {

using Frame = std::span<const std::uint8_t>;

/// Two addresses of IPv6, two ports and an SPI are the most.
class Input {
  public:
    void append(Frame field) {
        std::copy(field.begin(), field.end(), octets_.begin() + size_);
        size_ += field.size();
    }
    /// Both fields, either of which may be empty.
    void append(Frame source, Frame destination, bool is_symmetric) {
        if (!is_symmetric || source.empty() || destination.empty()) {
            append(source);
            append(destination);
            return;
        }
        for (std::size_t i = 0; i < source.size(); ++i) {
            octets_[size_ + i] = source[i] | destination[i];
            octets_[size_ + source.size() + i] = source[i] ^ destination[i];
        }
        size_ += 2 * source.size();
    }
    Frame octets() const { return Frame(octets_).first(size_); }

  private:
    std::array<std::uint8_t, 40> octets_{};
    std::size_t size_ = 0;
};

// In the type, source stands below destination, and IP below transport.
constexpr unsigned source_shift = 0, destination_shift = 2, source_port_shift = 4,
                   destination_port_shift = 6;

void take_addresses(Frame frame, const Level& level, const HashFields& fields, bool is_symmetric,
                    Input& input, Hash& hash) {
    const bool is_ipv6 = level.version == 6;
    const std::size_t size = is_ipv6 ? 16 : 4, at = level.network + (is_ipv6 ? 8 : 12);
    const unsigned type = is_ipv6 ? 2 : 1;
    input.append(frame.subspan(at, fields.source ? size : 0),
                 frame.subspan(at + size, fields.destination ? size : 0), is_symmetric);
    if (fields.source) hash.type |= type << source_shift;
    if (fields.destination) hash.type |= type << destination_shift;
}

void take_ports(Frame frame, const Level& level, const HashFields& fields, bool is_symmetric,
                Input& input, Hash& hash) {
    if (!level.is(fields.is_udp ? protocol_udp : protocol_tcp)) return;
    const unsigned type = fields.is_udp ? 2 : 1;
    input.append(frame.subspan(level.transport, fields.source_port ? 2 : 0),
                 frame.subspan(level.transport + 2, fields.destination_port ? 2 : 0), is_symmetric);
    if (fields.source_port) hash.type |= type << source_port_shift;
    if (fields.destination_port) hash.type |= type << destination_port_shift;
}

void take_spi(Frame frame, const Level& level, const HashFields& fields, Input& input, Hash& hash) {
    if (!fields.spi || !level.is(protocol_esp)) return;
    input.append(frame.subspan(level.transport, 4));
    hash.type |= 3U << destination_port_shift;
}

} // namespace

// Each bit of the input that is set adds the 32 bits of the key that begin at its place.
std::uint32_t toeplitz(std::span<const std::uint8_t> key, std::span<const std::uint8_t> input) {
    const auto octet = [&](std::size_t i) { return std::uint64_t{key[i % key.size()]}; };
    std::uint64_t window = octet(0) << 24 | octet(1) << 16 | octet(2) << 8 | octet(3);
    std::uint32_t result = 0;
    for (std::size_t i = 0; i < input.size(); ++i) {
        window = (window << 8 | octet(i + 4)) & 0xffffffffff;
        for (unsigned bits = input[i]; bits != 0; bits &= bits - 1)
            result ^= static_cast<std::uint32_t>(window >> (std::countr_zero(bits) + 1));
    }
    return result;
}

std::uint32_t inverted_xor8(std::span<const std::uint8_t> input) {
    std::uint8_t result = 0xff;
    for (const std::uint8_t octet : input)
        result ^= octet;
    return result;
}

Hash hash_of(Frame frame, const Layers& layers, const HashRules& rules) {
    const bool of_inner = rules.inner.any();
    const HashFields& fields = of_inner ? rules.inner : rules.outer;
    const Level& level = of_inner ? layers.inner : layers.outer;
    Hash hash;
    if (rules.function == HashFunction::none || level.version != (fields.is_ipv6 ? 6U : 4U))
        return hash;
    Input input;
    take_addresses(frame, level, fields, rules.is_symmetric, input, hash);
    take_ports(frame, level, fields, rules.is_symmetric, input, hash);
    take_spi(frame, level, fields, input, hash);
    if (input.octets().empty()) return hash;
    hash.value = rules.function == HashFunction::toeplitz ? toeplitz(rules.key, input.octets())
                                                          : inverted_xor8(input.octets());
    return hash;
}

} // namespace mlx5sim
