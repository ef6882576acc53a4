// SPDX-License-Identifier: BSD-3-Clause
// The ports of the card, one by one: what is asked of each, and in which order.
#include "eswitch/bring_up/bring_up.h"
#include "eswitch/bring_up/flow_resources.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sallyport::eswitch {

const NicPort* NicBringUp::find(const net::CardFunction& function) const {
    const auto found = found_.find(function);
    return found == found_.end() ? nullptr : &found->second.port;
}

std::optional<net::CardFunction> NicBringUp::function_of(std::uint16_t port) const {
    for (const auto& [function, found] : found_)
        if (found.port.id == port) return function;
    return std::nullopt;
}

NicBringUp::Ports::value_type* NicBringUp::find_port(std::uint16_t port) {
    const auto found = std::find_if(found_.begin(), found_.end(), [port](const auto& entry) {
        return entry.second.port.id == port;
    });
    return found == found_.end() ? nullptr : &*found;
}

bool NicBringUp::is_started(const net::CardFunction& function) const {
    const auto found = found_.find(function);
    return found != found_.end() && found->second.started;
}

bool NicBringUp::has_started_representor() const {
    return std::any_of(found_.begin(), found_.end(),
                       [](const auto& entry) { return entry.first.vf && entry.second.started; });
}

tl::unexpected<Error> NicBringUp::no_such_port(std::uint16_t port) const {
    return failure(fmt::format("DPDK port {} is none of the card's", port), where());
}

tl::unexpected<Error> NicBringUp::refuse(const Port& port, const char* why) const {
    return failure(fmt::format("{} {}", port.port.name, why), where());
}

Expected<void> NicBringUp::add(const net::CardFunction& vf) {
    settings_.vfs.insert(vf);
    if (find(vf) != nullptr) return {};
    auto done = probe(order_);
    if (done) done = check_representors();
    if (done) done = check_domain();
    if (done) done = check_proxy();
    if (done) return {};
    settings_.vfs.erase(vf);
    Error error = done.error();
    error.where = where();
    return tl::unexpected(std::move(error));
}

void NicBringUp::closed(std::uint16_t port) {
    const auto* const found = find_port(port);
    if (found == nullptr) return;
    const net::CardFunction function = found->first;
    // Or the next add() would bring it back.
    settings_.vfs.erase(function);
    found_.erase(function);
}

Expected<void> NicBringUp::configure_flow(std::uint16_t port) {
    auto* const found = find_port(port);
    if (found == nullptr) return no_such_port(port);
    Port& entry = found->second;
    if (entry.started) return refuse(entry, "takes no flow queues once it is started");
    if (entry.flow_configured) return {};
    const bool is_proxy = port == proxy_;
    rte_flow_port_attr attributes{};
    attributes.nb_counters = is_proxy ? needed_counters(settings_.path) : 0;
    attributes.nb_meters = is_proxy ? needed_meters(settings_.path) : 0;
    const std::uint32_t size = is_proxy ? settings_.flow_queue_size : spare_flow_queue_size;
    rte_flow_error error{};
    const int code = flow_.configure(port, attributes, flow_queues, size, error);
    if (code != 0)
        return failure(fmt::format("cannot configure the flow engine of {} with a queue of {}, {} "
                                   "counters and {} meters: {}",
                                   entry.port.name, size, attributes.nb_counters,
                                   attributes.nb_meters, describe(error, code)),
                       where(),
                       is_proxy ? "lower limits.fdb_entries and limits.tunnels, by which counters "
                                  "are counted, or eswitch.flow_queue_size"
                                : "");
    entry.flow_configured = true;
    return {};
}

Expected<void> NicBringUp::before_start(std::uint16_t port) {
    auto* const found = find_port(port);
    if (found == nullptr) return no_such_port(port);
    const net::CardFunction& function = found->first;
    Port& entry = found->second;
    if (!entry.flow_configured)
        return refuse(entry, "cannot be started before its flow engine is configured");
    if (function != net::first_uplink && !is_started(net::first_uplink))
        return refuse(entry, "cannot be started before p0");
    if (function.vf && !is_started(net::second_uplink))
        return refuse(entry, "cannot be started before p1");
    entry.started = true;
    return {};
}

Expected<void> NicBringUp::before_stop(std::uint16_t port) {
    const auto* const found = find_port(port);
    if (found == nullptr) return no_such_port(port);
    const net::CardFunction& function = found->first;
    if (function.vf) return {};
    if (has_started_representor())
        return refuse(found->second, "cannot be stopped before the representors");
    if (function == net::first_uplink && is_started(net::second_uplink))
        return refuse(found->second, "cannot be stopped before p1");
    return {};
}

void NicBringUp::after_stop(std::uint16_t port) {
    if (auto* const found = find_port(port)) found->second.started = false;
}

} // namespace sallyport::eswitch
