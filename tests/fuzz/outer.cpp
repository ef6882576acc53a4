// SPDX-License-Identifier: BSD-3-Clause
// Any octets as a packet from the underlay, whole or only its beginning in reach: what the parser
// says is there is there.
#include "net/outer.h"

#include "target.h"

#include <algorithm>
#include <memory>

using namespace sallyport;

// The first two octets say how much of the packet lies beyond what can be read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    if (size < 2) return 0;
    const std::size_t readable = size - 2;
    const std::size_t length = readable + static_cast<std::size_t>(data[0] << 8 | data[1]);
    const std::unique_ptr<std::uint8_t[]> octets(new std::uint8_t[readable]);
    std::copy_n(data + 2, readable, octets.get());
    const net::Outer outer = net::parse_outer(octets.get(), readable, length);
    if (outer.kind != net::OuterKind::udp) {
        fuzz::require(!outer.has_vxlan_header, "VXLAN is in UDP");
        return 0;
    }
    const std::size_t limit = std::min<std::size_t>(readable, outer.end);
    fuzz::require(outer.end <= length, "the IP packet ends within the frame");
    fuzz::require(outer.ip_offset == 14, "IP follows Ethernet");
    fuzz::require(outer.udp_offset + 8U <= limit, "the UDP header is there");
    const std::uint8_t* const end = octets.get() + readable;
    const std::size_t address = outer.family == net::IpFamily::ipv4 ? 4 : 16;
    for (const std::uint8_t* const at : {outer.source, outer.destination})
        fuzz::require(at > octets.get() && at + address <= end, "the addresses are in the packet");
    fuzz::require(outer.has_vxlan_header == (outer.inner_offset() <= limit),
                  "the VXLAN header is there, or not");
    fuzz::require(outer.vni < 1U << 24, "a VNI has 24 bits");
    fuzz::require(outer.family == net::IpFamily::ipv4 || !outer.fragment,
                  "IPv6 fragments are Linux's business");
    return 0;
}
