// SPDX-License-Identifier: BSD-3-Clause
#include "control/software_walk.h"

#include "net/frame.h"
#include "net/ipv4_checksum.h"
#include "net/outer.h"
#include "net/overhead.h"
#include "net/too_big.h"

#include <algorithm>

#include <fmt/format.h>
#include <rte_ip.h>
#include <rte_udp.h>

namespace sallyport::control {
namespace {

using datapath::DropReason;
using Octets = std::span<const std::uint8_t>;

/// Of those that a flooded frame goes to, named; of the rest only their number.
constexpr std::size_t most_named = 8;
/// IEEE 802.1Q table 8-1.
constexpr std::uint64_t reserved_multicast = 0x0180c2000000;
constexpr std::uint64_t reserved_multicast_mask = 0xfffffffffff0;

class Walker {
  public:
    explicit Walker(const SoftwareScene& scene) : scene_(scene), state_(scene.state) {}

    SoftwareWalk from_vm(const overlay::VmPortRow& port, Octets frame);
    SoftwareWalk from_uplink(overlay::UplinkIndex uplink, Octets packet);

  private:
    void say(std::string step) { walk_.steps.push_back(std::move(step)); }
    void drop(DropReason reason) {
        walk_.drop = reason;
        say(fmt::format("drops it under {}: {}", name(reason), explanation(reason)));
    }
    [[nodiscard]] net::MacAddress destination() const {
        return net::MacAddress::from_octets(frame_.data());
    }
    [[nodiscard]] net::MacAddress source() const {
        return net::MacAddress::from_octets(frame_.data() + 6);
    }

    /// False: dropped. @param vm_port null: it came out of a tunnel
    bool check_frame(Octets frame, const overlay::VmPortRow* vm_port);
    void answer_too_big();

    void forward();
    bool learn();
    void learn_new();
    void flood();
    void to_vm_port(overlay::VmPortId id);
    void encapsulate(overlay::VtepId id);
    [[nodiscard]] std::optional<DropReason> why_not_sent(const overlay::VtepRow& vtep,
                                                         const net::MacAddress** next_hop) const;
    [[nodiscard]] std::string sealing(const overlay::VtepRow& vtep) const;
    [[nodiscard]] std::string place(const overlay::FdbTarget& target) const;
    [[nodiscard]] std::string vtep_name(overlay::VtepId id) const;

    bool for_underlay(overlay::UplinkIndex uplink, Octets packet);
    void to_host(const std::string& what);
    /// Whether some SA takes ESP to this vtep.
    [[nodiscard]] bool is_for_sas(const net::Outer& outer) const;
    void open_esp(const net::Outer& outer);
    /// Of UDP that belongs to no tunnel.
    void miss(const net::Outer& outer);
    [[nodiscard]] DropReason why_no_tunnel(const net::Outer& outer,
                                           const net::IpAddress& local) const;
    /// Sets tenant_ and from_. False: there is none.
    bool find_tunnel(const net::Outer& outer);
    void decapsulate(const net::Outer& outer, Octets packet);
    [[nodiscard]] std::optional<DropReason> outer_fault(const net::Outer& outer,
                                                        Octets packet) const;

    const SoftwareScene& scene_;
    const overlay::ForwardingState& state_;
    SoftwareWalk walk_;
    const overlay::TenantEntry* tenant_ = nullptr;
    /// Where the frame came from, in the fdb's terms.
    overlay::FdbTarget from_;
    Octets frame_;
    net::Frame parsed_;
};

bool is_vtep(const overlay::FdbTarget& target) {
    return std::holds_alternative<overlay::VtepRef>(target);
}

// From a VM.

SoftwareWalk Walker::from_vm(const overlay::VmPortRow& port, Octets frame) {
    tenant_ = state_.tenant(port.tenant);
    from_ = overlay::VmPortRef{port.id};
    if (port.rate_limit)
        say(fmt::format("counts it against the rate of {}; beyond that it would drop it under {}",
                        port.name, name(DropReason::rate_exceeded)));
    if (!check_frame(frame, &port)) return walk_;
    if (parsed_.l3_length > tenant_->row.mtu)
        answer_too_big();
    else
        forward();
    return walk_;
}

bool Walker::check_frame(Octets frame, const overlay::VmPortRow* vm_port) {
    frame_ = frame;
    parsed_ = net::parse_frame(frame.data(), frame.size(), frame.size());
    const auto refuse = [this](DropReason reason) {
        drop(reason);
        return false;
    };
    if (parsed_.fault == net::FrameFault::too_short) return refuse(DropReason::frame_too_short);
    if (source().is_multicast() || source().is_zero())
        return refuse(DropReason::source_mac_invalid);
    if (vm_port != nullptr && !vm_port->allowed_macs.empty()
        && !std::ranges::binary_search(vm_port->allowed_macs, source()))
        return refuse(DropReason::source_mac_spoofed);
    if (parsed_.tagged && !tenant_->row.pass_inner_vlan) return refuse(DropReason::inner_vlan);
    if (parsed_.fault == net::FrameFault::truncated) return refuse(DropReason::frame_truncated);
    return true;
}

void Walker::answer_too_big() {
    std::array<std::uint8_t, net::largest_too_big_answer> answer{};
    if (net::write_too_big(frame_, parsed_, tenant_->row.mtu, answer) == 0)
        return drop(DropReason::mtu_exceeded);
    say(fmt::format("answers the VM with {}: {} octets of IP are more than the MTU of {}",
                    parsed_.l3 == net::L3::ipv4 ? "ICMP fragmentation needed"
                                                : "ICMPv6 packet too big",
                    parsed_.l3_length, tenant_->row.mtu));
    drop(DropReason::mtu_exceeded_answered);
}

// By MAC addresses.

void Walker::forward() {
    if (!learn()) return;
    const bool is_group = destination().is_multicast();
    const auto entry = is_group ? std::nullopt : state_.find_fdb(tenant_->row.id, destination());
    if (!entry) {
        if ((destination().to_u64() & reserved_multicast_mask) == reserved_multicast)
            return drop(DropReason::reserved_multicast);
        if (!tenant_->row.flooding) return drop(DropReason::flooding_off);
        return flood();
    }
    say(fmt::format("finds {} behind {}", destination().to_string(), place(entry->target)));
    if (const auto* const local = std::get_if<overlay::VmPortRef>(&entry->target))
        return to_vm_port(local->id);
    if (is_vtep(from_)) return drop(DropReason::split_horizon);
    encapsulate(std::get<overlay::VtepRef>(entry->target).id);
}

bool Walker::learn() {
    const auto known = state_.find_fdb(tenant_->row.id, source());
    if (known && known->target == from_) return true;
    if (known && known->origin == overlay::FdbOrigin::configured) {
        drop(DropReason::source_mac_static);
        return false;
    }
    if (!tenant_->row.learning) return true;
    if (known)
        say(fmt::format("moves {} from {} to {}", source().to_string(), place(known->target),
                        place(from_)));
    else
        learn_new();
    return true;
}

void Walker::learn_new() {
    if (tenant_->learned >= tenant_->max_learned)
        return say("does not learn " + source().to_string() + ": the tenant has max_learned");
    if (state_.fdb_size() >= state_.limits().fdb_entries)
        return say("does not learn " + source().to_string() + ": there are limits.fdb_entries");
    say(fmt::format("learns {} behind {}", source().to_string(), place(from_)));
}

void Walker::to_vm_port(overlay::VmPortId id) {
    if (from_ == overlay::FdbTarget{overlay::VmPortRef{id}}) return drop(DropReason::same_port);
    const overlay::VmPortRow* const row = state_.vm_port(id);
    if (row == nullptr) return drop(DropReason::port_gone);
    say("sends it by vm port " + row->name);
}

void Walker::flood() {
    if (!is_vtep(from_) && destination() == scene_.underlay_mac)
        return drop(DropReason::underlay_mac);
    std::vector<std::string> takers;
    for (const overlay::VmPortId id : tenant_->vm_ports)
        if (from_ != overlay::FdbTarget{overlay::VmPortRef{id}})
            takers.push_back("vm port " + state_.vm_port(id)->name);
    std::vector<const overlay::VtepRow*> lost;
    std::size_t vteps = 0;
    if (!is_vtep(from_))
        for (const overlay::VtepId id : tenant_->row.remote_vteps) {
            const overlay::VtepRow& vtep = *state_.vtep(id);
            const net::MacAddress* next_hop = nullptr;
            ++vteps;
            if (why_not_sent(vtep, &next_hop))
                lost.push_back(&vtep);
            else
                takers.push_back(vtep_name(id) + sealing(vtep));
        }
    if (takers.empty() && vteps == 0) return drop(DropReason::flood_no_target);
    std::string names = fmt::format(
        "{}",
        fmt::join(takers.begin(),
                  takers.begin() + static_cast<std::ptrdiff_t>(std::min(takers.size(), most_named)),
                  ", "));
    if (takers.size() > most_named)
        names += fmt::format(", and {} more", takers.size() - most_named);
    say(fmt::format("floods it to {} vm ports and {} vteps{}{}",
                    takers.size() - (vteps - lost.size()), vteps, takers.empty() ? "" : ": ",
                    names));
    if (lost.empty()) return;
    const net::MacAddress* next_hop = nullptr;
    const DropReason reason = *why_not_sent(*lost.front(), &next_hop);
    say(fmt::format("drops the copies to {} of the vteps, to {} under {}", lost.size(),
                    lost.front()->address.to_string(), name(reason)));
    if (takers.empty()) walk_.drop = reason;
}

// To the underlay.

std::optional<DropReason> Walker::why_not_sent(const overlay::VtepRow& vtep,
                                               const net::MacAddress** next_hop) const {
    if (tenant_->row.is_protected && sealing(vtep).empty()) return DropReason::no_sa;
    const auto active = state_.active_uplink();
    if (!active) return DropReason::no_active_uplink;
    const overlay::NextHopRow* const row =
        vtep.next_hop ? state_.next_hop(*vtep.next_hop) : nullptr;
    if (row == nullptr || !row->links[*active]) return DropReason::next_hop_unresolved;
    *next_hop = &row->links[*active]->destination;
    return std::nullopt;
}

std::string Walker::sealing(const overlay::VtepRow& vtep) const {
    if (!tenant_->row.is_protected) return {};
    std::vector<std::string> names;
    for (const SaReport& sa : scene_.sas)
        if (sa.tenant == tenant_->row.name && sa.settings.remote_vtep == vtep.address
            && sa.settings.direction == ipsec::Direction::outbound && sa.state == SaState::active)
            names.push_back(sa.settings.name);
    if (names.empty()) return {};
    return fmt::format(" in ESP of sa {}", fmt::join(names, " or "));
}

void Walker::encapsulate(overlay::VtepId id) {
    const overlay::VtepRow& vtep = *state_.vtep(id);
    const net::MacAddress* next_hop = nullptr;
    if (const auto reason = why_not_sent(vtep, &next_hop)) return drop(*reason);
    say(fmt::format("encapsulates it in VXLAN with vni {} to {}{}", tenant_->row.vni, vtep_name(id),
                    sealing(vtep)));
    say(fmt::format("sends it by uplink {} to {}", scene_.uplinks[*state_.active_uplink()],
                    next_hop->to_string()));
}

std::string Walker::place(const overlay::FdbTarget& target) const {
    if (const auto* const vtep = std::get_if<overlay::VtepRef>(&target)) return vtep_name(vtep->id);
    const overlay::VmPortRow* const row = state_.vm_port(std::get<overlay::VmPortRef>(target).id);
    return "vm port " + (row == nullptr ? "" : row->name);
}

std::string Walker::vtep_name(overlay::VtepId id) const {
    const overlay::VtepRow* const row = state_.vtep(id);
    return "vtep " + (row == nullptr ? "" : row->address.to_string());
}

// From the underlay.

SoftwareWalk Walker::from_uplink(overlay::UplinkIndex uplink, Octets packet) {
    if (!for_underlay(uplink, packet)) return walk_;
    const net::Outer outer = net::parse_outer(packet.data(), packet.size(), packet.size());
    if (outer.has_spi && is_for_sas(outer))
        open_esp(outer);
    else if (outer.kind == net::OuterKind::malformed)
        drop(DropReason::outer_malformed);
    else if (outer.kind != net::OuterKind::udp)
        to_host("neither VXLAN nor ESP to a vtep of ours");
    else if (!find_tunnel(outer))
        miss(outer);
    else if (tenant_->row.is_protected)
        drop(DropReason::clear_text);
    else
        decapsulate(outer, packet);
    return walk_;
}

bool Walker::for_underlay(overlay::UplinkIndex uplink, Octets packet) {
    const bool whole = packet.size() >= net::ethernet_header_length;
    const auto to = whole ? net::MacAddress::from_octets(packet.data()) : net::MacAddress{};
    const bool by_active = state_.active_uplink() == uplink;
    if (whole && by_active && to == scene_.underlay_mac) return true;
    if (net::is_for_detectors(scene_.detectors[uplink], packet))
        say("hands it to the failover detectors of " + scene_.uplinks[uplink]);
    else if (!by_active)
        drop(DropReason::backup_uplink);
    else if (!whole)
        drop(DropReason::frame_too_short);
    else if (to.is_multicast())
        to_host("a group of the underlay");
    else
        drop(DropReason::not_for_us);
    return false;
}

void Walker::to_host(const std::string& what) {
    if (scene_.host_port.empty()) return drop(DropReason::host_port_absent);
    say(fmt::format("hands it to Linux by {}: {}", scene_.host_port, what));
}

bool Walker::is_for_sas(const net::Outer& outer) const {
    const auto local = net::IpAddress::from_octets(outer.family, outer.destination);
    return std::ranges::any_of(scene_.sas, [&](const SaReport& sa) {
        const overlay::TenantEntry* const tenant = state_.find_tenant(sa.tenant);
        return sa.settings.direction == ipsec::Direction::inbound && tenant != nullptr
               && tenant->row.local_vtep == local;
    });
}

void Walker::open_esp(const net::Outer& outer) {
    if (outer.fragment) return drop(DropReason::outer_fragment);
    const auto sa = std::ranges::find_if(scene_.sas, [&](const SaReport& report) {
        return report.settings.direction == ipsec::Direction::inbound
               && report.settings.spi == outer.spi;
    });
    if (sa == scene_.sas.end()) return drop(DropReason::unknown_spi);
    say(fmt::format("opens it by sa {} of tenant {} (spi 0x{:08x}), and takes what comes out only "
                    "if it is the tenant's VXLAN from vtep {}",
                    sa->settings.name, sa->tenant, outer.spi,
                    sa->settings.remote_vtep.to_string()));
}

bool Walker::find_tunnel(const net::Outer& outer) {
    if (!outer.has_vxlan_header) return false;
    const overlay::TenantEntry* const tenant = state_.find_tenant_by_vni(outer.vni);
    if (tenant == nullptr || tenant->row.udp_port != outer.destination_port
        || tenant->row.local_vtep != net::IpAddress::from_octets(outer.family, outer.destination))
        return false;
    const overlay::VtepRow* const vtep =
        state_.find_vtep(net::IpAddress::from_octets(outer.family, outer.source));
    if (vtep == nullptr || !std::ranges::binary_search(tenant->row.remote_vteps, vtep->id))
        return false;
    tenant_ = tenant;
    from_ = overlay::VtepRef{vtep->id};
    return true;
}

void Walker::miss(const net::Outer& outer) {
    const auto local = net::IpAddress::from_octets(outer.family, outer.destination);
    const auto all = state_.tenants();
    if (std::ranges::none_of(all, [&](const overlay::TenantEntry* tenant) {
            return tenant->row.local_vtep == local
                   && tenant->row.udp_port == outer.destination_port;
        }))
        return to_host("not to a vtep of ours and its UDP port");
    drop(why_no_tunnel(outer, local));
}

DropReason Walker::why_no_tunnel(const net::Outer& outer, const net::IpAddress& local) const {
    if (outer.fragment) return DropReason::outer_fragment;
    if (!outer.has_vxlan_header) return DropReason::outer_udp_length;
    if (!outer.vni_valid) return DropReason::vxlan_flags;
    const overlay::TenantEntry* const tenant = state_.find_tenant_by_vni(outer.vni);
    if (tenant == nullptr) return DropReason::vni_unknown;
    return tenant->row.local_vtep == local && tenant->row.udp_port == outer.destination_port
               ? DropReason::vtep_unknown
               : DropReason::vni_wrong_vtep;
}

std::optional<DropReason> Walker::outer_fault(const net::Outer& outer, Octets packet) const {
    const std::uint8_t* const ip = packet.data() + outer.ip_offset;
    const std::uint8_t* const udp = packet.data() + outer.udp_offset;
    const bool ipv4 = outer.family == net::IpFamily::ipv4;
    if (ipv4 && !net::ipv4_checksum_is_right(ip)) return DropReason::outer_ip_checksum;
    if (outer.fragment) return DropReason::outer_fragment;
    constexpr std::uint16_t shortest = net::udp_header_length + net::vxlan_header_length;
    if (outer.udp_length < shortest || outer.udp_offset + outer.udp_length != outer.end)
        return DropReason::outer_udp_length;
    if (outer.udp_checksum == 0) {
        if (!ipv4 && !scene_.accept_udp6_zero_checksum) return DropReason::outer_udp6_zero_checksum;
    } else if ((ipv4 ? rte_ipv4_udptcp_cksum_verify(reinterpret_cast<const rte_ipv4_hdr*>(ip), udp)
                     : rte_ipv6_udptcp_cksum_verify(reinterpret_cast<const rte_ipv6_hdr*>(ip), udp))
               != 0) {
        return DropReason::outer_udp_checksum;
    }
    if (!outer.vni_valid) return DropReason::vxlan_flags;
    return std::nullopt;
}

void Walker::decapsulate(const net::Outer& outer, Octets packet) {
    if (const auto fault = outer_fault(outer, packet)) return drop(*fault);
    say(fmt::format("takes it out of VXLAN of tenant {}, vni {}, from {}", tenant_->row.name,
                    tenant_->row.vni, place(from_)));
    if (!check_frame(packet.subspan(outer.inner_offset(), outer.end - outer.inner_offset()),
                     nullptr))
        return;
    if (parsed_.l3 != net::L3::other) {
        const std::uint8_t inner = parsed_.traffic_class & 0x03;
        const net::EcnResult ecn = net::decapsulate_ecn(inner, outer.traffic_class & 0x03);
        if (ecn.drop) return drop(DropReason::ecn_invalid);
        if (ecn.inner != inner) say("sets ECN as the underlay has it (RFC 6040)");
    }
    forward();
}

} // namespace

SoftwareWalk walk_from_vm(const SoftwareScene& scene, const overlay::VmPortRow& port,
                          std::span<const std::uint8_t> frame) {
    return Walker(scene).from_vm(port, frame);
}

SoftwareWalk walk_from_uplink(const SoftwareScene& scene, overlay::UplinkIndex uplink,
                              std::span<const std::uint8_t> packet) {
    return Walker(scene).from_uplink(uplink, packet);
}

} // namespace sallyport::control
