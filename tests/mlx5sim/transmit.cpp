// SPDX-License-Identifier: BSD-3-Clause
#include "transmit.h"

#include "fields.h"
#include "report.h"

#include <algorithm>

namespace mlx5sim {

namespace {

/// Sizes and places are those of the manual's send WQE: control, Ethernet and data segments.
constexpr std::size_t segment = 16, ethernet_at = 16, first_data_at = 32;
constexpr Field checksum_flags{0x20, 8}, software_parser{0x28, 8}, inline_size{0x60, 16};
constexpr std::uint32_t insert_vlan = 1U << 31, is_inline = 1U << 31;
constexpr std::size_t inline_header_at = 14;

std::size_t rounded(std::size_t size) {
    return (size + segment - 1) / segment * segment;
}

void append(Frame& packet, const std::uint8_t* data, std::size_t size) {
    packet.insert(packet.end(), data, data + size);
}

/// What one data segment adds to a packet; returns where the next one begins.
std::size_t take_data(std::span<const std::uint8_t> request, std::size_t at, Frame& packet) {
    const std::uint8_t* const data = request.data() + at;
    const std::uint32_t count = load32(data);
    const std::size_t size = count & ~is_inline;
    if ((count & is_inline) == 0) {
        append(packet, reinterpret_cast<const std::uint8_t*>(get(data, Field{0x40, 64})), size);
        return at + segment;
    }
    if (at + 4 + size > request.size())
        refuse("a work request of %zu octets has %zu inline ones at %zu", request.size(), size, at);
    append(packet, data + 4, size);
    return at + rounded(4 + size);
}

/// The header that stands in the Ethernet segment and behind it; returns where data begins.
std::size_t take_inline_header(std::span<const std::uint8_t> request, Frame& packet) {
    const std::uint8_t* const ethernet = request.data() + ethernet_at;
    if ((load32(ethernet + 12) & insert_vlan) != 0)
        refuse("inserting a VLAN tag on sending is not simulated");
    const std::size_t size = get32(ethernet, inline_size);
    if (size == 0) return first_data_at;
    if (ethernet_at + inline_header_at + size > request.size())
        refuse("a work request of %zu octets has a header of %zu", request.size(), size);
    append(packet, ethernet + inline_header_at, size);
    return rounded(ethernet_at + inline_header_at + size);
}

} // namespace

std::vector<Frame> packets_of(std::span<const std::uint8_t> request, std::uint8_t operation) {
    if (request.size() < first_data_at)
        refuse("a work request that sends has %zu octets", request.size());
    if (operation == operation_segment) refuse("segmentation of TCP is not simulated");
    const std::uint8_t* const ethernet = request.data() + ethernet_at;
    if (get(ethernet, checksum_flags) != 0 || get(ethernet, software_parser) != 0)
        refuse("computing checksums on sending is not simulated (flags 0x%x)",
               get32(ethernet, checksum_flags));
    std::vector<Frame> packets;
    if (operation == operation_many_packets) {
        for (std::size_t at = first_data_at; at < request.size();)
            at = take_data(request, at, packets.emplace_back());
        return packets;
    }
    Frame& packet = packets.emplace_back();
    for (std::size_t at = take_inline_header(request, packet); at < request.size();)
        at = take_data(request, at, packet);
    return packets;
}

} // namespace mlx5sim
