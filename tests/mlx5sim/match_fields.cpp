// SPDX-License-Identifier: BSD-3-Clause
#include "match_fields.h"

#include "fields.h"
#include "report.h"

#include <algorithm>
#include <bitset>

namespace mlx5sim {

namespace {

// ---- where the parts lie, in bits

constexpr unsigned l2_at[] = {0x000, 0x080}, l2_source_at[] = {0x100, 0x140},
                   l3_at[] = {0x1c0, 0x260}, l4_at[] = {0x300, 0x340}, ipv4_at[] = {0x800, 0x840},
                   ipv6_destination_at[] = {0x880, 0x900}, ipv6_source_at[] = {0x980, 0xa00};
constexpr unsigned source_at = 0x380, sound_at = 0x420, tunnel_at = 0xc20, ipsec_at = 0xf00,
                   metadata_at = 0xf60, registers_at = 0x1140, end_at = 0x12c0;

/// The destination's half of a link-layer header.
namespace l2 {
constexpr Field ethertype{0x30, 16}, fragment{0x43, 1}, l3_type{0x4a, 2}, l4_type{0x4c, 2},
    first_vlan{0x4e, 2}, tci{0x50, 16}, l2_ok{0x6b, 1}, l3_ok{0x6c, 1}, l4_ok{0x6d, 1},
    second_vlan{0x6e, 2}, second_tci{0x70, 16};
} // namespace l2

namespace l2_source {
constexpr Field l3_type{0x38, 2}, l4_type{0x3a, 2}, first_vlan{0x3c, 2}, fragment{0x3e, 1};
} // namespace l2_source

namespace l3 {
constexpr Field version{0x00, 4}, ihl{0x04, 4}, tos{0x08, 8}, ttl{0x10, 8}, protocol{0x18, 8},
    identification{0x20, 16}, fragment{0x30, 16}, total_length{0x40, 16}, checksum{0x50, 16},
    flow_label{0x6c, 20}, payload_length{0x90, 16};
} // namespace l3

namespace l4 {
constexpr Field ports{0x00, 32}, data_offset{0x20, 4}, l4_ok{0x24, 1}, l3_ok{0x25, 1},
    fragment{0x26, 1}, tcp_flags{0x27, 9}, first_fragment{0x30, 1};
} // namespace l4

namespace source {
constexpr Field queue{0x28, 24};
} // namespace source

/// Two of each: the first headers' and the second's.
namespace sound {
constexpr Field ipv4_checksum[] = {{0x02, 1}, {0x00, 1}}, l4_checksum[] = {{0x03, 1}, {0x01, 1}},
                l3[] = {{0x06, 1}, {0x04, 1}}, l4[] = {{0x07, 1}, {0x05, 1}},
                tcp[] = {{0x1b, 1}, {0x14, 1}}, udp[] = {{0x1c, 1}, {0x15, 1}},
                ipv4[] = {{0x1d, 1}, {0x16, 1}}, ipv6[] = {{0x1e, 1}, {0x17, 1}},
                l2[] = {{0x1f, 1}, {0x18, 1}};
constexpr Field vxlan{0x19, 1};
} // namespace sound

namespace metadata {
constexpr Field to_completion{0x00, 32}, general{0x20, 32};
} // namespace metadata

/// Words of the registers' pairs, the highest pair first.
constexpr unsigned register_word(unsigned number) {
    return 10 - number / 2 * 2 + number % 2;
}

using Image = std::uint8_t*;

// Before a mac address lie 32 bits, then 16.
void put_link(Image image, const std::uint8_t* packet, const Headers& layers, unsigned which) {
    const unsigned at = l2_at[which], from = l2_source_at[which];
    const std::uint8_t* const mac = packet + layers.mac;
    std::copy_n(mac, 6, octets_at(image, at));
    std::copy_n(mac + 6, 6, octets_at(image, from));
    set(image, l2::ethertype.in(at), load16(packet + layers.ethertype));
    const auto l3_type = static_cast<unsigned>(layers.network_kind);
    const auto l4_type = static_cast<unsigned>(layers.transport_kind);
    const auto vlan = static_cast<unsigned>(layers.first_vlan);
    set(image, l2::fragment.in(at), layers.fragment);
    set(image, l2::l3_type.in(at), l3_type);
    set(image, l2::l4_type.in(at), l4_type);
    set(image, l2::first_vlan.in(at), vlan);
    set(image, l2::second_vlan.in(at), static_cast<unsigned>(layers.second_vlan));
    if (layers.first_vlan != VlanTag::none) set(image, l2::tci.in(at), load16(mac + 14));
    if (layers.second_vlan != VlanTag::none) set(image, l2::second_tci.in(at), load16(mac + 18));
    set(image, l2::l2_ok.in(at), layers.l2_ok);
    set(image, l2::l3_ok.in(at), layers.l3_ok);
    set(image, l2::l4_ok.in(at), layers.l4_ok);
    set(image, l2_source::l3_type.in(from), l3_type);
    set(image, l2_source::l4_type.in(from), l4_type);
    set(image, l2_source::first_vlan.in(from), vlan);
    set(image, l2_source::fragment.in(from), layers.fragment);
}

void put_ipv4(Image image, const std::uint8_t* header, unsigned which) {
    const unsigned at = l3_at[which];
    set(image, l3::ihl.in(at), header[0] & 0xf);
    set(image, l3::tos.in(at), header[1]);
    set(image, l3::ttl.in(at), header[8]);
    set(image, l3::protocol.in(at), header[9]);
    set(image, l3::identification.in(at), load16(header + 4));
    set(image, l3::fragment.in(at), load16(header + 6));
    set(image, l3::total_length.in(at), load16(header + 2));
    set(image, l3::checksum.in(at), load16(header + 10));
    std::copy_n(header + 12, 8, octets_at(image, ipv4_at[which]));
}

void put_ipv6(Image image, const std::uint8_t* header, unsigned which) {
    const unsigned at = l3_at[which];
    const std::uint32_t first = load32(header);
    set(image, l3::tos.in(at), first >> 20 & 0xff);
    set(image, l3::flow_label.in(at), first & 0xfffff);
    set(image, l3::ttl.in(at), header[7]);
    set(image, l3::protocol.in(at), header[6]);
    set(image, l3::payload_length.in(at), load16(header + 4));
    std::copy_n(header + 8, 16, octets_at(image, ipv6_source_at[which]));
    std::copy_n(header + 24, 16, octets_at(image, ipv6_destination_at[which]));
}

void put_network(Image image, const std::uint8_t* packet, const Headers& layers, unsigned which) {
    if (layers.network_kind == NetworkHeader::none) return;
    const std::uint8_t* const header = packet + layers.network;
    set(image, l3::version.in(l3_at[which]), header[0] >> 4);
    if (layers.network_kind == NetworkHeader::ipv4)
        put_ipv4(image, header, which);
    else
        put_ipv6(image, header, which);
}

void put_transport(Image image, const std::uint8_t* packet, const Headers& layers, unsigned which) {
    const unsigned at = l4_at[which];
    set(image, l4::l3_ok.in(at), layers.l3_ok);
    set(image, l4::l4_ok.in(at), layers.l4_ok);
    set(image, l4::fragment.in(at), layers.fragment);
    set(image, l4::first_fragment.in(at), layers.first_fragment);
    const std::uint8_t* const header = packet + layers.transport;
    switch (layers.transport_kind) {
    case TransportHeader::tcp:
        set(image, l4::data_offset.in(at), header[12] >> 4);
        set(image, l4::tcp_flags.in(at), load16(header + 12) & 0x1ff);
        [[fallthrough]];
    case TransportHeader::udp:
        set(image, l4::ports.in(at), load32(header));
        break;
    case TransportHeader::ipsec:
        std::copy_n(header, 8, octets_at(image, ipsec_at));
        break;
    case TransportHeader::none:
        break;
    }
}

void put_soundness(Image image, const Headers& layers, unsigned which) {
    const auto mark = [&](const Field(&field)[2], bool value) {
        set(image, field[which].in(sound_at), value);
    };
    mark(sound::l2, layers.l2_ok);
    mark(sound::l3, layers.l3_ok);
    mark(sound::l4, layers.l4_ok);
    mark(sound::ipv4_checksum, layers.ipv4_checksum_ok);
    mark(sound::l4_checksum, layers.l4_checksum_ok);
    mark(sound::ipv4, layers.network_kind == NetworkHeader::ipv4);
    mark(sound::ipv6, layers.network_kind == NetworkHeader::ipv6);
    mark(sound::tcp, layers.transport_kind == TransportHeader::tcp);
    mark(sound::udp, layers.transport_kind == TransportHeader::udp);
}

void put_layers(Image image, const std::uint8_t* packet, const Headers& layers, unsigned which) {
    if (!layers.l2_ok) return;
    put_link(image, packet, layers, which);
    put_network(image, packet, layers, which);
    put_transport(image, packet, layers, which);
    put_soundness(image, layers, which);
}

/// Bits of the layout that something is put into.
using Known = std::bitset<end_at>;

Known known_bits() {
    Known known;
    const auto range = [&](unsigned at, unsigned width) {
        for (unsigned i = at; i < at + width; ++i)
            known.set(i);
    };
    const auto fields = [&](unsigned base, std::initializer_list<Field> list) {
        for (const Field& field : list)
            range(base + field.offset, field.width);
    };
    for (unsigned which = 0; which < 2; ++which) {
        range(l2_at[which], 48);
        range(l2_source_at[which], 48);
        fields(l2_at[which],
               {l2::ethertype, l2::fragment, l2::l3_type, l2::l4_type, l2::first_vlan, l2::tci,
                l2::l2_ok, l2::l3_ok, l2::l4_ok, l2::second_vlan, l2::second_tci});
        fields(l2_source_at[which], {l2_source::l3_type, l2_source::l4_type, l2_source::first_vlan,
                                     l2_source::fragment});
        fields(l3_at[which],
               {l3::version, l3::ihl, l3::tos, l3::ttl, l3::protocol, l3::identification,
                l3::fragment, l3::total_length, l3::checksum, l3::flow_label, l3::payload_length});
        fields(l4_at[which], {l4::ports, l4::data_offset, l4::l4_ok, l4::l3_ok, l4::fragment,
                              l4::tcp_flags, l4::first_fragment});
        range(ipv4_at[which], 64);
        range(ipv6_source_at[which], 128);
        range(ipv6_destination_at[which], 128);
        fields(sound_at, {sound::ipv4_checksum[which], sound::l4_checksum[which], sound::l3[which],
                          sound::l4[which], sound::tcp[which], sound::udp[which],
                          sound::ipv4[which], sound::ipv6[which], sound::l2[which]});
    }
    fields(source_at, {source::queue});
    fields(sound_at, {sound::vxlan});
    range(tunnel_at, 64);
    range(ipsec_at, 64);
    range(metadata_at, 64);
    range(registers_at, 32 * Packet::registers);
    return known;
}

} // namespace

MatchFields::MatchFields(const Packet& packet) {
    static_assert(4 * words * 8 == end_at);
    std::uint8_t* const image = image_.data();
    const std::uint8_t* const octets = packet.octets().data();
    put_layers(image, octets, packet.outer(), 0);
    if (packet.inner()) put_layers(image, octets, *packet.inner(), 1);
    if (packet.tunnel()) {
        std::copy_n(octets + *packet.tunnel(), 8, octets_at(image, tunnel_at));
        set(image, sound::vxlan.in(sound_at), 1);
    }
    set(image, source::queue.in(source_at), packet.send_queue);
    set(image, metadata::to_completion.in(metadata_at), packet.b);
    set(image, metadata::general.in(metadata_at), packet.a);
    for (unsigned i = 0; i < Packet::registers; ++i)
        store32(octets_at(image, registers_at) + 4 * register_word(i), packet.c[i]);
}

// The last word selected stands first, and so does the last octet behind the words.
std::array<std::uint8_t, 44> MatchFields::tag(const Definer& definer, bool jumbo) const {
    std::array<std::uint8_t, 44> tag{};
    const std::size_t dwords = jumbo ? definer.dwords.size() : 6;
    for (std::size_t i = 0; i < dwords; ++i)
        std::copy_n(image_.data() + std::size_t{4} * definer.dwords[i], 4,
                    tag.data() + 4 * (definer.dwords.size() - 1 - i));
    for (std::size_t i = 0; i < definer.bytes.size(); ++i)
        tag[tag.size() - 1 - i] = image_[definer.bytes[i]];
    for (std::size_t i = 0; i < tag.size(); ++i)
        tag[i] &= definer.mask[i];
    return tag;
}

void MatchFields::check(const Definer& definer, bool jumbo) {
    static const Known known = known_bits();
    const auto check_octet = [&](std::size_t octet, std::uint8_t mask) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            if ((mask & (0x80 >> bit)) == 0) continue;
            const std::size_t at = 8 * octet + bit;
            if (at >= end_at || !known.test(at))
                refuse("match definer: the bit 0x%zx of a packet's fields is not simulated", at);
        }
    };
    const std::size_t dwords = jumbo ? definer.dwords.size() : 6;
    for (std::size_t i = 0; i < dwords; ++i)
        for (std::size_t octet = 0; octet < 4; ++octet)
            check_octet(std::size_t{4} * definer.dwords[i] + octet,
                        definer.mask[4 * (definer.dwords.size() - 1 - i) + octet]);
    for (std::size_t i = 0; i < definer.bytes.size(); ++i)
        check_octet(definer.bytes[i], definer.mask[definer.mask.size() - 1 - i]);
}

} // namespace mlx5sim
