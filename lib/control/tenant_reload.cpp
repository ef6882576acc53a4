// SPDX-License-Identifier: BSD-3-Clause
// Tenants become what their files say by now, and nothing but what differs is touched.
#include "config/load.h"
#include "control/running_controller.h"

#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {
namespace {

std::vector<std::string> changed_keys(const config::TenantSettings& running,
                                      const config::TenantSettings& wanted) {
    std::vector<std::string> keys;
    const auto compare = [&](const char* key, const auto& left, const auto& right) {
        if (left != right) keys.emplace_back(key);
    };
    compare("mtu", running.mtu, wanted.mtu);
    compare("learning", running.learning, wanted.learning);
    compare("flooding", running.flooding, wanted.flooding);
    compare("inner_vlan", running.pass_inner_vlan, wanted.pass_inner_vlan);
    compare("ageing_time", running.ageing_time, wanted.ageing_time);
    compare("max_learned", running.max_learned, wanted.max_learned);
    return keys;
}

} // namespace

Expected<std::vector<config::TenantSettings>>
RunningController::load_again(const std::string& tenant) const {
    std::map<std::string, std::map<std::string, std::uint16_t>> open_mtus;
    for (const auto& running : settings_.tenants)
        if (tenant.empty() || running.name == tenant)
            open_mtus.emplace(running.name, ports_->open_mtus(running.name));
    std::vector<config::TenantSettings> loaded;
    std::vector<config::Complaint> complaints;
    // Links do not touch the settings, and need not wait for files.
    loop_.run_aside([&] {
        // One after the other, each beside those before it as they will be: as they are applied.
        config::Settings beside = settings_;
        for (auto& running : beside.tenants) {
            const auto mtus = open_mtus.find(running.name);
            if (mtus == open_mtus.end()) continue;
            auto file = config::reload_tenant(running, beside, mtus->second);
            if (file) {
                loaded.push_back(*file);
                running = std::move(*file);
                continue;
            }
            complaints.insert(complaints.end(), file.error().begin(), file.error().end());
        }
    });
    if (!complaints.empty()) return tl::unexpected(config::complaints_error(complaints));
    return loaded;
}

Expected<std::vector<TenantReload>> RunningController::reload_tenants(const std::string& tenant) {
    if (!tenant.empty() && find_tenant_settings(tenant) == nullptr)
        return tl::unexpected(unknown_tenant(tenant));
    auto loaded = load_again(tenant);
    if (!loaded) return tl::unexpected(loaded.error());
    // As before an added tenant: ids come free here too.
    learning_->drain();
    std::vector<TenantReload> reloads;
    for (auto& wanted : *loaded) {
        auto* const running = find_tenant_settings(wanted.name);
        auto reloaded = reload(*running, std::move(wanted));
        if (!reloaded) {
            Error failed = reloaded.error();
            if (failed.where.find(running->name) == std::string::npos)
                failed.where =
                    "tenant " + running->name + (failed.where.empty() ? "" : ": " + failed.where);
            if (!reloads.empty())
                failed.what += fmt::format("; {} tenants before it are reloaded", reloads.size());
            return tl::unexpected(std::move(failed));
        }
        reloads.push_back(std::move(*reloaded));
    }
    return reloads;
}

Expected<TenantReload> RunningController::reload(config::TenantSettings& running,
                                                 config::TenantSettings wanted) {
    TenantReload done{.tenant = running.name, .settings = changed_keys(running, wanted)};
    // What can fail comes first: the SAs' keys and sessions, then vteps and ports.
    std::optional<Rekeying> rekeying;
    if (wanted.is_protected) {
        auto prepared = protection_->prepare(wanted);
        if (!prepared) return tl::unexpected(prepared.error());
        rekeying.emplace(std::move(*prepared));
    }
    if (running != wanted) {
        if (auto wider = tenants_->widen(running, wanted); !wider)
            return tl::unexpected(wider.error());
    }
    const auto undo = [&](Error error) {
        rekeying.reset();
        tenants_->narrow(running, wanted);
        return tl::unexpected(std::move(error));
    };
    if (rekeying)
        if (auto switched = rekeying->switch_over(); !switched) return undo(switched.error());
    if (running != wanted) {
        auto changed = tenants_->change(running, wanted);
        if (!changed) return undo(changed.error());
        done.remote_vteps = changed->remote_vteps;
        done.vm_ports = changed->vm_ports;
        done.fdb = changed->fdb;
    }
    if (rekeying) {
        const SaDifference sas = rekeying->finish();
        done.sas = {sas.made, 0, sas.left};
    }
    spdlog::info("tenant {}: reloaded from {}", running.name, wanted.file.string());
    running = std::move(wanted);
    return done;
}

} // namespace sallyport::control
