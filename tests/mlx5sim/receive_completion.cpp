// SPDX-License-Identifier: BSD-3-Clause
#include "receive_completion.h"

#include "checksum.h"
#include "fields.h"
#include "offloads.h"

namespace mlx5sim {

namespace {

using Frame = std::span<const std::uint8_t>;

/// Places in the completion, in octets.
constexpr std::size_t tunnel_at = 0, hash_at = 12, hash_type_at = 16, checksum_at = 20,
                      headers_ok_at = 28, headers_at = 29, vlan_at = 30, user_index_at = 33,
                      metadata_at = 36, timestamp_at = 48, flow_tag_at = 56;
constexpr std::uint8_t is_tunnel = 1U << 0, outer_is_ipv6 = 1U << 1;
constexpr std::uint8_t layer_2_ok = 1U << 0, layer_3_ok = 1U << 1, layer_4_ok = 1U << 2;
constexpr std::uint8_t tag_was_stripped = 1U << 0, has_options = 1U << 1, is_fragment = 1U << 7;
constexpr unsigned layer_3_shift = 2, layer_4_shift = 4;
constexpr std::uint8_t layer_3_ipv6 = 1, layer_3_ipv4 = 2;
constexpr std::uint8_t layer_4_tcp = 1, layer_4_udp = 2, layer_4_bare_ack = 3, layer_4_ack = 4;

std::uint8_t layer_4_type(Frame frame, const Level& level) {
    if (level.is(protocol_udp)) return layer_4_udp;
    if (!level.is(protocol_tcp)) return 0;
    constexpr std::uint8_t flag_ack = 0x10;
    const std::uint8_t* const header = frame.data() + level.transport;
    if ((header[13] & flag_ack) == 0) return layer_4_tcp;
    const bool is_bare = level.transport + (header[12] >> 4) * 4U >= level.end;
    return is_bare ? layer_4_bare_ack : layer_4_ack;
}

std::uint8_t headers_of(Frame frame, const Level& level) {
    const std::uint8_t layer_3 = level.version == 6   ? layer_3_ipv6
                                 : level.version == 4 ? layer_3_ipv4
                                                      : 0;
    std::uint8_t headers = static_cast<std::uint8_t>(layer_3 << layer_3_shift
                                                     | layer_4_type(frame, level) << layer_4_shift);
    if (level.is_fragment) headers |= is_fragment;
    if (level.has_options) headers |= has_options;
    return headers;
}

// Of a tunnel's packet, both must be right: who looks at the flag trusts all of the packet.
std::uint8_t headers_ok(Frame frame, const Layers& layers) {
    const auto is_right = [&](auto check) {
        return check(frame, layers.innermost()) == Check::right
               && (!layers.is_tunnel || check(frame, layers.outer) == Check::right);
    };
    std::uint8_t ok = layer_2_ok;
    if (is_right(check_network)) ok |= layer_3_ok;
    if (is_right(check_transport)) ok |= layer_4_ok;
    return ok;
}

} // namespace

std::array<std::uint8_t, CompletionQueue::entry_size>
completion_of(Frame frame, const Layers& layers, const ReceivedAs& as) {
    std::array<std::uint8_t, CompletionQueue::entry_size> entry{};
    std::uint8_t* const at = entry.data();
    if (layers.is_tunnel)
        at[tunnel_at] = is_tunnel | (layers.outer.version == 6 ? outer_is_ipv6 : 0);
    store32(at + hash_at, as.hash.value);
    at[hash_type_at] = as.hash.type;
    constexpr std::size_t ethernet_size = 14;
    if (frame.size() > ethernet_size)
        store16(at + checksum_at, Sum().add(frame.subspan(ethernet_size)).folded());
    at[headers_ok_at] = headers_ok(frame, layers);
    at[headers_at] = headers_of(frame, layers.innermost());
    if (as.vlan) {
        at[headers_at] |= tag_was_stripped;
        store16(at + vlan_at, *as.vlan);
    }
    set(at, Field{8 * user_index_at, 24}, as.user_index);
    store32(at + metadata_at, as.metadata);
    set(at, Field{8 * timestamp_at, 64}, as.timestamp);
    store32(at + flow_tag_at, as.flow_tag & 0xffffff);
    return entry;
}

} // namespace mlx5sim
