// SPDX-License-Identifier: BSD-3-Clause
#include "packet.h"

#include "checksum.h"
#include "fields.h"

#include <algorithm>
#include <utility>

#include <netinet/in.h>

namespace mlx5sim {

namespace {

/// Room for what is put before a packet, so that its octets stay where they are.
constexpr std::size_t headroom = 256;

constexpr std::uint16_t ethertype_ipv4 = 0x0800, ethertype_ipv6 = 0x86dd, ethertype_vlan = 0x8100,
                        ethertype_qinq = 0x88a8;
constexpr std::size_t mac_size = 12, vlan_size = 4, udp_size = 8, tcp_size = 20, vxlan_size = 8,
                      esp_size = 8, ipv6_size = 40;
constexpr std::uint16_t vxlan_port = 4789;
/// Of data that hold their own checksum.
constexpr std::uint16_t right_sum = 0xffff;

/// Of packets that are gone. Under AddressSanitizer each new one would be on fresh pages.
thread_local std::vector<std::vector<std::uint8_t>> spare_buffers;

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
        layers_.ipv4_checksum_ok = Sum().add({header, size}).folded() == right_sum;
        layers_.l3_ok = total >= size && has(layers_.network, total) && layers_.ipv4_checksum_ok;
        const std::uint16_t fragment = load16(header + 6);
        layers_.fragment = (fragment & 0x3fff) != 0;
        layers_.first_fragment = layers_.fragment && (fragment & 0x1fff) == 0;
        layers_.protocol = header[9];
        if (!layers_.l3_ok || (fragment & 0x1fff) != 0) return;
        transport(layers_.network + size, total - size, Sum().add({header + 12, 8}));
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
        transport(at, end - at, Sum().add({header + 8, 32}));
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

    /// @p addresses: the sum of them, with which the pseudo-header begins.
    void transport(std::size_t at, std::size_t length, Sum addresses) {
        layers_.transport = at;
        const std::span<const std::uint8_t> segment = packet_.subspan(at, length);
        switch (layers_.protocol) {
        case IPPROTO_TCP:
            if (length < tcp_size) return;
            layers_.transport_kind = TransportHeader::tcp;
            check_transport(segment, is_sound_tcp(segment), addresses);
            break;
        case IPPROTO_UDP:
            if (length < udp_size) return;
            layers_.transport_kind = TransportHeader::udp;
            check_transport(segment, load16(&segment[4]) == length, addresses);
            if (load16(&segment[6]) == 0) layers_.l4_checksum_ok = layers_.l4_ok;
            break;
        case IPPROTO_ESP:
            if (length >= esp_size) layers_.transport_kind = TransportHeader::ipsec;
            break;
        default:
            break;
        }
    }

    static bool is_sound_tcp(std::span<const std::uint8_t> segment) {
        const std::size_t size = (segment[12] >> 4) * std::size_t{4};
        return size >= tcp_size && size <= segment.size();
    }

    // A fragment does not hold all that lengths and checksum are over.
    void check_transport(std::span<const std::uint8_t> segment, bool sound, Sum addresses) {
        layers_.l4_ok = sound && !layers_.fragment;
        addresses.add_word(layers_.protocol);
        addresses.add_word(static_cast<std::uint16_t>(segment.size()));
        layers_.l4_checksum_ok = layers_.l4_ok && addresses.add(segment).folded() == right_sum;
    }

    std::span<const std::uint8_t> packet_;
    Headers layers_;
};

} // namespace

Packet::Packet(std::span<const std::uint8_t> octets) : start_(headroom) {
    if (!spare_buffers.empty()) {
        buffer_ = std::move(spare_buffers.back());
        spare_buffers.pop_back();
    }
    buffer_.resize(headroom + octets.size());
    std::copy(octets.begin(), octets.end(), buffer_.begin() + headroom);
    parse();
}

Packet::~Packet() {
    constexpr std::size_t most = 4;
    if (spare_buffers.size() < most) spare_buffers.push_back(std::move(buffer_));
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
