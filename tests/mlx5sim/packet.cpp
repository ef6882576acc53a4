// SPDX-License-Identifier: BSD-3-Clause
#include "packet.h"

#include <algorithm>
#include <cstring>

#include <endian.h>
#include <netinet/in.h>

namespace mlx5sim {

namespace {

/// Room for what is put before a packet, so that its octets stay where they are.
constexpr std::size_t headroom = 256;

constexpr std::uint16_t ethertype_ipv4 = 0x0800, ethertype_ipv6 = 0x86dd, ethertype_vlan = 0x8100,
                        ethertype_qinq = 0x88a8;
constexpr std::size_t mac_size = 12, vlan_size = 4, udp_size = 8, tcp_size = 20, vxlan_size = 8,
                      ipv6_size = 40;
constexpr std::uint16_t vxlan_port = 4789;

std::uint16_t load16(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

/// One stack of headers in the making.
class Parser {
  public:
    Parser(std::span<const std::uint8_t> packet, std::size_t at) : packet_(packet) {
        layers_.mac = at;
    }

    Headers run() {
        if (!ethernet()) return layers_;
        switch (load16(packet_.data() + layers_.ethertype)) {
        case ethertype_ipv4:
            ipv4();
            break;
        case ethertype_ipv6:
            ipv6();
            break;
        default:
            break;
        }
        return layers_;
    }

  private:
    bool has(std::size_t at, std::size_t count) const { return at + count <= packet_.size(); }

    static VlanTag vlan_of(std::uint16_t ethertype) {
        return ethertype == ethertype_vlan   ? VlanTag::customer
               : ethertype == ethertype_qinq ? VlanTag::service
                                             : VlanTag::none;
    }

    bool ethernet() {
        layers_.ethertype = layers_.mac + mac_size;
        for (VlanTag* const tag : {&layers_.first_vlan, &layers_.second_vlan}) {
            if (!has(layers_.ethertype, 2)) return false;
            *tag = vlan_of(load16(packet_.data() + layers_.ethertype));
            if (*tag == VlanTag::none) break;
            layers_.ethertype += vlan_size;
        }
        layers_.l2_ok = has(layers_.ethertype, 2);
        layers_.network = layers_.ethertype + 2;
        return layers_.l2_ok;
    }

    void ipv4() {
        const std::uint8_t* const header = packet_.data() + layers_.network;
        if (!has(layers_.network, 20) || header[0] >> 4 != 4) return;
        layers_.network_kind = NetworkHeader::ipv4;
        const std::size_t size = (header[0] & 0xf) * std::size_t{4};
        const std::size_t total = load16(header + 2);
        if (size < 20 || !has(layers_.network, size)) return;
        layers_.ipv4_checksum_ok = ones_sum({header, size}) == 0xffff;
        layers_.l3_ok = total >= size && has(layers_.network, total) && layers_.ipv4_checksum_ok;
        const std::uint16_t fragment = load16(header + 6);
        layers_.fragment = (fragment & 0x3fff) != 0;
        layers_.first_fragment = layers_.fragment && (fragment & 0x1fff) == 0;
        layers_.protocol = header[9];
        if (!layers_.l3_ok || (fragment & 0x1fff) != 0) return;
        const std::uint64_t pseudo = ones_sum({header + 12, 8});
        transport(layers_.network + size, total - size, pseudo);
    }

    void ipv6() {
        const std::uint8_t* const header = packet_.data() + layers_.network;
        if (!has(layers_.network, ipv6_size) || header[0] >> 4 != 6) return;
        layers_.network_kind = NetworkHeader::ipv6;
        const std::size_t length = load16(header + 4);
        layers_.protocol = header[6];
        layers_.l3_ok = has(layers_.network, ipv6_size + length);
        if (!layers_.l3_ok) return;
        std::size_t at = layers_.network + ipv6_size;
        const std::size_t end = at + length;
        bool later_fragment = false;
        while (!later_fragment && skip_extension(at, end, later_fragment))
            continue;
        if (later_fragment || at > end) return;
        transport(at, end - at, ones_sum({header + 8, 32}));
    }

    bool skip_extension(std::size_t& at, std::size_t end, bool& later_fragment) {
        if (at + 8 > end) return false;
        const std::uint8_t* const header = packet_.data() + at;
        switch (layers_.protocol) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
            at += (header[1] + std::size_t{1}) * 8;
            break;
        case IPPROTO_FRAGMENT:
            layers_.fragment = true;
            later_fragment = (load16(header + 2) & 0xfff8) != 0;
            layers_.first_fragment = !later_fragment;
            at += 8;
            break;
        default:
            return false;
        }
        layers_.protocol = header[0];
        return true;
    }

    void transport(std::size_t at, std::size_t length, std::uint64_t pseudo) {
        layers_.transport = at;
        const std::span<const std::uint8_t> segment = packet_.subspan(at, length);
        const bool zero_udp =
            layers_.protocol == IPPROTO_UDP && length >= udp_size && load16(&segment[6]) == 0;
        switch (layers_.protocol) {
        case IPPROTO_TCP:
            if (length < tcp_size) return;
            layers_.transport_kind = TransportHeader::tcp;
            layers_.l4_ok = (segment[12] >> 4) * std::size_t{4} >= tcp_size
                            && (segment[12] >> 4) * std::size_t{4} <= length;
            break;
        case IPPROTO_UDP:
            if (length < udp_size) return;
            layers_.transport_kind = TransportHeader::udp;
            layers_.l4_ok = layers_.fragment || load16(&segment[4]) == length;
            break;
        case IPPROTO_ESP:
            layers_.transport_kind = TransportHeader::ipsec;
            return;
        default:
            return;
        }
        // A fragment does not hold all that the checksum is over.
        layers_.l4_checksum_ok =
            layers_.l4_ok && !layers_.fragment
            && (zero_udp || ones_sum(segment, pseudo + layers_.protocol + length) == 0xffff);
        layers_.l4_ok = layers_.l4_ok && !layers_.fragment;
    }

    std::span<const std::uint8_t> packet_;
    Headers layers_;
};

} // namespace

std::uint16_t ones_sum(std::span<const std::uint8_t> octets, std::uint64_t start) {
    // The sum does not care for the octets' order within the words, but for the last swap.
    std::uint64_t sum = 0;
    std::size_t i = 0;
    for (; i + 4 <= octets.size(); i += 4) {
        std::uint32_t word = 0;
        std::memcpy(&word, octets.data() + i, 4);
        sum += word;
    }
    std::array<std::uint8_t, 4> rest{};
    std::copy(octets.begin() + static_cast<std::ptrdiff_t>(i), octets.end(), rest.begin());
    std::uint32_t word = 0;
    std::memcpy(&word, rest.data(), 4);
    sum += word;
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    std::uint64_t folded = be16toh(static_cast<std::uint16_t>(sum)) + start;
    while (folded > 0xffff)
        folded = (folded & 0xffff) + (folded >> 16);
    return static_cast<std::uint16_t>(folded);
}

Packet::Packet(std::span<const std::uint8_t> octets)
    : buffer_(headroom + octets.size()), start_(headroom) {
    std::copy(octets.begin(), octets.end(), buffer_.begin() + headroom);
    parse();
}

void Packet::insert(std::size_t at, std::span<const std::uint8_t> octets) {
    const std::size_t count = octets.size();
    if (count > start_) {
        buffer_.insert(buffer_.begin(), headroom + count, 0);
        start_ += headroom + count;
    }
    std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(start_), at,
                buffer_.begin() + static_cast<std::ptrdiff_t>(start_ - count));
    start_ -= count;
    std::copy(octets.begin(), octets.end(),
              buffer_.begin() + static_cast<std::ptrdiff_t>(start_ + at));
}

void Packet::remove(std::size_t at, std::size_t count) {
    std::copy_backward(buffer_.begin() + static_cast<std::ptrdiff_t>(start_),
                       buffer_.begin() + static_cast<std::ptrdiff_t>(start_ + at),
                       buffer_.begin() + static_cast<std::ptrdiff_t>(start_ + at + count));
    start_ += count;
}

void Packet::parse() {
    outer_ = Parser(octets(), 0).run();
    inner_.reset();
    tunnel_.reset();
    if (outer_.transport_kind != TransportHeader::udp) return;
    const std::size_t at = outer_.transport + udp_size;
    if (load16(&octets()[outer_.transport + 2]) != vxlan_port || at + vxlan_size > size()) return;
    tunnel_ = at;
    inner_ = Parser(octets(), at + vxlan_size).run();
}

} // namespace mlx5sim
