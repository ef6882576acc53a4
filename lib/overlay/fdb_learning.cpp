// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/fdb_learning.h"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

namespace sallyport::overlay {

namespace {

/// What a run of events comes to: the rows to put, one a station, and the counts by tenant.
class Judgement {
  public:
    explicit Judgement(const ForwardingState& state) : state_(state) {}

    void judge(const LearnEvent& event) {
        const std::pair key(event.tenant, event.mac);
        const auto [place, first] = stations_.try_emplace(key);
        Station& station = place->second;
        if (first) station.present = state_.find_fdb(event.tenant, event.mac);
        const std::optional<FdbRow>& known = station.wanted ? station.wanted : station.present;
        const FdbRow seen{event.tenant, event.mac, event.seen_at, FdbOrigin::learned};
        if (!known) {
            learn(station, seen);
        } else if (known->origin == FdbOrigin::learned && known->target != event.seen_at) {
            station.wanted = seen;
            ++station.moves;
        }
    }

    struct Station {
        std::optional<FdbRow> present;
        std::optional<FdbRow> wanted;
        std::uint64_t moves = 0;
        bool refused = false;
    };
    [[nodiscard]] const std::map<std::pair<TenantId, net::MacAddress>, Station>& stations() const {
        return stations_;
    }

  private:
    void learn(Station& station, const FdbRow& seen) {
        std::uint32_t& learned = learned_[seen.tenant];
        const TenantEntry& tenant = *state_.tenant(seen.tenant);
        station.refused = tenant.learned + learned >= tenant.max_learned
                          || state_.fdb_size() + all_learned_ >= state_.limits().fdb_entries;
        if (station.refused) return;
        station.wanted = seen;
        ++learned;
        ++all_learned_;
    }

    const ForwardingState& state_;
    std::map<std::pair<TenantId, net::MacAddress>, Station> stations_;
    std::map<TenantId, std::uint32_t> learned_;
    std::size_t all_learned_ = 0;
};

} // namespace

FdbLearning::Result FdbLearning::process(std::chrono::steady_clock::time_point now,
                                         std::size_t most) {
    events_.clear();
    for (Path* path : state_.paths())
        path->take_learned(events_, most - std::min(most, events_.size()));
    return judge(events_, now);
}

FdbLearning::Result FdbLearning::judge(std::span<const LearnEvent> events,
                                       std::chrono::steady_clock::time_point now) {
    Judgement judgement(state_);
    for (const LearnEvent& event : events)
        if (believable(event)) judgement.judge(event);

    Result result;
    result.events = events.size();
    std::vector<FdbRow> rows;
    for (const auto& [key, station] : judgement.stations())
        if (station.wanted && station.wanted != station.present) rows.push_back(*station.wanted);
    const auto all = state_.put_learned(rows, now);
    if (!all) result.path_error = all.error();
    for (const auto& [key, station] : judgement.stations()) {
        const bool change = station.wanted && station.wanted != station.present;
        // One row that a path refuses must not keep the others from being learned.
        const bool done = !change || all || state_.put_learned({&*station.wanted, 1}, now);
        if (station.refused || !done) {
            ++result.refused;
            state_.count_learn_refused(key.first, 1);
            continue;
        }
        if (change && !station.present) ++result.learned;
        result.moved += station.moves;
        state_.count_moves(key.first, station.moves);
    }
    return result;
}

bool FdbLearning::believable(const LearnEvent& event) const {
    const TenantEntry* tenant = state_.tenant(event.tenant);
    if (tenant == nullptr || !tenant->row.learning) return false;
    if (event.mac.is_multicast() || event.mac.is_zero()) return false;
    if (const auto* seen_at = std::get_if<VtepRef>(&event.seen_at)) {
        const std::vector<VtepId>& vteps = tenant->row.remote_vteps;
        return std::binary_search(vteps.begin(), vteps.end(), seen_at->id);
    }
    const VmPortRow* port = state_.vm_port(std::get<VmPortRef>(event.seen_at).id);
    if (port == nullptr || port->tenant != event.tenant) return false;
    const std::vector<net::MacAddress>& allowed = port->allowed_macs;
    return allowed.empty() || std::binary_search(allowed.begin(), allowed.end(), event.mac);
}

} // namespace sallyport::overlay
