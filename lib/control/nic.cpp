// SPDX-License-Identifier: BSD-3-Clause
#include "control/nic.h"

#include "control/hardware_view.h"
#include "eswitch/bring_up/dpdk_nic_ports.h"
#include "eswitch/bring_up/host_checks.h"
#include "eswitch/dpdk_flow_api.h"

#include <set>
#include <utility>

#include <rte_ethdev.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {
namespace {

/// VFs that the tenants' files give to vm ports. Other devices are software's.
std::set<net::CardFunction> wanted_vfs(const config::Settings& settings) {
    std::set<net::CardFunction> vfs;
    for (const config::TenantSettings& tenant : settings.tenants)
        for (const config::VmPortSettings& port : tenant.vm_ports)
            if (const auto function = net::parse_card_function(port.device);
                function && function->vf)
                vfs.insert(*function);
    return vfs;
}

} // namespace

NicBackend dpdk_nic_backend() {
    return {eswitch::make_dpdk_nic_ports(), eswitch::make_dpdk_flow_api(),
            eswitch::make_devlink_reader()};
}

Nic::Nic(const config::Settings& settings, NicBackend backend)
    : path_settings_(hardware_settings(settings)),
      flow_queue_size_(settings.eswitch.flow_queue_size), backend_(std::move(backend)),
      steps_(*this) {}

Expected<std::unique_ptr<Nic>> Nic::open(const config::Settings& settings, NicBackend backend) {
    const auto pci = net::parse_pci_address(settings.eswitch.pci);
    if (!pci) return tl::unexpected(pci.error());
    std::unique_ptr<Nic> nic(new Nic(settings, std::move(backend)));
    const auto vfs = wanted_vfs(settings);
    if (auto fit = nic->check_host(*pci, vfs); !fit) return tl::unexpected(fit.error());
    eswitch::NicSettings card;
    card.pci = *pci;
    card.vfs = vfs;
    card.flow_queue_size = nic->flow_queue_size_;
    card.path = nic->path_settings_;
    auto brought = eswitch::NicBringUp::create(*nic->backend_.ports, *nic->backend_.flow, card);
    if (!brought) return tl::unexpected(brought.error());
    nic->card_ = std::move(*brought);
    for (const std::string& note : nic->card_->notes())
        spdlog::info("card {}: {}", settings.eswitch.pci, note);
    return nic;
}

Expected<void> Nic::check_host(const net::PciAddress& pci, const std::set<net::CardFunction>& vfs) {
    if (backend_.devlink == nullptr) return {};
    const auto facts = eswitch::gather_host_facts(pci, *backend_.devlink);
    for (const std::string& remark : eswitch::remarks(facts))
        spdlog::info("{}", remark);
    const auto complaints = eswitch::complaints(facts, {.functions = vfs, .others = 1});
    if (complaints.empty()) return {};
    for (const Error& complaint : complaints)
        spdlog::error("{}", complaint.message());
    return tl::unexpected(complaints.front());
}

Expected<std::optional<std::string>> Nic::device_name(const std::string& device) {
    const auto function = net::parse_card_function(device);
    if (!function) return std::nullopt;
    if (function->vf)
        if (auto added = card_->add(*function); !added) return tl::unexpected(added.error());
    const eswitch::NicPort* const port = card_->find(*function);
    char name[RTE_ETH_NAME_MAX_LEN] = {};
    if (port == nullptr || rte_eth_dev_get_name_by_port(port->id, name) != 0)
        return failure("the card has no " + to_string(*function), "device " + device,
                       "name pf0, pf1 or a VF that exists");
    return name;
}

Expected<void> Nic::start_path() {
    auto pipeline = eswitch::Pipeline::create(*backend_.flow, card_->proxy(), path_settings_);
    if (!pipeline) return tl::unexpected(pipeline.error());
    path_.emplace(*backend_.flow, std::move(*pipeline), path_settings_,
                  eswitch::FlowQueue::Options{.size = flow_queue_size_});
    encap_entropy_ = eswitch::NicEncapEntropy::create(*backend_.flow, card_->proxy());
    if (encap_entropy_)
        spdlog::info("udp source port: agreed with the NIC");
    else
        spdlog::warn("udp source port: the software path's own: {}",
                     encap_entropy_.error().message());
    return {};
}

Expected<void> Nic::Steps::before_start(std::uint16_t port) {
    if (auto configured = nic_.card_->configure_flow(port); !configured) return configured;
    return nic_.card_->before_start(port);
}

void Nic::Steps::before_stop(std::uint16_t port) {
    // There is no way back on the way down: what the driver refuses is said, and done all the same.
    if (auto turn = nic_.card_->before_stop(port); !turn)
        spdlog::error("{}", turn.error().message());
}

void Nic::Steps::after_stop(std::uint16_t port) {
    nic_.card_->after_stop(port);
}

void Nic::Steps::closed(std::uint16_t port) {
    nic_.card_->closed(port);
}

} // namespace sallyport::control
