// SPDX-License-Identifier: BSD-3-Clause
// From the rules that are there to those that are wanted: what packets meet last is made first, and
// broken last.
#include "eswitch/hardware_path.h"
#include "eswitch/rule_owner.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include <spdlog/spdlog.h>

namespace sallyport::eswitch {

namespace {

/// Tried again in one go at most, so that one change of a row costs the same with any number of
/// refused ones.
constexpr std::size_t most_retries = 64;

} // namespace

void HardwarePath::make_marked() {
    make_next_hops();
    make_length_classes();
    make_entries();
    make_origins();
    make_uplinks();
    break_old();
}

Expected<void> HardwarePath::reconcile() {
    const std::uint32_t rules = rules_.counts().rules;
    const std::size_t refused = refused_rows();
    const std::vector<RuleOwner> owners = some_refused_owners(most_retries);
    make_marked();
    if (rules_.counts().rules < rules) {
        retry_owners(owners);
        retry_entries(std::min<std::size_t>(rules - rules_.counts().rules, most_retries));
        retry_pacing_.changed();
    }
    if (refused_rows() > refused) retry_pacing_.changed();
    refused_.insert(refused_.end(), newly_refused_.begin(), newly_refused_.end());
    newly_refused_.clear();
    return alive();
}

Expected<void> HardwarePath::retry(std::chrono::steady_clock::time_point now) {
    if (refused_rows() == 0 || !retry_pacing_.is_due(now)) return {};
    const std::size_t before = refused_rows();
    retry_owners(some_refused_owners(before));
    retry_entries(most_retries);
    if (refused_rows() < before)
        retry_pacing_.changed();
    else
        retry_pacing_.was_refused(now);
    refused_.insert(refused_.begin(), newly_refused_.begin(), newly_refused_.end());
    newly_refused_.clear();
    return alive();
}

std::vector<RuleOwner> HardwarePath::some_refused_owners(std::size_t most) const {
    const std::size_t count = std::min(most, refused_owners_.size());
    const auto first = refused_owners_.begin();
    return {first, std::next(first, static_cast<std::ptrdiff_t>(count))};
}

void HardwarePath::retry_owners(std::span<const RuleOwner> owners) {
    bool any = false;
    for (const RuleOwner owner : owners) {
        if (refused_owners_.erase(owner) == 0) continue;
        mark_refused(owner);
        any = true;
    }
    if (any) make_marked();
}

void HardwarePath::mark_refused(RuleOwner owner) {
    const std::uint32_t id = id_of(owner);
    const auto is_refused = [](const auto* state) {
        return state != nullptr && !state->refused.empty();
    };
    switch (kind_of(owner)) {
    case OwnerKind::uplink:
        uplinks_marked_ |= is_refused(&uplinks_[id]);
        break;
    case OwnerKind::tenant:
        if (is_refused(tenants_.find(static_cast<overlay::TenantId>(id)))) marked_tenants_.add(id);
        break;
    case OwnerKind::vm_port:
        if (is_refused(vm_ports_.find(static_cast<overlay::VmPortId>(id))))
            marked_vm_ports_.add(id);
        break;
    case OwnerKind::tunnel:
        if (is_refused(tunnels_.find(id))) marked_tunnels_.add(id);
        break;
    case OwnerKind::next_hop:
        if (is_refused(next_hops_.find(id))) marked_next_hops_.add(id);
        break;
    case OwnerKind::length_class:
        if (is_refused(length_classes_.find(id))) marked_classes_.add(id);
        break;
    case OwnerKind::entry: // they have a list of their own
        break;
    }
}

Expected<void> HardwarePath::alive() const {
    if (rules_.death().empty()) return {};
    return failure(rules_.death(), "hardware path", "restart the process");
}

template<class State, class... What>
void HardwarePath::change(State& state, RuleOwner owner, const What&... what) {
    state.refused.clear();
    WantedRules wanted;
    want(wanted, what...);
    rules_.change(state.rules, wanted.specs(), owner);
}

void HardwarePath::make_next_hops() {
    const auto marked = marked_next_hops_.take();
    if (marked.empty()) return;
    for (const overlay::NextHopId id : marked)
        if (NextHopState* const next_hop = next_hops_.find(id))
            change(*next_hop, owner_of(OwnerKind::next_hop, id), *next_hop);
    handle(rules_.make());
    for (const overlay::NextHopId id : marked) {
        NextHopState* const next_hop = next_hops_.find(id);
        if (next_hop == nullptr) continue;
        const bool usable = rules_.in_hardware(next_hop->rules[0]);
        if (std::exchange(next_hop->usable, usable) == usable) continue;
        for (const overlay::VtepId vtep : next_hop->vteps)
            for (const TunnelId tunnel : vteps_.find(vtep)->tunnels)
                mark(tunnels_.find(tunnel)->entries);
    }
}

void HardwarePath::make_length_classes() {
    for (const std::uint32_t id : marked_classes_.take()) {
        LengthClassState* const length_class = length_classes_.find(id);
        if (length_class != nullptr && length_class->tenants > 0)
            change(*length_class, owner_of(OwnerKind::length_class, id), id, *length_class);
    }
}

void HardwarePath::make_entries() {
    for (const FdbEntryId id : marked_entries_.take())
        if (!entries_[id].mac.is_zero()) install_entry(id);
}

void HardwarePath::install_entry(FdbEntryId id) {
    FdbEntry& entry = entries_[id];
    entry.refused = false;
    WantedRules wanted;
    want(wanted, entry);
    rules_.change(entry.rules, wanted.specs(), owner_of(OwnerKind::entry, id));
    set_reason(entry, wanted.why_missing() == nullptr ? "" : wanted.why_missing());
}

void HardwarePath::make_origins() {
    for (const TunnelId id : marked_tunnels_.take()) {
        TunnelState* const tunnel = tunnels_.find(id);
        if (tunnel != nullptr && !tunnel->gone)
            change(*tunnel, owner_of(OwnerKind::tunnel, id), id, *tunnel);
    }
    for (const std::uint32_t id : marked_tenants_.take())
        if (TenantState* const tenant = tenants_.find(static_cast<overlay::TenantId>(id)))
            change(*tenant, owner_of(OwnerKind::tenant, id), *tenant);
    for (const std::uint32_t id : marked_vm_ports_.take())
        if (VmPortState* const vm_port = vm_ports_.find(static_cast<overlay::VmPortId>(id)))
            make_vm_port(*vm_port);
}

void HardwarePath::make_vm_port(VmPortState& vm_port) {
    const RuleOwner owner = owner_of(OwnerKind::vm_port, vm_port.row.id);
    const auto& limit = vm_port.row.rate_limit;
    if (!limit) return change(vm_port, owner, vm_port);
    const auto metered = meters_.add(*limit);
    if (metered) return change(vm_port, owner, vm_port);
    // Then all that the VM sends goes by software, and is metered there.
    vm_port.refused = metered.error().what;
    refused_owners_.insert(owner);
    rules_.change(vm_port.rules, {}, owner);
}

void HardwarePath::make_uplinks() {
    if (std::exchange(uplinks_marked_, false))
        for (const overlay::UplinkIndex index : overlay::all_uplinks)
            change(uplinks_[index], owner_of(OwnerKind::uplink, index), index);
    handle(rules_.make());
}

void HardwarePath::break_old() {
    rules_.break_retired();
    for (const TunnelId id : std::exchange(gone_tunnels_, {}))
        tunnels_.remove(id);
    for (const std::uint32_t id : std::exchange(gone_classes_, {}))
        length_classes_.remove(id);
    drop_unused_meters();
    if (rules_.counts().stuck + rules_.counts().stranded > 0 && closed_.empty())
        close("the NIC would not destroy a rule that is not wanted any more");
}

void HardwarePath::drop_unused_meters() {
    // A rule that would not go may still have one.
    if (!meters_marked_ || rules_.counts().stuck + rules_.counts().stranded > 0) return;
    meters_marked_ = false;
    std::set<net::RateLimit> used;
    vm_ports_.for_each([&](const VmPortState& vm_port) {
        if (vm_port.row.rate_limit) used.insert(*vm_port.row.rate_limit);
    });
    meters_.keep_only(used);
}

void HardwarePath::retry_entries(std::size_t most) {
    bool tried = false;
    for (; most > 0 && !refused_.empty(); refused_.pop_back()) {
        const FdbEntryId id = refused_.back();
        if (entries_[id].mac.is_zero() || !entries_[id].refused) continue;
        install_entry(id);
        tried = true;
        --most;
    }
    if (!tried) return;
    handle(rules_.make());
    rules_.break_retired();
}

void HardwarePath::close(std::string why) {
    spdlog::error("hardware path: {}; all traffic goes by software until the process is restarted",
                  why);
    closed_ = std::move(why);
    // No rule beyond group 0 matters once no packet comes there.
    vm_ports_.for_each([this](VmPortState& vm_port) {
        rules_.change(vm_port.rules, {}, owner_of(OwnerKind::vm_port, vm_port.row.id));
    });
    for (const overlay::UplinkIndex index : overlay::all_uplinks)
        rules_.change(uplinks_[index].rules, {}, owner_of(OwnerKind::uplink, index));
    rules_.break_retired();
}

void HardwarePath::handle(const std::vector<InstalledRules::Refusal>& refusals) {
    for (const InstalledRules::Refusal& refusal : refusals) {
        const std::uint32_t id = id_of(refusal.owner);
        const auto give_up = [&](auto& state) {
            state.refused = refusal.reason;
            refused_owners_.insert(refusal.owner);
            rules_.change(state.rules, {}, refusal.owner);
        };
        switch (kind_of(refusal.owner)) {
        case OwnerKind::uplink:
            give_up(uplinks_[id]);
            break;
        case OwnerKind::tenant:
            give_up(*tenants_.find(static_cast<overlay::TenantId>(id)));
            break;
        case OwnerKind::vm_port:
            give_up(*vm_ports_.find(static_cast<overlay::VmPortId>(id)));
            break;
        case OwnerKind::tunnel:
            give_up(*tunnels_.find(id));
            break;
        case OwnerKind::next_hop:
            give_up(*next_hops_.find(id));
            break;
        case OwnerKind::length_class:
            give_up(*length_classes_.find(id));
            break;
        case OwnerKind::entry:
            refuse_entry(id, refusal.reason);
            break;
        }
    }
}

void HardwarePath::refuse_entry(FdbEntryId id, const std::string& reason) {
    FdbEntry& entry = entries_[id];
    rules_.change(entry.rules, {}, owner_of(OwnerKind::entry, id));
    set_reason(entry, reason);
    if (std::exchange(entry.refused, true)) return;
    newly_refused_.push_back(id);
}

void HardwarePath::set_reason(FdbEntry& entry, std::string_view reason) {
    const auto found = std::find(reasons_.begin(), reasons_.end(), reason);
    entry.reason = static_cast<std::uint16_t>(found - reasons_.begin());
    if (found != reasons_.end()) return;
    // A driver has few messages; should one ever put numbers into them, the last one stands for
    // all.
    constexpr std::size_t most_reasons = 256;
    if (reasons_.size() < most_reasons)
        reasons_.emplace_back(reason);
    else
        entry.reason = most_reasons - 1;
}

} // namespace sallyport::eswitch
