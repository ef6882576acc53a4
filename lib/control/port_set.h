// SPDX-License-Identifier: BSD-3-Clause
// All ports of the process: opens them and attaches them to the software path.
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "control/tenants.h"
#include "datapath/port.h"
#include "datapath/software_path.h"
#include "eswitch/hardware_path.h"
#include "overlay/row.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::control {

/// Device arguments of the host port. Its kernel end has the underlay's MAC from the start: with
/// any other, Linux would not take the frames that the underlay sends to it.
std::string host_port_device(const std::string& interface, const net::MacAddress& mac);
/// MTU of the host port: the underlay's, as far as the TAP driver goes.
std::uint16_t host_port_mtu(std::uint16_t underlay_mtu);

/// Data room that a packet buffer needs for every port of the settings, octets without headroom.
std::uint16_t needed_data_room(const config::Settings& settings);

class Nic;

/// An open port that the paths work on; detached and closed with the object.
class AttachedPort {
  public:
    AttachedPort(datapath::SoftwarePath& path, std::unique_ptr<datapath::Port> port);
    AttachedPort(AttachedPort&&) = default;
    AttachedPort& operator=(AttachedPort&&) = delete;
    ~AttachedPort();

    [[nodiscard]] datapath::Port& port() const { return *port_; }
    /// Name of the kernel interface when the port was opened, empty if it has none. It may have
    /// moved to another network namespace since, where its index means another interface.
    [[nodiscard]] const std::string& interface() const { return interface_; }
    /// VM ports only.
    std::string tenant{};
    std::vector<net::MacAddress> allowed_macs{};
    std::optional<net::RateLimit> rate_limit{};
    /// Where the port is a representor: the path that knows it as such.
    eswitch::HardwarePath* hardware = nullptr;

  private:
    datapath::SoftwarePath& path_;
    std::unique_ptr<datapath::Port> port_;
    std::string interface_;
};

/// Owned by the control thread; every call comes from there. Nothing stays of a port whose opening
/// failed.
class PortSet final : public VmPorts {
  public:
    /// @param nic null: there is no card. Both must outlive the object.
    PortSet(datapath::SoftwarePath& path, Nic* nic, std::uint16_t workers,
            std::uint16_t buffer_data_room);
    ~PortSet() override;

    /// Opens both uplinks and tells the software path the underlay's MAC. One whose device is not
    /// there is done without, unless it is the card's.
    Expected<void> open_uplinks(const config::Settings& settings);
    /// Opens the TAP port and configures its kernel end. The uplinks are open.
    Expected<void> open_host_port(const config::UnderlaySettings& underlay);

    Expected<void> open_vm_port(const config::TenantSettings& tenant,
                                const config::VmPortSettings& settings,
                                overlay::VmPortId id) override;
    void close_vm_port(const std::string& name) override;
    void change_vm_port(const config::VmPortSettings& settings) override;
    void close_vm_ports() { vm_ports_.clear(); }
    /// For which a tenant's vm ports were opened, octets, by their names.
    [[nodiscard]] std::map<std::string, std::uint16_t> open_mtus(const std::string& tenant) const;
    /// Tells the card's path, which has just been made, of the uplinks.
    Expected<void> attach_uplinks_to_hardware();

    /// Null: its device was not there at the start.
    [[nodiscard]] const AttachedPort* uplink(overlay::UplinkIndex index) const;
    /// Of the settings, or the own one of the first uplink that is there.
    [[nodiscard]] net::MacAddress underlay_mac() const { return underlay_mac_; }
    /// Uplinks, the host port, vm ports by name.
    void for_each(const std::function<void(const AttachedPort&)>& visit) const;

  private:
    /// A device of the card becomes DPDK's name of it.
    Expected<std::unique_ptr<datapath::Port>> find(datapath::PortSettings settings) const;
    Expected<void> bring_up(datapath::Port& port) const;
    Expected<std::unique_ptr<datapath::Port>> open(datapath::PortSettings settings) const;
    Expected<void> attach_uplinks();
    Expected<void> check_uplink_mtu(const AttachedPort& uplink, const std::string& interface,
                                    std::uint16_t mtu) const;

    datapath::SoftwarePath& path_;
    Nic* nic_;
    std::uint16_t workers_;
    std::uint16_t buffer_data_room_;
    net::MacAddress underlay_mac_;
    std::array<std::unique_ptr<AttachedPort>, overlay::uplink_count> uplinks_;
    std::unique_ptr<AttachedPort> host_;
    std::map<std::string, AttachedPort> vm_ports_;
};

} // namespace sallyport::control
