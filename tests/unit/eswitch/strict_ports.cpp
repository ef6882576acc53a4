// SPDX-License-Identifier: BSD-3-Clause
#include "strict_ports.h"

#include <algorithm>

namespace sallyport::eswitch {

namespace {

bool same(const StrictPorts::Configuration& a, const StrictPorts::Configuration& b) {
    return a.queues == b.queues && a.queue_size == b.queue_size
           && a.attributes.nb_counters == b.attributes.nb_counters
           && a.attributes.nb_aging_objects == b.attributes.nb_aging_objects
           && a.attributes.nb_meters == b.attributes.nb_meters
           && a.attributes.nb_conn_tracks == b.attributes.nb_conn_tracks
           && a.attributes.flags == b.attributes.flags;
}

constexpr const char* no_such_port = "no such port in the E-Switch";

} // namespace

void StrictPorts::add(std::uint16_t port, StrictPortKind kind) {
    ports_.insert_or_assign(port, Port{kind, false, {}});
    if (kind == StrictPortKind::wire && !proxy_) proxy_ = port;
}

bool StrictPorts::is_wire(std::uint16_t port) const {
    const auto found = ports_.find(port);
    return found != ports_.end() && found->second.kind == StrictPortKind::wire;
}

bool StrictPorts::is_proxy_started() const {
    return proxy_ && ports_.at(*proxy_).started;
}

const StrictPorts::Configuration* StrictPorts::configuration(std::uint16_t port) const {
    const auto found = ports_.find(port);
    if (found == ports_.end() || !found->second.configuration) return nullptr;
    return &*found->second.configuration;
}

Verdict StrictPorts::configure(std::uint16_t port, const Configuration& configuration,
                               bool& repeated) {
    const auto found = ports_.find(port);
    if (found == ports_.end()) return refuse(ENODEV, no_such_port);
    Port& entry = found->second;
    if (entry.started) return refuse(EINVAL, "Device already started.");
    if (configuration.queues == 0) return refuse(EINVAL, "At least one flow queue is required");
    if (configuration.queue_size == 0) return refuse(EINVAL, "Flow queue without room");
    if (configuration.attributes.nb_aging_objects != 0 && configuration.attributes.nb_counters == 0)
        return refuse(EINVAL, "Aging cannot work without counters");
    repeated = entry.configuration && same(*entry.configuration, configuration);
    if (entry.configuration && !repeated)
        return refuse(ENOTSUP, "Changing HWS configuration attributes is not supported");
    entry.configuration = configuration;
    return {};
}

void StrictPorts::unconfigure(std::uint16_t port) {
    ports_.at(port).configuration.reset();
}

Verdict StrictPorts::start(std::uint16_t port, bool configure_every_port) {
    const auto found = ports_.find(port);
    if (found == ports_.end()) return refuse(ENODEV, no_such_port);
    Port& entry = found->second;
    if (proxy_ && port != *proxy_) {
        if (!is_proxy_started()) return refuse(EAGAIN, "transfer proxy must be started");
        if (configure_every_port && !entry.configuration)
            return refuse(EINVAL, "with representor matching enabled, port must be configured");
    }
    entry.started = true;
    return {};
}

Verdict StrictPorts::stop(std::uint16_t port) {
    const auto found = ports_.find(port);
    if (found == ports_.end()) return refuse(ENODEV, no_such_port);
    const bool another_started =
        std::any_of(ports_.begin(), ports_.end(), [port](const auto& other) {
            return other.first != port && other.second.started;
        });
    if (proxy_ == port && another_started)
        return refuse(EBUSY, "attached representor ports must be stopped before stopping transfer"
                             " proxy port");
    found->second.started = false;
    return {};
}

Verdict StrictPorts::check_proxy(std::uint16_t port, const char* not_the_proxy) const {
    if (!is_known(port)) return refuse(ENODEV, no_such_port);
    if (proxy_ != port) return refuse(EINVAL, not_the_proxy);
    if (configuration(port) == nullptr)
        return refuse(EINVAL, "Flow engine on the port is not configured.");
    return {};
}

} // namespace sallyport::eswitch
