// SPDX-License-Identifier: BSD-3-Clause
#include "encapsulated.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace sallyport::testing {

namespace {

class Reader {
  public:
    explicit Reader(const Octets& octets) : octets_(octets) {}

    [[nodiscard]] std::size_t at() const { return at_; }
    [[nodiscard]] std::size_t left() const { return octets_.size() - at_; }
    std::uint32_t number(std::size_t length) {
        std::uint32_t value = 0;
        for (; length > 0; --length)
            value = value << 8 | octets_.at(at_++);
        return value;
    }
    net::MacAddress mac() {
        net::MacAddress address;
        for (std::uint8_t& octet : address.octets)
            octet = static_cast<std::uint8_t>(number(1));
        return address;
    }
    net::IpAddress ip(net::IpFamily family) {
        const std::size_t length = family == net::IpFamily::ipv4 ? 4 : 16;
        if (left() < length) throw std::runtime_error("address cut off");
        at_ += length;
        return net::IpAddress::from_octets(family, &octets_[at_ - length]);
    }
    Octets rest() const { return {octets_.begin() + static_cast<long>(at_), octets_.end()}; }

  private:
    const Octets& octets_;
    std::size_t at_ = 0;
};

void check(bool holds, const std::string& what) {
    if (!holds) throw std::runtime_error(what);
}

void read_ipv4(Reader& reader, const Octets& packet, Encapsulated& read) {
    const std::size_t start = reader.at();
    check(reader.left() >= 20, "IPv4 header is cut off");
    check(ones_sum(&packet[start], 20) == 0xffff, "IPv4 header checksum is wrong");
    check(reader.number(1) == 0x45, "IPv4 version or header length");
    read.traffic_class = static_cast<std::uint8_t>(reader.number(1));
    check(reader.number(2) == packet.size() - start, "IPv4 total length");
    read.id = static_cast<std::uint16_t>(reader.number(2));
    const std::uint32_t fragment = reader.number(2);
    check((fragment & 0xbfff) == 0, "is a fragment");
    read.dont_fragment = fragment != 0;
    read.ttl = static_cast<std::uint8_t>(reader.number(1));
    check(reader.number(1) == 17, "is not UDP");
    reader.number(2);
    read.source_ip = reader.ip(net::IpFamily::ipv4);
    read.destination_ip = reader.ip(net::IpFamily::ipv4);
}

void read_ipv6(Reader& reader, Encapsulated& read) {
    const std::uint32_t first = reader.number(4);
    check(first >> 28 == 6, "IPv6 version");
    read.traffic_class = static_cast<std::uint8_t>(first >> 20);
    read.flow_label = first & 0xfffff;
    const std::uint32_t payload = reader.number(2);
    check(reader.number(1) == 17, "is not UDP");
    read.ttl = static_cast<std::uint8_t>(reader.number(1));
    read.source_ip = reader.ip(net::IpFamily::ipv6);
    read.destination_ip = reader.ip(net::IpFamily::ipv6);
    check(payload == reader.left(), "IPv6 payload length");
}

void check_udp_checksum(const Octets& packet, std::size_t udp, std::size_t address_length) {
    const std::size_t length = packet.size() - udp;
    const auto start = static_cast<std::uint32_t>(17 + length);
    const std::uint16_t pseudo =
        ones_sum(&packet[udp - 2 * address_length], 2 * address_length, start);
    check(ones_sum(&packet[udp], length, pseudo) == 0xffff, "UDP checksum is wrong");
}

} // namespace

Encapsulated decode(const Octets& packet) {
    Encapsulated read;
    Reader reader(packet);
    read.destination = reader.mac();
    read.source = reader.mac();
    const std::uint32_t ether_type = reader.number(2);
    check(ether_type == 0x0800 || ether_type == 0x86dd, "is not IP");
    const bool ipv4 = ether_type == 0x0800;
    if (ipv4)
        read_ipv4(reader, packet, read);
    else
        read_ipv6(reader, read);
    const std::size_t udp = reader.at();
    read.source_port = static_cast<std::uint16_t>(reader.number(2));
    read.destination_port = static_cast<std::uint16_t>(reader.number(2));
    check(reader.number(2) == packet.size() - udp, "UDP length");
    read.udp_checksum = static_cast<std::uint16_t>(reader.number(2));
    if (read.udp_checksum != 0) check_udp_checksum(packet, udp, ipv4 ? 4 : 16);
    read.flags = static_cast<std::uint8_t>(reader.number(1));
    check(reader.number(3) == 0, "VXLAN's first reserved field is not zero");
    read.vni = reader.number(3);
    check(reader.number(1) == 0, "VXLAN's second reserved field is not zero");
    read.inner = reader.rest();
    return read;
}

Octets encode(const Encapsulated& packet) {
    OuterFrame outer{.destination = packet.destination,
                     .source = packet.source,
                     .source_ip = packet.source_ip,
                     .destination_ip = packet.destination_ip};
    outer.source_port = packet.source_port;
    outer.destination_port = packet.destination_port;
    outer.vni = packet.vni;
    outer.flags = packet.flags;
    outer.traffic_class = packet.traffic_class;
    outer.ttl = packet.ttl;
    outer.checksum = packet.udp_checksum != 0;
    Octets octets = make_vxlan(outer, packet.inner);
    if (packet.source_ip.is_ipv4()) {
        octets[18] = static_cast<std::uint8_t>(packet.id >> 8);
        octets[19] = static_cast<std::uint8_t>(packet.id);
        octets[20] = packet.dont_fragment ? 0x40 : 0;
        fix_ipv4_checksum(octets);
    } else {
        octets[15] = static_cast<std::uint8_t>((octets[15] & 0xf0) | packet.flow_label >> 16);
        octets[16] = static_cast<std::uint8_t>(packet.flow_label >> 8);
        octets[17] = static_cast<std::uint8_t>(packet.flow_label);
    }
    return octets;
}

} // namespace sallyport::testing
