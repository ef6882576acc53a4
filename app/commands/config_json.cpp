// SPDX-License-Identifier: BSD-3-Clause
#include "commands/report_json.h"

namespace sallyport::commands {

namespace {

std::string checksum_text(config::UdpChecksum checksum) {
    switch (checksum) {
    case config::UdpChecksum::zero:
        return "zero";
    case config::UdpChecksum::computed:
        return "computed";
    default:
        return "auto";
    }
}

Json next_hop_settings_json(const config::NextHopSettings& next_hop) {
    return {{"address", next_hop.address.to_string()},
            {"mac", next_hop.mac.to_string()},
            {"uplink", next_hop.uplink.empty() ? Json() : Json(next_hop.uplink)}};
}

Json eswitch_settings_json(const config::EswitchSettings& eswitch) {
    return {{"kind", eswitch.kind == config::Eswitch::mlx5 ? "mlx5" : "none"},
            {"pci", eswitch.pci.empty() ? Json() : Json(eswitch.pci)},
            {"flow_queue_size", eswitch.flow_queue_size}};
}

Json underlay_json(const config::UnderlaySettings& underlay) {
    auto prefix_text = [](const net::IpPrefix& prefix) { return prefix.to_string(); };
    return {
        {"mtu", underlay.mtu},
        {"host_port", underlay.host_port.empty() ? Json() : Json(underlay.host_port)},
        {"address", array_json(underlay.addresses, prefix_text)},
        {"mac", underlay.mac ? underlay.mac->to_string() : "auto"},
        {"ttl", underlay.ttl},
        {"dscp", underlay.dscp ? Json(*underlay.dscp) : Json("inherit")},
        {"df", underlay.dont_fragment},
        {"udp_checksum", checksum_text(underlay.udp_checksum)},
        {"udp6_zero_checksum", underlay.accept_udp6_zero_checksum ? "accept" : "drop"},
        {"source_ports", std::to_string(underlay.source_port_first) + "-"
                             + std::to_string(underlay.source_port_last)},
        {"nexthop", array_json(underlay.next_hops, next_hop_settings_json)},
    };
}

Json uplink_settings_json(const config::UplinkSettings& uplink) {
    return {{"name", uplink.name},
            {"device", uplink.device},
            {"interface", uplink.interface.empty() ? Json() : Json(uplink.interface)},
            {"bfd_peer", uplink.bfd ? Json(uplink.bfd->peer.to_string()) : Json()},
            {"bfd_local", uplink.bfd ? Json(uplink.bfd->local.to_string()) : Json()}};
}

Json neighbour_targets_json(const config::NeighbourProbeSettings& probe) {
    Json targets =
        array_json(probe.targets, [](const net::IpAddress& target) { return target.to_string(); });
    if (probe.next_hops) targets.push_back("nexthops");
    return targets;
}

Json failover_settings_json(const config::Settings& settings) {
    const config::FailoverSettings& failover = settings.failover;
    const failover::StateMachineSettings& policy = failover.policy;
    Json primary = policy.primary && *policy.primary < settings.uplinks.size()
                       ? Json(settings.uplinks[*policy.primary].name)
                       : Json();
    return {{"primary", primary},
            {"preempt", to_string(policy.preempt)},
            {"updelay_ms", policy.updelay.count()},
            {"downdelay_ms", policy.downdelay.count()},
            {"hold_down_ms", policy.hold_down_base.count()},
            {"hold_down_limit_ms", policy.hold_down_limit.count()},
            {"hold_down_quiet_ms", policy.hold_down_quiet.count()},
            {"real_time", failover.real_time},
            {"poll_interval_ms", failover.poll_interval.count()},
            {"announce_count", failover.announce_count},
            {"announce_interval_ms", failover.announce_interval.count()},
            {"neighbour_target", neighbour_targets_json(failover.neighbour_probe)},
            {"neighbour_interval_ms", failover.neighbour_probe.reachability.interval.count()},
            {"neighbour_missed_max", failover.neighbour_probe.reachability.missed_max},
            {"neighbour_needed", failover.neighbour_probe.reachability.all_targets ? "all" : "any"},
            {"bfd_interval_ms", failover.bfd.desired_min_tx.count() / 1000},
            {"bfd_multiplier", failover.bfd.detect_multiplier},
            {"probe_port", failover.probe_port == 0 ? Json() : Json(failover.probe_port)}};
}

Json ipsec_settings_json(const config::IpsecSettings& ipsec) {
    return {{"offload", ipsec.offload ? std::string(ipsec::to_string(*ipsec.offload)) : "auto"},
            {"state_file", ipsec.state_file.string()},
            {"new_state_file", ipsec.new_state_file},
            {"trace", ipsec.keys_to_file.empty()
                          ? Json()
                          : Json("keys-to-file " + ipsec.keys_to_file.string())},
            {"rekey_grace", ipsec.rekey_grace.count()}};
}

} // namespace

Json config_json(const config::Settings& settings) {
    const config::LogSettings& log = settings.log;
    const config::LimitSettings& limits = settings.limits;
    bool sleeps = settings.workers.idle == config::WorkerIdle::sleep;
    return {
        {"file", settings.file.string()},
        {"node", {{"name", settings.node}}},
        {"log",
         {{"level", log.level},
          {"format", log.format == config::LogFormat::json ? "json" : "text"},
          {"file", log.file.empty() ? Json() : Json(log.file.string())}}},
        {"eswitch", eswitch_settings_json(settings.eswitch)},
        {"underlay", underlay_json(settings.underlay)},
        {"uplink", array_json(settings.uplinks, uplink_settings_json)},
        {"failover", failover_settings_json(settings)},
        {"workers",
         {{"idle", sleeps ? "sleep" : "spin"},
          {"max_sleep_us", settings.workers.max_sleep.count()}}},
        {"ipsec", ipsec_settings_json(settings.ipsec)},
        {"shell",
         {{"socket",
           settings.shell_socket.empty() ? Json() : Json(settings.shell_socket.string())}}},
        {"limits",
         {{"tenants", limits.tenants},
          {"fdb_entries", limits.fdb_entries},
          {"tunnels", limits.tunnels},
          {"buffers", limits.buffers}}},
        {"tenants", array_json(settings.tenants, tenant_settings_json)},
    };
}

} // namespace sallyport::commands
