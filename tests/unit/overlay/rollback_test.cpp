// SPDX-License-Identifier: BSD-3-Clause
// Every operation, with every one of its changes refused by every path in turn.
#include "recording_path.h"

#include <functional>
#include <set>

#include <gtest/gtest.h>

namespace sallyport::overlay::test {
namespace {

struct Operation {
    std::string name;
    /// How many changes it makes on a path.
    std::size_t changes;
    std::function<Expected<void>(ForwardingState&)> run;
};

template<class T>
Expected<void> without_value(Expected<T> result) {
    if (!result) return tl::unexpected(std::move(result.error()));
    return {};
}

const net::IpAddress gateway = address("198.51.100.1");

std::vector<Operation> operations() {
    return {
        {"add tenant", 7, [](auto& state) { return without_value(state.add_tenant(red())); }},
        {"remove tenant", 10,
         [](auto& state) { return without_value(state.remove_tenant("blue")); }},
        {"add fdb", 3,
         [](auto& state) {
             const std::vector<FdbSpec> entries{{mac(0x10), std::string("blue1")},
                                                {mac(0x20), std::string("blue1")},
                                                {mac(0x30), address("192.0.2.2")}};
             return state.add_fdb("blue", entries);
         }},
        {"remove fdb", 2,
         [](auto& state) {
             const std::vector<net::MacAddress> macs{mac(0x10), mac(0x30)};
             return state.remove_fdb(TenantId{0}, macs);
         }},
        {"put learned", 2,
         [](auto& state) {
             const std::vector<FdbRow> rows{{0, mac(0x30), VmPortRef{0}, FdbOrigin::learned},
                                            {0, mac(0x31), VmPortRef{0}, FdbOrigin::learned}};
             return state.put_learned(rows, {});
         }},
        {"set next hop", 3,
         [](auto& state) {
             return state.set_next_hop(address("192.0.2.2"), address("198.51.100.7"), links(7));
         }},
        {"change links", 1,
         [](auto& state) { return state.set_next_hop(address("192.0.2.3"), gateway, links(8)); }},
        {"clear next hop", 2,
         [](auto& state) { return state.clear_next_hop(address("192.0.2.2")); }},
        {"static next hop", 3,
         [](auto& state) { return state.set_static_next_hop(address("192.0.2.3"), links(9)); }},
        {"uplink", 1, [](auto& state) { return state.set_active_uplink(1); }},
    };
}

/// Blue, with next hops, a static one among them, a learned entry, and an active uplink.
struct Scene {
    RecordingPath paths[2];
    ForwardingState state{Limits{}, {&paths[0], &paths[1]}};

    Scene() {
        const FdbRow learned{0, mac(0x30), VtepRef{0}, FdbOrigin::learned};
        EXPECT_TRUE(state.add_tenant(blue()));
        NextHopLinks first_only;
        first_only[0] = links(0xb1)[0];
        EXPECT_TRUE(state.set_static_next_hop(gateway, first_only));
        EXPECT_TRUE(state.set_next_hop(address("192.0.2.3"), gateway, links(0xa1)));
        EXPECT_TRUE(state.set_next_hop(address("192.0.2.2"), address("192.0.2.2"), links(0xa2)));
        EXPECT_TRUE(state.put_learned({&learned, 1}, {}));
        EXPECT_TRUE(state.set_active_uplink(0));
        for (RecordingPath& path : paths)
            path.log.clear();
    }
    void expect_consistent() {
        for (RecordingPath& path : paths) {
            EXPECT_EQ(path.rows(), rows_of(state));
            EXPECT_EQ(path.violations, std::vector<std::string>{});
        }
    }
};

TEST(Rollback, EveryRefusedChangeLeavesAllAsItWas) {
    for (const Operation& operation : operations()) {
        for (std::size_t refusing : {0U, 1U}) {
            for (std::size_t after = 0; after < operation.changes; ++after) {
                SCOPED_TRACE(operation.name + ", path " + std::to_string(refusing) + ", change "
                             + std::to_string(after));
                Scene scene;
                const auto before = rows_of(scene.state);
                const TenantEntry tenant = *scene.state.find_tenant("blue");
                scene.paths[refusing].refuse_after(after);
                const auto done = operation.run(scene.state);
                ASSERT_FALSE(done);
                EXPECT_EQ(done.error().what.find("refused "), 0U) << done.error().message();
                EXPECT_EQ(done.error().where, "recording path");
                EXPECT_EQ(done.error().what.find("undoing"), std::string::npos);
                EXPECT_EQ(rows_of(scene.state), before);
                scene.expect_consistent();
                // What no row tells is as before as well.
                EXPECT_EQ(scene.state.find_tenant("blue")->learned, tenant.learned);
                EXPECT_EQ(scene.state.find_tenant("blue")->configured, tenant.configured);
                EXPECT_EQ(scene.state.tenants_of_vtep(address("192.0.2.2")), 1U);
                EXPECT_EQ(scene.state.learned_size(), 1U);
                EXPECT_FALSE(scene.state.is_static_next_hop(address("192.0.2.3")));

                const auto again = operation.run(scene.state);
                EXPECT_TRUE(again) << again.error().message();
                scene.expect_consistent();
            }
        }
    }
}

TEST(Rollback, TheTestKnowsHowManyChangesThereAre) {
    for (const Operation& operation : operations()) {
        Scene scene;
        ASSERT_TRUE(operation.run(scene.state));
        EXPECT_EQ(scene.paths[0].log.size(), operation.changes) << operation.name;
        EXPECT_EQ(scene.paths[1].log.size(), operation.changes) << operation.name;
    }
}

TEST(Rollback, OnlyWhatTookEffectIsUndone) {
    Scene scene;
    scene.paths[1].refuse_after(1);
    ASSERT_FALSE(scene.state.clear_next_hop(address("192.0.2.2")));
    EXPECT_EQ(scene.paths[0].log, (std::vector<std::string>{"put vtep 1", "remove next_hop 1",
                                                            "put next_hop 1", "put vtep 1"}));
    EXPECT_EQ(scene.paths[1].log, (std::vector<std::string>{"put vtep 1", "put vtep 1"}));
}

/// Refuses from some change on, for good: undoing fails too.
class DeadPath final : public Path {
  public:
    Expected<void> apply(std::span<const RowChange> changes, std::size_t* applied) override {
        for (std::size_t i = 0; i < changes.size(); ++i) {
            if (applied != nullptr) *applied = i;
            if (left == 0) {
                refused.insert(key_of(changes[i].row));
                return failure("device gone");
            }
            --left;
        }
        if (applied != nullptr) *applied = changes.size();
        return {};
    }
    std::optional<std::chrono::seconds> idle_time(TenantId, const net::MacAddress&) override {
        return std::nullopt;
    }
    void take_learned(std::vector<LearnEvent>&, std::size_t) override {}
    std::size_t left = 3;
    std::set<std::string> refused;
};

TEST(Rollback, FailureToUndoIsToldAndTheOthersAreUndoneAllTheSame) {
    RecordingPath healthy;
    DeadPath dead;
    ForwardingState state(Limits{}, {&healthy, &dead});
    const auto added = state.add_tenant(blue());
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().message(),
              "device gone; undoing the change failed too: device gone; restart the process: its "
              "paths disagree");
    // Each change that took effect was tried to be undone, not the first alone.
    EXPECT_EQ(dead.refused, (std::set<std::string>{"vm_port 0", "tenant 0", "vtep 1", "vtep 0"}));
    EXPECT_EQ(healthy.rows().size(), 1U);
    EXPECT_EQ(rows_of(state).size(), 1U);
}

} // namespace
} // namespace sallyport::overlay::test
