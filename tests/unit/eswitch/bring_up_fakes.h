// SPDX-License-Identifier: BSD-3-Clause
// A card in a host, as the bring-up sees it: the ports that the mlx5 driver makes of it for given
// device arguments, and the flow engine's set-up calls.
#pragma once

#include "eswitch/bring_up/nic_ports.h"
#include "eswitch/flow_api.h"
#include "net/card_function.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sallyport::eswitch {

inline constexpr net::PciAddress card_address{0, 8, 0, 0};

class FakeCard final : public NicPorts {
  public:
    // What the card and the driver are like.
    bool multiport = true;
    /// The driver stops at the first PF of the list that is not the uplink's own.
    bool loses_uplinks = false;
    /// Whatever the device arguments say.
    std::set<net::CardFunction> never_made;
    std::array<unsigned, 2> vfs{4, 4};
    std::optional<Error> probe_failure;
    /// Of a port by its name.
    std::optional<std::string> in_another_domain;
    std::optional<std::string> in_no_domain;

    // What happened.
    std::vector<std::string> probed;
    unsigned removed = 0;
    std::vector<NicPort> ports;

    Expected<void> probe(const std::string& device) override {
        probed.push_back(device);
        if (probe_failure) return tl::unexpected(*probe_failure);
        const std::vector<unsigned> pfs = list_after(device, "pf[");
        const std::vector<unsigned> vf_numbers = list_after(device, "vf[");
        if (!multiport) {
            make("0000:08:00.0");
            return {};
        }
        make("0000:08:00.0_p0", net::CardFunction{0});
        if (!vf_numbers.empty() && loses_uplinks ? pfs.front() == 1 : has(pfs, 1))
            make("0000:08:00.0_p1", net::CardFunction{1});
        for (const unsigned pf : pfs)
            for (unsigned vf = 0; vf < vfs[pf]; ++vf)
                if (has(vf_numbers, vf))
                    make("0000:08:00.0_representor_c0pf" + std::to_string(pf) + "vf"
                             + std::to_string(vf),
                         net::CardFunction{pf, vf});
        return {};
    }

    Expected<void> remove(const net::PciAddress& pci) override {
        ++removed;
        std::erase_if(ports,
                      [&](const NicPort& port) { return port.name.starts_with(to_string(pci)); });
        return {};
    }

    std::vector<NicPort> list() override { return ports; }

    void make(const std::string& name, std::optional<net::CardFunction> function = {}) {
        for (const NicPort& port : ports)
            if (port.name == name) return;
        if (function && never_made.contains(*function)) return;
        std::uint16_t domain = 1;
        if (in_another_domain == name) domain = 2;
        if (in_no_domain == name) domain = no_switch_domain;
        ports.push_back({next_id_++, name, domain});
    }

    void close(std::uint16_t id) {
        std::erase_if(ports, [id](const NicPort& port) { return port.id == id; });
    }

  private:
    static bool has(const std::vector<unsigned>& numbers, unsigned number) {
        for (const unsigned candidate : numbers)
            if (candidate == number) return true;
        return false;
    }

    /// "[0-3,5]" of the device arguments, in its order.
    static std::vector<unsigned> list_after(const std::string& device, const std::string& key) {
        std::vector<unsigned> numbers;
        std::size_t at = device.find(key);
        if (at == std::string::npos) return numbers;
        at += key.size();
        while (device[at] != ']') {
            std::size_t length = 0;
            const auto first = static_cast<unsigned>(std::stoul(device.substr(at), &length));
            at += length;
            unsigned last = first;
            if (device[at] == '-') {
                last = static_cast<unsigned>(std::stoul(device.substr(at + 1), &length));
                at += 1 + length;
            }
            for (unsigned number = first; number <= last; ++number)
                numbers.push_back(number);
            if (device[at] == ',') ++at;
        }
        return numbers;
    }

    std::uint16_t next_id_ = 3;
};

/// Answers the calls of the bring-up; it makes none of the others.
class FakeFlow final : public FlowApi {
  public:
    struct Configured {
        std::uint16_t port;
        std::uint32_t counters;
        std::uint32_t meters;
        std::uint16_t queues;
        std::uint32_t queue_size;
    };

    /// The first port that FakeCard makes.
    std::uint16_t proxy = 3;
    int proxy_result = 0;
    int configure_result = 0;
    std::vector<Configured> configured;

    int pick_transfer_proxy(std::uint16_t, std::uint16_t& found, rte_flow_error& error) override {
        error.message = "no proxy";
        found = proxy;
        return proxy_result;
    }
    int configure(std::uint16_t port, const rte_flow_port_attr& attributes, std::uint16_t queues,
                  std::uint32_t queue_size, rte_flow_error& error) override {
        error.message = "no memory for that";
        configured.push_back(
            {port, attributes.nb_counters, attributes.nb_meters, queues, queue_size});
        return configure_result;
    }

    rte_flow_pattern_template* create_pattern_template(std::uint16_t, const rte_flow_item*,
                                                       rte_flow_error&) override {
        return nullptr;
    }
    int destroy_pattern_template(std::uint16_t, rte_flow_pattern_template*,
                                 rte_flow_error&) override {
        return -ENOTSUP;
    }
    rte_flow_actions_template* create_actions_template(std::uint16_t, const rte_flow_action*,
                                                       const rte_flow_action*,
                                                       rte_flow_error&) override {
        return nullptr;
    }
    int destroy_actions_template(std::uint16_t, rte_flow_actions_template*,
                                 rte_flow_error&) override {
        return -ENOTSUP;
    }
    rte_flow_template_table* create_table(std::uint16_t, const TableAttributes&,
                                          std::span<rte_flow_pattern_template* const>,
                                          std::span<rte_flow_actions_template* const>,
                                          rte_flow_error&) override {
        return nullptr;
    }
    int destroy_table(std::uint16_t, rte_flow_template_table*, rte_flow_error&) override {
        return -ENOTSUP;
    }
    rte_flow* create(std::uint16_t, std::uint32_t, bool, rte_flow_template_table*,
                     const rte_flow_item*, std::uint8_t, const rte_flow_action*, std::uint8_t,
                     void*, rte_flow_error&) override {
        return nullptr;
    }
    int destroy(std::uint16_t, std::uint32_t, bool, rte_flow*, void*, rte_flow_error&) override {
        return -ENOTSUP;
    }
    rte_flow_meter_profile* add_meter_profile(std::uint16_t, std::uint32_t,
                                              const rte_mtr_meter_profile&,
                                              rte_flow_error&) override {
        return nullptr;
    }
    int remove_meter_profile(std::uint16_t, std::uint32_t, rte_flow_error&) override {
        return -EINVAL;
    }
    int update(std::uint16_t, std::uint32_t, bool, rte_flow*, const rte_flow_action*, std::uint8_t,
               void*, rte_flow_error&) override {
        return -ENOTSUP;
    }
    int push(std::uint16_t, std::uint32_t, rte_flow_error&) override { return -ENOTSUP; }
    int pull(std::uint16_t, std::uint32_t, std::span<rte_flow_op_result>,
             rte_flow_error&) override {
        return -ENOTSUP;
    }
    int query_count(std::uint16_t, rte_flow*, rte_flow_query_count&, rte_flow_error&) override {
        return -ENOTSUP;
    }
    int calculate_encap_hash(std::uint16_t, const rte_flow_item*, std::array<std::uint8_t, 2>&,
                             rte_flow_error&) override {
        return -ENOTSUP;
    }
    [[nodiscard]] bool can_update() const override { return true; }
};

} // namespace sallyport::eswitch
