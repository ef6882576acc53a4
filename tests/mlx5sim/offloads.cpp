// SPDX-License-Identifier: BSD-3-Clause
#include "offloads.h"

#include "checksum.h"
#include "fields.h"

#include <algorithm>
#include <array>

namespace mlx5sim {

namespace {

using Frame = std::span<const std::uint8_t>;

constexpr std::size_t udp_size = 8;
constexpr std::uint8_t flag_fin = 0x01, flag_psh = 0x08, flag_cwr = 0x80;

std::size_t ipv4_size(Frame frame, const Level& level) {
    return (frame[level.network] & 0xfU) * 4;
}

std::size_t checksum_at(const Level& level) {
    return level.transport + (level.protocol == protocol_tcp ? 16 : 6);
}

bool has_checksum(const Level& level) {
    return level.is(protocol_tcp) || level.is(protocol_udp);
}

/// Pseudo-header (RFC 9293, section 3.1; RFC 8200, section 8.1), header and payload.
Sum transport_sum(Frame frame, const Level& level) {
    const bool is_ipv4 = level.version == 4;
    Sum sum;
    sum.add(frame.subspan(level.network + (is_ipv4 ? 12 : 8), is_ipv4 ? 8 : 32));
    const std::size_t size = level.end - level.transport;
    sum.add_word(level.protocol).add_word(static_cast<std::uint16_t>(size));
    return sum.add(frame.subspan(level.transport, size));
}

void write_network(std::span<std::uint8_t> frame, const Level& level) {
    if (level.version != 4) return;
    const auto header = frame.subspan(level.network, ipv4_size(frame, level));
    store16(header.data() + 10, 0);
    store16(header.data() + 10, Sum().add(header).complement());
}

void write_transport(std::span<std::uint8_t> frame, const Level& level) {
    if (!has_checksum(level)) return;
    std::uint8_t* const field = frame.data() + checksum_at(level);
    store16(field, 0);
    std::uint16_t value = transport_sum(frame, level).complement();
    // 0 would say that there is none.
    if (value == 0 && level.protocol == protocol_udp) value = 0xffff;
    store16(field, value);
}

void set_length(FrameBuffer& packet, const Level& level, std::size_t index) {
    std::uint8_t* const header = packet.data() + level.network;
    if (level.version == 4) {
        store16(header + 2, packet.size() - level.network);
        store16(header + 4, load16(header + 4) + index);
    } else {
        store16(header + 4, packet.size() - level.network - 40);
    }
    if (level.protocol == protocol_udp)
        store16(packet.data() + level.transport + 4, packet.size() - level.transport);
}

void set_tcp(FrameBuffer& packet, const Level& level, std::size_t done, bool is_first,
             bool is_last) {
    std::uint8_t* const header = packet.data() + level.transport;
    store32(header + 4, load32(header + 4) + static_cast<std::uint32_t>(done));
    if (!is_first) header[13] &= static_cast<std::uint8_t>(~flag_cwr);
    if (!is_last) header[13] &= static_cast<std::uint8_t>(~(flag_fin | flag_psh));
}

} // namespace

void write_checksums(std::span<std::uint8_t> frame, const Layers& layers, ChecksumWork work) {
    if (work.inner_network) write_network(frame, layers.inner);
    if (work.inner_transport) write_transport(frame, layers.inner);
    if (work.outer_network) write_network(frame, layers.outer);
    if (work.outer_transport) write_transport(frame, layers.outer);
}

Check check_network(Frame frame, const Level& level) {
    if (level.version == 0) return Check::none;
    if (level.version == 6) return Check::right;
    const auto header = frame.subspan(level.network, ipv4_size(frame, level));
    return Sum().add(header).complement() == 0 ? Check::right : Check::wrong;
}

Check check_transport(Frame frame, const Level& level) {
    if (!has_checksum(level)) return Check::none;
    if (level.protocol == protocol_udp && level.version == 4
        && load16(frame.data() + checksum_at(level)) == 0)
        return Check::right;
    return transport_sum(frame, level).complement() == 0 ? Check::right : Check::wrong;
}

bool segment(Frame frame, const Layers& layers, std::size_t size, const Sink& sink) {
    const Level& level = layers.innermost();
    if (!has_checksum(level) || size == 0) return false;
    const bool is_tcp = level.protocol == protocol_tcp;
    const std::size_t start =
        level.transport + (is_tcp ? (frame[level.transport + 12] >> 4) * 4U : udp_size);
    if (start > level.end || start < level.transport + udp_size) return false;
    FrameBuffer packet;
    std::size_t index = 0, done = 0;
    const std::size_t payload = level.end - start;
    do {
        const std::size_t part = std::min(size, payload - done);
        packet.assign(frame.begin(), frame.begin() + start);
        packet.insert(packet.end(), frame.begin() + start + done,
                      frame.begin() + start + done + part);
        if (layers.is_tunnel) set_length(packet, layers.outer, index);
        set_length(packet, level, index);
        if (is_tcp) set_tcp(packet, level, done, index == 0, done + part == payload);
        done += part;
        ++index;
        sink(packet);
    } while (done < payload);
    return true;
}

void insert_tag(FrameBuffer& frame, std::uint16_t type, std::uint16_t tag) {
    constexpr std::size_t addresses = 12;
    std::array<std::uint8_t, 4> octets{};
    store16(octets.data(), type);
    store16(octets.data() + 2, tag);
    frame.insert(frame.begin() + std::min(addresses, frame.size()), octets.begin(), octets.end());
}

} // namespace mlx5sim
