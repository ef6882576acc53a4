// SPDX-License-Identifier: BSD-3-Clause
// Keeps the way to every remote vtep: the kernel's routes and neighbours, and the operator's static
// next hops.
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "net/ip_address.h"
#include "net/mac_address.h"
#include "overlay/forwarding_state.h"
#include "underlay/kernel_watch.h"

#include <map>
#include <span>
#include <string>

namespace sallyport::control {

/// The operator's next hops by address. One that names an uplink wins there over one for both.
/// @param uplinks their order gives the index
/// @param source the underlay's MAC, from which every frame is sent
std::map<net::IpAddress, overlay::NextHopLinks>
static_links(std::span<const config::NextHopSettings> settings,
             std::span<const config::UplinkSettings> uplinks, const net::MacAddress& source);

/// The kernel sees one interface where there are two uplinks: what it found holds for both.
overlay::NextHopLinks kernel_links(const underlay::Resolution& resolution,
                                   const net::MacAddress& source);

/// Owned by the control thread; every call comes from there.
class NextHops {
  public:
    /// @param state must outlive the object
    /// @param kernel asked for the routes, must outlive the object; null: only static next hops
    NextHops(overlay::ForwardingState& state, underlay::KernelWatch* kernel,
             const net::MacAddress& source);

    Expected<void>
    set_static(const std::map<net::IpAddress, overlay::NextHopLinks>& links_by_address);

    /// Remote vteps that are new in the forwarding state, or gone from it.
    void watch(std::span<const net::IpAddress> vteps);
    void unwatch(std::span<const net::IpAddress> vteps);

    /// What the kernel says; its callback must call this.
    void resolved(const net::IpAddress& vtep, const underlay::Resolution& resolution);

  private:
    overlay::ForwardingState& state_;
    underlay::KernelWatch* kernel_;
    net::MacAddress source_;
};

} // namespace sallyport::control
