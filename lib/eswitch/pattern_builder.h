// SPDX-License-Identifier: BSD-3-Clause
// rte_flow patterns, item by item, with spec and mask together: a template takes both, a rule only
// the specs. No allocation.
#pragma once

#include "net/ip_address.h"
#include "net/mac_address.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include <rte_flow.h>
#include <rte_meter.h>

namespace sallyport::eswitch {

/// Which part of a VXLAN packet an integrity item is about.
enum class Layer : std::uint8_t { outer, inner };

/// The items point into the object: not to be copied. Every value is in host byte order, addresses
/// as their types have them.
class PatternBuilder {
  public:
    PatternBuilder() = default;
    PatternBuilder(const PatternBuilder&) = delete;
    PatternBuilder& operator=(const PatternBuilder&) = delete;

    void represented_port(std::uint16_t port);
    /// TAG register 0.
    void tag(std::uint32_t value, std::uint32_t mask);
    /// What METER_MARK has made of the packet.
    void meter_color(rte_color color);
    /// L3 whole, with the checksum of IPv4's outer header, and where @p l4 L4 too with its own. Of
    /// IPv6 nothing says that the bit of IPv4's checksum is set.
    void integrity(Layer layer, net::IpFamily family, bool l4);

    /// Ethernet of any kind.
    void ethernet();
    /// No 802.1Q or 802.1ad tag.
    void untagged();
    void untagged_to(const net::MacAddress& destination);
    void from(const net::MacAddress& source);
    void to(const net::MacAddress& destination);

    /// IP of any kind.
    void ip(net::IpFamily family);
    /// An IP packet that ends a tunnel of ours: not fragmented, no options or extension headers,
    /// ECN field neither CE nor ECT(1).
    void ip_to_vtep(const net::IpAddress& destination);
    void ip_from(const net::IpAddress& source);
    /// By the length field of the header (IPv4 total length, IPv6 payload length), and none of the
    /// bits of @p traffic_class set.
    void ip_length(net::IpFamily family, std::uint16_t length, std::uint16_t mask,
                   std::uint8_t traffic_class);
    void udp();
    void udp_to(std::uint16_t port);
    void vxlan();
    /// With the I flag.
    void vxlan(std::uint32_t vni);

    /// Ends the pattern. Specs and masks.
    const rte_flow_item* for_template();
    /// Ends the pattern. Specs only, as a rule gives them.
    const rte_flow_item* for_rule();

  private:
    static constexpr std::size_t most_items = 10;
    union Header {
        rte_flow_item_ethdev port;
        rte_flow_item_tag tag;
        rte_flow_item_meter_color color;
        rte_flow_item_integrity integrity;
        rte_flow_item_eth ethernet;
        rte_flow_item_ipv4 ipv4;
        rte_flow_item_ipv6 ipv6;
        rte_flow_item_udp udp;
        rte_flow_item_vxlan vxlan;
    };
    struct Item {
        Header spec;
        Header mask;
    };

    Item& add(rte_flow_item_type type);
    void add_presence(rte_flow_item_type type);
    Item& add_ip(net::IpFamily family);
    void finish();

    std::size_t count_ = 0;
    std::array<rte_flow_item, most_items + 1> items_;
    std::array<Item, most_items> storage_;
};

} // namespace sallyport::eswitch
