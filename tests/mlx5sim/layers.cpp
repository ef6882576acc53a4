// SPDX-License-Identifier: BSD-3-Clause
#include "layers.h"

#include <algorithm>

namespace mlx5sim {

namespace {

constexpr std::uint16_t type_ipv4 = 0x0800, type_ipv6 = 0x86dd, type_vlan = 0x8100,
                        type_service_vlan = 0x88a8;
constexpr std::size_t addresses = 12, tag_size = 4;
/// That the firmware takes for VXLAN unless it is told another.
constexpr std::uint16_t vxlan_port = 4789;
constexpr std::size_t udp_size = 8, vxlan_size = 8, tcp_size = 20, esp_size = 8;

using Frame = std::span<const std::uint8_t>;

std::size_t ether_type_at(Frame frame, std::size_t ethernet) {
    std::size_t at = ethernet + addresses;
    for (int tags = 0; tags < 2 && at + 2 <= frame.size(); ++tags) {
        const std::uint16_t type = load16(frame.data() + at);
        if (type != type_vlan && type != type_service_vlan) break;
        at += tag_size;
    }
    return at;
}

void find_transport(Frame frame, std::size_t at, std::uint8_t protocol, Level& level) {
    if (level.is_fragment) return;
    const std::size_t size = protocol == protocol_tcp   ? tcp_size
                             : protocol == protocol_udp ? udp_size
                             : protocol == protocol_esp ? esp_size
                                                        : 0;
    if (size == 0 || at + size > std::min(frame.size(), level.end)) return;
    level.transport = at;
    level.protocol = protocol;
}

void find_ipv4(Frame frame, std::size_t at, Lengths lengths, Level& level) {
    constexpr std::size_t least = 20;
    if (at + least > frame.size()) return;
    const std::uint8_t* const header = frame.data() + at;
    const std::size_t size = (header[0] & 0xfU) * 4;
    const std::size_t total = lengths == Lengths::trusted ? load16(header + 2) : frame.size() - at;
    if (header[0] >> 4 != 4 || size < least || total < size || at + total > frame.size()) return;
    level.version = 4;
    level.network = at;
    level.end = at + total;
    level.has_options = size > least;
    // More fragments, or not the first.
    level.is_fragment = (load16(header + 6) & 0x3fff) != 0;
    find_transport(frame, at + size, header[9], level);
}

void find_ipv6(Frame frame, std::size_t at, Lengths lengths, Level& level) {
    constexpr std::size_t size = 40;
    constexpr std::uint8_t hop_by_hop = 0, routing = 43, fragment = 44, destination = 60;
    if (at + size > frame.size()) return;
    const std::uint8_t* const header = frame.data() + at;
    const std::size_t end =
        lengths == Lengths::trusted ? at + size + load16(header + 4) : frame.size();
    if (header[0] >> 4 != 6 || end > frame.size()) return;
    level.version = 6;
    level.network = at;
    level.end = end;
    std::uint8_t next = header[6];
    for (at += size;
         next == hop_by_hop || next == routing || next == fragment || next == destination;) {
        if (at + 8 > end) return;
        level.has_options = true;
        if (next == fragment) level.is_fragment = true;
        const std::size_t length = next == fragment ? 8 : (frame[at + 1] + 1U) * 8;
        next = frame[at];
        at += length;
    }
    find_transport(frame, at, next, level);
}

Level level_at(Frame frame, std::size_t ether_type, Lengths lengths) {
    if (ether_type + 2 > frame.size()) return {};
    switch (load16(frame.data() + ether_type)) {
    case type_ipv4:
        return level_of(frame, ether_type + 2, 4, lengths);
    case type_ipv6:
        return level_of(frame, ether_type + 2, 6, lengths);
    default:
        return {};
    }
}

} // namespace

Level level_of(Frame frame, std::size_t network, unsigned version, Lengths lengths) {
    Level level;
    if (version == 4) find_ipv4(frame, network, lengths, level);
    if (version == 6) find_ipv6(frame, network, lengths, level);
    return level;
}

Layers layers_of(Frame frame, Lengths lengths) {
    Layers layers;
    layers.ether_type = ether_type_at(frame, 0);
    layers.outer = level_at(frame, layers.ether_type, lengths);
    const Level& outer = layers.outer;
    if (!outer.is(protocol_udp)) return layers;
    const std::size_t inside = outer.transport + udp_size + vxlan_size;
    if (load16(frame.data() + outer.transport + 2) != vxlan_port || inside > outer.end)
        return layers;
    layers.is_tunnel = true;
    const Frame packet = frame.first(outer.end);
    layers.inner = level_at(packet, ether_type_at(packet, inside), lengths);
    return layers;
}

} // namespace mlx5sim
