// SPDX-License-Identifier: BSD-3-Clause
#include "played_card.h"

#include "support/forwarding_flow_api.h"

#include <map>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

namespace sallyport::control::fakes {

namespace {

const std::string pci = "0000:08:00.0";

/// Rings outlive their ports: each card has rings of its own.
unsigned cards = 0;

/// The function's in-memory port.
std::string vdev_of(const std::string& function) {
    return fmt::format("net_ring_{}{}", cards, function);
}

std::string card_name(const std::string& function) {
    if (function.size() == 3) return pci + "_p" + function.substr(2);
    return pci + "_representor_c0" + function;
}

} // namespace

/// Probing makes the in-memory ports; they go by the names that mlx5 gives.
class PlayedCard::Ports final : public eswitch::NicPorts {
  public:
    Ports(std::shared_ptr<eswitch::ModelFlowApi> model, unsigned vfs) : model_(std::move(model)) {
        functions_ = {"pf0", "pf1"};
        for (unsigned vf = 0; vf < vfs; ++vf)
            functions_.push_back("pf0vf" + std::to_string(vf));
    }
    Expected<void> probe(const std::string& device) override {
        if (!device.starts_with(pci + ",dv_flow_en=2")) return failure("what is " + device);
        for (const std::string& function : functions_) {
            std::uint16_t id = 0;
            const std::string vdev = vdev_of(function);
            if (rte_eth_dev_get_port_by_name(vdev.c_str(), &id) == 0) continue;
            if (rte_eal_hotplug_add("vdev", vdev.c_str(), "") != 0)
                return failure("no port for " + function);
            rte_eth_dev_get_port_by_name(vdev.c_str(), &id);
            model_->add_port(id, function.size() == 3 ? eswitch::ModelFlowApi::PortKind::wire
                                                      : eswitch::ModelFlowApi::PortKind::vport);
        }
        return {};
    }
    Expected<void> remove(const net::PciAddress&) override {
        for (const std::string& function : functions_)
            rte_eal_hotplug_remove("vdev", vdev_of(function).c_str());
        return {};
    }
    std::vector<eswitch::NicPort> list() override {
        std::vector<eswitch::NicPort> ports;
        for (const std::string& function : functions_) {
            std::uint16_t id = 0;
            if (rte_eth_dev_get_port_by_name(vdev_of(function).c_str(), &id) == 0)
                ports.push_back({id, card_name(function), 1});
        }
        return ports;
    }

  private:
    std::shared_ptr<eswitch::ModelFlowApi> model_;
    std::vector<std::string> functions_;
};

PlayedCard::PlayedCard() : model_(std::make_shared<eswitch::ModelFlowApi>()) {
    ++cards;
}
PlayedCard::~PlayedCard() = default;

NicBackend PlayedCard::backend(unsigned vfs) {
    return {std::make_unique<Ports>(model_, vfs),
            std::make_unique<testing::ForwardingFlowApi>(*model_), nullptr};
}

std::uint16_t PlayedCard::port(const std::string& function) const {
    std::uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(vdev_of(function).c_str(), &id) != 0)
        throw std::runtime_error("no port " + function);
    return id;
}

} // namespace sallyport::control::fakes
