// SPDX-License-Identifier: BSD-3-Clause
// What the workers see of ports, tenants, tunnels and next hops: immutable once published.
#pragma once

#include "datapath/meter.h"
#include "datapath/port.h"
#include "datapath/sa_views.h"
#include "net/ip_address.h"
#include "overlay/row.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rte_config.h>

namespace sallyport::datapath {

inline constexpr std::uint16_t no_queue = 0xffff;
inline constexpr unsigned most_workers = 64;

/// By DPDK port id.
struct PortView {
    PortRole role = PortRole::vm_port;
    overlay::UplinkIndex uplink = 0;
    overlay::VmPortId vm_port = 0;
    std::uint32_t max_frame = 0;
    bool sends_segments = false;
    /// By worker: the transmit queue it owns, or no_queue.
    std::array<std::uint16_t, most_workers> tx_queue{};
    /// Worker that sends for those that own no queue of the port.
    std::uint16_t tx_worker = 0;
};

/// By VmPortId.
struct VmPortView {
    overlay::TenantId tenant = 0;
    /// DPDK port id; no_queue while no port is attached.
    std::uint16_t dpdk_port = no_queue;
    /// As words, ascending; empty: any unicast MAC.
    std::vector<std::uint64_t> allowed_macs;
    /// Null: no rate limit. The one thing here that a worker changes; the bucket outlives the view.
    std::shared_ptr<Meter> meter;

    [[nodiscard]] bool allows(std::uint64_t mac) const {
        return allowed_macs.empty()
               || std::find(allowed_macs.begin(), allowed_macs.end(), mac) != allowed_macs.end();
    }
};

/// By TenantId.
struct TenantView {
    std::uint32_t vni = 0;
    std::uint16_t mtu = 0;
    bool learning = false;
    bool flooding = false;
    bool pass_inner_vlan = false;
    /// Head-end replication: who gets a copy of a flooded frame.
    std::vector<overlay::VmPortId> vm_ports;
    std::vector<std::uint32_t> tunnels;
};

/// Largest of the prepared outer headers: Ethernet, IPv6, UDP, VXLAN.
inline constexpr std::size_t longest_encap = 14 + 40 + 8 + 8;

/// By tunnel index: one tenant towards one remote vtep.
struct TunnelView {
    /// The outer headers with all that does not change from packet to packet; the Ethernet
    /// addresses are the next hop's.
    alignas(RTE_CACHE_LINE_SIZE) std::array<std::uint8_t, longest_encap> header{};
    std::uint8_t header_length = 0;
    net::IpFamily family = net::IpFamily::ipv4;
    overlay::TenantId tenant = 0;
    bool computes_udp_checksum = false;
    /// In ESP or not at all, both ways.
    bool is_protected = false;
    /// Sum of the 16-bit words of the IPv4 header that stay as prepared (from the fragment field
    /// on, the checksum left out), in memory order, not folded.
    std::uint32_t ipv4_sum = 0;
    std::optional<overlay::NextHopId> next_hop;
    overlay::VtepId vtep = 0;
    /// By the worker's index, over again where there are fewer.
    std::vector<WorkerSa> outbound_sas;
};

/// By NextHopId.
struct NextHopView {
    struct Link {
        bool known = false;
        /// Destination and source, as they lie in the Ethernet header.
        std::array<std::uint8_t, 12> addresses{};
    };
    std::array<Link, overlay::uplink_count> links{};
};

/// A local vtep as it answers to the underlay: VXLAN to these is ours, anything else Linux's.
struct LocalEndpoint {
    net::IpAddress address;
    std::uint16_t udp_port = 0;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the result for a pointer
    auto operator<=>(const LocalEndpoint&) const = default;
};

/// Why a packet to a local endpoint found no tunnel is looked up here, off the fast path.
struct LocalEndpointsView {
    std::vector<LocalEndpoint> endpoints; // sorted
    struct Segment {
        std::uint32_t vni = 0;
        LocalEndpoint endpoint;
    };
    std::vector<Segment> segments; // sorted by vni
    /// ESP to these is ours, to other addresses Linux's.
    std::vector<net::IpAddress> protected_vteps; // sorted
};

} // namespace sallyport::datapath
