// SPDX-License-Identifier: BSD-3-Clause
// The card as one device: both uplinks and the wanted VFs' representors in one E-Switch, whose
// transfer proxy is the first uplink; and the order in which mlx5 lets its ports come and go.
#pragma once

#include "base/error.h"
#include "eswitch/bring_up/device_arguments.h"
#include "eswitch/bring_up/dpdk_release.h"
#include "eswitch/bring_up/nic_ports.h"
#include "eswitch/flow_api.h"
#include "eswitch/settings.h"
#include "net/card_function.h"
#include "net/pci_address.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sallyport::eswitch {

struct NicSettings {
    /// Of the card's first port.
    net::PciAddress pci;
    /// The VFs that have a vm port.
    std::set<net::CardFunction> vfs;
    /// Operations in flight on the flow queue.
    std::uint32_t flow_queue_size = 1024;
    /// Sizes the counters.
    Settings path;
    DpdkRelease release = running_release();
};

/// For each port, in this order: its owner configures it and sets up its queues; configure_flow();
/// before_start(); its owner starts it. p0 is started first, then p1, then representors. On the
/// way down: before_stop(), its owner stops it, after_stop(); and closed(), if it closes it too.
/// Template tables are made when p0 is started, and destroyed before it stops.
///
/// All calls from one thread.
class NicBringUp {
  public:
    /// Probes the card. It is gone again where this fails.
    /// @param ports, flow must outlive the object
    static Expected<std::unique_ptr<NicBringUp>> create(NicPorts& ports, FlowApi& flow,
                                                        const NicSettings& settings);
    /// Removes the card from DPDK. All its ports are stopped.
    ~NicBringUp();
    NicBringUp(const NicBringUp&) = delete;
    NicBringUp& operator=(const NicBringUp&) = delete;

    /// DPDK's id of the first uplink.
    [[nodiscard]] std::uint16_t proxy() const { return proxy_; }
    /// Null where DPDK has no port for it. Lives until the next add() or closed().
    [[nodiscard]] const NicPort* find(const net::CardFunction& function) const;
    /// What the port stands for; absent where it is none of the card's.
    [[nodiscard]] std::optional<net::CardFunction> function_of(std::uint16_t port) const;
    /// What an operator may want to know: ports that nobody asked for, work-arounds in use.
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

    /// Brings the representor of a VF that was not wanted at first or whose port was closed.
    /// Does nothing where there is one.
    Expected<void> add(const net::CardFunction& vf);
    /// The port's owner has closed it.
    void closed(std::uint16_t port);

    /// Between queue set-up and start. Does nothing the second time.
    Expected<void> configure_flow(std::uint16_t port);

    /// Fails where it is not the port's turn; otherwise the port counts as started.
    Expected<void> before_start(std::uint16_t port);
    /// Fails where others must be stopped first.
    Expected<void> before_stop(std::uint16_t port);
    /// The port is stopped, or its start failed.
    void after_stop(std::uint16_t port);

  private:
    struct Port {
        NicPort port;
        bool flow_configured = false;
        bool started = false;
    };
    using Ports = std::map<net::CardFunction, Port>;

    NicBringUp(NicPorts& ports, FlowApi& flow, const NicSettings& settings)
        : ports_(ports), flow_(flow), settings_(settings) {}

    Expected<void> bring();
    Expected<void> check_absent();
    Expected<void> probe_uplinks();
    Expected<void> probe(PfOrder order);
    Expected<void> remove();
    /// Brings found_ up to date with what DPDK has.
    void look();
    void note(std::string text);
    [[nodiscard]] Expected<void> check_uplinks() const;
    [[nodiscard]] Expected<void> check_representors() const;
    [[nodiscard]] Expected<void> check_domain() const;
    Expected<void> check_proxy();

    Ports::value_type* find_port(std::uint16_t port);
    [[nodiscard]] bool is_started(const net::CardFunction& function) const;
    [[nodiscard]] bool has_started_representor() const;
    [[nodiscard]] tl::unexpected<Error> no_such_port(std::uint16_t port) const;
    [[nodiscard]] tl::unexpected<Error> refuse(const Port& port, const char* why) const;
    [[nodiscard]] std::string where() const { return "card " + to_string(settings_.pci); }

    NicPorts& ports_;
    FlowApi& flow_;
    NicSettings settings_;
    bool probed_ = false;
    PfOrder order_ = PfOrder::ascending;
    /// The driver speaks of an E-Switch with one uplink.
    bool single_uplink_ = false;
    Ports found_;
    std::uint16_t proxy_ = 0;
    std::vector<std::string> notes_;
};

} // namespace sallyport::eswitch
