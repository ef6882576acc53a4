// SPDX-License-Identifier: BSD-3-Clause
#include "net/probe_packet.h"

#include "net/wire.h"

namespace sallyport::net {

namespace {

constexpr std::uint32_t magic = 0x5350'6670; // "SPfp"
constexpr std::uint8_t version = 1;

} // namespace

std::optional<ProbePacket> parse_probe_packet(std::span<const std::uint8_t> payload) {
    if (payload.size() != probe_packet_length || load_be32(payload.data()) != magic
        || payload[4] != version || load_be16(&payload[6]) != 0)
        return std::nullopt;
    ProbePacket packet;
    packet.kind = static_cast<ProbeKind>(payload[5]);
    if (packet.kind != ProbeKind::request && packet.kind != ProbeKind::response)
        return std::nullopt;
    packet.stream = load_be64(&payload[8]);
    packet.sequence = load_be64(&payload[16]);
    packet.sent_at = load_be64(&payload[24]);
    packet.received = load_be64(&payload[32]);
    packet.longest_gap = load_be64(&payload[40]);
    packet.gap_after = load_be64(&payload[48]);
    packet.gap_before = load_be64(&payload[56]);
    if (packet.sequence == 0) return std::nullopt;
    return packet;
}

std::array<std::uint8_t, probe_packet_length> write_probe_packet(const ProbePacket& packet) {
    std::array<std::uint8_t, probe_packet_length> out{};
    store_be32(out.data(), magic);
    out[4] = version;
    out[5] = static_cast<std::uint8_t>(packet.kind);
    store_be64(&out[8], packet.stream);
    store_be64(&out[16], packet.sequence);
    store_be64(&out[24], packet.sent_at);
    store_be64(&out[32], packet.received);
    store_be64(&out[40], packet.longest_gap);
    store_be64(&out[48], packet.gap_after);
    store_be64(&out[56], packet.gap_before);
    return out;
}

} // namespace sallyport::net
