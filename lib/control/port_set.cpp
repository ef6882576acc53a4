// SPDX-License-Identifier: BSD-3-Clause
#include "control/port_set.h"

#include "control/nic.h"
#include "datapath/port_driver.h"
#include "underlay/kernel_watch.h"
#include "underlay/transmit_queue.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {
namespace {

// What DPDK 22.11's net_tap takes; enough for what Linux has to say on the underlay.
constexpr std::uint16_t largest_host_port_mtu = 1500;

// Tenants that come later with ordinary ports fit without a restart.
constexpr std::uint16_t smallest_data_room = 2048;

// The port works without, so it is no reason not to start.
void give_transmit_queue(const datapath::Port& port) {
    if (!datapath::is_af_packet(port.settings().device) || !port.interface_index()) return;
    const auto interface = underlay::interface_name(*port.interface_index());
    if (!interface) return;
    if (auto done = underlay::ensure_transmit_queue(*interface); !done)
        spdlog::warn("{} {}: {}; a frame that the far end of a veth refuses will stop the port",
                     to_string(port.role()), port.name(), done.error().message());
}

// Says more than the libraries below can: they know no tenants.
Error at(Error error, const std::string& where) {
    error.where = where;
    return error;
}

datapath::PortSettings uplink_port(const config::Settings& settings, std::size_t index,
                                   const std::optional<net::MacAddress>& mac,
                                   std::uint16_t workers) {
    const auto& uplink = settings.uplinks[index];
    const ipsec::Offload offload = settings.ipsec.offload;
    return {uplink.name,
            uplink.device,
            datapath::PortRole::uplink,
            settings.underlay.mtu,
            mac,
            workers,
            !offload || ipsec::is_inline(*offload)};
}

} // namespace

std::string host_port_device(const std::string& interface, const net::MacAddress& mac) {
    return fmt::format("net_tap_sallyport_host,iface={},mac={}", interface, mac.to_string());
}

std::uint16_t host_port_mtu(std::uint16_t underlay_mtu) {
    return std::min(underlay_mtu, largest_host_port_mtu);
}

std::uint16_t needed_data_room(const config::Settings& settings) {
    std::uint16_t room = smallest_data_room;
    auto count = [&room](const std::string& device, std::uint16_t mtu) {
        room = std::max(room, datapath::Port::needed_data_room(device, mtu));
    };
    for (const auto& uplink : settings.uplinks)
        count(uplink.device, settings.underlay.mtu);
    if (const auto& host = settings.underlay.host_port; !host.empty())
        count(host_port_device(host, {}), host_port_mtu(settings.underlay.mtu));
    for (const auto& tenant : settings.tenants)
        for (const auto& port : tenant.vm_ports)
            count(port.device, tenant.mtu);
    return room;
}

AttachedPort::AttachedPort(datapath::SoftwarePath& path, std::unique_ptr<datapath::Port> port)
    : path_(path), port_(std::move(port)) {
    if (auto index = port_->interface_index())
        interface_ = underlay::interface_name(*index).value_or("");
}

AttachedPort::~AttachedPort() {
    if (port_ == nullptr) return;
    // What the NIC does not know any more comes to the software path, so that one goes last.
    if (hardware != nullptr)
        if (auto done = hardware->detach(port_->id()); !done)
            spdlog::error("{}", done.error().message());
    path_.detach(*port_);
}

PortSet::PortSet(datapath::SoftwarePath& path, Nic* nic, std::uint16_t workers,
                 std::uint16_t buffer_data_room)
    : path_(path), nic_(nic), workers_(workers), buffer_data_room_(buffer_data_room) {}

PortSet::~PortSet() {
    vm_ports_.clear();
    host_.reset();
    // The card's first port stops last.
    for (std::size_t i = uplinks_.size(); i-- > 0;)
        uplinks_[i].reset();
}

Expected<std::unique_ptr<datapath::Port>> PortSet::find(datapath::PortSettings settings) const {
    if (nic_ != nullptr) {
        auto name = nic_->device_name(settings.device);
        if (!name) return tl::unexpected(name.error());
        if (*name) {
            settings.device = **name;
            settings.steps = &nic_->steps();
        }
    }
    return datapath::Port::find(settings);
}

Expected<void> PortSet::bring_up(datapath::Port& port) const {
    const datapath::PortSettings& settings = port.settings();
    auto room = datapath::Port::needed_data_room(settings.device, settings.mtu);
    if (room > buffer_data_room_)
        return failure(
            fmt::format("device {} needs packet buffers of {} octets at MTU {}, the pool has {}",
                        settings.device, room, settings.mtu, buffer_data_room_),
            {}, "restart: buffers are made for the largest port known at the start");
    if (auto up = port.bring_up(path_.buffer_pool()); !up) return up;
    spdlog::debug("{} {}: DPDK port {} of {}, MAC {}, {} receive and {} transmit queues",
                  to_string(settings.role), settings.name, port.id(), port.driver(),
                  port.mac().to_string(), port.rx_queues(), port.tx_queues());
    give_transmit_queue(port);
    return {};
}

Expected<std::unique_ptr<datapath::Port>> PortSet::open(datapath::PortSettings settings) const {
    auto port = find(std::move(settings));
    if (!port) return port;
    if (auto up = bring_up(**port); !up) return tl::unexpected(up.error());
    return port;
}

Expected<void> PortSet::open_uplinks(const config::Settings& settings) {
    std::optional<net::MacAddress> mac = settings.underlay.mac;
    std::optional<Error> missing;
    for (std::size_t i = 0; i < uplinks_.size(); ++i) {
        const std::string where = "uplink " + settings.uplinks[i].name;
        auto port = find(uplink_port(settings, i, mac, workers_));
        if (!port) {
            Error error = at(port.error(), where);
            // A card is whole or not to be used; without any uplink there is nothing to do.
            if (nic_ != nullptr || missing) return tl::unexpected(missing.value_or(error));
            missing = std::move(error);
            continue;
        }
        if (auto up = bring_up(**port); !up) return tl::unexpected(at(up.error(), where));
        // Both uplinks answer to one MAC, so that a failover changes no neighbour's entry.
        if (!mac) mac = (*port)->mac();
        uplinks_[i] = std::make_unique<AttachedPort>(path_, std::move(*port));
        const std::string& named = settings.uplinks[i].interface;
        if (auto fits =
                check_uplink_mtu(*uplinks_[i], named.empty() ? uplinks_[i]->interface() : named,
                                 settings.underlay.mtu);
            !fits)
            return fits;
        if (mac->is_zero() || mac->is_multicast())
            return failure(fmt::format("driver {} has no MAC address of its own for the underlay",
                                       uplinks_[i]->port().driver()),
                           where, "set underlay.mac");
    }
    if (missing)
        spdlog::error("{}; starting with the other uplink alone, for which there is no backup: "
                      "restart the process when the device is there",
                      missing->message());
    underlay_mac_ = *mac;
    path_.set_underlay_mac(underlay_mac_);
    return attach_uplinks();
}

Expected<void> PortSet::attach_uplinks() {
    for (const overlay::UplinkIndex index : overlay::all_uplinks) {
        if (uplinks_[index] == nullptr) continue;
        const datapath::Port& port = uplinks_[index]->port();
        if (auto attached = path_.attach_uplink(index, port); !attached)
            return tl::unexpected(at(attached.error(), "uplink " + port.name()));
    }
    return {};
}

Expected<void> PortSet::check_uplink_mtu(const AttachedPort& uplink, const std::string& interface,
                                         std::uint16_t mtu) const {
    if (interface.empty()) return {};
    std::string where = "uplink " + uplink.port().name();
    auto actual = underlay::interface_mtu(interface);
    if (!actual) return tl::unexpected(at(actual.error(), where + ", interface " + interface));
    if (*actual >= mtu) return {};
    return failure(
        fmt::format("interface {} has MTU {}, less than underlay.mtu {}", interface, *actual, mtu),
        where,
        fmt::format("run 'ip link set dev {} mtu {}', or set underlay.mtu to {}", interface, mtu,
                    *actual));
}

Expected<void> PortSet::open_host_port(const config::UnderlaySettings& underlay) {
    std::string where = "host port " + underlay.host_port;
    std::uint16_t mtu = host_port_mtu(underlay.mtu);
    auto port = open({underlay.host_port, host_port_device(underlay.host_port, underlay_mac_),
                      datapath::PortRole::host, mtu, underlay_mac_, workers_});
    if (!port) return tl::unexpected(at(port.error(), where));
    host_ = std::make_unique<AttachedPort>(path_, std::move(*port));
    auto configured = underlay::configure_host_interface(
        {underlay.host_port, underlay_mac_, mtu, underlay.addresses});
    if (!configured) return tl::unexpected(at(configured.error(), where));
    if (auto attached = path_.attach_host(host_->port()); !attached)
        return tl::unexpected(at(attached.error(), where));
    return {};
}

Expected<void> PortSet::open_vm_port(const config::TenantSettings& tenant,
                                     const config::VmPortSettings& settings, overlay::VmPortId id) {
    std::string where = fmt::format("tenant {}, vm port {}", tenant.name, settings.name);
    auto port = open({settings.name, settings.device, datapath::PortRole::vm_port, tenant.mtu,
                      std::nullopt, workers_});
    if (!port) return tl::unexpected(at(port.error(), where));
    AttachedPort attached(path_, std::move(*port));
    attached.tenant = tenant.name;
    attached.allowed_macs = settings.macs;
    attached.rate_limit = settings.rate_limit;
    if (auto done = path_.attach_vm_port(id, attached.port()); !done)
        return tl::unexpected(at(done.error(), where));
    if (nic_ != nullptr && attached.port().settings().steps != nullptr) {
        if (auto done = nic_->path()->attach_vm_port(id, attached.port().id()); !done)
            return tl::unexpected(at(done.error(), where));
        attached.hardware = nic_->path();
    }
    vm_ports_.emplace(settings.name, std::move(attached));
    return {};
}

Expected<void> PortSet::attach_uplinks_to_hardware() {
    eswitch::HardwarePath& hardware = *nic_->path();
    for (const overlay::UplinkIndex index : overlay::all_uplinks)
        if (auto done = hardware.attach_uplink(index, uplinks_[index]->port().id()); !done)
            return done;
    return hardware.set_underlay_mac(underlay_mac_);
}

void PortSet::close_vm_port(const std::string& name) {
    vm_ports_.erase(name);
}

void PortSet::change_vm_port(const config::VmPortSettings& settings) {
    const auto found = vm_ports_.find(settings.name);
    if (found == vm_ports_.end()) return;
    found->second.allowed_macs = settings.macs;
    found->second.rate_limit = settings.rate_limit;
}

std::map<std::string, std::uint16_t> PortSet::open_mtus(const std::string& tenant) const {
    std::map<std::string, std::uint16_t> mtus;
    for (const auto& [name, attached] : vm_ports_)
        if (attached.tenant == tenant) mtus.emplace(name, attached.port().settings().mtu);
    return mtus;
}

const AttachedPort* PortSet::uplink(overlay::UplinkIndex index) const {
    return uplinks_[index].get();
}

void PortSet::for_each(const std::function<void(const AttachedPort&)>& visit) const {
    for (const auto& uplink : uplinks_)
        if (uplink != nullptr) visit(*uplink);
    if (host_ != nullptr) visit(*host_);
    for (const auto& [name, port] : vm_ports_)
        visit(port);
}

} // namespace sallyport::control
