// SPDX-License-Identifier: BSD-3-Clause
#include "support/plugged_nic.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>
#include <rte_ethdev.h>

namespace sallyport::testing {

namespace {

std::map<std::uint16_t, PluggedNic*>& plugged() {
    static std::map<std::uint16_t, PluggedNic*> nics;
    return nics;
}

PluggedNic* find(std::uint16_t port) {
    const auto found = plugged().find(port);
    return found == plugged().end() ? nullptr : found->second;
}

void note(std::uint16_t port, const char* call) {
    if (PluggedNic* const plugged = find(port)) plugged->calls.emplace_back(call);
}

/// Octets of a field whose mask is whole; else none.
template<class Field>
Octets whole(const Field& spec, const Field& mask) {
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(&spec);
    const auto* const bits = reinterpret_cast<const std::uint8_t*>(&mask);
    if (!std::all_of(bits, bits + sizeof mask, [](std::uint8_t octet) { return octet == 0xff; }))
        return {};
    return {octets, octets + sizeof spec};
}

void read_item(const rte_flow_item& item, NicRule& rule) {
    const auto addresses = [&](const auto& spec, const auto& mask) {
        rule.source = whole(spec.hdr.src_addr, mask.hdr.src_addr);
        rule.destination = whole(spec.hdr.dst_addr, mask.hdr.dst_addr);
    };
    if (item.type == RTE_FLOW_ITEM_TYPE_IPV4)
        addresses(*static_cast<const rte_flow_item_ipv4*>(item.spec),
                  *static_cast<const rte_flow_item_ipv4*>(item.mask));
    if (item.type == RTE_FLOW_ITEM_TYPE_IPV6)
        addresses(*static_cast<const rte_flow_item_ipv6*>(item.spec),
                  *static_cast<const rte_flow_item_ipv6*>(item.mask));
    if (item.type == RTE_FLOW_ITEM_TYPE_UDP)
        rule.udp_port =
            rte_be_to_cpu_16(static_cast<const rte_flow_item_udp*>(item.spec)->hdr.dst_port
                             & static_cast<const rte_flow_item_udp*>(item.mask)->hdr.dst_port);
    if (item.type == RTE_FLOW_ITEM_TYPE_ESP)
        rule.spi = rte_be_to_cpu_32(static_cast<const rte_flow_item_esp*>(item.spec)->hdr.spi
                                    & static_cast<const rte_flow_item_esp*>(item.mask)->hdr.spi);
}

void read_action(const rte_flow_action& action, NicRule& rule) {
    if (action.type == RTE_FLOW_ACTION_TYPE_SECURITY) {
        rule.session = action.conf;
        return;
    }
    rule.fate = action.type;
    if (action.type == RTE_FLOW_ACTION_TYPE_RSS) {
        const auto* const rss = static_cast<const rte_flow_action_rss*>(action.conf);
        rule.queues.assign(rss->queue, rss->queue + rss->queue_num);
    }
    if (action.type == RTE_FLOW_ACTION_TYPE_QUEUE)
        rule.queues = {static_cast<const rte_flow_action_queue*>(action.conf)->index};
}

} // namespace

PluggedNic::PluggedNic(const std::string& device, FakeNic& of)
    : nic(of), rx_offer(RTE_ETH_RX_OFFLOAD_SECURITY),
      tx_offer(RTE_ETH_TX_OFFLOAD_SECURITY), fates{RTE_FLOW_ACTION_TYPE_RSS,
                                                   RTE_FLOW_ACTION_TYPE_END,
                                                   RTE_FLOW_ACTION_TYPE_QUEUE} {
    if (rte_eth_dev_get_port_by_name(device.c_str(), &id_) != 0)
        throw std::runtime_error("no port " + device);
    plugged()[id_] = this;
}

PluggedNic::~PluggedNic() {
    plugged().erase(id_);
    EXPECT_TRUE(rules.empty()) << "rules left in the NIC";
    EXPECT_TRUE(removal_callbacks.empty()) << "would be called after its end";
}

void PluggedNic::pull() {
    std::thread([this] {
        for (const RemovalCallback& callback : removal_callbacks)
            callback.call(id_, RTE_ETH_EVENT_INTR_RMV, callback.argument, nullptr);
    }).join();
}

} // namespace sallyport::testing

using sallyport::testing::find;
using sallyport::testing::NicRule;
using sallyport::testing::note;
using sallyport::testing::PluggedNic;

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
extern "C" {

void* __real_rte_eth_dev_get_sec_ctx(std::uint16_t port);
int __real_rte_eth_dev_info_get(std::uint16_t port, rte_eth_dev_info* info);
int __real_rte_eth_dev_configure(std::uint16_t port, std::uint16_t rx_queues,
                                 std::uint16_t tx_queues, const rte_eth_conf* conf);
int __real_rte_eth_dev_conf_get(std::uint16_t port, rte_eth_conf* conf);
int __real_rte_eth_dev_close(std::uint16_t port);
int __real_rte_eth_dev_is_removed(std::uint16_t port);
int __real_rte_eth_dev_start(std::uint16_t port);
int __real_rte_eth_dev_stop(std::uint16_t port);
int __real_rte_eth_link_get_nowait(std::uint16_t port, rte_eth_link* link);
int __real_rte_eth_stats_get(std::uint16_t port, rte_eth_stats* stats);
int __real_rte_eth_promiscuous_get(std::uint16_t port);
int __real_rte_eth_dev_callback_register(std::uint16_t port, rte_eth_event_type event,
                                         rte_eth_dev_cb_fn call, void* argument);
int __real_rte_eth_dev_callback_unregister(std::uint16_t port, rte_eth_event_type event,
                                           rte_eth_dev_cb_fn call, void* argument);
rte_flow* __real_rte_flow_create(std::uint16_t port, const rte_flow_attr* attributes,
                                 const rte_flow_item* pattern, const rte_flow_action* actions,
                                 rte_flow_error* error);
int __real_rte_flow_destroy(std::uint16_t port, rte_flow* flow, rte_flow_error* error);

void* __wrap_rte_eth_dev_get_sec_ctx(std::uint16_t port);
int __wrap_rte_eth_dev_info_get(std::uint16_t port, rte_eth_dev_info* info);
int __wrap_rte_eth_dev_configure(std::uint16_t port, std::uint16_t rx_queues,
                                 std::uint16_t tx_queues, const rte_eth_conf* conf);
int __wrap_rte_eth_dev_conf_get(std::uint16_t port, rte_eth_conf* conf);
int __wrap_rte_eth_dev_close(std::uint16_t port);
int __wrap_rte_eth_dev_is_removed(std::uint16_t port);
int __wrap_rte_eth_dev_start(std::uint16_t port);
int __wrap_rte_eth_dev_stop(std::uint16_t port);
int __wrap_rte_eth_link_get_nowait(std::uint16_t port, rte_eth_link* link);
int __wrap_rte_eth_stats_get(std::uint16_t port, rte_eth_stats* stats);
int __wrap_rte_eth_promiscuous_get(std::uint16_t port);
int __wrap_rte_eth_dev_callback_register(std::uint16_t port, rte_eth_event_type event,
                                         rte_eth_dev_cb_fn call, void* argument);
int __wrap_rte_eth_dev_callback_unregister(std::uint16_t port, rte_eth_event_type event,
                                           rte_eth_dev_cb_fn call, void* argument);
rte_flow* __wrap_rte_flow_create(std::uint16_t port, const rte_flow_attr* attributes,
                                 const rte_flow_item* pattern, const rte_flow_action* actions,
                                 rte_flow_error* error);
int __wrap_rte_flow_destroy(std::uint16_t port, rte_flow* flow, rte_flow_error* error);

void* __wrap_rte_eth_dev_get_sec_ctx(std::uint16_t port) {
    const PluggedNic* const plugged = find(port);
    if (plugged == nullptr) return __real_rte_eth_dev_get_sec_ctx(port);
    return plugged->nic.context().value_or(nullptr);
}

int __wrap_rte_eth_dev_info_get(std::uint16_t port, rte_eth_dev_info* info) {
    const int result = __real_rte_eth_dev_info_get(port, info);
    if (PluggedNic* const plugged = find(port); result == 0 && plugged != nullptr) {
        info->rx_offload_capa |= plugged->rx_offer;
        info->tx_offload_capa |= plugged->tx_offer;
        info->flow_type_rss_offloads |= plugged->rss_offer;
        plugged->device_flags = *info->dev_flags;
        if (plugged->tells_of_removal) plugged->device_flags |= RTE_ETH_DEV_INTR_RMV;
        if (plugged->tells_of_link) plugged->device_flags |= RTE_ETH_DEV_INTR_LSC;
        info->dev_flags = &plugged->device_flags;
    }
    return result;
}

int __wrap_rte_eth_dev_configure(std::uint16_t port, std::uint16_t rx_queues,
                                 std::uint16_t tx_queues, const rte_eth_conf* conf) {
    PluggedNic* const plugged = find(port);
    if (plugged == nullptr) return __real_rte_eth_dev_configure(port, rx_queues, tx_queues, conf);
    rte_eth_conf rest = *conf;
    plugged->rx_on = rest.rxmode.offloads & plugged->rx_offer;
    plugged->tx_on = rest.txmode.offloads & plugged->tx_offer;
    plugged->rss_on = rest.rx_adv_conf.rss_conf.rss_hf;
    plugged->rx_mode = rest.rxmode.mq_mode;
    rest.rx_adv_conf.rss_conf.rss_hf &= ~plugged->rss_offer;
    plugged->removal_event_on = rest.intr_conf.rmv != 0;
    if (plugged->tells_of_removal) rest.intr_conf.rmv = 0;
    plugged->link_event_on = rest.intr_conf.lsc != 0;
    if (plugged->tells_of_link) rest.intr_conf.lsc = 0;
    rest.rxmode.offloads &= ~plugged->rx_offer;
    rest.txmode.offloads &= ~plugged->tx_offer;
    return __real_rte_eth_dev_configure(port, rx_queues, tx_queues, &rest);
}

int __wrap_rte_eth_dev_conf_get(std::uint16_t port, rte_eth_conf* conf) {
    const int result = __real_rte_eth_dev_conf_get(port, conf);
    if (const PluggedNic* const plugged = find(port); result == 0 && plugged != nullptr) {
        conf->rxmode.offloads |= plugged->rx_on;
        conf->txmode.offloads |= plugged->tx_on;
    }
    return result;
}

int __wrap_rte_eth_dev_is_removed(std::uint16_t port) {
    const PluggedNic* const plugged = find(port);
    return plugged != nullptr && plugged->says_removed ? 1 : __real_rte_eth_dev_is_removed(port);
}

int __wrap_rte_eth_dev_start(std::uint16_t port) {
    const PluggedNic* const plugged = find(port);
    return plugged != nullptr && plugged->start_error != 0 ? plugged->start_error
                                                           : __real_rte_eth_dev_start(port);
}

int __wrap_rte_eth_dev_stop(std::uint16_t port) {
    note(port, "stop");
    return __real_rte_eth_dev_stop(port);
}

int __wrap_rte_eth_link_get_nowait(std::uint16_t port, rte_eth_link* link) {
    note(port, "link");
    return __real_rte_eth_link_get_nowait(port, link);
}

int __wrap_rte_eth_stats_get(std::uint16_t port, rte_eth_stats* stats) {
    note(port, "stats");
    return __real_rte_eth_stats_get(port, stats);
}

int __wrap_rte_eth_promiscuous_get(std::uint16_t port) {
    note(port, "promiscuous");
    return __real_rte_eth_promiscuous_get(port);
}

int __wrap_rte_eth_dev_callback_register(std::uint16_t port, rte_eth_event_type event,
                                         rte_eth_dev_cb_fn call, void* argument) {
    PluggedNic* const plugged = find(port);
    if (plugged == nullptr || event != RTE_ETH_EVENT_INTR_RMV)
        return __real_rte_eth_dev_callback_register(port, event, call, argument);
    plugged->removal_callbacks.push_back({call, argument});
    return 0;
}

int __wrap_rte_eth_dev_callback_unregister(std::uint16_t port, rte_eth_event_type event,
                                           rte_eth_dev_cb_fn call, void* argument) {
    PluggedNic* const plugged = find(port);
    if (plugged == nullptr || event != RTE_ETH_EVENT_INTR_RMV)
        return __real_rte_eth_dev_callback_unregister(port, event, call, argument);
    std::erase(plugged->removal_callbacks, PluggedNic::RemovalCallback{call, argument});
    return 0;
}

int __wrap_rte_eth_dev_close(std::uint16_t port) {
    note(port, "close");
    if (PluggedNic* const plugged = find(port))
        plugged->sessions_at_close = plugged->nic.sessions.size();
    return __real_rte_eth_dev_close(port);
}

rte_flow* __wrap_rte_flow_create(std::uint16_t port, const rte_flow_attr* attributes,
                                 const rte_flow_item* pattern, const rte_flow_action* actions,
                                 rte_flow_error* error) {
    PluggedNic* const plugged = find(port);
    if (plugged == nullptr)
        return __real_rte_flow_create(port, attributes, pattern, actions, error);
    NicRule rule;
    rule.ingress = attributes->ingress == 1 && attributes->egress == 0 && attributes->transfer == 0;
    for (; pattern->type != RTE_FLOW_ITEM_TYPE_END; ++pattern) {
        rule.items.push_back(pattern->type);
        sallyport::testing::read_item(*pattern, rule);
    }
    for (; actions->type != RTE_FLOW_ACTION_TYPE_END; ++actions)
        sallyport::testing::read_action(*actions, rule);
    if (std::find(plugged->fates.begin(), plugged->fates.end(), rule.fate)
        == plugged->fates.end()) {
        rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, nullptr, "no such action");
        return nullptr;
    }
    plugged->rules.push_back(rule);
    return static_cast<rte_flow*>(const_cast<void*>(rule.session));
}

int __wrap_rte_flow_destroy(std::uint16_t port, rte_flow* flow, rte_flow_error* error) {
    PluggedNic* const plugged = find(port);
    if (plugged == nullptr) return __real_rte_flow_destroy(port, flow, error);
    EXPECT_TRUE(std::any_of(
        plugged->nic.sessions.begin(), plugged->nic.sessions.end(),
        [&](const auto& session) { return static_cast<const void*>(session.handle) == flow; }))
        << "the rule goes before its session";
    return std::erase_if(
               plugged->rules,
               [&](const NicRule& rule) { return rule.session == static_cast<const void*>(flow); })
                   == 1
               ? 0
               : -EINVAL;
}

} // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
