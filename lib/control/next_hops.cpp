// SPDX-License-Identifier: BSD-3-Clause
#include "control/next_hops.h"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace sallyport::control {

std::map<net::IpAddress, overlay::NextHopLinks>
static_links(std::span<const config::NextHopSettings> settings,
             std::span<const config::UplinkSettings> uplinks, const net::MacAddress& source) {
    std::map<net::IpAddress, overlay::NextHopLinks> links;
    auto count = std::min(uplinks.size(), overlay::uplink_count);
    // Those for both uplinks first, so that the particular overwrites the general.
    for (bool particular : {false, true})
        for (const auto& setting : settings) {
            if (setting.uplink.empty() == particular) continue;
            for (std::size_t i = 0; i < count; ++i)
                if (!particular || uplinks[i].name == setting.uplink)
                    links[setting.address][i] = overlay::NextHopLink{source, setting.mac};
        }
    return links;
}

overlay::NextHopLinks kernel_links(const underlay::Resolution& resolution,
                                   const net::MacAddress& source) {
    overlay::NextHopLinks links;
    if (resolution.mac) links.fill(overlay::NextHopLink{source, *resolution.mac});
    return links;
}

NextHops::NextHops(overlay::ForwardingState& state, underlay::KernelWatch* kernel,
                   const net::MacAddress& source)
    : state_(state), kernel_(kernel), source_(source) {}

Expected<void>
NextHops::set_static(const std::map<net::IpAddress, overlay::NextHopLinks>& links_by_address) {
    for (const auto& [address, links] : links_by_address)
        if (auto set = state_.set_static_next_hop(address, links); !set) return set;
    return {};
}

void NextHops::watch(std::span<const net::IpAddress> vteps) {
    if (kernel_ == nullptr) return;
    for (const auto& vtep : vteps)
        kernel_->watch_destination(vtep);
}

void NextHops::unwatch(std::span<const net::IpAddress> vteps) {
    if (kernel_ == nullptr) return;
    for (const auto& vtep : vteps)
        kernel_->unwatch_destination(vtep);
}

void NextHops::resolved(const net::IpAddress& vtep, const underlay::Resolution& resolution) {
    // The vtep may have gone while the kernel's message was under way.
    if (state_.find_vtep(vtep) == nullptr) return;
    auto set = resolution.next_hop ? state_.set_next_hop(vtep, *resolution.next_hop,
                                                         kernel_links(resolution, source_))
                                   : state_.clear_next_hop(vtep);
    if (!set) {
        spdlog::error("remote vtep {}: next hop not changed: {}", vtep.to_string(),
                      set.error().message());
        return;
    }
    if (!resolution.next_hop)
        spdlog::info("remote vtep {}: no route", vtep.to_string());
    else if (!resolution.mac)
        spdlog::info("remote vtep {}: next hop {} has no known MAC address", vtep.to_string(),
                     resolution.next_hop->to_string());
    else
        spdlog::info("remote vtep {}: next hop {} at {}", vtep.to_string(),
                     resolution.next_hop->to_string(), resolution.mac->to_string());
}

} // namespace sallyport::control
