// SPDX-License-Identifier: BSD-3-Clause
// The lookup tables of the software path: written by the control thread, read by every worker.
#pragma once

#include "datapath/control_queue.h"
#include "datapath/fdb_table.h"
#include "datapath/first_packets.h"
#include "datapath/rcu.h"
#include "datapath/software_path.h"
#include "datapath/tunnel_table.h"
#include "datapath/views.h"
#include "net/detector_frames.h"
#include "net/encap_entropy.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include <rte_config.h>
#include <rte_ring.h>

namespace sallyport::datapath {

inline constexpr int no_uplink = -1;
inline constexpr std::size_t most_inbound_sas = 16384;

/// What a worker tells the control thread of a station; rte_ring elements are whole words.
struct LearnRecord {
    FdbKey key = 0;
    FdbEntry::Kind kind = FdbEntry::Kind::vm_port;
    std::uint32_t place = 0;
};
static_assert(sizeof(LearnRecord) == 16);

/// A frame for an uplink's failover detectors; rte_ring elements are whole words.
struct alignas(std::uint32_t) DetectorRecord {
    overlay::UplinkIndex uplink = 0;
    std::uint8_t length = 0;
    std::array<std::uint8_t, net::most_detector_frame> octets;
};
static_assert(net::most_detector_frame <= UINT8_MAX && sizeof(DetectorRecord) % 4 == 0);

struct Tables {
    Tables(RcuDomain& domain, std::size_t tenants_size, std::size_t tunnels_size)
        : ports(domain, RTE_MAX_ETHPORTS), vm_ports(domain, most_vm_ports),
          tenants(domain, tenants_size), tunnels(domain, tunnels_size),
          next_hops(domain, tunnels_size), inbound_sas(domain, most_inbound_sas),
          local_endpoints(domain, 1) {}

    RcuArray<PortView> ports;
    RcuArray<VmPortView> vm_ports;
    RcuArray<TenantView> tenants;
    RcuArray<TunnelView> tunnels;
    RcuArray<NextHopView> next_hops;
    RcuArray<InboundSaView> inbound_sas;
    /// One element.
    RcuArray<LocalEndpointsView> local_endpoints;

    std::unique_ptr<FdbTable> fdb;
    std::unique_ptr<TunnelTable<TunnelKey4>> tunnels_by_key4;
    std::unique_ptr<TunnelTable<TunnelKey6>> tunnels_by_key6;
    std::unique_ptr<TunnelTable<SpiKey>> inbound_sas_by_spi;

    /// Failover is this one store.
    std::atomic<int> active_uplink{no_uplink};
    /// What is for us is taken from it too, though it is not active.
    std::atomic<int> draining_uplink{no_uplink};
    /// Told by workers, to which all else here is const.
    mutable FirstPackets first_packets;
    /// DPDK port ids; no_queue: not attached.
    std::array<std::atomic<std::uint16_t>, overlay::uplink_count> uplink_ports{no_queue, no_queue};
    std::atomic<std::uint16_t> host_port{no_queue};
    /// As a word, see MacAddress::to_u64().
    std::atomic<std::uint64_t> underlay_mac{0};

    // Settings that do not change while workers run.
    std::uint16_t source_port_first = 49152;
    std::uint32_t source_port_count = 16384;
    /// Asked first for IP; null: nobody is.
    const net::EncapEntropy* encap_entropy = nullptr;
    /// DSCP in the upper six bits; used where fixed_dscp is set.
    std::uint8_t dscp = 0;
    bool fixed_dscp = false;
    bool dont_fragment = true;
    bool accept_udp6_zero_checksum = false;

    /// Of each uplink; nothing in it: it has no detectors.
    std::array<net::DetectorStation, overlay::uplink_count> detectors;

    ControlQueue<LearnRecord> learn_queue;
    ControlQueue<DetectorRecord> detector_queue;
    std::array<rte_ring*, most_workers> handover{};
};

} // namespace sallyport::datapath
