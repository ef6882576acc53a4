// SPDX-License-Identifier: BSD-3-Clause
// The ports of the E-Switch and the order in which mlx5 lets them come and go.
#pragma once

#include "strict_options.h"
#include "strict_refusal.h"

#include <cstdint>
#include <map>
#include <optional>

#include <rte_flow.h>

namespace sallyport::eswitch {

enum class StrictPortKind : std::uint8_t { wire, vport };

class StrictPorts {
  public:
    struct Configuration {
        rte_flow_port_attr attributes{};
        std::uint16_t queues = 0;
        std::uint32_t queue_size = 0;
    };

    void add(std::uint16_t port, StrictPortKind kind);

    [[nodiscard]] bool is_known(std::uint16_t port) const { return ports_.count(port) != 0; }
    [[nodiscard]] bool is_wire(std::uint16_t port) const;
    /// The first wire port; null if there is none.
    [[nodiscard]] std::optional<std::uint16_t> proxy() const { return proxy_; }
    [[nodiscard]] bool is_proxy_started() const;
    /// Of a port that has been configured.
    [[nodiscard]] const Configuration* configuration(std::uint16_t port) const;

    /// @param repeated set if the port has just this configuration already
    Verdict configure(std::uint16_t port, const Configuration& configuration, bool& repeated);
    /// The wrapped API did not take it.
    void unconfigure(std::uint16_t port);
    Verdict start(std::uint16_t port, bool configure_every_port);
    Verdict stop(std::uint16_t port);

    /// Whether @p port may hold templates and tables.
    [[nodiscard]] Verdict check_proxy(std::uint16_t port, const char* not_the_proxy) const;

  private:
    struct Port {
        StrictPortKind kind;
        bool started = false;
        std::optional<Configuration> configuration;
    };

    std::map<std::uint16_t, Port> ports_;
    std::optional<std::uint16_t> proxy_;
};

} // namespace sallyport::eswitch
