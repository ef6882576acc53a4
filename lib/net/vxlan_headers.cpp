// SPDX-License-Identifier: BSD-3-Clause
#include "net/vxlan_headers.h"

#include "net/overhead.h"
#include "net/wire.h"

#include <cstring>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

namespace sallyport::net {

namespace {

void write_ipv4(const VxlanTunnel& tunnel, std::uint8_t* ip) {
    auto* const header = reinterpret_cast<rte_ipv4_hdr*>(ip);
    header->version_ihl = RTE_IPV4_VHL_DEF;
    header->type_of_service = tunnel.traffic_class;
    header->fragment_offset =
        tunnel.dont_fragment ? rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG) : rte_be16_t{0};
    header->time_to_live = tunnel.ttl;
    header->next_proto_id = IPPROTO_UDP;
    std::memcpy(&header->src_addr, tunnel.local.octets.data(), 4);
    std::memcpy(&header->dst_addr, tunnel.remote.octets.data(), 4);
}

void write_ipv6(const VxlanTunnel& tunnel, std::uint8_t* ip) {
    auto* const header = reinterpret_cast<rte_ipv6_hdr*>(ip);
    header->vtc_flow =
        rte_cpu_to_be_32(6U << 28 | std::uint32_t{tunnel.traffic_class} << RTE_IPV6_HDR_TC_SHIFT);
    header->proto = IPPROTO_UDP;
    header->hop_limits = tunnel.ttl;
    std::memcpy(ip + offsetof(rte_ipv6_hdr, src_addr), tunnel.local.octets.data(), 16);
    std::memcpy(ip + offsetof(rte_ipv6_hdr, dst_addr), tunnel.remote.octets.data(), 16);
}

} // namespace

void write_vxlan_headers(const VxlanTunnel& tunnel, std::uint8_t* out) {
    const bool ipv4 = tunnel.remote.is_ipv4();
    store_be16(out + 12, ipv4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
    if (ipv4)
        write_ipv4(tunnel, out + ethernet_header_length);
    else
        write_ipv6(tunnel, out + ethernet_header_length);
    std::uint8_t* const udp = out + ethernet_header_length + ip_header_length(tunnel.remote.family);
    store_be16(udp + offsetof(rte_udp_hdr, dst_port), tunnel.udp_port);
    std::uint8_t* const vxlan = udp + udp_header_length;
    vxlan[0] = vxlan_flag_i;
    store_be24(vxlan + 4, tunnel.vni);
}

} // namespace sallyport::net
