// SPDX-License-Identifier: BSD-3-Clause
// The checksum of an IPv4 header (RFC 791 section 3.1, RFC 1071).
#pragma once

#include "net/wire.h"

#include <cstddef>
#include <cstdint>

#include <rte_ip.h>

namespace sallyport::net {

/// Adds the carries of a sum of 16-bit words to it.
inline std::uint16_t fold_sum(std::uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

/// ipv4_header_sum() of a header with options.
std::uint16_t ipv4_header_sum_with_options(const std::uint8_t* header);

/// Ones' complement sum of the header's words, as they lie in memory: 0xffff where its checksum is
/// right. @param header whole: as many octets as its IHL says, 20 at least
inline std::uint16_t ipv4_header_sum(const std::uint8_t* header) {
    if (header[0] != RTE_IPV4_VHL_DEF) return ipv4_header_sum_with_options(header);
    // Of each field as it is written, so that the processor need not wait for fields that were
    // written just before: rte_raw_cksum(), which loads several at once, does.
    const auto* const ip = reinterpret_cast<const rte_ipv4_hdr*>(header);
    std::uint64_t sum = std::uint64_t{ip->src_addr} + ip->dst_addr;
    sum +=
        rte_cpu_to_be_16(static_cast<std::uint16_t>(RTE_IPV4_VHL_DEF << 8 | ip->type_of_service));
    sum += rte_cpu_to_be_16(static_cast<std::uint16_t>(ip->time_to_live << 8 | ip->next_proto_id));
    sum += std::uint64_t{ip->total_length} + ip->packet_id + ip->fragment_offset + ip->hdr_checksum;
    // Addresses count as two words each.
    return fold_sum(
        static_cast<std::uint32_t>((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32)));
}

/// @param header as for ipv4_header_sum()
inline bool ipv4_checksum_is_right(const std::uint8_t* header) {
    return ipv4_header_sum(header) == 0xffff;
}

/// @param header as for ipv4_header_sum(), all but the checksum written
inline void write_ipv4_checksum(std::uint8_t* header) {
    auto* const ip = reinterpret_cast<rte_ipv4_hdr*>(header);
    ip->hdr_checksum = 0;
    ip->hdr_checksum = static_cast<std::uint16_t>(~ipv4_header_sum(header));
}

} // namespace sallyport::net
