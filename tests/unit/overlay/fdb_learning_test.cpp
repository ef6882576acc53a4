// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/fdb_learning.h"
#include "recording_path.h"

#include <gtest/gtest.h>

namespace sallyport::overlay::test {
namespace {

using Target = std::optional<FdbTarget>;

class Learning : public testing::Test {
  protected:
    RecordingPath first;
    RecordingPath second;
    ForwardingState state{Limits{.fdb_entries = 12}, {&first, &second}};
    FdbLearning learning{state};
    const std::chrono::steady_clock::time_point now{std::chrono::seconds(1000)};
    // Blue: vtep 0 is 192.0.2.3, vtep 1 is 192.0.2.2; vm port 0 allows 1, vm port 1 allows 2 and 3.
    const FdbTarget port_any = VmPortRef{2};
    const FdbTarget remote = VtepRef{0};
    const FdbTarget other_remote = VtepRef{1};

    void SetUp() override {
        TenantSpec spec = blue();
        spec.max_learned = 4;
        spec.vm_ports.push_back({"blue3", {}});
        ASSERT_TRUE(state.add_tenant(spec));
        ASSERT_TRUE(state.add_tenant(red()));
        first.log.clear();
    }
    void TearDown() override {
        EXPECT_EQ(first.rows(), rows_of(state));
        EXPECT_EQ(second.rows(), rows_of(state));
    }
    FdbLearning::Result judge(std::vector<LearnEvent> events) {
        return learning.judge(events, now);
    }
    Target where(std::uint64_t station) {
        const auto row = state.find_fdb(0, mac(station));
        return row ? Target(row->target) : std::nullopt;
    }
    const TenantEntry& blue_entry() { return *state.find_tenant("blue"); }
};

TEST_F(Learning, NewStationsAreLearnedInOneChangePerStation) {
    const auto result = judge({{0, mac(1), VmPortRef{0}},
                               {0, mac(0x50), remote},
                               {0, mac(0x50), remote},
                               {0, mac(0x51), port_any}});
    EXPECT_EQ(result.events, 4U);
    EXPECT_EQ(result.learned, 3U);
    EXPECT_EQ(result.moved + result.refused, 0U);
    EXPECT_EQ(first.log.size(), 3U);
    EXPECT_EQ(where(1), Target(VmPortRef{0}));
    EXPECT_EQ(where(0x50), remote);
    EXPECT_EQ(state.find_fdb(0, mac(0x50))->origin, FdbOrigin::learned);
    EXPECT_EQ(blue_entry().learned, 3U);
    EXPECT_EQ(blue_entry().configured, 2U);
    EXPECT_EQ(state.learned_at(0).since, now);
}

TEST_F(Learning, KnownPlaceCostsNoChange) {
    judge({{0, mac(0x50), remote}});
    first.log.clear();
    const auto result = judge({{0, mac(0x50), remote}});
    EXPECT_EQ(result.learned + result.moved + result.refused, 0U);
    EXPECT_TRUE(first.log.empty());
}

TEST_F(Learning, StationsMoveLocalToRemoteAndBack) {
    judge({{0, mac(0x50), port_any}});
    EXPECT_EQ(judge({{0, mac(0x50), remote}}).moved, 1U);
    EXPECT_EQ(where(0x50), remote);
    EXPECT_EQ(judge({{0, mac(0x50), other_remote}}).moved, 1U);
    EXPECT_EQ(judge({{0, mac(0x50), port_any}}).moved, 1U);
    EXPECT_EQ(where(0x50), port_any);
    EXPECT_EQ(blue_entry().moves, 3U);
    EXPECT_EQ(blue_entry().learned, 1U);
}

TEST_F(Learning, MovesWithinOneBatchAreCountedAndTheLastPlaceCounts) {
    const auto result = judge({{0, mac(0x50), port_any}, {0, mac(0x50), remote}});
    EXPECT_EQ(result.learned, 1U);
    EXPECT_EQ(result.moved, 1U);
    EXPECT_EQ(where(0x50), remote);
    first.log.clear();
    EXPECT_EQ(judge({{0, mac(0x50), port_any}, {0, mac(0x50), remote}}).moved, 2U);
    EXPECT_TRUE(first.log.empty());
    EXPECT_EQ(blue_entry().moves, 3U);
}

TEST_F(Learning, MoveRenewsTheTime) {
    judge({{0, mac(0x50), port_any}});
    const auto later = now + std::chrono::seconds(5);
    const std::vector<LearnEvent> same{{0, mac(0x50), port_any}};
    learning.judge(same, later);
    EXPECT_EQ(state.learned_at(0).since, now);
    const std::vector<LearnEvent> elsewhere{{0, mac(0x50), remote}};
    learning.judge(elsewhere, later);
    EXPECT_EQ(state.learned_at(0).since, later);
}

TEST_F(Learning, ConfiguredEntriesNeverMove) {
    const auto result = judge({{0, mac(0x10), port_any}, {0, mac(0x11), remote}});
    EXPECT_EQ(result.learned + result.moved + result.refused, 0U);
    EXPECT_EQ(where(0x10), other_remote);
    EXPECT_EQ(where(0x11), Target(VmPortRef{1}));
    EXPECT_TRUE(first.log.empty());
}

TEST_F(Learning, ImpossibleAddressesAreIgnored) {
    judge({{0, net::MacAddress{}, port_any},
           {0, net::MacAddress::from_u64(0xffffffffffff), port_any},
           {0, net::MacAddress::from_u64(0x01005e000001), remote}});
    EXPECT_TRUE(first.log.empty());
    EXPECT_EQ(blue_entry().learn_refused, 0U);
}

TEST_F(Learning, NothingIsLearnedWhereLearningIsOffOrTheTenantIsGone) {
    judge({{1, mac(0x50), VmPortRef{4}}, {9, mac(0x50), remote}});
    EXPECT_TRUE(first.log.empty());
}

TEST_F(Learning, PlacesThatAreNotTheTenantsAreNotBelieved) {
    const VtepId reds = state.find_vtep(address("2001:db8::2"))->id;
    const VmPortId reds_port = state.find_vm_port("red2")->id;
    judge({{0, mac(0x50), VtepRef{reds}},
           {0, mac(0x51), VtepRef{77}},
           {0, mac(0x52), VmPortRef{reds_port}},
           {0, mac(0x53), VmPortRef{77}}});
    EXPECT_TRUE(first.log.empty());
    // A station that is known does not follow such a sighting either.
    judge({{0, mac(0x50), remote}});
    judge({{0, mac(0x50), VtepRef{reds}}, {0, mac(0x50), VmPortRef{reds_port}}});
    EXPECT_EQ(where(0x50), remote);
}

TEST_F(Learning, VmPortMustAllowTheMac) {
    judge({{0, mac(1), VmPortRef{1}}, {0, mac(0x50), VmPortRef{0}}, {0, mac(3), VmPortRef{1}}});
    EXPECT_EQ(where(1), std::nullopt);
    EXPECT_EQ(where(0x50), std::nullopt);
    EXPECT_EQ(where(3), Target(VmPortRef{1}));
}

TEST_F(Learning, BoundOfTheTenantHolds) {
    std::vector<LearnEvent> events;
    for (std::uint64_t i = 0; i < 6; ++i)
        events.push_back({0, mac(0x50 + i), port_any});
    events.push_back(events.back());
    const auto result = judge(events);
    EXPECT_EQ(result.learned, 4U);
    EXPECT_EQ(result.refused, 2U);
    EXPECT_EQ(blue_entry().learned, 4U);
    EXPECT_EQ(blue_entry().learn_refused, 2U);
    // Known ones may still move, and a place given back is taken.
    EXPECT_EQ(judge({{0, mac(0x50), remote}}).moved, 1U);
    EXPECT_EQ(judge({{0, mac(0x60), remote}}).refused, 1U);
    ASSERT_TRUE(state.remove_fdb("blue", mac(0x51)));
    EXPECT_EQ(judge({{0, mac(0x60), remote}}).learned, 1U);
    state.clear_counters();
    EXPECT_EQ(blue_entry().learn_refused, 0U);
    EXPECT_EQ(blue_entry().moves, 0U);
}

TEST_F(Learning, BoundOfAllTenantsHolds) {
    // Five of twelve are configured; four go to another tenant.
    TenantSpec green = blue();
    green.name = "green";
    green.vni = 300;
    green.vm_ports = {{"green1", {}}};
    green.fdb = {{mac(1), std::string("green1")},
                 {mac(2), std::string("green1")},
                 {mac(3), std::string("green1")},
                 {mac(4), std::string("green1")}};
    ASSERT_TRUE(state.add_tenant(green));
    std::vector<LearnEvent> events;
    for (std::uint64_t i = 0; i < 4; ++i)
        events.push_back({0, mac(0x50 + i), port_any});
    const auto result = judge(events);
    EXPECT_EQ(result.learned, 3U);
    EXPECT_EQ(result.refused, 1U);
    EXPECT_EQ(state.fdb_size(), 12U);
}

TEST_F(Learning, RowsThatAPathRefusesAreLeftOutAndCounted) {
    judge({{0, mac(0x50), remote}});
    second.refuse_key("fdb 0 02:00:00:00:00:52");
    const auto result =
        judge({{0, mac(0x50), other_remote}, {0, mac(0x51), remote}, {0, mac(0x52), remote}});
    ASSERT_TRUE(result.path_error);
    EXPECT_EQ(result.path_error->what, "refused fdb 0 02:00:00:00:00:52");
    EXPECT_EQ(result.learned, 1U);
    EXPECT_EQ(result.moved, 1U);
    EXPECT_EQ(result.refused, 1U);
    EXPECT_EQ(where(0x50), other_remote);
    EXPECT_EQ(where(0x51), remote);
    EXPECT_EQ(where(0x52), std::nullopt);
    EXPECT_EQ(blue_entry().learned, 2U);
    EXPECT_EQ(blue_entry().learn_refused, 1U);
}

TEST_F(Learning, RefusedMoveStaysWhereItWasAndIsNoMove) {
    judge({{0, mac(0x50), remote}});
    first.refuse_key("fdb 0 02:00:00:00:00:50");
    const auto result = judge({{0, mac(0x50), other_remote}});
    first.refuse_key("");
    EXPECT_EQ(result.moved, 0U);
    EXPECT_EQ(blue_entry().moves, 0U);
    EXPECT_EQ(where(0x50), remote);
}

TEST_F(Learning, EventsAreTakenFromAllPathsUpToTheBound) {
    for (std::uint64_t i = 0; i < 3; ++i)
        first.learned.push_back({0, mac(0x50 + i), remote});
    second.learned.push_back({0, mac(0x60), remote});
    EXPECT_EQ(learning.process(now, 2).events, 2U);
    EXPECT_EQ(learning.process(now, 2).events, 2U);
    EXPECT_EQ(learning.process(now, 2).events, 0U);
    EXPECT_EQ(blue_entry().learned, 4U);
    EXPECT_EQ(where(0x60), remote);
}

} // namespace
} // namespace sallyport::overlay::test
