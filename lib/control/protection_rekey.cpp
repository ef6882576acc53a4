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

struct Rekeying::Plan {
    /// All of the file, in its order; null where a new one is still to be made.
    Protection::Sas wanted;
    std::vector<Protection::KeyOfSa> keys;
    /// Made for this.
    Protection::Sas made;
    /// No longer in the file.
    Protection::Sas leaving;
    // What the path has of it.
    Protection::Sas given;
    std::set<net::IpAddress> switched;
};

Rekeying::Rekeying(Protection& protection, const config::TenantSettings& tenant)
    : protection_(&protection), tenant_(tenant), plan_(std::make_unique<Plan>()) {}

Rekeying::Rekeying(Rekeying&&) noexcept = default;

Rekeying::~Rekeying() {
    if (plan_ != nullptr) protection_->abandon(tenant_, *plan_);
}

Expected<void> Rekeying::switch_over() {
    return protection_->switch_over(tenant_, *plan_);
}

SaDifference Rekeying::finish() {
    const SaDifference difference = protection_->finish(tenant_, *plan_);
    plan_.reset();
    return difference;
}

Expected<void> Protection::plan(const config::TenantSettings& tenant, RekeyPlan& plan) {
    const auto running = tenants_.find(tenant.name);
    Sas old = running == tenants_.end() ? Sas() : running->second;
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
    return {};
}

Expected<void> Protection::make_new(const config::TenantSettings& tenant, RekeyPlan& plan) {
    std::map<net::IpAddress, std::uint16_t> outbound;
    std::vector<Draft> drafts;
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
        drafts.push_back(draft(tenant, settings, std::move(plan.keys[i]), worker));
        plan.wanted[i] = drafts.back().sa;
        plan.made.push_back(plan.wanted[i]);
    }
    return install(std::move(drafts));
}

Expected<void> Protection::switch_over(const config::TenantSettings& tenant, RekeyPlan& plan) {
    const auto switch_all = [&]() -> Expected<void> {
        for (const auto& sa : plan.made) {
            if (sa->is_outbound()) continue;
            if (auto done = give_inbound(tenant.name, *sa); !done) return done;
            plan.given.push_back(sa);
        }
        std::set<net::IpAddress> vteps;
        for (const Sas* const sas : {&plan.wanted, &plan.leaving})
            for (const auto& sa : *sas)
                if (sa->is_outbound()) vteps.insert(sa->settings.remote_vtep);
        for (const net::IpAddress& vtep : vteps) {
            if (auto done = give_outbound(tenant.name, vtep, plan.wanted); !done) return done;
            plan.switched.insert(vtep);
        }
        return {};
    };
    auto switched = switch_all();
    if (!switched) switch_back(tenant, plan);
    return switched;
}

void Protection::switch_back(const config::TenantSettings& tenant, RekeyPlan& plan) {
    for (const auto& sa : std::exchange(plan.given, {}))
        path_.remove_inbound_sa(sa->settings.spi);
    const auto running = tenants_.find(tenant.name);
    const Sas before = running == tenants_.end() ? Sas() : running->second;
    for (const net::IpAddress& vtep : std::exchange(plan.switched, {}))
        if (auto undone = give_outbound(tenant.name, vtep, before); !undone)
            spdlog::error("tenant {}: not undone: {}", tenant.name, undone.error().message());
}

void Protection::abandon(const config::TenantSettings& tenant, RekeyPlan& plan) {
    switch_back(tenant, plan);
    for (const auto& sa : plan.made)
        discard(*sa);
}

Expected<Rekeying> Protection::prepare(const config::TenantSettings& tenant) {
    if (!tenant.sas.empty())
        if (auto opened = open(); !opened) return tl::unexpected(opened.error());
    Rekeying rekeying(*this, tenant);
    if (auto planned = plan(tenant, *rekeying.plan_); !planned)
        return tl::unexpected(planned.error());
    if (auto made = make_new(tenant, *rekeying.plan_); !made) return tl::unexpected(made.error());
    return rekeying;
}

Expected<void> Protection::rekey(const config::TenantSettings& tenant) {
    auto rekeying = prepare(tenant);
    if (!rekeying) return tl::unexpected(rekeying.error());
    if (auto switched = rekeying->switch_over(); !switched) return switched;
    rekeying->finish();
    return {};
}

SaDifference Protection::finish(const config::TenantSettings& tenant, RekeyPlan& plan) {
    for (std::size_t i = 0; i < plan.wanted.size(); ++i) {
        Sa& sa = *plan.wanted[i];
        sa.settings = tenant.sas[i];
        // It is in the file again.
        if (sa.is_retiring()) loop_.cancel(std::exchange(sa.expiry, 0));
    }
    tenants_[tenant.name] = plan.wanted;
    for (const auto& sa : plan.leaving) {
        const auto& vteps = tenant.remote_vteps;
        const bool vtep_stays =
            std::find(vteps.begin(), vteps.end(), sa->settings.remote_vtep) != vteps.end();
        if (!sa->is_outbound() && vtep_stays) {
            retire(tenant.name, sa);
            continue;
        }
        if (!sa->is_outbound()) path_.remove_inbound_sa(sa->settings.spi);
        discard(*sa);
    }
    if (tenants_[tenant.name].empty()) tenants_.erase(tenant.name);
    const SaDifference difference{plan.made.size(), plan.wanted.size() - plan.made.size(),
                                  plan.leaving.size()};
    spdlog::info("tenant {}: rekeyed, {} SAs new, {} as they were, {} gone or going", tenant.name,
                 difference.made, difference.kept, difference.left);
    watch();
    return difference;
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
