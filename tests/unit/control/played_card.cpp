// SPDX-License-Identifier: BSD-3-Clause
#include "played_card.h"

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

/// Hands everything on.
class PlayedCard::Flow final : public eswitch::FlowApi {
  public:
    explicit Flow(std::shared_ptr<eswitch::ModelFlowApi> model) : model_(std::move(model)) {}

    int pick_transfer_proxy(std::uint16_t port, std::uint16_t& proxy,
                            rte_flow_error& error) override {
        return model_->pick_transfer_proxy(port, proxy, error);
    }
    int configure(std::uint16_t port, const rte_flow_port_attr& attributes, std::uint16_t queues,
                  std::uint32_t queue_size, rte_flow_error& error) override {
        return model_->configure(port, attributes, queues, queue_size, error);
    }
    rte_flow_pattern_template* create_pattern_template(std::uint16_t port,
                                                       const rte_flow_item* items,
                                                       rte_flow_error& error) override {
        return model_->create_pattern_template(port, items, error);
    }
    int destroy_pattern_template(std::uint16_t port, rte_flow_pattern_template* pattern,
                                 rte_flow_error& error) override {
        return model_->destroy_pattern_template(port, pattern, error);
    }
    rte_flow_actions_template* create_actions_template(std::uint16_t port,
                                                       const rte_flow_action* actions,
                                                       const rte_flow_action* masks,
                                                       rte_flow_error& error) override {
        return model_->create_actions_template(port, actions, masks, error);
    }
    int destroy_actions_template(std::uint16_t port, rte_flow_actions_template* actions,
                                 rte_flow_error& error) override {
        return model_->destroy_actions_template(port, actions, error);
    }
    rte_flow_template_table* create_table(std::uint16_t port,
                                          const eswitch::TableAttributes& attributes,
                                          std::span<rte_flow_pattern_template* const> patterns,
                                          std::span<rte_flow_actions_template* const> actions,
                                          rte_flow_error& error) override {
        return model_->create_table(port, attributes, patterns, actions, error);
    }
    int destroy_table(std::uint16_t port, rte_flow_template_table* table,
                      rte_flow_error& error) override {
        return model_->destroy_table(port, table, error);
    }
    rte_flow* create(std::uint16_t port, std::uint32_t queue, bool postpone,
                     rte_flow_template_table* table, const rte_flow_item* items,
                     std::uint8_t pattern, const rte_flow_action* actions,
                     std::uint8_t actions_template, void* user_data,
                     rte_flow_error& error) override {
        return model_->create(port, queue, postpone, table, items, pattern, actions,
                              actions_template, user_data, error);
    }
    int destroy(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
                void* user_data, rte_flow_error& error) override {
        return model_->destroy(port, queue, postpone, rule, user_data, error);
    }
    int update(std::uint16_t port, std::uint32_t queue, bool postpone, rte_flow* rule,
               const rte_flow_action* actions, std::uint8_t actions_template, void* user_data,
               rte_flow_error& error) override {
        return model_->update(port, queue, postpone, rule, actions, actions_template, user_data,
                              error);
    }
    int push(std::uint16_t port, std::uint32_t queue, rte_flow_error& error) override {
        return model_->push(port, queue, error);
    }
    int pull(std::uint16_t port, std::uint32_t queue, std::span<rte_flow_op_result> results,
             rte_flow_error& error) override {
        return model_->pull(port, queue, results, error);
    }
    int query_count(std::uint16_t port, rte_flow* rule, rte_flow_query_count& count,
                    rte_flow_error& error) override {
        return model_->query_count(port, rule, count, error);
    }
    [[nodiscard]] bool can_update() const override { return model_->can_update(); }

  private:
    std::shared_ptr<eswitch::ModelFlowApi> model_;
};

PlayedCard::PlayedCard() : model_(std::make_shared<eswitch::ModelFlowApi>()) {
    ++cards;
}
PlayedCard::~PlayedCard() = default;

NicBackend PlayedCard::backend(unsigned vfs) {
    return {std::make_unique<Ports>(model_, vfs), std::make_unique<Flow>(model_), nullptr};
}

std::uint16_t PlayedCard::port(const std::string& function) const {
    std::uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(vdev_of(function).c_str(), &id) != 0)
        throw std::runtime_error("no port " + function);
    return id;
}

} // namespace sallyport::control::fakes
