// SPDX-License-Identifier: BSD-3-Clause
// A hardware path on a strict NIC that is a model inside: two uplinks and as many VMs as are asked
// for.
#pragma once

#include "eswitch/hardware_path.h"
#include "eswitch/model/model_flow_api.h"
#include "strict_flow_api.h"
#include "support/forwarding_flow_api.h"
#include "support/frames.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::testing {

/// Calls back whenever the NIC may have done something.
class WatchedFlowApi final : public ForwardingFlowApi {
  public:
    using ForwardingFlowApi::ForwardingFlowApi;

    std::function<void()> watch = [] {};

    int push(std::uint16_t port, std::uint32_t queue, rte_flow_error& error) override {
        const int code = ForwardingFlowApi::push(port, queue, error);
        watch();
        return code;
    }
    int pull(std::uint16_t port, std::uint32_t queue, std::span<rte_flow_op_result> results,
             rte_flow_error& error) override {
        const int count = ForwardingFlowApi::pull(port, queue, results, error);
        watch();
        return count;
    }
};

class EswitchLab {
  public:
    /// Room for unit tests.
    static eswitch::Settings small_settings();

    /// @param batch operations that go to the NIC together
    explicit EswitchLab(const eswitch::Settings& settings = small_settings(),
                        const eswitch::StrictOptions& options = {}, std::uint32_t batch = 32);
    /// Looks for what was left behind and what must never be done.
    ~EswitchLab();
    EswitchLab(const EswitchLab&) = delete;
    EswitchLab& operator=(const EswitchLab&) = delete;

    // DPDK port ids.
    static std::uint16_t uplink_port(overlay::UplinkIndex index) {
        return static_cast<std::uint16_t>(100 + index);
    }
    static std::uint16_t vm_port(overlay::VmPortId id) {
        return static_cast<std::uint16_t>(200 + id);
    }
    /// Its representor, started and attached.
    void add_vm_port(overlay::VmPortId id);
    void remove_vm_port(overlay::VmPortId id);

    void put(overlay::Row row);
    void remove(overlay::Row row);

    eswitch::ModelVerdict from_vm(overlay::VmPortId id, const Octets& frame) {
        return model_.run(vm_port(id), frame);
    }
    eswitch::ModelVerdict from_uplink(overlay::UplinkIndex index, const Octets& packet) {
        return model_.run(uplink_port(index), packet);
    }

    /// A line for each step: the rule that the path knows it by, with its match and actions.
    std::string describe(const eswitch::ModelVerdict& verdict) const;

    eswitch::HardwarePath& path() { return *path_; }
    eswitch::StrictFlowApi& nic() { return nic_; }
    /// @param watch called whenever the NIC may have done something
    void watch(std::function<void()> watch) { flow_.watch = std::move(watch); }
    /// The NIC is beyond help; what it keeps is not looked at.
    void forgive_leftovers() { forgiven_ = true; }

  private:
    void bring_up(std::uint16_t port, std::uint32_t counters);

    std::set<overlay::VmPortId> representors_;
    eswitch::ModelFlowApi model_;
    eswitch::StrictFlowApi nic_;
    WatchedFlowApi flow_{nic_};
    std::optional<eswitch::HardwarePath> path_;
    bool forgiven_ = false;
};

} // namespace sallyport::testing
