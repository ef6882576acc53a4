// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/tenant_parts.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_set>

namespace sallyport::overlay {

namespace {

std::string place(const TenantSpec& spec) {
    return "tenant " + spec.name;
}

} // namespace

Expected<PlannedVteps> plan_vteps(const TenantSpec& spec, RowTables& tables, const Limits& limits,
                                  FdbTargets& targets) {
    PlannedVteps planned;
    decltype(tables.vteps)::FreeIds ids(tables.vteps);
    std::set<net::IpAddress> addresses;
    for (const net::IpAddress& address : spec.remote_vteps) {
        if (!addresses.insert(address).second)
            return failure("remote vtep " + address.to_string() + " is given twice", place(spec));
        if (address == spec.local_vtep)
            return failure("remote vtep " + address.to_string() + " is the local one", place(spec));
        if (const VtepEntry* vtep = tables.find_vtep(address)) {
            planned.all.push_back(vtep->row.id);
        } else {
            const NextHopEntry* own = tables.find_next_hop(address);
            VtepRow row{ids.next(), address, std::nullopt};
            if (own != nullptr && own->is_static) row.next_hop = own->row.id;
            planned.all.push_back(row.id);
            planned.added.push_back(row);
        }
        targets.add(address, planned.all.back());
    }
    if (tables.vteps.size() + planned.added.size() > limits.vteps)
        return failure("no room for its remote vteps, the limit is " + std::to_string(limits.vteps),
                       place(spec), "raise limits.tunnels");
    std::sort(planned.all.begin(), planned.all.end());
    return planned;
}

Expected<std::vector<VmPortRow>> plan_vm_ports(const TenantSpec& spec, TenantId tenant,
                                               RowTables& tables, const Limits& limits,
                                               FdbTargets& targets) {
    std::vector<VmPortRow> rows;
    decltype(tables.vm_ports)::FreeIds ids(tables.vm_ports);
    std::set<std::string_view> names;
    std::size_t added = 0;
    for (const VmPortSpec& port : spec.vm_ports) {
        const VmPortRow* const present = tables.find_vm_port(port.name);
        if (!names.insert(port.name).second || (present != nullptr && present->tenant != tenant))
            return failure("a vm port " + port.name + " exists already", place(spec),
                           "vm ports of all tenants must differ in name");
        if (present == nullptr) ++added;
        VmPortRow row{present != nullptr ? present->id : ids.next(), tenant, port.name, port.macs,
                      port.rate_limit};
        std::sort(row.allowed_macs.begin(), row.allowed_macs.end());
        const auto repeated = std::unique(row.allowed_macs.begin(), row.allowed_macs.end());
        row.allowed_macs.erase(repeated, row.allowed_macs.end());
        targets.add(port.name, row.id);
        rows.push_back(std::move(row));
    }
    if (tables.vm_ports.size() + added > limits.vm_ports)
        return failure("no room for its vm ports, the limit is " + std::to_string(limits.vm_ports),
                       place(spec));
    return rows;
}

Expected<std::vector<FdbRow>> plan_fdb(const TenantSpec& spec, TenantId tenant,
                                       const FdbTargets& targets) {
    std::unordered_set<net::MacAddress> macs;
    std::vector<FdbRow> rows;
    const auto add = [&](const FdbSpec& entry) -> Expected<bool> {
        const auto target = targets.find(entry);
        if (!target) return tl::unexpected(target.error());
        if (!macs.insert(entry.mac).second) return false;
        rows.push_back({tenant, entry.mac, *target, FdbOrigin::configured});
        return true;
    };
    for (const FdbSpec& entry : spec.fdb) {
        const auto added = add(entry);
        if (!added) return tl::unexpected(added.error());
        if (!*added)
            return failure("MAC address " + entry.mac.to_string() + " has two fdb entries",
                           place(spec));
    }
    for (const VmPortSpec& port : spec.vm_ports) {
        if (spec.learning) break;
        for (const net::MacAddress& mac : port.macs)
            // Where an fdb entry places the MAC, the operator's word stands.
            if (const auto added = add({mac, port.name}); !added)
                return tl::unexpected(added.error());
    }
    return rows;
}

} // namespace sallyport::overlay
