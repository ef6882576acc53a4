// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/nic_encap_entropy.h"

#include "net/overhead.h"
#include "net/wire.h"

#include <array>
#include <cstddef>
#include <cstring>

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

namespace sallyport::eswitch {

namespace {

/// What mlx5's flow_hw_calc_encap_hash() reads, and in its items: both addresses, the protocol, the
/// ports of UDP and TCP. No masks, which it does not look at.
class HashItems {
  public:
    HashItems(const std::uint8_t* l3, std::size_t readable, net::L3 kind) {
        if (kind == net::L3::ipv4)
            add_ipv4(l3, readable);
        else
            add_ipv6(l3, readable);
    }
    // The items point into the object.
    HashItems(const HashItems&) = delete;
    HashItems& operator=(const HashItems&) = delete;

    /// With the END.
    [[nodiscard]] const rte_flow_item* items() const { return items_.data(); }

  private:
    void add(rte_flow_item_type type, const void* spec) {
        items_[count_++] = {.type = type, .spec = spec, .last = nullptr, .mask = nullptr};
    }

    void add_ipv4(const std::uint8_t* l3, std::size_t readable) {
        rte_ipv4_hdr& header = ipv4_.hdr;
        header.src_addr = net::load<rte_be32_t>(l3 + offsetof(rte_ipv4_hdr, src_addr));
        header.dst_addr = net::load<rte_be32_t>(l3 + offsetof(rte_ipv4_hdr, dst_addr));
        header.next_proto_id = l3[offsetof(rte_ipv4_hdr, next_proto_id)];
        add(RTE_FLOW_ITEM_TYPE_IPV4, &ipv4_);
        const std::uint16_t fragment = net::load_be16(l3 + offsetof(rte_ipv4_hdr, fragment_offset));
        // As our own hash: the fragments of a datagram must not part ways, and ports are in one of
        // them only.
        if ((fragment & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0) return;
        const std::size_t length = net::ipv4_header_length(l3[0]);
        add_l4(header.next_proto_id, l3 + length, readable - length);
    }

    void add_ipv6(const std::uint8_t* l3, std::size_t readable) {
        rte_ipv6_hdr& header = ipv6_.hdr;
        std::memcpy(&header.src_addr, l3 + offsetof(rte_ipv6_hdr, src_addr),
                    sizeof header.src_addr);
        std::memcpy(&header.dst_addr, l3 + offsetof(rte_ipv6_hdr, dst_addr),
                    sizeof header.dst_addr);
        header.proto = l3[offsetof(rte_ipv6_hdr, proto)];
        add(RTE_FLOW_ITEM_TYPE_IPV6, &ipv6_);
        add_l4(header.proto, l3 + sizeof(rte_ipv6_hdr), readable - sizeof(rte_ipv6_hdr));
    }

    void add_l4(std::uint8_t protocol, const std::uint8_t* l4, std::size_t readable) {
        // Drivers before 24.11.4 and 25.11 take the protocol from this item and not from the IP
        // header, so ICMP has one too, which says nothing else.
        if (protocol == IPPROTO_ICMP) return add(RTE_FLOW_ITEM_TYPE_ICMP, &icmp_);
        if (protocol == IPPROTO_ICMPV6) return add(RTE_FLOW_ITEM_TYPE_ICMP6, &icmp6_);
        if (protocol == IPPROTO_UDP && readable >= sizeof(rte_udp_hdr)) {
            udp_.hdr.src_port = net::load<rte_be16_t>(l4 + offsetof(rte_udp_hdr, src_port));
            udp_.hdr.dst_port = net::load<rte_be16_t>(l4 + offsetof(rte_udp_hdr, dst_port));
            add(RTE_FLOW_ITEM_TYPE_UDP, &udp_);
        } else if (protocol == IPPROTO_TCP && readable >= sizeof(rte_tcp_hdr)) {
            tcp_.hdr.src_port = net::load<rte_be16_t>(l4 + offsetof(rte_tcp_hdr, src_port));
            tcp_.hdr.dst_port = net::load<rte_be16_t>(l4 + offsetof(rte_tcp_hdr, dst_port));
            add(RTE_FLOW_ITEM_TYPE_TCP, &tcp_);
        }
    }

    rte_flow_item_ipv4 ipv4_{};
    rte_flow_item_ipv6 ipv6_{};
    rte_flow_item_udp udp_{};
    rte_flow_item_tcp tcp_{};
    rte_flow_item_icmp icmp_{};
    rte_flow_item_icmp6 icmp6_{};
    std::size_t count_ = 0;
    /// The last one stays the END.
    std::array<rte_flow_item, 3> items_{};
};

/// @return 0, or as FlowApi
int ask(FlowApi& flow, std::uint16_t proxy, const HashItems& items, std::uint16_t& port,
        rte_flow_error& error) {
    std::array<std::uint8_t, 2> hash{};
    const int code = flow.calculate_encap_hash(proxy, items.items(), hash, error);
    port = net::load_be16(hash.data());
    return code;
}

} // namespace

Expected<NicEncapEntropy> NicEncapEntropy::create(FlowApi& flow, std::uint16_t proxy) {
    std::array<std::uint8_t, sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr)> packet{RTE_IPV4_VHL_DEF};
    packet[offsetof(rte_ipv4_hdr, next_proto_id)] = IPPROTO_UDP;
    const HashItems items(packet.data(), packet.size(), net::L3::ipv4);
    rte_flow_error error{};
    std::uint16_t port = 0;
    if (const int code = ask(flow, proxy, items, port, error); code != 0)
        return failure(describe(error, code));
    // mlx5 takes the range from the card's RoCE capabilities; without any it says 0 for all flows.
    if (port == 0)
        return failure("the driver knows no range of ports, since RoCE is off", {},
                       "switch RoCE on, or live with it");
    return NicEncapEntropy(flow, proxy);
}

std::uint16_t NicEncapEntropy::source_port(const std::uint8_t* l3, std::size_t readable,
                                           net::L3 kind) const noexcept {
    const HashItems items(l3, readable, kind);
    rte_flow_error error{};
    std::uint16_t port = 0;
    return ask(*flow_, proxy_, items, port, error) == 0 ? port : std::uint16_t{0};
}

} // namespace sallyport::eswitch
