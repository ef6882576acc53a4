// SPDX-License-Identifier: BSD-3-Clause
// The driver's link state event (RTE_ETH_EVENT_INTR_LSC), held by RAII.
#pragma once

#include "base/error.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace sallyport::control {

class DriverLinkEvent {
  public:
    /// @param dpdk_port must stay open longer than the object
    /// @param happened runs on EAL's interrupt thread; never after the object is gone
    static Expected<DriverLinkEvent> watch(std::uint16_t dpdk_port, std::function<void()> happened);
    DriverLinkEvent(DriverLinkEvent&&) noexcept = default;
    DriverLinkEvent& operator=(DriverLinkEvent&&) noexcept = default;
    ~DriverLinkEvent() = default;

  private:
    struct Registration;
    explicit DriverLinkEvent(std::shared_ptr<Registration> registration);
    std::shared_ptr<Registration> registration_;
};

} // namespace sallyport::control
