// SPDX-License-Identifier: BSD-3-Clause
#include "root_fields.h"

#include "fields.h"
#include "report.h"

#include <algorithm>

namespace mlx5sim {

namespace {

/// In bits; the first headers, then what is not of a header.
constexpr Field ethertype{0x30, 16}, first_vid{0x74, 12}, protocol{0x80, 8}, tagged{0x90, 1},
    fragment{0x92, 1}, version{0x93, 4}, source_queue{0x208, 24}, source_vhca{0x220, 16},
    source_vport{0x230, 16};
constexpr unsigned source_mac = 0x00, destination_mac = 0x40;
/// REG_C_7 is the first of eight, REG_A follows.
constexpr unsigned last_register_c = 0x680, register_a = 0x780;

void put_headers(RootFields& fields, const Packet& packet) {
    const Headers& layers = packet.outer();
    const std::uint8_t* const octets = packet.octets().data();
    std::copy_n(octets + layers.mac, 6, octets_at(fields.data(), destination_mac));
    std::copy_n(octets + layers.mac + 6, 6, octets_at(fields.data(), source_mac));
    set(fields.data(), ethertype, load32(octets + layers.ethertype - 2) & 0xffff);
    if (layers.first_vlan != VlanTag::none) {
        set(fields.data(), first_vid, load32(octets + layers.mac + 12) & 0xfff);
        set(fields.data(), tagged, layers.first_vlan == VlanTag::customer);
    }
    if (layers.network_kind == NetworkHeader::none) return;
    set(fields.data(), protocol, layers.protocol);
    set(fields.data(), fragment, layers.fragment);
    set(fields.data(), version, layers.network_kind == NetworkHeader::ipv4 ? 4 : 6);
}

/// The mask of all that is filled in.
RootFields known_fields() {
    RootFields known{};
    std::fill_n(octets_at(known.data(), source_mac), 16, std::uint8_t{0xff});
    for (const Field& field :
         {protocol, tagged, fragment, version, source_queue, source_vhca, source_vport})
        set(known.data(), field, ~0ULL);
    set(known.data(), Field{0x70, 4}, 0);
    std::fill_n(octets_at(known.data(), last_register_c), 36, std::uint8_t{0xff});
    return known;
}

} // namespace

RootFields root_fields_of(const Packet& packet) {
    RootFields fields{};
    if (packet.outer().l2_ok) put_headers(fields, packet);
    set(fields.data(), source_queue, packet.send_queue);
    set(fields.data(), source_vhca, packet.source_vhca);
    set(fields.data(), source_vport, packet.source_vport);
    for (unsigned i = 0; i < 8; ++i)
        store32(octets_at(fields.data(), last_register_c) + 4 * (7 - i), packet.c[i]);
    store32(octets_at(fields.data(), register_a), packet.a);
    return fields;
}

std::vector<std::size_t> words_of_mask(std::span<const std::uint8_t> mask) {
    static const RootFields known = known_fields();
    std::vector<std::size_t> words;
    for (std::size_t at = 0; at + 4 <= mask.size(); at += 4) {
        const std::uint32_t word = load32(mask.data() + at);
        if (word == 0) continue;
        if (at >= known.size() || (word & ~load32(known.data() + at)) != 0)
            refuse("root matcher: the mask %08x at octet 0x%zx is not simulated", word, at);
        words.push_back(at);
    }
    return words;
}

} // namespace mlx5sim
