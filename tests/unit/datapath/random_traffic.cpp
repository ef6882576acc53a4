// SPDX-License-Identifier: BSD-3-Clause
#include "random_traffic.h"

#include "fixture.h"

namespace sallyport::testing {

net::MacAddress RandomTraffic::destination() {
    static const std::vector<net::MacAddress> special{broadcast_mac,
                                                      underlay_mac,
                                                      next_hop_mac,
                                                      *net::MacAddress::parse("01:00:5e:00:00:fb"),
                                                      *net::MacAddress::parse("01:80:c2:00:00:0e"),
                                                      *net::MacAddress::parse("33:33:00:00:00:01")};
    return chance(20) ? one_of(special) : mac(static_cast<std::uint8_t>(1 + number(12)));
}

Octets RandomTraffic::inner_frame() {
    const net::MacAddress to = destination();
    const net::MacAddress from = mac(static_cast<std::uint8_t>(1 + number(12)));
    if (chance(15))
        return raw_frame(to, from, one_of<std::uint16_t>({0x0806, 0x88b5, 38, 0x0800, 0x86dd}),
                         number(80));
    InnerFrame inner{.destination = to, .source = from};
    if (chance(40)) {
        inner.source_ip = *net::IpAddress::parse(chance(95) ? "fd00::1" : "ff02::1");
        inner.destination_ip = *net::IpAddress::parse(chance(95) ? "fd00::2" : "ff02::2");
    } else if (chance(10)) {
        inner.destination_ip = *net::IpAddress::parse("239.1.1.1");
    }
    inner.source_port = static_cast<std::uint16_t>(number(65536));
    inner.traffic_class = static_cast<std::uint8_t>(number(256));
    if (chance(8)) inner.vlan = static_cast<std::uint16_t>(1 + number(4094));
    inner.payload = chance(80) ? number(200) : 1380 + number(190);
    return make_frame(inner);
}

void RandomTraffic::mutate(Octets& frame, std::size_t region) {
    for (unsigned changes = 1 + number(3); changes > 0; --changes) {
        const std::size_t at = number(static_cast<unsigned>(std::min(region, frame.size())));
        switch (number(5)) {
        case 0:
            frame[at] = static_cast<std::uint8_t>(number(256));
            break;
        case 1:
            frame[at] ^= static_cast<std::uint8_t>(1U << number(8));
            break;
        case 2:
            frame[at] = chance(50) ? 0 : 0xff;
            break;
        case 3:
            frame.resize(1 + number(static_cast<unsigned>(frame.size())));
            break;
        default:
            frame.resize(frame.size() + number(50), 0xa5);
            break;
        }
    }
}

Octets RandomTraffic::vm_frame() {
    Octets frame = inner_frame();
    if (chance(25)) mutate(frame, 60);
    return frame;
}

Octets RandomTraffic::underlay_frame() {
    if (chance(8)) {
        Octets frame = inner_frame();
        std::copy(underlay_mac.octets.begin(), underlay_mac.octets.end(), frame.begin());
        return frame;
    }
    Octets inner = inner_frame();
    if (chance(15)) mutate(inner, 60);
    static const std::vector<std::uint32_t> vnis{100, 200, 300, 400};
    const std::uint32_t vni = one_of(vnis);
    const bool ipv6 = chance(95) ? vni == 300 : chance(50);
    OuterFrame outer = from_vtep(2 + number(4), vni, ipv6 ? IpFamily::ipv6 : IpFamily::ipv4);
    if (vni == 400) {
        outer.destination_ip = *net::IpAddress::parse("192.0.2.200");
        outer.destination_port = 8472;
    }
    outer.source_port = static_cast<std::uint16_t>(number(65536));
    outer.traffic_class = static_cast<std::uint8_t>(number(256));
    if (chance(30)) outer.checksum = !outer.checksum;
    if (chance(5)) outer.vni = number(1U << 24);
    if (chance(3)) outer.vni = one_of(vnis);
    if (chance(3)) outer.flags = static_cast<std::uint8_t>(number(256));
    if (chance(3)) outer.destination = destination();
    if (chance(3)) outer.destination_port = chance(50) ? 4789 : 8472;
    Octets packet = make_vxlan(outer, inner);
    if (chance(25)) mutate(packet, 90);
    if (chance(50) && packet.size() >= 34 && packet[12] == 8 && (packet[14] & 15) == 5)
        fix_ipv4_checksum(packet);
    return packet;
}

} // namespace sallyport::testing
