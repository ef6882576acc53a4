// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/carrier_table.h"

#include <linux/if.h>
#include <netlink/errno.h>

namespace sallyport::underlay {

std::optional<Link> read_link(rtnl_link& link) {
    const char* const name = rtnl_link_get_name(&link);
    const int index = rtnl_link_get_ifindex(&link);
    if (rtnl_link_get_family(&link) != AF_UNSPEC || name == nullptr || index <= 0)
        return std::nullopt;
    // The kernel derives IFF_RUNNING from the operational state: up, or unknown for drivers that
    // do not tell. IFF_LOWER_UP is the driver's carrier.
    constexpr unsigned passing = IFF_UP | IFF_LOWER_UP | IFF_RUNNING;
    const unsigned flags = rtnl_link_get_flags(&link);
    return Link{static_cast<unsigned>(index), name, (flags & IFF_UP) != 0,
                (flags & passing) == passing};
}

Expected<std::optional<Link>> ask_link(nl_sock& socket, const std::string& name) {
    if (name.empty() || name.size() >= IFNAMSIZ)
        return failure("'" + name + "' is no name of an interface", {},
                       "interface names have 1 to 15 characters");
    rtnl_link* answer = nullptr;
    const int code = rtnl_link_get_kernel(&socket, 0, name.c_str(), &answer);
    const LinkHandle link(code < 0 ? nullptr : answer);
    if (code == -NLE_NODEV || code == -NLE_OBJ_NOTFOUND) return std::nullopt;
    if (code < 0)
        return tl::unexpected(
            netlink_error("cannot ask the kernel about the interface", code, name));
    auto result = link ? read_link(*link) : std::nullopt;
    // The kernel finds alternative names too, but tells later changes under the real one only.
    if (result && result->name != name)
        return failure("this is another name of " + result->name, name,
                       "name the interface " + result->name);
    return result;
}

void CarrierTable::watch(const std::string& name) {
    watched_.try_emplace(name);
}

void CarrierTable::unwatch(const std::string& name) {
    watched_.erase(name);
}

std::vector<std::string> CarrierTable::names() const {
    std::vector<std::string> names;
    for (const auto& [name, watched] : watched_)
        names.push_back(name);
    return names;
}

std::string CarrierTable::name_of(unsigned index) const {
    for (const auto& [name, watched] : watched_)
        if (watched.index == index) return name;
    return {};
}

unsigned CarrierTable::index_of(const std::string& name) const {
    const auto found = watched_.find(name);
    return found == watched_.end() ? 0 : found->second.index;
}

void CarrierTable::apply(const Link& link, bool removed) {
    for (auto& [name, watched] : watched_) {
        if (!removed && name == link.name) {
            watched.index = link.index;
            watched.carrier = link.carrier;
        } else if (watched.index == link.index) { // removed, or renamed
            watched.index = 0;
            watched.carrier = false;
        }
    }
}

void CarrierTable::absent(const std::string& name) {
    const auto found = watched_.find(name);
    if (found == watched_.end()) return;
    found->second.index = 0;
    found->second.carrier = false;
}

std::optional<bool> CarrierTable::changed(const std::string& name) {
    const auto found = watched_.find(name);
    if (found == watched_.end() || found->second.told == found->second.carrier) return std::nullopt;
    found->second.told = found->second.carrier;
    return found->second.carrier;
}

} // namespace sallyport::underlay
