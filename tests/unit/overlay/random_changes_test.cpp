// SPDX-License-Identifier: BSD-3-Clause
// Random operations while paths refuse at random: the paths always hold what the state holds.
#include "overlay/fdb_ageing.h"
#include "overlay/fdb_learning.h"
#include "recording_path.h"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace sallyport::overlay::test {
namespace {

using namespace std::chrono_literals;

class RandomChanges : public testing::TestWithParam<unsigned> {
  protected:
    std::mt19937 random{GetParam()};
    RecordingPath paths[2];
    ForwardingState state{Limits{.tenants = 4,
                                 .vm_ports = 6,
                                 .vteps = 6,
                                 .next_hops = 5,
                                 .fdb_entries = 30,
                                 .tunnels = 9},
                          {&paths[0], &paths[1]}};
    FdbLearning learning{state};
    FdbAgeing ageing{state};
    std::chrono::steady_clock::time_point now{1000s};
    std::size_t succeeded = 0;
    std::size_t refused_by_path = 0;

    std::uint32_t pick(std::uint32_t bound) { return random() % bound; }
    net::IpAddress vtep_address() {
        return address(("192.0.2." + std::to_string(2 + pick(7))).c_str());
    }
    net::IpAddress gateway() { return address(("198.51.100." + std::to_string(pick(5))).c_str()); }
    std::string tenant_name() { return "t" + std::to_string(pick(5)); }
    net::MacAddress station() { return mac(pick(24)); }
    FdbSpec fdb_entry() {
        if (pick(2) == 0) return {station(), vtep_address()};
        return {station(), "p" + std::to_string(pick(8))};
    }
    NextHopLinks some_links() {
        NextHopLinks result;
        for (auto& link : result)
            if (pick(3) > 0) link = NextHopLink{mac(0xe0), mac(pick(4))};
        return result;
    }
    TenantSpec tenant_spec() {
        TenantSpec spec;
        spec.name = tenant_name();
        spec.vni = 100 + pick(6);
        spec.local_vtep = address("192.0.2.1");
        spec.learning = pick(3) > 0;
        spec.max_learned = pick(8);
        spec.ageing_time = std::chrono::seconds(pick(3) * 4);
        for (std::uint32_t i = pick(4); i > 0; --i)
            spec.remote_vteps.push_back(vtep_address());
        for (std::uint32_t i = pick(3); i > 0; --i)
            spec.vm_ports.push_back(
                {"p" + std::to_string(pick(8)),
                 pick(2) ? std::vector{station()} : std::vector<net::MacAddress>{}});
        for (std::uint32_t i = pick(2); i > 0; --i)
            spec.fdb.push_back(fdb_entry());
        return spec;
    }

    template<class T>
    bool count(const Expected<T>& result) {
        if (result) {
            ++succeeded;
            return true;
        }
        if (result.error().where == "recording path") ++refused_by_path;
        EXPECT_EQ(result.error().what.find("undoing"), std::string::npos);
        return false;
    }

    /// True: the state may have changed. False: it must not have.
    bool learn() {
        std::vector<LearnEvent> events;
        for (std::uint32_t i = pick(12); i > 0; --i) {
            const FdbTarget target =
                pick(2) ? FdbTarget(VmPortRef{static_cast<VmPortId>(pick(7))}) : VtepRef{pick(7)};
            events.push_back({static_cast<TenantId>(pick(5)), station(), target});
            paths[pick(2)].idle[{events.back().tenant, events.back().mac}] =
                std::chrono::seconds(pick(8));
        }
        const auto result = learning.judge(events, now);
        succeeded += result.learned > 0;
        refused_by_path += result.path_error.has_value();
        return true;
    }

    /// Of a tenant that runs, or nearly so: by both halves, by one, or there and back.
    bool change() {
        TenantSpec spec = tenant_spec();
        if (const TenantEntry* const running = state.find_tenant(spec.name)) {
            spec.vni = running->row.vni;
            // What was learned stays.
            spec.max_learned = running->max_learned;
        }
        if (pick(4) == 0) return count(state.change_tenant(spec));
        if (!count(state.widen_tenant(spec))) return false;
        if (pick(4) > 0) count(state.change_tenant(spec));
        return true;
    }

    bool step() {
        switch (pick(14)) {
        case 12:
        case 13:
            return change();
        case 0:
        case 1:
        case 2:
            return count(state.add_tenant(tenant_spec()));
        case 3:
            return count(state.remove_tenant(tenant_name()));
        case 4: {
            std::vector<FdbSpec> entries;
            for (std::uint32_t i = 1 + pick(3); i > 0; --i)
                entries.push_back(fdb_entry());
            return count(state.add_fdb(tenant_name(), entries));
        }
        case 5:
            return count(state.remove_fdb(tenant_name(), station()));
        case 6:
        case 7:
            return count(state.set_next_hop(vtep_address(), pick(2) ? gateway() : vtep_address(),
                                            some_links()));
        case 8:
            return count(state.clear_next_hop(vtep_address()));
        case 9:
            if (pick(8) > 0) return learn();
            return count(
                state.set_static_next_hop(pick(2) ? gateway() : vtep_address(), some_links()));
        case 10:
            return count(state.set_active_uplink(
                pick(3) ? std::optional<UplinkIndex>(static_cast<UplinkIndex>(pick(2)))
                        : std::nullopt));
        default:
            now += 1s;
            count(ageing.run(now));
            return true;
        }
    }

    /// What follows from the rows, counted anew.
    void check_counts() {
        std::map<TenantId, std::pair<std::uint32_t, std::uint32_t>> entries;
        std::size_t learned = 0;
        state.for_each_fdb([&](const FdbRow& row) {
            const bool is_learned = row.origin == FdbOrigin::learned;
            ++(is_learned ? entries[row.tenant].first : entries[row.tenant].second);
            learned += is_learned;
        });
        ASSERT_EQ(state.learned_size(), learned);
        ASSERT_LE(state.fdb_size(), state.limits().fdb_entries);
        std::map<VtepId, std::uint32_t> users;
        for (const TenantEntry* tenant : state.tenants()) {
            ASSERT_EQ(tenant->learned, entries[tenant->row.id].first);
            ASSERT_EQ(tenant->configured, entries[tenant->row.id].second);
            ASSERT_LE(tenant->learned, tenant->max_learned);
            ASSERT_LT(tenant->row.id, state.limits().tenants);
            for (VtepId id : tenant->row.remote_vteps)
                ++users[id];
            for (VmPortId id : tenant->vm_ports)
                ASSERT_LT(id, state.limits().vm_ports);
        }
        std::set<NextHopId> used;
        for (const VtepRow* vtep : state.vteps()) {
            ASSERT_LT(vtep->id, state.limits().vteps);
            ASSERT_EQ(state.tenants_of_vtep(vtep->address), users[vtep->id]);
            ASSERT_GT(users[vtep->id], 0U);
            if (vtep->next_hop) used.insert(*vtep->next_hop);
        }
        for (const NextHopRow* next_hop : state.next_hops()) {
            ASSERT_LT(next_hop->id, state.limits().next_hops);
            ASSERT_TRUE(used.contains(next_hop->id) || state.is_static_next_hop(next_hop->address));
        }
    }
};

TEST_P(RandomChanges, PathsHoldWhatTheStateHolds) {
    for (int i = 0; i < 3000; ++i) {
        SCOPED_TRACE("step " + std::to_string(i));
        const auto before = rows_of(state);
        // Not both: the one that took the change must be able to undo it.
        if (pick(2) == 0) paths[pick(2)].refuse_after(pick(6));
        const bool may_differ = step();
        const auto after = rows_of(state);
        if (!may_differ) {
            ASSERT_EQ(after, before);
        }
        for (RecordingPath& path : paths) {
            path.refuse_none();
            ASSERT_EQ(path.rows(), after);
            ASSERT_EQ(path.violations, std::vector<std::string>{});
        }
        check_counts();
        if (HasFatalFailure()) return;
    }
    // The sequence must have been one that exercises the state.
    EXPECT_GT(succeeded, 500U);
    EXPECT_GT(refused_by_path, 50U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomChanges, testing::Range(1U, 9U));

} // namespace
} // namespace sallyport::overlay::test
