// SPDX-License-Identifier: BSD-3-Clause
#include "reformat.h"

#include "caps.h"
#include "checksum.h"
#include "fields.h"
#include "report.h"

#include <algorithm>
#include <array>

#include <netinet/in.h>

namespace mlx5sim {

namespace {

/// What each first octet does to the rest.
constexpr auto crc16_table = [] {
    constexpr unsigned polynomial = 0x100b;
    std::array<std::uint16_t, 256> table{};
    for (unsigned octet = 0; octet < table.size(); ++octet) {
        unsigned crc = octet << 8;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc & 0x8000) != 0 ? crc << 1 ^ polynomial : crc << 1;
        table[octet] = static_cast<std::uint16_t>(crc);
    }
    return table;
}();

/// CRC-16 over 0x100b, the highest bit first, from zero.
std::uint16_t crc16(std::span<const std::uint8_t> octets) {
    std::uint16_t crc = 0;
    for (const std::uint8_t octet : octets)
        crc = static_cast<std::uint16_t>(crc << 8 ^ crc16_table[(crc >> 8) ^ octet]);
    return crc;
}

/// Destination and source of 16 octets each, the protocol, both ports.
using Flow = std::array<std::uint8_t, 37>;

void put_addresses(Flow& flow, const std::uint8_t* source, const std::uint8_t* destination,
                   std::size_t size) {
    std::copy_n(destination, size, flow.begin() + static_cast<std::ptrdiff_t>(16 - size));
    std::copy_n(source, size, flow.begin() + static_cast<std::ptrdiff_t>(32 - size));
}

Flow flow_of(const Packet& packet) {
    Flow flow{};
    const Headers& layers = packet.outer();
    const std::uint8_t* const octets = packet.octets().data();
    const std::uint8_t* const network = octets + layers.network;
    if (layers.network_kind == NetworkHeader::none) return flow;
    if (layers.network_kind == NetworkHeader::ipv4)
        put_addresses(flow, network + 12, network + 16, 4);
    else
        put_addresses(flow, network + 8, network + 24, 16);
    flow[32] = layers.protocol;
    const bool has_ports = layers.transport_kind == TransportHeader::tcp
                           || layers.transport_kind == TransportHeader::udp;
    if (!has_ports || layers.fragment) return flow;
    std::copy_n(octets + layers.transport + 2, 2, flow.begin() + 33);
    std::copy_n(octets + layers.transport, 2, flow.begin() + 35);
    return flow;
}

} // namespace

std::optional<std::size_t> place_of(const Packet& packet, Anchor anchor) {
    const Headers& outer = packet.outer();
    const auto& inner = packet.inner();
    switch (anchor) {
    case Anchor::packet_start:
        return 0;
    case Anchor::first_vlan:
        if (outer.first_vlan == VlanTag::none) return std::nullopt;
        return outer.mac + 12;
    case Anchor::network:
        if (outer.network_kind == NetworkHeader::none) return std::nullopt;
        return outer.network;
    case Anchor::transport:
        if (outer.transport == 0) return std::nullopt;
        return outer.transport;
    case Anchor::inner_mac:
        if (!inner) return std::nullopt;
        return inner->mac;
    case Anchor::inner_network:
        if (!inner || inner->network_kind == NetworkHeader::none) return std::nullopt;
        return inner->network;
    }
    refuse("the header anchor 0x%x is not simulated", static_cast<unsigned>(anchor));
}

std::uint16_t entropy_port(const Packet& packet) {
    return static_cast<std::uint16_t>((lowest_roce_port | crc16(flow_of(packet)))
                                      & highest_roce_port);
}

void encapsulate(Packet& packet, std::span<const std::uint8_t> header) {
    const std::uint16_t port = entropy_port(packet);
    packet.insert(0, header);
    packet.parse();
    std::uint8_t* const octets = packet.octets().data();
    std::uint8_t* const network = octets + packet.outer().network;
    const std::size_t length = packet.size() - packet.outer().network;
    std::uint8_t* transport = nullptr;
    switch (packet.outer().network_kind) {
    case NetworkHeader::ipv4:
        store16(network + 2, length);
        store16(network + 10, 0);
        store16(network + 10, Sum().add({network, 20}).complement());
        if (network[9] == IPPROTO_UDP) transport = network + 20;
        break;
    case NetworkHeader::ipv6:
        store16(network + 4, length - 40);
        if (network[6] == IPPROTO_UDP) transport = network + 40;
        break;
    case NetworkHeader::none:
        break;
    }
    if (transport != nullptr) {
        store16(transport, port);
        store16(transport + 4, packet.size() - static_cast<std::size_t>(transport - octets));
    }
    packet.parse();
}

} // namespace mlx5sim
