// SPDX-License-Identifier: BSD-3-Clause
#include "commands/packet_fields.h"

#include "net/overhead.h"
#include "net/take_number.h"
#include "net/vxlan_headers.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

namespace sallyport::commands {

namespace {

using Octets = std::vector<std::uint8_t>;

constexpr std::uint8_t hop_limit = 64;
/// From where a vtep may send (RFC 7348 section 5).
constexpr std::uint16_t outer_source_port = 49152;
constexpr unsigned largest_vlan = 4094;
constexpr unsigned largest_vni = (1U << 24) - 1;
constexpr unsigned largest_length = std::numeric_limits<std::uint16_t>::max();

class Parser {
  public:
    explicit Parser(std::string_view text) : rest_(text) {}

    Expected<PacketFields> parse() {
        for (std::string_view word = next(); !word.empty(); word = next())
            if (auto done = take(word); !done) return tl::unexpected(done.error());
        if (fields_.vni.has_value() != fields_.vtep.has_value())
            return failure("vni and vtep belong together", "packet", "give both, or none of them");
        return fields_;
    }

  private:
    /// Empty: there is none.
    std::string_view next() {
        constexpr std::string_view blanks = " \t";
        rest_.remove_prefix(std::min(rest_.find_first_not_of(blanks), rest_.size()));
        const std::string_view word = rest_.substr(0, rest_.find_first_of(blanks));
        rest_.remove_prefix(word.size());
        return word;
    }
    Expected<void> take(std::string_view word) {
        if (word == "ip") return take_addresses();
        if (word == "udp" || word == "tcp") return take_ports(word);
        if (word == "length") return take_number(word, fields_.length, largest_length);
        if (word == "vlan") return take_number(word, fields_.vlan, largest_vlan);
        if (word == "vni") return take_number(word, fields_.vni, largest_vni);
        if (word == "vtep") {
            if (fields_.vtep) return twice(word);
            return take_address(word, fields_.vtep);
        }
        return failure("no such field", std::string(word),
                       "there are: ip, udp, tcp, length, vlan, vni, vtep");
    }
    static Expected<void> twice(std::string_view field) {
        return failure("is there twice", std::string(field), "give it once");
    }
    template<class Number>
    Expected<void> take_number(std::string_view field, std::optional<Number>& to,
                               unsigned largest) {
        if (to) return twice(field);
        const std::string_view word = next();
        std::string_view left = word;
        const auto number = net::take_number(left, largest);
        if (!number || !left.empty())
            return failure("'" + std::string(word) + "' is no number up to "
                               + std::to_string(largest),
                           std::string(field));
        to = static_cast<Number>(*number);
        return {};
    }
    Expected<void> take_address(std::string_view field, std::optional<net::IpAddress>& to) {
        const std::string_view word = next();
        to = net::IpAddress::parse(word);
        if (!to)
            return failure("'" + std::string(word) + "' is no IPv4 or IPv6 address",
                           std::string(field));
        return {};
    }
    Expected<void> take_addresses() {
        if (fields_.ip) return twice("ip");
        std::optional<net::IpAddress> source, destination;
        if (auto done = take_address("ip", source); !done) return done;
        if (auto done = take_address("ip", destination); !done) return done;
        if (source->family != destination->family)
            return failure("one address is IPv4, the other IPv6", "ip");
        fields_.ip = {*source, *destination};
        return {};
    }
    Expected<void> take_ports(std::string_view protocol) {
        if (fields_.ports) return twice(protocol);
        std::optional<std::uint16_t> source, destination;
        for (auto* const port : {&source, &destination})
            if (auto done = take_number(protocol, *port, largest_length); !done) return done;
        fields_.ports = {protocol == "tcp", *source, *destination};
        return {};
    }

    std::string_view rest_;
    PacketFields fields_;
};

template<class Header>
void append(Octets& to, const Header& header) {
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(&header);
    to.insert(to.end(), octets, octets + sizeof header);
}

void append_ethernet(Octets& to, const net::MacAddress& destination, const net::MacAddress& source,
                     std::optional<std::uint16_t> vlan, std::uint16_t ether_type) {
    to.insert(to.end(), destination.octets.begin(), destination.octets.end());
    to.insert(to.end(), source.octets.begin(), source.octets.end());
    if (vlan) {
        append(to, rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN));
        append(to, rte_cpu_to_be_16(*vlan));
    }
    append(to, rte_cpu_to_be_16(ether_type));
}

std::uint8_t protocol_of(const PacketFields& fields) {
    if (!fields.ports) return 0;
    return fields.ports->tcp ? IPPROTO_TCP : IPPROTO_UDP;
}

std::size_t l4_length(const PacketFields& fields) {
    if (!fields.ports) return 0;
    return fields.ports->tcp ? sizeof(rte_tcp_hdr) : sizeof(rte_udp_hdr);
}

void append_ipv4(Octets& to, const PacketFields& fields, std::size_t length) {
    rte_ipv4_hdr ip{};
    ip.version_ihl = RTE_IPV4_VHL_DEF;
    ip.total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(length));
    ip.time_to_live = hop_limit;
    ip.next_proto_id = protocol_of(fields);
    if (fields.ip) {
        std::copy_n(fields.ip->source.octets.begin(), sizeof ip.src_addr,
                    reinterpret_cast<std::uint8_t*>(&ip.src_addr));
        std::copy_n(fields.ip->destination.octets.begin(), sizeof ip.dst_addr,
                    reinterpret_cast<std::uint8_t*>(&ip.dst_addr));
    }
    ip.hdr_checksum = rte_ipv4_cksum(&ip);
    append(to, ip);
}

void append_ipv6(Octets& to, const PacketFields& fields, std::size_t length) {
    rte_ipv6_hdr ip{};
    ip.vtc_flow = rte_cpu_to_be_32(6U << 28);
    ip.payload_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(length - sizeof ip));
    ip.proto = protocol_of(fields) == 0 ? std::uint8_t{IPPROTO_NONE} : protocol_of(fields);
    ip.hop_limits = hop_limit;
    append(to, ip);
    // Addresses stand at its end, in every release's spelling of the header.
    auto at = to.end() - 2 * 16;
    at = std::copy_n(fields.ip->source.octets.begin(), 16, at);
    std::copy_n(fields.ip->destination.octets.begin(), 16, at);
}

/// @param length of header and payload
void append_l4(Octets& to, const PacketFields::Ports& ports, std::size_t length) {
    if (ports.tcp) {
        rte_tcp_hdr tcp{};
        tcp.src_port = rte_cpu_to_be_16(ports.source);
        tcp.dst_port = rte_cpu_to_be_16(ports.destination);
        tcp.data_off = sizeof tcp / 4 << 4;
        append(to, tcp);
    } else {
        rte_udp_hdr udp{};
        udp.src_port = rte_cpu_to_be_16(ports.source);
        udp.dst_port = rte_cpu_to_be_16(ports.destination);
        udp.dgram_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(length));
        append(to, udp);
    }
}

} // namespace

Expected<PacketFields> parse_packet_fields(std::string_view text) {
    return Parser(text).parse();
}

Expected<Octets> make_frame(const net::MacAddress& source, const net::MacAddress& destination,
                            const PacketFields& fields) {
    const bool ipv4 = !fields.ip || fields.ip->source.is_ipv4();
    const std::size_t header = ipv4 ? sizeof(rte_ipv4_hdr) : sizeof(rte_ipv6_hdr);
    const std::size_t shortest = header + l4_length(fields);
    const std::size_t length = fields.length.value_or(static_cast<std::uint16_t>(shortest));
    if (length < shortest)
        return failure("the headers alone are " + std::to_string(shortest) + " octets of IP",
                       "length " + std::to_string(length));
    Octets frame;
    append_ethernet(frame, destination, source, fields.vlan,
                    ipv4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
    const std::size_t end = frame.size() + length;
    ipv4 ? append_ipv4(frame, fields, length) : append_ipv6(frame, fields, length);
    if (fields.ports) append_l4(frame, *fields.ports, length - header);
    frame.resize(end);
    return frame;
}

Expected<Octets> encapsulate(const PacketFields& fields, const VxlanEnd& end, const Octets& frame) {
    const net::IpFamily family = end.vtep.family;
    if (fields.vtep->family != family)
        return failure("is not of the family of the tenant's vtep " + end.vtep.to_string(),
                       "vtep " + fields.vtep->to_string());
    const std::size_t ip_header = net::ip_header_length(family);
    Octets packet(net::vxlan_encap_length(family));
    const std::size_t ip_length = packet.size() - net::ethernet_header_length + frame.size();
    if (ip_length > largest_length)
        return failure("too long for VXLAN", "length " + std::to_string(frame.size()));
    net::write_vxlan_headers({.local = *fields.vtep,
                              .remote = end.vtep,
                              .udp_port = end.udp_port,
                              .vni = *fields.vni,
                              .ttl = hop_limit,
                              .dont_fragment = true},
                             packet.data());
    std::copy(end.mac.octets.begin(), end.mac.octets.end(), packet.begin());
    packet.insert(packet.end(), frame.begin(), frame.end());
    std::uint8_t* const ip = packet.data() + net::ethernet_header_length;
    auto* const udp = reinterpret_cast<rte_udp_hdr*>(ip + ip_header);
    udp->src_port = rte_cpu_to_be_16(outer_source_port);
    udp->dgram_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(ip_length - ip_header));
    if (family == net::IpFamily::ipv4) {
        auto* const header = reinterpret_cast<rte_ipv4_hdr*>(ip);
        header->total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(ip_length));
        header->hdr_checksum = rte_ipv4_cksum(header);
    } else {
        auto* const header = reinterpret_cast<rte_ipv6_hdr*>(ip);
        header->payload_len = udp->dgram_len;
        udp->dgram_cksum = rte_ipv6_udptcp_cksum(header, udp);
    }
    return packet;
}

} // namespace sallyport::commands
