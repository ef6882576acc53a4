// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/fdb_target.h"

namespace sallyport::overlay {

Expected<FdbTarget> FdbTargets::find(const FdbSpec& entry) const {
    const std::string place = "tenant " + tenant_;
    if (entry.mac.is_multicast() || entry.mac.is_zero())
        return failure("fdb entry of " + entry.mac.to_string() + ": no station has this address",
                       place, "give a unicast MAC address");
    if (const auto* name = std::get_if<std::string>(&entry.target)) {
        const auto found = vm_ports_.find(*name);
        if (found != vm_ports_.end()) return VmPortRef{found->second};
        return failure("fdb entry of " + entry.mac.to_string() + ": the tenant has no vm port "
                           + *name,
                       place);
    }
    const net::IpAddress& address = std::get<net::IpAddress>(entry.target);
    const auto found = vteps_.find(address);
    if (found != vteps_.end()) return VtepRef{found->second};
    return failure("fdb entry of " + entry.mac.to_string() + ": " + address.to_string()
                       + " is no remote vtep of the tenant",
                   place, "add it as remote_vtep");
}

tl::unexpected<Error> fdb_full(const std::string& tenant, const Limits& limits) {
    return failure("no room for the fdb entries, the limit for all tenants together is "
                       + std::to_string(limits.fdb_entries),
                   "tenant " + tenant, "raise limits.fdb_entries");
}

} // namespace sallyport::overlay
