// SPDX-License-Identifier: BSD-3-Clause
// SAs are replaced make before break.
#include "control/protection.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sallyport::control {
namespace {

/// Whether the same session serves both: names and where the key is are for people only.
bool is_same(config::SaSettings left, const config::SaSettings& right) {
    left.name = right.name;
    left.key_file = right.key_file;
    left.key_inline = right.key_inline;
    return left == right;
}

} // namespace

struct Protection::RekeyPlan {
    /// All of the file, in its order; null where a new one is still to be made.
    Sas wanted;
    std::vector<KeyOfSa> keys;
    /// Made for this.
    Sas made;
    /// No longer in the file.
    Sas leaving;
};

Expected<Protection::RekeyPlan> Protection::plan(const config::TenantSettings& tenant) {
    RekeyPlan plan;
    Sas old = tenants_[tenant.name];
    for (const config::SaSettings& settings : tenant.sas) {
        auto key = read_key(tenant.name, settings);
        if (!key) return tl::unexpected(key.error());
        const auto same = std::find_if(old.begin(), old.end(), [&](const auto& sa) {
            return sa->key_name == key->name && is_same(sa->settings, settings);
        });
        plan.wanted.push_back(same == old.end() ? nullptr : *same);
        plan.keys.push_back(std::move(*key));
        if (same != old.end()) old.erase(same);
    }
    plan.leaving = std::move(old);
    return plan;
}

Expected<void> Protection::make_new(const config::TenantSettings& tenant, RekeyPlan& plan) {
    std::map<net::IpAddress, std::uint16_t> outbound;
    for (std::size_t i = 0; i < tenant.sas.size(); ++i) {
        const config::SaSettings& settings = tenant.sas[i];
        const bool is_outbound = settings.direction == ipsec::Direction::outbound;
        const auto place = is_outbound ? outbound[settings.remote_vtep]++ : std::uint16_t{0};
        const auto worker =
            is_outbound ? static_cast<std::uint16_t>(place % workers_) : next_inbound_worker();
        if (const auto& kept = plan.wanted[i]) {
            // Its queue pair is one worker's.
            if (is_outbound && kept->worker != worker
                && kept->choice.engine == ipsec::Engine::lookaside)
                return failure("its place among the outbound SAs changed, which a lookaside device "
                               "does not allow",
                               sa_place(tenant.name, settings.name),
                               "leave it where it is in the file, or give it a new key");
            continue;
        }
        if (auto fresh = refuse_used(tenant.name, settings, plan.keys[i].name, plan.made); !fresh)
            return fresh;
        auto sa = make(tenant, settings, std::move(plan.keys[i]), worker);
        if (!sa) return tl::unexpected(sa.error());
        plan.made.push_back(*sa);
        plan.wanted[i] = std::move(*sa);
    }
    return {};
}

Expected<void> Protection::switch_over(const config::TenantSettings& tenant,
                                       const RekeyPlan& plan) {
    Sas given;
    std::set<net::IpAddress> switched;
    const auto back = [&] {
        for (const auto& sa : given)
            path_.remove_inbound_sa(sa->settings.spi);
        Sas before = tenants_[tenant.name];
        for (const net::IpAddress& vtep : switched)
            if (auto undone = give_outbound(tenant.name, vtep, before); !undone)
                spdlog::error("tenant {}: not undone: {}", tenant.name, undone.error().message());
    };
    for (const auto& sa : plan.made) {
        if (sa->is_outbound()) continue;
        if (auto done = give_inbound(tenant.name, *sa); !done) {
            back();
            return done;
        }
        given.push_back(sa);
    }
    std::set<net::IpAddress> vteps;
    for (const Sas* const sas : {&plan.wanted, &plan.leaving})
        for (const auto& sa : *sas)
            if (sa->is_outbound()) vteps.insert(sa->settings.remote_vtep);
    for (const net::IpAddress& vtep : vteps) {
        if (auto done = give_outbound(tenant.name, vtep, plan.wanted); !done) {
            back();
            return done;
        }
        switched.insert(vtep);
    }
    return {};
}

Expected<void> Protection::rekey(const config::TenantSettings& tenant) {
    if (!tenant.sas.empty())
        if (auto opened = open(); !opened) return opened;
    auto plan = this->plan(tenant);
    if (!plan) return tl::unexpected(plan.error());
    auto done = make_new(tenant, *plan);
    if (done) done = switch_over(tenant, *plan);
    if (!done) {
        for (const auto& sa : plan->made)
            discard(*sa);
        return done;
    }
    for (std::size_t i = 0; i < plan->wanted.size(); ++i) {
        Sa& sa = *plan->wanted[i];
        sa.settings = tenant.sas[i];
        // It is in the file again.
        if (sa.is_retiring()) loop_.cancel(std::exchange(sa.expiry, 0));
    }
    tenants_[tenant.name] = plan->wanted;
    for (const auto& sa : plan->leaving) {
        if (sa->is_outbound())
            discard(*sa);
        else
            retire(tenant.name, sa);
    }
    spdlog::info("tenant {}: rekeyed, {} SAs new, {} as they were, {} gone or going", tenant.name,
                 plan->made.size(), plan->wanted.size() - plan->made.size(), plan->leaving.size());
    watch();
    return {};
}

void Protection::retire(const std::string& tenant, const std::shared_ptr<Sa>& sa) {
    tenants_[tenant].push_back(sa);
    if (sa->is_retiring()) return;
    sa->expiry = loop_.after(settings_.rekey_grace, [this, tenant, sa] { expire(tenant, sa); });
}

void Protection::expire(const std::string& tenant, const std::shared_ptr<Sa>& sa) {
    sa->expiry = 0;
    path_.remove_inbound_sa(sa->settings.spi);
    discard(*sa);
    std::erase(tenants_[tenant], sa);
    spdlog::info("{}: its grace time is over, SPI {:#010x} is taken no more",
                 sa_place(tenant, sa->settings.name), sa->settings.spi);
}

} // namespace sallyport::control
