// SPDX-License-Identifier: BSD-3-Clause
// From the names in configured fdb entries to the rows they mean.
#pragma once

#include "base/error.h"
#include "overlay/forwarding_state.h"

#include <map>
#include <string>
#include <unordered_map>

namespace sallyport::overlay {

/// The places in one tenant where a station can be.
class FdbTargets {
  public:
    explicit FdbTargets(std::string tenant) : tenant_(std::move(tenant)) {}
    void add(const std::string& vm_port, VmPortId id) { vm_ports_[vm_port] = id; }
    void add(const net::IpAddress& vtep, VtepId id) { vteps_[vtep] = id; }

    /// Refuses a MAC that no station can have, and a place that is not the tenant's.
    [[nodiscard]] Expected<FdbTarget> find(const FdbSpec& entry) const;

  private:
    std::string tenant_;
    std::map<std::string, VmPortId> vm_ports_;
    std::unordered_map<net::IpAddress, VtepId> vteps_;
};

tl::unexpected<Error> fdb_full(const std::string& tenant, const Limits& limits);

} // namespace sallyport::overlay
