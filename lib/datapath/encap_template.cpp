// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/encap_template.h"

#include "net/overhead.h"
#include "net/vxlan_headers.h"
#include "net/wire.h"

#include <rte_ip.h>

namespace sallyport::datapath {

TunnelView make_tunnel_view(const overlay::TenantRow& tenant, const overlay::VtepRow& vtep,
                            const SoftwarePathSettings& settings) {
    TunnelView view;
    view.family = vtep.address.family;
    view.header_length = static_cast<std::uint8_t>(net::vxlan_encap_length(view.family));
    view.tenant = tenant.id;
    view.vtep = vtep.id;
    view.is_protected = tenant.is_protected;
    view.next_hop = vtep.next_hop;
    const bool ipv4 = vtep.address.is_ipv4();
    view.computes_udp_checksum = settings.udp_checksum == UdpChecksum::computed
                                 || (settings.udp_checksum == UdpChecksum::automatic && !ipv4);
    net::write_vxlan_headers({.local = tenant.local_vtep,
                              .remote = vtep.address,
                              .udp_port = tenant.udp_port,
                              .vni = tenant.vni,
                              .ttl = settings.ttl,
                              .dont_fragment = settings.dont_fragment},
                             view.header.data());
    if (ipv4)
        for (std::size_t offset = offsetof(rte_ipv4_hdr, fragment_offset);
             offset < sizeof(rte_ipv4_hdr); offset += 2)
            view.ipv4_sum +=
                net::load<std::uint16_t>(view.header.data() + net::ethernet_header_length + offset);
    return view;
}

} // namespace sallyport::datapath
