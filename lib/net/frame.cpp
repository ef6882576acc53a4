// SPDX-License-Identifier: BSD-3-Clause
#include "net/frame.h"

#include "net/overhead.h"
#include "net/wire.h"

#include <algorithm>
#include <cstring>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>

namespace sallyport::net {

namespace {

constexpr std::uint32_t hash_seed = 0x5a11;
constexpr unsigned most_tags = 2;
constexpr std::uint8_t ecn_mask = 0x03;

bool carries_ports(std::uint8_t protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/// Mixes in the source and destination port where they are there to read.
std::uint32_t hash_ports(std::uint32_t hash, std::uint8_t protocol, const std::uint8_t* l4,
                         std::size_t readable) {
    if (!carries_ports(protocol) || readable < 4) return hash;
    return rte_hash_crc_4byte(load<std::uint32_t>(l4), hash);
}

void parse_ipv4(Frame& frame, const std::uint8_t* l3, std::size_t readable, std::size_t length) {
    if (readable < sizeof(rte_ipv4_hdr)) {
        frame.fault = FrameFault::truncated;
        return;
    }
    const std::size_t header_length = ipv4_header_length(l3[0]);
    const std::size_t total_length = load_be16(l3 + offsetof(rte_ipv4_hdr, total_length));
    if ((l3[0] >> 4) != 4 || header_length < sizeof(rte_ipv4_hdr) || total_length < header_length
        || total_length > length || header_length > readable) {
        frame.fault = FrameFault::truncated;
        return;
    }
    frame.l3 = L3::ipv4;
    frame.l3_length = static_cast<std::uint32_t>(total_length);
    frame.traffic_class = l3[offsetof(rte_ipv4_hdr, type_of_service)];
    const std::uint8_t protocol = l3[offsetof(rte_ipv4_hdr, next_proto_id)];
    std::uint32_t hash = rte_hash_crc_8byte(
        load<std::uint64_t>(l3 + offsetof(rte_ipv4_hdr, src_addr)), hash_seed ^ protocol);
    const std::uint16_t fragment = load_be16(l3 + offsetof(rte_ipv4_hdr, fragment_offset));
    // Every fragment takes the hash without ports, or the fragments of a datagram would part ways.
    if ((fragment & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) == 0)
        hash = hash_ports(hash, protocol, l3 + header_length,
                          std::min(readable, total_length) - header_length);
    frame.flow_hash = hash;
}

void parse_ipv6(Frame& frame, const std::uint8_t* l3, std::size_t readable, std::size_t length) {
    if (readable < sizeof(rte_ipv6_hdr) || (l3[0] >> 4) != 6) {
        frame.fault = FrameFault::truncated;
        return;
    }
    const std::size_t payload = load_be16(l3 + offsetof(rte_ipv6_hdr, payload_len));
    if (sizeof(rte_ipv6_hdr) + payload > length) {
        frame.fault = FrameFault::truncated;
        return;
    }
    frame.l3 = L3::ipv6;
    frame.l3_length = static_cast<std::uint32_t>(sizeof(rte_ipv6_hdr) + payload);
    frame.traffic_class = static_cast<std::uint8_t>((load_be16(l3) >> 4) & 0xff);
    const std::uint8_t protocol = l3[offsetof(rte_ipv6_hdr, proto)];
    std::uint32_t hash = hash_seed ^ protocol;
    for (std::size_t i = 0; i < 32; i += 8)
        hash = rte_hash_crc_8byte(load<std::uint64_t>(l3 + offsetof(rte_ipv6_hdr, src_addr) + i),
                                  hash);
    frame.flow_hash = hash_ports(hash, protocol, l3 + sizeof(rte_ipv6_hdr),
                                 std::min(readable - sizeof(rte_ipv6_hdr), payload));
}

std::uint32_t hash_addresses(const std::uint8_t* data, std::uint16_t ether_type) {
    std::uint32_t hash = rte_hash_crc_8byte(load<std::uint64_t>(data), hash_seed ^ ether_type);
    return rte_hash_crc_4byte(load<std::uint32_t>(data + 8), hash);
}

} // namespace

Frame parse_frame(const std::uint8_t* data, std::size_t contiguous, std::size_t length) {
    Frame frame;
    if (contiguous < ethernet_header_length) {
        frame.fault = FrameFault::too_short;
        return frame;
    }
    std::size_t offset = ethernet_header_length;
    std::uint16_t ether_type = load_be16(data + 12);
    for (unsigned tags = 0; (ether_type == RTE_ETHER_TYPE_VLAN || ether_type == RTE_ETHER_TYPE_QINQ)
                            && tags < most_tags;
         ++tags) {
        frame.tagged = true;
        if (contiguous < offset + vlan_tag_length) {
            frame.fault = FrameFault::too_short;
            return frame;
        }
        ether_type = load_be16(data + offset + 2);
        offset += vlan_tag_length;
    }
    frame.l3_offset = static_cast<std::uint16_t>(offset);
    frame.l3_length = static_cast<std::uint32_t>(length - offset);
    if (ether_type == RTE_ETHER_TYPE_IPV4)
        parse_ipv4(frame, data + offset, contiguous - offset, length - offset);
    else if (ether_type == RTE_ETHER_TYPE_IPV6)
        parse_ipv6(frame, data + offset, contiguous - offset, length - offset);
    else
        frame.flow_hash = hash_addresses(data, ether_type);
    return frame;
}

void set_ecn(std::uint8_t* data, const Frame& frame, std::uint8_t ecn) {
    std::uint8_t* const l3 = data + frame.l3_offset;
    const std::uint16_t before = load_be16(l3);
    if (frame.l3 == L3::ipv6) {
        store_be16(l3, static_cast<std::uint16_t>((before & ~(ecn_mask << 4)) | ecn << 4));
        return;
    }
    if (frame.l3 != L3::ipv4) return;
    const auto after = static_cast<std::uint16_t>((before & ~ecn_mask) | ecn);
    store_be16(l3, after);
    // RFC 1624 equation 3: HC' = ~(~HC + ~m + m')
    std::uint8_t* const checksum = l3 + offsetof(rte_ipv4_hdr, hdr_checksum);
    std::uint32_t sum = static_cast<std::uint16_t>(~load_be16(checksum));
    sum += static_cast<std::uint16_t>(~before) + std::uint32_t{after};
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    store_be16(checksum, static_cast<std::uint16_t>(~sum));
}

} // namespace sallyport::net
