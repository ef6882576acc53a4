// SPDX-License-Identifier: BSD-3-Clause
// Brings a tenant in and takes it out, whole or not at all: rows, vm ports and next hops.
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "control/next_hops.h"
#include "net/ip_address.h"
#include "overlay/forwarding_state.h"

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace sallyport::control {

overlay::FdbSpec to_spec(const config::FdbSettings& settings);
overlay::TenantSpec to_spec(const config::TenantSettings& settings);
/// With these of its fdb entries.
overlay::TenantSpec to_spec(const config::TenantSettings& settings,
                            std::span<const config::FdbSettings> entries);

/// Where vm ports are opened and closed. Called from the control thread.
class VmPorts {
  public:
    virtual ~VmPorts() = default;
    /// Leaves nothing behind when it fails.
    virtual Expected<void> open_vm_port(const config::TenantSettings& tenant,
                                        const config::VmPortSettings& settings,
                                        overlay::VmPortId id) = 0;
    /// Harmless for a vm port that is not open.
    virtual void close_vm_port(const std::string& name) = 0;
    /// Its row changed: what is told of an open vm port is what the settings say.
    virtual void change_vm_port(const config::VmPortSettings& settings) = 0;
};

/// Owned by the control thread; every call comes from there.
class Tenants {
  public:
    /// Fdb entries that go in before others get their turn.
    static constexpr std::size_t entries_at_once = 512;

    /// All must outlive the object.
    /// @param between called again and again while a tenant with many entries goes in; it must not
    ///        come back here
    Tenants(overlay::ForwardingState& state, VmPorts& ports, NextHops& next_hops,
            std::function<void()> between);

    /// On failure nothing of the tenant stays.
    Expected<void> add(const config::TenantSettings& tenant);
    Expected<void> remove(const std::string& name);

    // A change of a running tenant in two halves. Both take the tenant as it runs and as it is
    // wanted; its file may differ from the running one as config::reload_tenant() allows.

    /// What is new comes in beside what is there: remote vteps, vm ports. On failure nothing of it
    /// stays.
    Expected<void> widen(const config::TenantSettings& running,
                         const config::TenantSettings& wanted);
    /// All the rest. On failure what came in stays, until narrow().
    Expected<overlay::ForwardingState::ChangedTenant> change(const config::TenantSettings& running,
                                                             const config::TenantSettings& wanted);
    /// Undoes widen().
    void narrow(const config::TenantSettings& running, const config::TenantSettings& wanted);

    /// Each address once, ascending.
    [[nodiscard]] std::vector<net::IpAddress> local_vteps() const;

  private:
    Expected<overlay::ForwardingState::AddedTenant> add_rows(const config::TenantSettings& tenant);
    /// They went in a moment ago, and nothing refers to them yet.
    void undo_rows(const std::string& name);
    /// All of @p ports, or none.
    Expected<void> open_ports(const config::TenantSettings& tenant,
                              std::span<const config::VmPortSettings> ports);
    void let_go(const overlay::ForwardingState::ChangedTenant& changed);

    overlay::ForwardingState& state_;
    VmPorts& ports_;
    NextHops& next_hops_;
    std::function<void()> between_;
    /// How many tenants have each local vtep.
    std::map<net::IpAddress, std::size_t> local_vteps_;
};

} // namespace sallyport::control
