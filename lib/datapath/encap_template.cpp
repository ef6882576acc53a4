// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/encap_template.h"

#include "net/overhead.h"
#include "net/wire.h"

#include <cstring>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

namespace sallyport::datapath {

namespace {

constexpr std::uint8_t vxlan_flag_i = 0x08;

void write_ipv4(TunnelView& view, const overlay::TenantRow& tenant, const overlay::VtepRow& vtep,
                const SoftwarePathSettings& settings) {
    std::uint8_t* const ip = view.header.data() + net::ethernet_header_length;
    auto* const header = reinterpret_cast<rte_ipv4_hdr*>(ip);
    header->version_ihl = RTE_IPV4_VHL_DEF;
    header->fragment_offset =
        settings.dont_fragment ? rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG) : rte_be16_t{0};
    header->time_to_live = settings.ttl;
    header->next_proto_id = IPPROTO_UDP;
    std::memcpy(&header->src_addr, tenant.local_vtep.octets.data(), 4);
    std::memcpy(&header->dst_addr, vtep.address.octets.data(), 4);
    for (std::size_t offset = offsetof(rte_ipv4_hdr, fragment_offset);
         offset < sizeof(rte_ipv4_hdr); offset += 2)
        view.ipv4_sum += net::load<std::uint16_t>(ip + offset);
}

void write_ipv6(TunnelView& view, const overlay::TenantRow& tenant, const overlay::VtepRow& vtep,
                const SoftwarePathSettings& settings) {
    std::uint8_t* const ip = view.header.data() + net::ethernet_header_length;
    auto* const header = reinterpret_cast<rte_ipv6_hdr*>(ip);
    header->proto = IPPROTO_UDP;
    header->hop_limits = settings.ttl;
    std::memcpy(ip + offsetof(rte_ipv6_hdr, src_addr), tenant.local_vtep.octets.data(), 16);
    std::memcpy(ip + offsetof(rte_ipv6_hdr, dst_addr), vtep.address.octets.data(), 16);
}

} // namespace

TunnelView make_tunnel_view(const overlay::TenantRow& tenant, const overlay::VtepRow& vtep,
                            const SoftwarePathSettings& settings) {
    TunnelView view;
    view.family = vtep.address.family;
    view.header_length = static_cast<std::uint8_t>(net::vxlan_encap_length(view.family));
    view.tenant = tenant.id;
    view.vtep = vtep.id;
    view.next_hop = vtep.next_hop;
    const bool ipv4 = vtep.address.is_ipv4();
    view.computes_udp_checksum = settings.udp_checksum == UdpChecksum::computed
                                 || (settings.udp_checksum == UdpChecksum::automatic && !ipv4);
    net::store_be16(view.header.data() + 12, ipv4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
    if (ipv4)
        write_ipv4(view, tenant, vtep, settings);
    else
        write_ipv6(view, tenant, vtep, settings);
    std::uint8_t* const udp =
        view.header.data() + net::ethernet_header_length + net::ip_header_length(view.family);
    net::store_be16(udp + offsetof(rte_udp_hdr, dst_port), tenant.udp_port);
    std::uint8_t* const vxlan = udp + net::udp_header_length;
    vxlan[0] = vxlan_flag_i;
    net::store_be24(vxlan + 4, tenant.vni);
    return view;
}

} // namespace sallyport::datapath
