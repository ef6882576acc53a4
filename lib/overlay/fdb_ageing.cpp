// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/fdb_ageing.h"

#include <algorithm>
#include <map>
#include <vector>

namespace sallyport::overlay {

namespace {

/// Twice as often as promised: an entry that is the first of one round may be the last of the next.
constexpr int rounds_per_ageing_time = 8;

} // namespace

Expected<FdbAgeing::Result> FdbAgeing::run(std::chrono::steady_clock::time_point now) {
    Result result;
    std::map<TenantId, std::vector<net::MacAddress>> silent_macs;
    for (std::size_t left = due(now); left > 0; --left) {
        // Downwards: see ForwardingState::learned_at(). Entries may have gone since the last call.
        cursor_ = std::min(cursor_, state_.learned_size());
        if (cursor_ == 0) cursor_ = round_entries_ = state_.learned_size();
        const ForwardingState::LearnedEntry entry = state_.learned_at(--cursor_);
        ++result.visited;
        if (silent(entry, now)) silent_macs[entry.tenant].push_back(entry.mac);
    }
    Expected<void> first_error;
    for (const auto& [tenant, macs] : silent_macs) {
        const auto removed = state_.remove_fdb(tenant, macs);
        if (removed)
            result.removed += macs.size();
        else if (first_error)
            first_error = removed;
    }
    if (!first_error) return tl::unexpected(first_error.error());
    return result;
}

std::size_t FdbAgeing::due(std::chrono::steady_clock::time_point now) {
    const auto shortest = state_.shortest_ageing_time();
    const auto elapsed = now - last_run_.value_or(now);
    last_run_ = now;
    if (!shortest) {
        owed_ = 0;
        return 0;
    }
    // By those at the start of the round too: entries that go must not slow down the rest of it.
    const std::size_t entries = std::max(state_.learned_size(), round_entries_);
    const std::chrono::duration<double> round =
        std::chrono::duration<double>(*shortest) / rounds_per_ageing_time;
    owed_ += static_cast<double>(entries) * (std::chrono::duration<double>(elapsed) / round);
    // More than a round at once would only ask the same again.
    owed_ = std::min(owed_, static_cast<double>(entries));
    const std::size_t whole =
        std::min({static_cast<std::size_t>(owed_), most_per_call_, state_.learned_size()});
    owed_ -= static_cast<double>(whole);
    return whole;
}

bool FdbAgeing::silent(const ForwardingState::LearnedEntry& entry,
                       std::chrono::steady_clock::time_point now) const {
    const std::chrono::seconds ageing_time = state_.tenant(entry.tenant)->ageing_time;
    if (ageing_time.count() == 0) return false;
    // An entry that no path knows must not stay for ever.
    return state_.idle_time(entry.tenant, entry.mac)
               .value_or(std::chrono::duration_cast<std::chrono::seconds>(now - entry.since))
           >= ageing_time;
}

} // namespace sallyport::overlay
