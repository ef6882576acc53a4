// SPDX-License-Identifier: BSD-3-Clause
#include "control/path_settings.h"

#include "control/port_set.h"

#include <utility>

#include <rte_lcore.h>

namespace sallyport::control {
namespace {

datapath::UdpChecksum to_path(config::UdpChecksum checksum) {
    switch (checksum) {
    case config::UdpChecksum::automatic:
        return datapath::UdpChecksum::automatic;
    case config::UdpChecksum::zero:
        return datapath::UdpChecksum::zero;
    case config::UdpChecksum::computed:
        break;
    }
    return datapath::UdpChecksum::computed;
}

} // namespace

Expected<std::vector<unsigned>> worker_lcores() {
    std::vector<unsigned> lcores;
    unsigned lcore = 0;
    RTE_LCORE_FOREACH_WORKER(lcore) {
        lcores.push_back(lcore);
    }
    if (lcores.empty())
        return failure("EAL has one lcore only, and the control thread takes it: none is left to "
                       "forward packets",
                       {}, "give at least two lcores, as with --lcores '0@0,1@1'");
    return lcores;
}

std::uint16_t worker_count() {
    return static_cast<std::uint16_t>(rte_lcore_count() - 1);
}

datapath::SoftwarePathSettings path_settings(const config::Settings& settings,
                                             std::vector<unsigned> worker_lcores) {
    const auto& underlay = settings.underlay;
    datapath::SoftwarePathSettings path;
    path.tenants = settings.limits.tenants;
    path.fdb_entries = settings.limits.fdb_entries;
    path.tunnels = settings.limits.tunnels;
    path.underlay_mtu = underlay.mtu;
    path.ttl = underlay.ttl;
    path.dscp = underlay.dscp;
    path.dont_fragment = underlay.dont_fragment;
    path.udp_checksum = to_path(underlay.udp_checksum);
    path.accept_udp6_zero_checksum = underlay.accept_udp6_zero_checksum;
    path.source_port_first = underlay.source_port_first;
    path.source_port_last = underlay.source_port_last;
    bool sleeps = settings.workers.idle == config::WorkerIdle::sleep;
    path.max_sleep_us = sleeps ? static_cast<std::uint32_t>(settings.workers.max_sleep.count()) : 0;
    path.buffer_data_room = needed_data_room(settings);
    path.buffers = settings.limits.buffers;
    path.worker_lcores = std::move(worker_lcores);
    return path;
}

overlay::Limits state_limits(const config::Settings& settings) {
    overlay::Limits limits;
    limits.tenants = settings.limits.tenants;
    limits.vm_ports = RTE_MAX_ETHPORTS;
    limits.vteps = settings.limits.tunnels;
    limits.next_hops = settings.limits.tunnels;
    limits.fdb_entries = settings.limits.fdb_entries;
    limits.tunnels = settings.limits.tunnels;
    return limits;
}

} // namespace sallyport::control
