// SPDX-License-Identifier: BSD-3-Clause
#include "net/bfd.h"

#include "net/ipv4_checksum.h"
#include "net/outer.h"
#include "net/wire.h"

#include <algorithm>
#include <cstring>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

namespace sallyport::net {

namespace {

constexpr std::uint8_t bfd_version = 1;
constexpr std::uint8_t poll_bit = 0x20, final_bit = 0x10, independent_bit = 0x08,
                       authentication_bit = 0x04, demand_bit = 0x02, multipoint_bit = 0x01;
/// An authentication section has at least its type and length.
constexpr std::size_t authenticated_length = bfd_control_length + 2;
constexpr std::uint8_t single_hop_ttl = 255;
/// Network control, CS6 (RFC 2474 section 4.2.2).
constexpr std::uint8_t traffic_class = 48 << 2;
constexpr std::size_t udp_length = sizeof(rte_udp_hdr) + bfd_control_length;

struct Description {
    std::string_view name;
    std::string_view explanation;
};
constexpr std::array<Description, bfd_discard_count> descriptions{{
#define X(id, name, text) {name, text},
    SALLYPORT_BFD_DISCARDS(X)
#undef X
}};

/// @param outer UDP whose length is that of the IP packet, all of it in @p frame
bool checksums_right(std::span<const std::uint8_t> frame, const Outer& outer) {
    const std::uint8_t* const ip = &frame[outer.ip_offset];
    const std::uint8_t* const udp = &frame[outer.udp_offset];
    if (outer.family == IpFamily::ipv6)
        return outer.udp_checksum != 0
               && rte_ipv6_udptcp_cksum_verify(reinterpret_cast<const rte_ipv6_hdr*>(ip), udp) == 0;
    return ipv4_checksum_is_right(ip)
           && (outer.udp_checksum == 0
               || rte_ipv4_udptcp_cksum_verify(reinterpret_cast<const rte_ipv4_hdr*>(ip), udp)
                      == 0);
}

std::uint8_t ttl(std::span<const std::uint8_t> frame, const Outer& outer) {
    return frame[outer.ip_offset
                 + (outer.family == IpFamily::ipv4 ? offsetof(rte_ipv4_hdr, time_to_live)
                                                   : offsetof(rte_ipv6_hdr, hop_limits))];
}

void write_ipv4(const BfdFrame& frame, std::uint8_t* out) {
    auto* const ip = reinterpret_cast<rte_ipv4_hdr*>(out);
    ip->version_ihl = RTE_IPV4_VHL_DEF;
    ip->type_of_service = traffic_class;
    ip->total_length = rte_cpu_to_be_16(sizeof(rte_ipv4_hdr) + udp_length);
    ip->fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
    ip->time_to_live = single_hop_ttl;
    ip->next_proto_id = IPPROTO_UDP;
    std::memcpy(&ip->src_addr, frame.source.octets.data(), 4);
    std::memcpy(&ip->dst_addr, frame.destination.octets.data(), 4);
    write_ipv4_checksum(out);
    std::uint8_t* const udp = out + sizeof(rte_ipv4_hdr);
    store<std::uint16_t>(udp + offsetof(rte_udp_hdr, dgram_cksum), rte_ipv4_udptcp_cksum(ip, udp));
}

void write_ipv6(const BfdFrame& frame, std::uint8_t* out) {
    auto* const ip = reinterpret_cast<rte_ipv6_hdr*>(out);
    ip->vtc_flow = rte_cpu_to_be_32(6U << 28 | std::uint32_t{traffic_class} << 20);
    ip->payload_len = rte_cpu_to_be_16(udp_length);
    ip->proto = IPPROTO_UDP;
    ip->hop_limits = single_hop_ttl;
    std::memcpy(out + offsetof(rte_ipv6_hdr, src_addr), frame.source.octets.data(), 16);
    std::memcpy(out + offsetof(rte_ipv6_hdr, dst_addr), frame.destination.octets.data(), 16);
    std::uint8_t* const udp = out + sizeof(rte_ipv6_hdr);
    store<std::uint16_t>(udp + offsetof(rte_udp_hdr, dgram_cksum), rte_ipv6_udptcp_cksum(ip, udp));
}

} // namespace

std::string_view to_string(BfdState state) {
    constexpr std::array<std::string_view, 4> names{"AdminDown", "Down", "Init", "Up"};
    return names[static_cast<std::size_t>(state)];
}

std::string_view to_string(BfdDiagnostic diagnostic) {
    constexpr std::array<std::string_view, 9> names{
        "no diagnostic",
        "control detection time expired",
        "echo function failed",
        "neighbour signalled session down",
        "forwarding plane reset",
        "path down",
        "concatenated path down",
        "administratively down",
        "reverse concatenated path down",
    };
    const auto number = static_cast<std::size_t>(diagnostic);
    return number < names.size() ? names[number] : "reserved";
}

std::string_view name(BfdDiscard discard) {
    return descriptions[static_cast<std::size_t>(discard)].name;
}

std::string_view explanation(BfdDiscard discard) {
    return descriptions[static_cast<std::size_t>(discard)].explanation;
}

tl::expected<BfdControl, BfdDiscard> parse_bfd_control(std::span<const std::uint8_t> payload) {
    if (payload.size() < bfd_control_length) return tl::unexpected(BfdDiscard::length_short);
    if (payload[0] >> 5 != bfd_version) return tl::unexpected(BfdDiscard::version);
    const std::uint8_t flags = payload[1];
    const std::size_t length = payload[3];
    const bool authenticated = (flags & authentication_bit) != 0;
    if (length < (authenticated ? authenticated_length : bfd_control_length))
        return tl::unexpected(BfdDiscard::length_short);
    if (length > payload.size()) return tl::unexpected(BfdDiscard::length_long);

    BfdControl control;
    control.diagnostic = static_cast<BfdDiagnostic>(payload[0] & 0x1f);
    control.state = static_cast<BfdState>(flags >> 6);
    control.poll = (flags & poll_bit) != 0;
    control.final = (flags & final_bit) != 0;
    control.control_plane_independent = (flags & independent_bit) != 0;
    control.authenticated = authenticated;
    control.demand = (flags & demand_bit) != 0;
    control.detect_multiplier = payload[2];
    control.my_discriminator = load_be32(&payload[4]);
    control.your_discriminator = load_be32(&payload[8]);
    control.desired_min_tx = load_be32(&payload[12]);
    control.required_min_rx = load_be32(&payload[16]);
    control.required_min_echo_rx = load_be32(&payload[20]);
    if (control.detect_multiplier == 0) return tl::unexpected(BfdDiscard::detect_multiplier);
    if ((flags & multipoint_bit) != 0) return tl::unexpected(BfdDiscard::multipoint);
    if (control.my_discriminator == 0) return tl::unexpected(BfdDiscard::my_discriminator);
    return control;
}

std::array<std::uint8_t, bfd_control_length> write_bfd_control(const BfdControl& control) {
    std::array<std::uint8_t, bfd_control_length> out{};
    out[0] = static_cast<std::uint8_t>(bfd_version << 5
                                       | (static_cast<unsigned>(control.diagnostic) & 0x1fU));
    out[1] = static_cast<std::uint8_t>(static_cast<unsigned>(control.state) << 6
                                       | (control.poll ? poll_bit : 0U)
                                       | (control.final ? final_bit : 0U)
                                       | (control.control_plane_independent ? independent_bit : 0U)
                                       | (control.demand ? demand_bit : 0U));
    out[2] = control.detect_multiplier;
    out[3] = bfd_control_length;
    store_be32(&out[4], control.my_discriminator);
    store_be32(&out[8], control.your_discriminator);
    store_be32(&out[12], control.desired_min_tx);
    store_be32(&out[16], control.required_min_rx);
    store_be32(&out[20], control.required_min_echo_rx);
    return out;
}

tl::expected<BfdFrame, BfdDiscard> parse_bfd_frame(std::span<const std::uint8_t> frame) {
    const Outer outer = parse_outer(frame.data(), frame.size(), frame.size());
    if (outer.kind != OuterKind::udp || outer.fragment || outer.destination_port != bfd_udp_port)
        return tl::unexpected(BfdDiscard::not_bfd);
    if (ttl(frame, outer) != single_hop_ttl) return tl::unexpected(BfdDiscard::ttl);
    if (outer.udp_length != outer.end - outer.udp_offset)
        return tl::unexpected(BfdDiscard::udp_length);
    if (!checksums_right(frame, outer)) return tl::unexpected(BfdDiscard::checksum);

    BfdFrame parsed;
    parsed.source_port = load_be16(&frame[outer.udp_offset]);
    if (parsed.source_port < bfd_first_source_port) return tl::unexpected(BfdDiscard::source_port);
    const auto control = parse_bfd_control(frame.subspan(outer.udp_offset + sizeof(rte_udp_hdr),
                                                         outer.udp_length - sizeof(rte_udp_hdr)));
    if (!control) return tl::unexpected(control.error());
    parsed.control = *control;
    parsed.destination_mac = MacAddress::from_octets(frame.data());
    parsed.source_mac = MacAddress::from_octets(&frame[RTE_ETHER_ADDR_LEN]);
    parsed.source = IpAddress::from_octets(outer.family, outer.source);
    parsed.destination = IpAddress::from_octets(outer.family, outer.destination);
    return parsed;
}

std::vector<std::uint8_t> write_bfd_frame(const BfdFrame& frame) {
    const bool ipv4 = frame.destination.is_ipv4();
    const std::size_t ip_length = ipv4 ? sizeof(rte_ipv4_hdr) : sizeof(rte_ipv6_hdr);
    std::vector<std::uint8_t> out(sizeof(rte_ether_hdr) + ip_length + udp_length);
    std::copy_n(frame.destination_mac.octets.begin(), RTE_ETHER_ADDR_LEN, out.begin());
    std::copy_n(frame.source_mac.octets.begin(), RTE_ETHER_ADDR_LEN,
                out.begin() + RTE_ETHER_ADDR_LEN);
    store_be16(&out[offsetof(rte_ether_hdr, ether_type)],
               ipv4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);

    std::uint8_t* const ip = &out[sizeof(rte_ether_hdr)];
    std::uint8_t* const udp = ip + ip_length;
    store_be16(udp + offsetof(rte_udp_hdr, src_port), frame.source_port);
    store_be16(udp + offsetof(rte_udp_hdr, dst_port), bfd_udp_port);
    store_be16(udp + offsetof(rte_udp_hdr, dgram_len), udp_length);
    const auto control = write_bfd_control(frame.control);
    std::copy(control.begin(), control.end(), udp + sizeof(rte_udp_hdr));
    ipv4 ? write_ipv4(frame, ip) : write_ipv6(frame, ip); // last: they sum what follows
    return out;
}

} // namespace sallyport::net
