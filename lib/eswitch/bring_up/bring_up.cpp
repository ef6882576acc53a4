// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/bring_up/bring_up.h"

#include "eswitch/bring_up/host_checks.h"
#include "eswitch/bring_up/port_names.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sallyport::eswitch {

namespace {

PfOrder other(PfOrder order) {
    return order == PfOrder::ascending ? PfOrder::descending : PfOrder::ascending;
}

} // namespace

Expected<std::unique_ptr<NicBringUp>> NicBringUp::create(NicPorts& ports, FlowApi& flow,
                                                         const NicSettings& settings) {
    std::unique_ptr<NicBringUp> card(new NicBringUp(ports, flow, settings));
    if (auto done = card->bring(); !done) {
        Error error = done.error();
        error.where = card->where();
        return tl::unexpected(std::move(error));
    }
    return card;
}

NicBringUp::~NicBringUp() {
    if (auto done = remove(); !done) spdlog::warn("{}: {}", where(), done.error().message());
}

Expected<void> NicBringUp::bring() {
    if (auto done = check_absent(); !done) return done;
    if (auto done = probe_uplinks(); !done) return done;
    if (auto done = check_representors(); !done) return done;
    if (auto done = check_domain(); !done) return done;
    return check_proxy();
}

// The driver takes no other dv_flow_en for a device that it has open already.
Expected<void> NicBringUp::check_absent() {
    for (unsigned pf = 0; pf < net::physical_functions; ++pf) {
        const net::PciAddress pci = net::physical_function(settings_.pci, pf);
        for (const NicPort& port : ports_.list())
            if (interpret_port_name(port.name, pci).kind != NamedPort::Kind::elsewhere)
                return failure(
                    fmt::format("DPDK has opened {} by itself", printable(port.name)), {},
                    fmt::format("give EAL '-b {} -b {}', or '-a 0000:00:00.0' so that it opens no "
                                "card by itself",
                                to_string(settings_.pci),
                                to_string(net::physical_function(settings_.pci, 1))));
    }
    return {};
}

Expected<void> NicBringUp::probe_uplinks() {
    const PfOrder order =
        known_to_lose_second_uplink(settings_.release) ? PfOrder::descending : PfOrder::ascending;
    if (auto done = probe(order); !done) return done;
    if (single_uplink_
        || (find(net::first_uplink) != nullptr && find(net::second_uplink) != nullptr))
        return check_uplinks();
    if (auto done = remove(); !done) return done;
    if (auto done = probe(other(order)); !done) return done;
    return check_uplinks();
}

Expected<void> NicBringUp::probe(PfOrder order) {
    probed_ = true;
    order_ = order;
    auto done = ports_.probe(device_arguments(settings_.pci, settings_.vfs, order));
    look();
    if (!done && done.error().remedy.empty())
        done.error().remedy = "docs/hardware.md says what the host must have";
    return done;
}

Expected<void> NicBringUp::remove() {
    if (!std::exchange(probed_, false)) return {};
    found_.clear();
    notes_.clear();
    return ports_.remove(settings_.pci);
}

void NicBringUp::look() {
    Ports now;
    single_uplink_ = false;
    if (order_ == PfOrder::descending)
        note("the PFs are listed as pf[1,0]: this release of DPDK may lose the second uplink");
    for (NicPort& port : ports_.list()) {
        const NamedPort named = interpret_port_name(port.name, settings_.pci);
        if (named.kind == NamedPort::Kind::single_uplink) single_uplink_ = true;
        if (named.kind == NamedPort::Kind::unknown)
            note(fmt::format("port {} is ignored: its name says nothing that Sallyport knows",
                             printable(port.name)));
        if (named.kind != NamedPort::Kind::function) continue;
        if (named.function.vf ? !settings_.vfs.contains(named.function)
                              : named.function.pf >= net::physical_functions)
            note(fmt::format("port {} is there, and no vm port or uplink has it",
                             printable(port.name)));
        const auto before = found_.find(named.function);
        const bool same = before != found_.end() && before->second.port.id == port.id;
        Port entry = same ? before->second : Port{};
        entry.port = std::move(port);
        now.insert_or_assign(named.function, std::move(entry));
    }
    found_ = std::move(now);
}

void NicBringUp::note(std::string text) {
    if (std::find(notes_.begin(), notes_.end(), text) == notes_.end())
        notes_.push_back(std::move(text));
}

Expected<void> NicBringUp::check_uplinks() const {
    if (single_uplink_)
        return failure("its two ports are not in one E-Switch", {},
                       fmt::format("run '{}', and the same for pci/{}",
                                   command_for_multiport(settings_.pci),
                                   to_string(net::physical_function(settings_.pci, 1))));
    const net::CardFunction missing =
        find(net::first_uplink) == nullptr ? net::first_uplink : net::second_uplink;
    if (find(missing) != nullptr) return {};
    return failure(
        fmt::format("DPDK {} made no port for the uplink p{}, neither asked for pf[0,1] nor for "
                    "pf[1,0]",
                    to_string(settings_.release), missing.pf),
        {},
        known_to_lose_second_uplink(settings_.release)
            ? "this release is known to lose the second uplink, and listing pf[1,0], which should "
              "get round it, did not: use DPDK 24.11.4, 25.11.0 or 26.07"
            : "see that esw_multiport is on for both ports, and that the release is one that "
              "docs/hardware.md calls good");
}

Expected<void> NicBringUp::check_representors() const {
    std::string missing, commands;
    for (unsigned pf = 0; pf < net::physical_functions; ++pf) {
        unsigned needed = 0;
        for (const net::CardFunction& function : settings_.vfs) {
            if (function.pf != pf || !function.vf || find(function) != nullptr) continue;
            missing += (missing.empty() ? "" : ", ") + to_string(function);
            needed = std::max(needed, *function.vf + 1);
        }
        if (needed == 0) continue;
        commands += (commands.empty() ? "'" : " and '")
                    + command_for_vfs(net::physical_function(settings_.pci, pf), needed) + "'";
    }
    if (missing.empty()) return {};
    return failure("DPDK made no port for " + missing, {},
                   "VFs are numbered from 0: create them by " + commands
                       + ", after 'echo 0' to the same file if it has a number already");
}

Expected<void> NicBringUp::check_domain() const {
    const NicPort& first = *find(net::first_uplink);
    for (const auto& [function, entry] : found_) {
        const std::uint16_t domain = entry.port.switch_domain;
        if (domain != no_switch_domain && domain == first.switch_domain) continue;
        return failure(domain == no_switch_domain
                           ? fmt::format("{} belongs to no E-Switch", entry.port.name)
                           : fmt::format("{} and {} belong to different E-Switches", first.name,
                                         entry.port.name),
                       {},
                       "put both ports of the card into switchdev mode, then set esw_multiport on "
                       "both");
    }
    return {};
}

Expected<void> NicBringUp::check_proxy() {
    const NicPort& first = *find(net::first_uplink);
    for (const auto& [function, entry] : found_) {
        std::uint16_t proxy = 0;
        rte_flow_error error{};
        const int code = flow_.pick_transfer_proxy(entry.port.id, proxy, error);
        if (code != 0)
            return failure(
                fmt::format("{} has no transfer proxy: {}", entry.port.name, describe(error, code)),
                {}, "see that the card is in switchdev mode");
        if (proxy != first.id)
            return failure(fmt::format("the transfer proxy of {} is DPDK port {} and not {}",
                                       entry.port.name, proxy, first.name),
                           {}, "set eswitch.pci to the address of the card's first port");
    }
    proxy_ = first.id;
    return {};
}

} // namespace sallyport::eswitch
