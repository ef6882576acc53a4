// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/model/reformat.h"

#include "eswitch/model/checksum.h"
#include "eswitch/model/encap_hash.h"
#include "net/overhead.h"
#include "net/wire.h"

#include <algorithm>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

namespace sallyport::eswitch {

namespace {

constexpr std::uint32_t tag_bits = 32;
constexpr std::uint32_t mac_bits = 48;

/// Ones in [offset, offset + width) of @p size bits.
std::uint64_t bits(const FieldChange& change, std::uint32_t size) {
    if (change.offset >= size) return 0;
    const std::uint32_t width = std::min(change.width, size - change.offset);
    return ((std::uint64_t{1} << width) - 1) << change.offset;
}

std::uint64_t load_mac(const std::uint8_t* mac) {
    return std::uint64_t{net::load_be24(mac)} << 24 | net::load_be24(mac + 3);
}

void set_mac(ModelPacket& packet, std::size_t offset, std::uint64_t mask,
             const std::uint8_t* value) {
    if (!packet.layers().outer.present) return;
    std::uint8_t* const mac = packet.change().data() + offset;
    const std::uint64_t mixed = (load_mac(mac) & ~mask) | (load_mac(value) & mask);
    net::store_be24(mac, static_cast<std::uint32_t>(mixed >> 24));
    net::store_be24(mac + 3, static_cast<std::uint32_t>(mixed & 0xffffff));
    packet.parse();
}

void fill_ipv4(std::span<std::uint8_t> ip) {
    const std::span header = ip.first(std::min(net::ipv4_header_length(ip[0]), ip.size()));
    if (header.size() < sizeof(rte_ipv4_hdr)) return;
    net::store_be16(&header[offsetof(rte_ipv4_hdr, total_length)],
                    static_cast<std::uint16_t>(ip.size()));
    std::uint8_t* const checksum = &header[offsetof(rte_ipv4_hdr, hdr_checksum)];
    net::store_be16(checksum, 0);
    net::store_be16(checksum, static_cast<std::uint16_t>(~ones_sum(header)));
}

} // namespace

bool strip_vxlan(ModelPacket& packet) {
    const Headers& outer = packet.layers().outer;
    if (!outer.has_vxlan) return false;
    packet.strip(outer.vxlan + net::vxlan_header_length);
    return true;
}

void encapsulate(ModelPacket& packet, std::span<const std::uint8_t> header) {
    const auto flow = encap_flow(packet.octets(), packet.layers().outer);
    packet.prepend(header);
    const Headers outer = packet.layers().outer;
    const std::span<std::uint8_t> octets = packet.change();
    if (outer.layer3 == Layer3::ipv4)
        fill_ipv4(octets.subspan(outer.l3));
    else if (outer.layer3 == Layer3::ipv6)
        net::store_be16(
            &octets[outer.l3 + offsetof(rte_ipv6_hdr, payload_len)],
            static_cast<std::uint16_t>(octets.size() - outer.l3 - sizeof(rte_ipv6_hdr)));
    if (outer.layer4 == Layer4::udp) {
        net::store_be16(&octets[outer.l4 + offsetof(rte_udp_hdr, dgram_len)],
                        static_cast<std::uint16_t>(octets.size() - outer.l4));
        if (flow)
            net::store_be16(&octets[outer.l4 + offsetof(rte_udp_hdr, src_port)],
                            encap_source_port(*flow));
    }
    packet.parse();
}

void set_field(ModelPacket& packet, const FieldChange& change, const std::uint8_t* value) {
    if (change.field == RTE_FLOW_FIELD_TAG) {
        const auto mask = static_cast<std::uint32_t>(bits(change, tag_bits));
        std::uint32_t& tag = packet.tags[change.tag_index];
        tag = (tag & ~mask) | (net::load<std::uint32_t>(value) & mask);
        return;
    }
    const std::size_t offset = change.field == RTE_FLOW_FIELD_MAC_DST
                                   ? offsetof(rte_ether_hdr, dst_addr)
                                   : offsetof(rte_ether_hdr, src_addr);
    set_mac(packet, offset, bits(change, mac_bits), value);
}

} // namespace sallyport::eswitch
