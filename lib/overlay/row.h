// SPDX-License-Identifier: BSD-3-Clause
// Rows: the entries of the forwarding state, in the form from which both paths are programmed.
// A row is plain data: it knows neither DPDK ports nor rte_flow.
#pragma once

#include "net/ip_address.h"
#include "net/mac_address.h"
#include "net/rate_limit.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sallyport::overlay {

/// Dense numbers given by the forwarding state, reused after removal; a path may index arrays by
/// them.
using TenantId = std::uint16_t;
using VmPortId = std::uint16_t;
using VtepId = std::uint32_t;
using NextHopId = std::uint32_t;

inline constexpr std::size_t uplink_count = 2;
using UplinkIndex = std::uint8_t;
inline constexpr std::array<UplinkIndex, uplink_count> all_uplinks{0, 1};

/// A tenant: one VXLAN segment.
struct TenantRow {
    TenantId id = 0;
    std::string name;
    /// 24 bits, host byte order.
    std::uint32_t vni = 0;
    net::IpAddress local_vtep;
    /// UDP destination port of the segment's VXLAN packets, host byte order.
    std::uint16_t udp_port = 4789;
    /// Largest inner IP packet, octets.
    std::uint16_t mtu = 1500;
    bool learning = true;
    bool flooding = true;
    /// False: inner frames with an 802.1Q tag are dropped both ways (RFC 7348 section 6.1).
    bool pass_inner_vlan = false;
    /// Its VXLAN packets leave and are taken in ESP only (RFC 4301 section 5).
    bool is_protected = false;
    /// Remote vteps that belong to the segment, in ascending order: the head-end replication list,
    /// and the only sources from which packets of this segment are taken.
    std::vector<VtepId> remote_vteps;

    bool operator==(const TenantRow&) const = default;
};

struct VmPortRow {
    VmPortId id = 0;
    TenantId tenant = 0;
    std::string name;
    /// Source MACs the VM may send from, ascending; empty: any unicast MAC.
    std::vector<net::MacAddress> allowed_macs;
    /// Of what the VM sends; absent: as much as it likes.
    std::optional<net::RateLimit> rate_limit{};

    bool operator==(const VmPortRow&) const = default;
};

/// A remote vtep, shared by all tenants that name its address.
struct VtepRow {
    VtepId id = 0;
    net::IpAddress address;
    /// Absent while no route leads there.
    std::optional<NextHopId> next_hop;

    bool operator==(const VtepRow&) const = default;
};

/// The Ethernet addresses to reach a next hop by one uplink.
struct NextHopLink {
    net::MacAddress source;
    net::MacAddress destination;

    bool operator==(const NextHopLink&) const = default;
};

/// An underlay neighbour: a gateway, or a vtep on the link itself.
struct NextHopRow {
    NextHopId id = 0;
    net::IpAddress address;
    /// By uplink index; absent while the neighbour's MAC is not known there.
    std::array<std::optional<NextHopLink>, uplink_count> links;

    bool operator==(const NextHopRow&) const = default;
};

enum class FdbOrigin : std::uint8_t {
    /// From a file or the shell: never ages, never moves.
    configured,
    /// From a source MAC seen: ages, and moves with the station.
    learned,
};

struct VmPortRef {
    VmPortId id = 0;
    bool operator==(const VmPortRef&) const = default;
};
struct VtepRef {
    VtepId id = 0;
    bool operator==(const VtepRef&) const = default;
};

/// Where a MAC address is: behind a vm port, or behind a remote vtep.
using FdbTarget = std::variant<VmPortRef, VtepRef>;

struct FdbRow {
    TenantId tenant = 0;
    net::MacAddress mac;
    FdbTarget target;
    FdbOrigin origin = FdbOrigin::learned;

    bool operator==(const FdbRow&) const = default;
};

/// Which uplink carries the traffic. There is one such row.
struct UplinkRow {
    /// Absent: both are down, traffic to the underlay is dropped and counted.
    std::optional<UplinkIndex> active;

    bool operator==(const UplinkRow&) const = default;
};

using Row = std::variant<TenantRow, VmPortRow, VtepRow, NextHopRow, FdbRow, UplinkRow>;

} // namespace sallyport::overlay
