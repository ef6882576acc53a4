// SPDX-License-Identifier: BSD-3-Clause
// An event of a port's driver (rte_eth_event_type), held by RAII.
#pragma once

#include "base/error.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace sallyport::control {

class DriverEvent {
  public:
    enum class Kind : std::uint8_t {
        /// RTE_ETH_EVENT_INTR_LSC
        link,
        /// RTE_ETH_EVENT_INTR_RMV
        removal,
    };

    /// @param dpdk_port must stay open longer than the object
    /// @param happened runs on EAL's interrupt thread; never after the object is gone
    static Expected<DriverEvent> watch(std::uint16_t dpdk_port, Kind kind,
                                       std::function<void()> happened);
    DriverEvent(DriverEvent&&) noexcept = default;
    DriverEvent& operator=(DriverEvent&&) noexcept = default;
    ~DriverEvent() = default;

  private:
    struct Registration;
    explicit DriverEvent(std::shared_ptr<Registration> registration);
    std::shared_ptr<Registration> registration_;
};

} // namespace sallyport::control
