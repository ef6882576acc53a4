// SPDX-License-Identifier: BSD-3-Clause
#include "support/frames.h"

namespace sallyport::testing {

namespace {

void put16(Octets& to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
}
void put_mac(Octets& to, const net::MacAddress& mac) {
    to.insert(to.end(), mac.octets.begin(), mac.octets.end());
}
void put_ip(Octets& to, const net::IpAddress& ip) {
    to.insert(to.end(), ip.octets.begin(), ip.octets.begin() + (ip.is_ipv4() ? 4 : 16));
}

void put_ip_header(Octets& to, const net::IpAddress& source, const net::IpAddress& destination,
                   std::uint8_t traffic_class, std::uint8_t ttl, std::size_t payload) {
    const std::size_t start = to.size();
    if (source.is_ipv4()) {
        put16(to, 0x4500U | traffic_class);
        put16(to, static_cast<unsigned>(20 + payload));
        put16(to, 0);
        put16(to, 0x4000);
        put16(to, static_cast<unsigned>(ttl) << 8 | 17);
        put16(to, 0);
    } else {
        put16(to, 0x6000U | static_cast<unsigned>(traffic_class) << 4);
        put16(to, 0);
        put16(to, static_cast<unsigned>(payload));
        put16(to, 17U << 8 | ttl);
    }
    put_ip(to, source);
    put_ip(to, destination);
    if (source.is_ipv4()) fix_ipv4_checksum(to, start);
}

} // namespace

net::MacAddress mac(std::uint8_t n) {
    return net::MacAddress{{0x02, 0, 0, 0, 0x10, n}};
}

std::uint16_t ones_sum(const std::uint8_t* data, std::size_t length, std::uint32_t start) {
    std::uint32_t sum = start;
    for (std::size_t i = 0; i < length; i += 2)
        sum += static_cast<std::uint32_t>(data[i] << 8) | (i + 1 < length ? data[i + 1] : 0U);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

void fix_ipv4_checksum(Octets& frame, std::size_t offset) {
    frame[offset + 10] = frame[offset + 11] = 0;
    const std::size_t length = (frame[offset] & 0x0fU) * 4U;
    const auto sum = static_cast<std::uint16_t>(~ones_sum(&frame[offset], length));
    frame[offset + 10] = static_cast<std::uint8_t>(sum >> 8);
    frame[offset + 11] = static_cast<std::uint8_t>(sum);
}

Octets make_frame(const InnerFrame& inner) {
    Octets frame;
    put_mac(frame, inner.destination);
    put_mac(frame, inner.source);
    if (inner.vlan != 0) {
        put16(frame, 0x8100);
        put16(frame, inner.vlan);
    }
    put16(frame, inner.source_ip.is_ipv4() ? 0x0800 : 0x86dd);
    put_ip_header(frame, inner.source_ip, inner.destination_ip, inner.traffic_class, 64,
                  8 + inner.payload);
    put16(frame, inner.source_port);
    put16(frame, inner.destination_port);
    put16(frame, static_cast<unsigned>(8 + inner.payload));
    put16(frame, 0);
    for (std::size_t i = 0; i < inner.payload; ++i)
        frame.push_back(static_cast<std::uint8_t>(i));
    return frame;
}

Octets make_vxlan(const OuterFrame& outer, const Octets& inner) {
    Octets frame;
    put_mac(frame, outer.destination);
    put_mac(frame, outer.source);
    put16(frame, outer.source_ip.is_ipv4() ? 0x0800 : 0x86dd);
    const std::size_t udp_length = 8 + 8 + inner.size();
    put_ip_header(frame, outer.source_ip, outer.destination_ip, outer.traffic_class, outer.ttl,
                  udp_length);
    const std::size_t udp = frame.size();
    put16(frame, outer.source_port);
    put16(frame, outer.destination_port);
    put16(frame, static_cast<unsigned>(udp_length));
    put16(frame, 0);
    put16(frame, static_cast<unsigned>(outer.flags) << 8);
    put16(frame, 0);
    put16(frame, outer.vni >> 8);
    put16(frame, (outer.vni & 0xff) << 8);
    frame.insert(frame.end(), inner.begin(), inner.end());
    if (outer.checksum) {
        const std::size_t address = outer.source_ip.is_ipv4() ? 4 : 16;
        const std::uint32_t pseudo = ones_sum(&frame[udp - 2 * address], 2 * address,
                                              static_cast<std::uint32_t>(17 + udp_length));
        auto sum = static_cast<std::uint16_t>(~ones_sum(&frame[udp], udp_length, pseudo));
        if (sum == 0) sum = 0xffff;
        frame[udp + 6] = static_cast<std::uint8_t>(sum >> 8);
        frame[udp + 7] = static_cast<std::uint8_t>(sum);
    }
    return frame;
}

} // namespace sallyport::testing
