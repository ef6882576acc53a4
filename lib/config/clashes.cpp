// SPDX-License-Identifier: BSD-3-Clause
#include "config/clashes.h"

#include <algorithm>
#include <cctype>
#include <unordered_set>
#include <vector>

#include <spdlog/fmt/fmt.h>

namespace sallyport::config {

namespace {

std::vector<std::string_view> comma_parts(std::string_view text) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t comma = text.find(',');
        parts.push_back(text.substr(0, comma));
        if (comma == std::string_view::npos) return parts;
        text.remove_prefix(comma + 1);
    }
}

/// DPDK takes "pci:0000:03:00.0" and "03:00.0" for the same device as "0000:03:00.0".
std::string device_name(std::string_view name) {
    for (std::string_view bus : {"pci:", "vdev:"})
        if (name.starts_with(bus)) name.remove_prefix(bus.size());
    std::string plain(name);
    const bool short_pci = plain.size() == 7 && plain[2] == ':' && plain[5] == '.';
    const bool long_pci = plain.size() == 12 && plain[4] == ':' && plain[7] == ':';
    if (short_pci || long_pci)
        std::transform(plain.begin(), plain.end(), plain.begin(), [](unsigned char character) {
            return static_cast<char>(std::tolower(character));
        });
    return short_pci ? "0000:" + plain : plain;
}

/// What no two devices may share: the device itself, and the kernel interface or socket of a
/// virtual device. Representors of one PCI device are devices of their own.
std::vector<std::string> device_identities(std::string_view device) {
    const auto parts = comma_parts(device);
    std::vector<std::string> identities{device_name(parts.front())};
    for (std::string_view part : parts) {
        if (part.starts_with("representor=")) identities[0] += "," + std::string(part);
        if (part.starts_with("iface=")) identities.emplace_back(part);
    }
    return identities;
}

} // namespace

std::string Clashes::Place::text() const {
    return line == 0 ? fmt::format("{} ({})", what, file.native())
                     : fmt::format("{} ({}:{})", what, file.native(), line);
}

void Clashes::complain(const Key& key, std::string wrong, std::string right) {
    complaints_.push_back({key.file, key.line, key.name, std::move(wrong), std::move(right)});
}

void Clashes::claim(Places& places, const std::string& value, std::string_view kind, const Key& key,
                    std::string what) {
    if (value.empty()) return;
    const auto [first, is_new] =
        places.try_emplace(value, Place{std::move(what), key.file, key.line});
    if (!is_new)
        complain(key, fmt::format("{} {} is used twice", kind, in_quotes(value)),
                 fmt::format("another; first by {}", first->second.text()));
}

void Clashes::claim_device(const std::string& device, const Key& key, const std::string& what) {
    if (device.empty()) return;
    for (const std::string& identity : device_identities(device))
        claim(devices_, identity, "device", key, what);
}

void Clashes::add_main(const Settings& settings, const MainLines& lines) {
    limits_ = settings.limits;
    const std::string& host_port = settings.underlay.host_port;
    if (!host_port.empty()) {
        const Key key{settings.file, lines.host_port, "underlay.host_port"};
        claim(port_names_, host_port, "port name", key, "the host port");
        claim(devices_, "iface=" + host_port, "device", key, "the host port");
    }
    for (std::size_t i = 0; i < settings.uplinks.size(); ++i) {
        const UplinkSettings& uplink = settings.uplinks[i];
        const auto at = i < lines.uplinks.size() ? lines.uplinks[i] : MainLines::Uplink{};
        const std::string front = "uplink." + uplink.name;
        const std::string what = "uplink " + uplink.name;
        claim(port_names_, uplink.name, "port name", {settings.file, at.name, front}, what);
        claim_device(uplink.device, {settings.file, at.device, front + ".device"}, what);
        claim(carriers_, uplink.interface, "interface",
              {settings.file, at.interface, front + ".interface"}, what);
    }
    const auto& addresses = settings.underlay.addresses;
    for (std::size_t i = 0; i < addresses.size(); ++i)
        own_addresses_.try_emplace(addresses[i].address,
                                   Place{"underlay.address", settings.file,
                                         i < lines.addresses.size() ? lines.addresses[i] : 0});
    for (std::size_t i = 0; i < settings.uplinks.size(); ++i)
        claim_bfd_address(settings.uplinks[i],
                          {settings.file, i < lines.uplinks.size() ? lines.uplinks[i].bfd_local : 0,
                           "uplink." + settings.uplinks[i].name + ".bfd_local"});
}

void Clashes::claim_bfd_address(const UplinkSettings& uplink, const Key& key) {
    if (!uplink.bfd) return;
    const net::IpAddress& address = uplink.bfd->local;
    const Place place{"BFD of uplink " + uplink.name, key.file, key.line};
    const auto [first, is_new] = own_addresses_.try_emplace(address, place);
    // Each uplink's detectors are a station of their own, with their own MAC address.
    if (!is_new)
        complain(key, fmt::format("{} is used twice", address.to_string()),
                 fmt::format("one of its own; first by {}", first->second.text()));
    bfd_addresses_.try_emplace(address, place);
}

void Clashes::add_tenant(const TenantSettings& tenant, const TenantLines& lines) {
    const std::string what = "tenant " + tenant.name;
    claim(tenant_names_, tenant.name, "name", {tenant.file, lines.name, "name"}, what);
    if (tenant.vni != 0)
        claim(vnis_, std::to_string(tenant.vni), "VNI", {tenant.file, lines.vni, "vni"}, what);
    if (!tenant.local_vtep.is_unspecified())
        own_addresses_.try_emplace(tenant.local_vtep,
                                   Place{"local_vtep of " + what, tenant.file, lines.local_vtep});
    if (const auto bfd = bfd_addresses_.find(tenant.local_vtep); bfd != bfd_addresses_.end())
        complain({tenant.file, lines.local_vtep, "local_vtep"},
                 fmt::format("{} is used twice", tenant.local_vtep.to_string()),
                 fmt::format("another; first by {}", bfd->second.text()));
    add_vm_ports(tenant, lines);
    add_sas(tenant, lines);
    count(tenant);
}

void Clashes::add_sas(const TenantSettings& tenant, const TenantLines& lines) {
    for (std::size_t i = 0; i < tenant.sas.size(); ++i) {
        const SaSettings& sa = tenant.sas[i];
        const auto at = i < lines.sas.size() ? lines.sas[i] : TenantLines::Sa{};
        const std::string front = "sa." + sa.name;
        const std::string what = fmt::format("sa {} of tenant {}", sa.name, tenant.name);
        const Key spi_key{tenant.file, at.spi, front + ".spi"};
        const std::string spi = fmt::format("{:#010x}", sa.spi);
        // Ours are told apart by the SPI alone; the peer tells its own apart the same way.
        if (sa.spi != 0 && sa.direction == ipsec::Direction::inbound)
            claim(inbound_spis_, spi, "inbound SPI", spi_key, what);
        else if (sa.spi != 0)
            claim(outbound_spis_, spi + " to " + sa.remote_vtep.to_string(), "SPI", spi_key, what);
        // Two SAs would count the same nonces.
        if (!sa.key_inline)
            claim(key_files_, sa.key_file.native(), "key file",
                  {tenant.file, at.key, front + ".key_file"}, what);
    }
}

void Clashes::add_vm_ports(const TenantSettings& tenant, const TenantLines& lines) {
    for (std::size_t i = 0; i < tenant.vm_ports.size(); ++i) {
        const VmPortSettings& port = tenant.vm_ports[i];
        const auto at = i < lines.vm_ports.size() ? lines.vm_ports[i] : TenantLines::VmPort{};
        const std::string front = "vm_port." + port.name;
        const std::string what = fmt::format("vm port {} of tenant {}", port.name, tenant.name);
        claim(port_names_, port.name, "port name", {tenant.file, at.name, front}, what);
        claim_device(port.device, {tenant.file, at.device, front + ".device"}, what);
    }
}

void Clashes::count(const TenantSettings& tenant) {
    check_limit(tenant, "limits.tenants", "tenants", tenants_, tenants_ + 1, limits_.tenants);
    ++tenants_;

    const std::size_t tunnels = tunnels_ + tenant.remote_vteps.size();
    check_limit(tenant, "limits.tunnels", "pairs of tenant and remote vtep", tunnels_, tunnels,
                limits_.tunnels);
    tunnels_ = tunnels;

    std::unordered_set<net::MacAddress> macs;
    for (const FdbSettings& entry : tenant.fdb)
        macs.insert(entry.mac);
    // Without learning the MACs of the VM ports are static entries too.
    if (!tenant.learning)
        for (const VmPortSettings& port : tenant.vm_ports)
            macs.insert(port.macs.begin(), port.macs.end());
    const std::size_t entries = fdb_entries_ + macs.size();
    check_limit(tenant, "limits.fdb_entries", "static fdb entries", fdb_entries_, entries,
                limits_.fdb_entries);
    fdb_entries_ = entries;
}

void Clashes::check_limit(const TenantSettings& tenant, std::string_view name,
                          std::string_view things, std::size_t before, std::size_t now,
                          std::size_t limit) {
    // Once, at the file that goes beyond.
    if (now <= limit || before > limit) return;
    complain({tenant.file, 0, std::string(name)},
             fmt::format("{} {} with this file, limit {}", now, things, limit),
             fmt::format("fewer, or {} in the main file raised", name));
}

void Clashes::check_remote_vteps(const TenantSettings& tenant, const TenantLines& lines) {
    for (std::size_t i = 0; i < tenant.remote_vteps.size(); ++i) {
        const auto own = own_addresses_.find(tenant.remote_vteps[i]);
        if (own == own_addresses_.end()) continue;
        const unsigned line = i < lines.remote_vteps.size() ? lines.remote_vteps[i] : 0;
        complain({tenant.file, line, "remote_vtep"},
                 fmt::format("{} is an address of this hypervisor: {}", own->first.to_string(),
                             own->second.text()),
                 "the address of another hypervisor");
    }
}

} // namespace sallyport::config
