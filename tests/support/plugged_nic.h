// SPDX-License-Identifier: BSD-3-Clause
// A port of DPDK that seems to be a FakeNic's: where our code asks DPDK for the port's offloads,
// its rte_security context and its rules, the linker puts these answers in between (--wrap). It can
// be pulled, too.
#pragma once

#include "support/fake_nic.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <rte_ethdev.h>
#include <rte_flow.h>

namespace sallyport::testing {

/// A rule as rte_flow was given it.
struct NicRule {
    const void* session = nullptr;
    bool ingress = false;
    /// Types of the items up to the end.
    std::vector<rte_flow_item_type> items;
    /// Network byte order, 4 or 16 octets; empty where a bit was left out.
    Octets source;
    Octets destination;
    /// Host byte order; 0: no such item.
    std::uint16_t udp_port = 0;
    std::uint32_t spi = 0;
    /// Of the action beside the session; END: none.
    rte_flow_action_type fate = RTE_FLOW_ACTION_TYPE_END;
    std::vector<std::uint16_t> queues;
};

class PluggedNic {
  public:
    /// @param device of a port that nobody has opened yet
    PluggedNic(const std::string& device, FakeNic& nic);
    ~PluggedNic();
    PluggedNic(const PluggedNic&) = delete;
    PluggedNic& operator=(const PluggedNic&) = delete;

    FakeNic& nic;
    std::vector<NicRule> rules;
    /// What the driver offers; what the port's owner switched on.
    std::uint64_t rx_offer;
    std::uint64_t tx_offer;
    std::uint64_t rx_on = 0;
    std::uint64_t tx_on = 0;
    /// RTE_ETH_RSS_... that the driver spreads by; what the port's owner asked for.
    std::uint64_t rss_offer = 0;
    std::uint64_t rss_on = 0;
    rte_eth_rx_mq_mode rx_mode = RTE_ETH_MQ_RX_NONE;
    /// Rules with another action beside the session are refused.
    std::vector<rte_flow_action_type> fates;
    /// Number of sessions when the port was closed; absent: it was not.
    std::optional<std::size_t> sessions_at_close;

    /// The device is off its bus: on a thread of its own, as the driver would, tells whoever asked
    /// for RTE_ETH_EVENT_INTR_RMV.
    void pull();
    /// What its driver says when it is asked whether it is.
    bool says_removed = false;
    /// Its driver cannot start it: a negative errno.
    int start_error = 0;
    /// Its driver raises that event. To be set before the port is opened.
    bool tells_of_removal = false;
    /// Whether the port's owner switched it on.
    bool removal_event_on = false;
    /// The same of RTE_ETH_EVENT_INTR_LSC, which nothing here raises.
    bool tells_of_link = false;
    bool link_event_on = false;
    /// Calls to the driver but those of the packet path: "link", "stats", "promiscuous", "stop",
    /// "close".
    std::vector<std::string> calls;

    // For the answers.
    struct RemovalCallback {
        rte_eth_dev_cb_fn call = nullptr;
        void* argument = nullptr;
        bool operator==(const RemovalCallback&) const = default;
    };
    std::vector<RemovalCallback> removal_callbacks;
    std::uint32_t device_flags = 0;

  private:
    std::uint16_t id_ = 0;
};

} // namespace sallyport::testing
