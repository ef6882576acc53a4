// SPDX-License-Identifier: BSD-3-Clause
// Settings -> the files' own syntax.
#include "config/load.h"
#include "config/parse.h"

#include <string>

#include <spdlog/fmt/fmt.h>

namespace sallyport::config {

namespace {

const char* on_or_off(bool value) {
    return value ? "on" : "off";
}

std::string path_or(const std::filesystem::path& path, std::string_view none) {
    return path.empty() ? std::string(none) : path.native();
}

std::string_view word(UdpChecksum checksum) {
    switch (checksum) {
    case UdpChecksum::zero:
        return "zero";
    case UdpChecksum::computed:
        return "computed";
    case UdpChecksum::automatic:
        break;
    }
    return "auto";
}

std::string log_text(const LogSettings& log) {
    return fmt::format("[log]\nlevel = {}\nformat = {}\nfile = {}\n\n", log.level,
                       log.format == LogFormat::json ? "json" : "text",
                       path_or(log.file, "stderr"));
}

std::string eswitch_text(const EswitchSettings& eswitch) {
    std::string text =
        fmt::format("eswitch = {}\n\n", eswitch.kind == Eswitch::mlx5 ? "mlx5" : "none");
    if (eswitch.kind == Eswitch::none) return text;
    return text
           + fmt::format("[eswitch]\npci = {}\nflow_queue_size = {}\n\n", eswitch.pci,
                         eswitch.flow_queue_size);
}

std::string underlay_text(const UnderlaySettings& underlay) {
    std::string text = fmt::format("[underlay]\nmtu = {}\nhost_port = {}\n", underlay.mtu,
                                   underlay.host_port.empty() ? "none" : underlay.host_port);
    for (const net::IpPrefix& address : underlay.addresses)
        text += fmt::format("address = {}\n", address.to_string());
    text += fmt::format("mac = {}\nttl = {}\n", underlay.mac ? underlay.mac->to_string() : "auto",
                        underlay.ttl);
    text += fmt::format("dscp = {}\ndf = {}\n",
                        underlay.dscp ? std::to_string(*underlay.dscp) : "inherit",
                        on_or_off(underlay.dont_fragment));
    text += fmt::format("udp_checksum = {}\nudp6_zero_checksum = {}\nsource_ports = {}-{}\n",
                        word(underlay.udp_checksum),
                        underlay.accept_udp6_zero_checksum ? "accept" : "drop",
                        underlay.source_port_first, underlay.source_port_last);
    for (const NextHopSettings& hop : underlay.next_hops)
        text += fmt::format("nexthop = {} {}{}{}\n", hop.address.to_string(), hop.mac.to_string(),
                            hop.uplink.empty() ? "" : " ", hop.uplink);
    return text + "\n";
}

std::string uplink_text(const UplinkSettings& uplink) {
    std::string text =
        fmt::format("[uplink.{}]\ndevice = {}\ninterface = {}\n", uplink.name, uplink.device,
                    uplink.interface.empty() ? "auto" : uplink.interface);
    if (uplink.bfd)
        text += fmt::format("bfd_peer = {}\nbfd_local = {}\n", uplink.bfd->peer.to_string(),
                            uplink.bfd->local.to_string());
    return text + '\n';
}

std::string detectors_text(const FailoverSettings& failover) {
    const NeighbourProbeSettings& probe = failover.neighbour_probe;
    std::string text = probe.next_hops ? "neighbour_target = nexthops\n" : "";
    for (const net::IpAddress& target : probe.targets)
        text += fmt::format("neighbour_target = {}\n", target.to_string());
    return text
           + fmt::format("neighbour_interval_ms = {}\nneighbour_missed_max = {}\n"
                         "neighbour_needed = {}\n",
                         probe.reachability.interval.count(), probe.reachability.missed_max,
                         probe.reachability.all_targets ? "all" : "any")
           + fmt::format("bfd_interval_ms = {}\nbfd_multiplier = {}\n",
                         failover.bfd.desired_min_tx.count() / 1000,
                         failover.bfd.detect_multiplier);
}

std::string uplinks_text(const Settings& settings) {
    std::string text;
    for (const UplinkSettings& uplink : settings.uplinks)
        text += uplink_text(uplink);
    const FailoverSettings& failover = settings.failover;
    text += "[failover]\n";
    const failover::StateMachineSettings& policy = failover.policy;
    const bool has_primary = policy.primary && *policy.primary < settings.uplinks.size();
    return text
           + fmt::format("primary = {}\npreempt = {}\nupdelay_ms = {}\ndowndelay_ms = {}\n"
                         "hold_down_ms = {}\nhold_down_limit_ms = {}\nhold_down_quiet_ms = {}\n",
                         has_primary ? settings.uplinks[*policy.primary].name : "none",
                         to_string(policy.preempt), policy.updelay.count(),
                         policy.downdelay.count(), policy.hold_down_base.count(),
                         policy.hold_down_limit.count(), policy.hold_down_quiet.count())
           + fmt::format("real_time = {}\npoll_interval_ms = {}\nannounce_count = {}\n"
                         "announce_interval_ms = {}\nprobe_port = {}\n",
                         on_or_off(failover.real_time), failover.poll_interval.count(),
                         failover.announce_count, failover.announce_interval.count(),
                         failover.probe_port == 0 ? "none" : std::to_string(failover.probe_port))
           + detectors_text(failover) + '\n';
}

std::string limits_text(const LimitSettings& limits) {
    return fmt::format("[limits]\ntenants = {}\nfdb_entries = {}\ntunnels = {}\nbuffers = {}\n\n",
                       limits.tenants, limits.fdb_entries, limits.tunnels, limits.buffers);
}

std::string ipsec_text(const IpsecSettings& ipsec) {
    return fmt::format("[ipsec]\noffload = {}\nstate_file = {}\nnew_state_file = {}\n"
                       "trace = {}\nrekey_grace = {}\n\n",
                       ipsec.offload ? ipsec::to_string(*ipsec.offload) : "auto",
                       ipsec.state_file.native(), on_or_off(ipsec.new_state_file),
                       ipsec.keys_to_file.empty() ? "none"
                                                  : "keys-to-file " + ipsec.keys_to_file.native(),
                       ipsec.rekey_grace.count());
}

std::string lifetimes_text(std::string_view front, const ipsec::LifetimeLimits& limits) {
    return fmt::format("{0}_seconds = {1}\n{0}_bytes = {2}\n{0}_packets = {3}\n", front,
                       limits.seconds, limits.octets, limits.packets);
}

std::string sa_text(const SaSettings& sa) {
    const bool inbound = sa.direction == ipsec::Direction::inbound;
    std::string text =
        fmt::format("\n[sa.{}]\ndirection = {}\nremote_vtep = {}\nspi = {:#010x}\n", sa.name,
                    inbound ? "in" : "out", sa.remote_vtep.to_string(), sa.spi);
    text +=
        fmt::format("algorithm = {}\n{}{}\nmode = {}\nesn = {}\n", ipsec::to_string(sa.algorithm),
                    sa.key_inline ? "# key: not shown, in " : "key_file = ", sa.key_file.native(),
                    ipsec::to_string(sa.mode), on_or_off(sa.esn));
    if (inbound) text += fmt::format("replay_window = {}\n", sa.replay_window);
    text += fmt::format("udp_encapsulation = {}\n", on_or_off(sa.udp_encapsulation));
    return text + lifetimes_text("lifetime", sa.hard) + lifetimes_text("soft_lifetime", sa.soft);
}

} // namespace

std::string main_config_text(const Settings& settings) {
    return eswitch_text(settings.eswitch) + fmt::format("[node]\nname = {}\n\n", settings.node)
           + log_text(settings.log) + underlay_text(settings.underlay) + uplinks_text(settings)
           + fmt::format("[workers]\nidle = {}\nmax_sleep_us = {}\n\n",
                         settings.workers.idle == WorkerIdle::spin ? "spin" : "sleep",
                         settings.workers.max_sleep.count())
           + ipsec_text(settings.ipsec)
           + fmt::format("[shell]\nsocket = {}\n\n", path_or(settings.shell_socket, "none"))
           + limits_text(settings.limits)
           + fmt::format("[tenants]\ndirectory = {}\n",
                         path_or(settings.tenants_directory, "none"));
}

std::string tenant_config_text(const TenantSettings& tenant) {
    std::string text =
        fmt::format("name = {}\nvni = {}\nlocal_vtep = {}\nudp_port = {}\nmtu = {}\n", tenant.name,
                    tenant.vni, tenant.local_vtep.to_string(), tenant.udp_port, tenant.mtu);
    text +=
        fmt::format("learning = {}\nflooding = {}\ninner_vlan = {}\n", on_or_off(tenant.learning),
                    on_or_off(tenant.flooding), tenant.pass_inner_vlan ? "pass" : "drop");
    text += fmt::format("protection = {}\n", tenant.is_protected ? "ipsec" : "none");
    text += fmt::format("ageing_time = {}\nmax_learned = {}\n", tenant.ageing_time.count(),
                        tenant.max_learned);
    for (const net::IpAddress& remote : tenant.remote_vteps)
        text += fmt::format("remote_vtep = {}\n", remote.to_string());
    for (const FdbSettings& entry : tenant.fdb)
        text += fmt::format("fdb = {} {} {}\n", entry.mac.to_string(), entry.vtep ? "vtep" : "port",
                            entry.vtep ? entry.vtep->to_string() : entry.vm_port);
    for (const VmPortSettings& port : tenant.vm_ports) {
        text += fmt::format("\n[vm_port.{}]\ndevice = {}\n", port.name, port.device);
        for (const net::MacAddress& mac : port.macs)
            text += fmt::format("mac = {}\n", mac.to_string());
        if (port.macs.empty()) text += "mac = any\n";
        if (port.rate_limit)
            text += fmt::format("rate = {}\nburst = {}\n", port.rate_limit->octets_per_second * 8,
                                port.rate_limit->burst_octets);
    }
    for (const SaSettings& sa : tenant.sas)
        text += sa_text(sa);
    return text;
}

std::string to_config_text(const Settings& settings) {
    std::string text = fmt::format("# {}\n{}", settings.file.native(), main_config_text(settings));
    for (const TenantSettings& tenant : settings.tenants)
        text += fmt::format("\n# {}\n{}", tenant.file.native(), tenant_config_text(tenant));
    return text;
}

} // namespace sallyport::config
