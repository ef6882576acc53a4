// SPDX-License-Identifier: BSD-3-Clause
// rte_flow actions with their masks: a template takes both, a rule only the actions. To be called
// in the one order that mlx5 executes and accepts: decapsulate, count, meter, set, encapsulate, and
// one of the last four. No allocation.
#pragma once

#include "eswitch/rule_spec.h"
#include "net/mac_address.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include <rte_flow.h>

namespace sallyport::eswitch {

/// The actions point into the object: not to be copied.
class ActionsBuilder {
  public:
    ActionsBuilder() = default;
    ActionsBuilder(const ActionsBuilder&) = delete;
    ActionsBuilder& operator=(const ActionsBuilder&) = delete;

    /// Off with the outermost Ethernet, IP, UDP and VXLAN headers.
    void decapsulate();
    /// One counter a rule.
    void count();
    /// Colours the packet by a meter of the rule's own. @param profile from FlowApi
    void meter(rte_flow_meter_profile* profile);
    /// The whole of TAG register 0.
    void set_tag(std::uint32_t value);
    /// One bit of it, the same in every rule.
    void set_tag_bit(unsigned bit);
    void set_source(const net::MacAddress& mac);
    void set_destination(const net::MacAddress& mac);
    /// @param header read when the rule is made, must live until then
    /// @param length octets, the same in every rule
    void encapsulate(const EncapHeader& header, std::uint16_t length);
    /// The same group in every rule.
    void jump(std::uint32_t group);
    void to_port(std::uint16_t port);
    void to_cpu();
    void drop();

    /// End the list; of equal length.
    const rte_flow_action* actions();
    const rte_flow_action* masks();

  private:
    static constexpr std::size_t most_actions = 8;
    union Configuration {
        rte_flow_action_count count;
        rte_flow_action_meter_mark meter;
        rte_flow_action_modify_field modify;
        rte_flow_action_raw_encap encap;
        rte_flow_action_jump jump;
        rte_flow_action_ethdev port;
    };

    /// Both zero.
    void add(rte_flow_action_type type, Configuration*& action, Configuration*& mask);
    void add_plain(rte_flow_action_type type);
    void set_mac(rte_flow_field_id field, const net::MacAddress& mac);

    std::size_t count_ = 0;
    std::array<rte_flow_action, most_actions + 1> actions_;
    std::array<rte_flow_action, most_actions + 1> masks_;
    std::array<Configuration, most_actions> action_configurations_;
    std::array<Configuration, most_actions> mask_configurations_;
};

} // namespace sallyport::eswitch
