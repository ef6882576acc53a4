// SPDX-License-Identifier: BSD-3-Clause
// What operators ask the running controller to do.
#include "config/load.h"
#include "control/running_controller.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {
namespace {

std::string list_or_none(const std::vector<std::string>& names) {
    return names.empty() ? "there is none" : fmt::format("there is {}", fmt::join(names, ", "));
}

/// What SAs stand on must be in the file as it runs; the rest of the file is not looked at.
Expected<void> same_tunnels(const config::TenantSettings& running,
                            const config::TenantSettings& loaded) {
    const auto differs = [&](std::string_view what) {
        return failure(fmt::format("its file has another {} than what runs", what),
                       fmt::format("tenant {} ({})", running.name, running.file.native()),
                       "a rekey takes the SAs only; for the rest use tenant del and tenant add");
    };
    if (!running.is_protected)
        return failure("it is not protected", "tenant " + running.name,
                       "set protection = ipsec, and use tenant del and tenant add");
    if (loaded.name != running.name) return differs("name");
    if (!loaded.is_protected) return differs("protection");
    if (loaded.local_vtep != running.local_vtep) return differs("local_vtep");
    if (loaded.remote_vteps != running.remote_vteps) return differs("remote_vtep");
    // The new SAs' overhead may have made it smaller.
    if (loaded.mtu != running.mtu) return differs("mtu");
    return {};
}

} // namespace

Expected<void> RunningController::bring_in(const config::TenantSettings& tenant) {
    if (auto added = tenants_->add(tenant); !added) return added;
    // The rows first: without SAs they drop what would leave in clear.
    auto is_protected = protection_->add(tenant);
    if (!is_protected)
        if (auto removed = tenants_->remove(tenant.name); !removed)
            spdlog::error("tenant {}: not undone: {}", tenant.name, removed.error().message());
    return is_protected;
}

Expected<void> RunningController::add_tenant(const std::filesystem::path& file) {
    // A file of many entries takes long to read, and links do not touch the settings.
    config::Loaded<config::TenantSettings> loaded;
    loop_.run_aside([&] { loaded = config::load_tenant(file, settings_); });
    if (!loaded) return tl::unexpected(config::complaints_error(loaded.error()));
    // Sightings that wait for removed tenants must not count for one that gets their ids.
    learning_->drain();
    if (auto added = bring_in(*loaded); !added) return added;
    spdlog::info("tenant {}: added from {}", loaded->name, file.string());
    settings_.tenants.push_back(std::move(*loaded));
    return {};
}

Expected<void> RunningController::remove_tenant(const std::string& name) {
    if (find_tenant_settings(name) == nullptr) return tl::unexpected(unknown_tenant(name));
    protection_->withdraw(name);
    if (auto removed = tenants_->remove(name); !removed) {
        if (auto again = protection_->give_again(name); !again)
            spdlog::error("tenant {}: without its SAs: {}", name, again.error().message());
        return removed;
    }
    protection_->forget(name);
    std::erase_if(settings_.tenants, [&](const auto& tenant) { return tenant.name == name; });
    spdlog::info("tenant {}: removed", name);
    return {};
}

Expected<void> RunningController::rekey(const std::string& tenant) {
    auto* const running = find_tenant_settings(tenant);
    if (running == nullptr) return tl::unexpected(unknown_tenant(tenant));
    config::Loaded<config::TenantSettings> loaded;
    loop_.run_aside([&] {
        config::Settings others = settings_;
        std::erase_if(others.tenants, [&](const auto& other) { return other.name == tenant; });
        loaded = config::load_tenant(running->file, others);
    });
    if (!loaded) return tl::unexpected(config::complaints_error(loaded.error()));
    if (auto same = same_tunnels(*running, *loaded); !same) return same;
    if (auto done = protection_->rekey(*loaded); !done) return done;
    running->sas = std::move(loaded->sas);
    return {};
}

Expected<void> RunningController::add_fdb(const std::string& tenant,
                                          const config::FdbSettings& entry) {
    auto* settings = find_tenant_settings(tenant);
    if (settings == nullptr) return tl::unexpected(unknown_tenant(tenant));
    overlay::FdbSpec spec = to_spec(entry);
    if (auto added = state_->add_fdb(tenant, {&spec, 1}); !added) return added;
    std::erase_if(settings->fdb, [&](const auto& old) { return old.mac == entry.mac; });
    settings->fdb.push_back(entry);
    spdlog::info("tenant {}: fdb entry {} added, {} {}", tenant, entry.mac.to_string(),
                 entry.vtep ? "vtep" : "port",
                 entry.vtep ? entry.vtep->to_string() : entry.vm_port);
    return {};
}

Expected<void> RunningController::remove_fdb(const std::string& tenant,
                                             const net::MacAddress& mac) {
    auto* settings = find_tenant_settings(tenant);
    if (settings == nullptr) return tl::unexpected(unknown_tenant(tenant));
    if (auto removed = state_->remove_fdb(tenant, mac); !removed) return removed;
    std::erase_if(settings->fdb, [&](const auto& old) { return old.mac == mac; });
    spdlog::info("tenant {}: fdb entry {} removed", tenant, mac.to_string());
    return {};
}

Expected<void> RunningController::set_uplink(const std::string& uplink, bool administratively_up) {
    return failover_->set_uplink(uplink, administratively_up);
}

Expected<failover::Switch> RunningController::switch_uplink() {
    return failover_->request_switch();
}

void RunningController::clear_counters() {
    path_->reset_counters();
    if (nic_ != nullptr) nic_->path()->reset_traffic();
    state_->clear_counters();
    ports_->for_each([](const AttachedPort& attached) { attached.port().reset_counters(); });
}

config::TenantSettings* RunningController::find_tenant_settings(const std::string& name) {
    auto found = std::find_if(settings_.tenants.begin(), settings_.tenants.end(),
                              [&](const auto& tenant) { return tenant.name == name; });
    return found == settings_.tenants.end() ? nullptr : &*found;
}

Error RunningController::unknown_tenant(const std::string& name) const {
    return {fmt::format("no tenant is called {}", name), {}, list_or_none(tenant_names())};
}

std::vector<std::string> RunningController::tenant_names() const {
    std::vector<std::string> names;
    for (const auto& tenant : settings_.tenants)
        names.push_back(tenant.name);
    std::sort(names.begin(), names.end());
    return names;
}

} // namespace sallyport::control
