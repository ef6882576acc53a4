// SPDX-License-Identifier: BSD-3-Clause
// A software path between in-memory ports: two uplinks, a host port, and VM ports of tenants, with
// rows put by hand.
#pragma once

#include "datapath/software_path.h"
#include "net/mac_address.h"
#include "overlay/row.h"
#include "support/ring_port.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::testing {

inline const net::MacAddress underlay_mac = *net::MacAddress::parse("02:00:00:00:00:01");
inline const net::MacAddress next_hop_mac = *net::MacAddress::parse("02:00:00:00:00:02");
inline const net::IpAddress local_vtep4 = *net::IpAddress::parse("192.0.2.1");
inline const net::IpAddress local_vtep6 = *net::IpAddress::parse("2001:db8::1");

class Hypervisor {
  public:
    explicit Hypervisor(datapath::SoftwarePathSettings settings = small_settings());
    ~Hypervisor();

    /// Room for unit tests: few buffers, small tables, one worker that nobody launches.
    static datapath::SoftwarePathSettings small_settings();

    /// Adds a remote vtep that is reached by next_hop_mac on both uplinks.
    overlay::VtepId add_vtep(const std::string& address);
    /// @param row id is filled in; vteps are those of add_vtep()
    overlay::TenantId add_tenant(overlay::TenantRow row);
    RingPort& add_vm_port(overlay::TenantId tenant, const std::string& name,
                          const std::vector<net::MacAddress>& macs = {});
    [[nodiscard]] overlay::VmPortId vm_port_id(const std::string& name) const {
        return vm_ports_.at(name).id;
    }
    RingPort& vm_port(const std::string& name) { return *vm_ports_.at(name).port; }
    /// Detaches the port and removes its row.
    void remove_vm_port(const std::string& name);

    void put(overlay::Row row);
    void remove(overlay::Row row);
    Expected<void> apply(std::vector<overlay::RowChange> changes);

    /// Walks until nothing is received any more.
    void run();

    datapath::SoftwarePath& path() { return *path_; }
    RingPort& uplink(std::size_t index) { return *uplinks_[index]; }
    RingPort& host() { return *host_; }
    /// Of the whole process, by reason.
    std::uint64_t drops(datapath::DropReason reason) {
        return path_->drops()[static_cast<std::size_t>(reason)];
    }
    /// Takes pending learn events and puts them as rows, as the control thread would.
    std::vector<overlay::LearnEvent> learn();

  private:
    struct VmPort {
        overlay::VmPortId id;
        overlay::TenantId tenant;
        std::unique_ptr<RingPort> port;
    };
    std::unique_ptr<datapath::SoftwarePath> path_;
    std::vector<std::unique_ptr<RingPort>> uplinks_;
    std::unique_ptr<RingPort> host_;
    std::map<std::string, VmPort> vm_ports_;
    overlay::TenantId next_tenant_ = 0;
    overlay::VmPortId next_vm_port_ = 0;
    overlay::VtepId next_vtep_ = 0;
    std::uint16_t mtu_;
};

} // namespace sallyport::testing
