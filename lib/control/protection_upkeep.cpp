// SPDX-License-Identifier: BSD-3-Clause
// What SAs need while they are at work: numbers ahead of them on the disk, and an eye on their
// lifetimes. And what is shown of them.
#include "control/protection.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace sallyport::control {
namespace {

/// Half a step of reserved numbers lasts 0.2 s at 10 million packets a second.
constexpr std::chrono::milliseconds upkeep_interval{20};

} // namespace

void Protection::watch() {
    const bool needed = std::any_of(tenants_.begin(), tenants_.end(),
                                    [](const auto& tenant) { return !tenant.second.empty(); });
    if (needed && timer_ == 0)
        timer_ = loop_.every(upkeep_interval, [this] { tend(); });
    else if (!needed && timer_ != 0)
        loop_.cancel(std::exchange(timer_, 0));
}

void Protection::tend() {
    renew_numbers();
    for (const auto& [tenant, sas] : tenants_)
        for (const auto& sa : sas)
            tell_lifetimes(tenant, *sa);
}

void Protection::renew_numbers() {
    Sas counting;
    std::vector<ipsec::Reservation> reservations;
    std::vector<std::uint64_t> next;
    bool is_low = false;
    for (const auto& [tenant, sas] : tenants_) {
        for (const auto& sa : sas) {
            if (!sa->reservation) continue;
            counting.push_back(sa);
            reservations.push_back(*sa->reservation);
            next.push_back(sa->session->next_sequence());
            is_low = is_low || sa->reservation->is_low(next.back());
        }
    }
    // One write to the disk for all, when one needs it.
    if (!is_low) return;
    if (auto renewed = numbers_->renew(reservations, next); !renewed) {
        if (!std::exchange(numbers_fail_, true))
            spdlog::error("ipsec: outbound SAs will stop where their reserved sequence numbers "
                          "end: {}",
                          renewed.error().message());
        return;
    }
    if (std::exchange(numbers_fail_, false))
        spdlog::info("ipsec: sequence numbers are reserved again");
    for (std::size_t i = 0; i < counting.size(); ++i) {
        counting[i]->reservation = reservations[i];
        counting[i]->session->extend_sequence(reservations[i].bound);
    }
}

void Protection::tell_lifetimes(const std::string& tenant, Sa& sa) const {
    const ipsec::Lifetime lifetime = sa.session->lifetime();
    if (lifetime <= sa.told) return;
    sa.told = lifetime;
    if (lifetime == ipsec::Lifetime::hard)
        spdlog::error("{}: its lifetime is over, its packets are dropped; write new SAs into the "
                      "file and say: ipsec rekey {}",
                      sa_place(tenant, sa.settings.name), tenant);
    else
        spdlog::warn("{}: its soft lifetime is over; write new SAs into the file and say: ipsec "
                     "rekey {}",
                     sa_place(tenant, sa.settings.name), tenant);
}

IpsecReport Protection::report() const {
    IpsecReport report;
    report.outbound = gone_[static_cast<std::size_t>(ipsec::Direction::outbound)];
    report.inbound = gone_[static_cast<std::size_t>(ipsec::Direction::inbound)];
    if (devices_ != nullptr) report.devices = devices_->descriptions();
    for (const auto& [tenant, sas] : tenants_) {
        std::map<net::IpAddress, std::size_t> outbound;
        for (const auto& sa : sas) {
            SaReport& shown = report.sas.emplace_back();
            shown.tenant = tenant;
            shown.settings = sa->settings;
            shown.choice = sa->choice;
            shown.totals = totals_of(sa->session->counters());
            shown.lifetime = sa->session->lifetime();
            const bool is_surplus =
                sa->is_outbound() && ++outbound[sa->settings.remote_vtep] > workers_;
            shown.state = sa->is_retiring() ? SaState::retiring
                          : is_surplus      ? SaState::surplus
                                            : SaState::active;
            shown.sequence =
                sa->is_outbound() ? sa->session->next_sequence() : sa->session->newest_sequence();
            (sa->is_outbound() ? report.outbound : report.inbound) += shown.totals;
        }
    }
    return report;
}

} // namespace sallyport::control
