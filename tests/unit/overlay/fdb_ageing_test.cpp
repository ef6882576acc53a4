// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/fdb_ageing.h"
#include "recording_path.h"

#include <gtest/gtest.h>

namespace sallyport::overlay::test {
namespace {

using namespace std::chrono_literals;

class Ageing : public testing::Test {
  protected:
    RecordingPath first;
    RecordingPath second;
    ForwardingState state{Limits{}, {&first, &second}};
    std::chrono::steady_clock::time_point now{1000s};

    void add_tenant(std::chrono::seconds ageing_time) {
        TenantSpec spec = blue();
        spec.ageing_time = ageing_time;
        ASSERT_TRUE(state.add_tenant(spec));
    }
    void add_red(std::chrono::seconds ageing_time) {
        TenantSpec spec = red();
        spec.learning = true;
        spec.ageing_time = ageing_time;
        ASSERT_TRUE(state.add_tenant(spec));
    }
    void learn(TenantId tenant, std::uint64_t station, std::chrono::seconds idle) {
        const FdbRow row{tenant, mac(station), VtepRef{state.tenant(tenant)->row.remote_vteps[0]},
                         FdbOrigin::learned};
        ASSERT_TRUE(state.put_learned({&row, 1}, now));
        first.idle[{tenant, mac(station)}] = idle;
    }
    /// Runs every @p step for @p duration.
    FdbAgeing::Result run(FdbAgeing& ageing, std::chrono::milliseconds duration,
                          std::chrono::milliseconds step = 100ms) {
        FdbAgeing::Result sum;
        for (const auto end = now + duration; now < end;) {
            now += step;
            const auto result = ageing.run(now);
            EXPECT_TRUE(result);
            if (!result) break;
            sum.visited += result->visited;
            sum.removed += result->removed;
        }
        EXPECT_EQ(first.rows(), rows_of(state));
        EXPECT_EQ(second.rows(), rows_of(state));
        return sum;
    }
    FdbAgeing started(std::size_t most = 8192) {
        FdbAgeing ageing(state, most);
        EXPECT_TRUE(ageing.run(now));
        return ageing;
    }
    bool known(TenantId tenant, std::uint64_t station) {
        return state.find_fdb(tenant, mac(station)).has_value();
    }
};

TEST_F(Ageing, SilentOnesGoAndOthersStay) {
    add_tenant(300s);
    learn(0, 0x50, 299s);
    learn(0, 0x51, 300s);
    learn(0, 0x52, 4000s);
    learn(0, 0x53, 0s);
    FdbAgeing ageing = started();
    EXPECT_EQ(run(ageing, 76s).removed, 2U);
    EXPECT_TRUE(known(0, 0x50));
    EXPECT_FALSE(known(0, 0x51));
    EXPECT_FALSE(known(0, 0x52));
    EXPECT_TRUE(known(0, 0x53));
    EXPECT_EQ(state.find_tenant("blue")->learned, 2U);
    // Configured ones are none of its business.
    EXPECT_EQ(state.find_tenant("blue")->configured, 2U);
}

TEST_F(Ageing, SmallestIdleTimeOfThePathsCounts) {
    add_tenant(300s);
    learn(0, 0x50, 400s);
    learn(0, 0x51, 400s);
    second.idle[{0, mac(0x50)}] = 20s;
    second.idle[{0, mac(0x51)}] = 500s;
    FdbAgeing ageing = started();
    EXPECT_EQ(run(ageing, 76s).removed, 1U);
    EXPECT_TRUE(known(0, 0x50));
}

TEST_F(Ageing, ZeroIsNever) {
    add_tenant(0s);
    learn(0, 0x50, 100000s);
    FdbAgeing ageing = started();
    EXPECT_EQ(run(ageing, 100s).visited, 0U);
    // Nor beside a tenant that ages.
    add_red(10s);
    learn(1, 0x50, 100000s);
    learn(1, 0x51, 0s);
    EXPECT_EQ(run(ageing, 10s).removed, 1U);
    EXPECT_TRUE(known(0, 0x50));
    EXPECT_FALSE(known(1, 0x50));
}

TEST_F(Ageing, TenantsHaveTheirOwnTimes) {
    add_tenant(300s);
    add_red(10s);
    learn(0, 0x50, 30s);
    learn(1, 0x50, 30s);
    FdbAgeing ageing = started();
    EXPECT_EQ(run(ageing, 3s).removed, 1U);
    EXPECT_TRUE(known(0, 0x50));
    EXPECT_FALSE(known(1, 0x50));
}

TEST_F(Ageing, EntryThatNoPathKnowsAgesFromWhenItWasLearned) {
    add_tenant(40s);
    learn(0, 0x50, 0s);
    first.idle.clear();
    FdbAgeing ageing = started();
    EXPECT_EQ(run(ageing, 39s).removed, 0U);
    EXPECT_EQ(run(ageing, 12s).removed, 1U);
}

TEST_F(Ageing, EveryEntryIsVisitedInAQuarterOfTheAgeingTime) {
    add_tenant(40s);
    for (std::uint64_t i = 0; i < 1000; ++i)
        learn(0, 0x1000 + i, 0s);
    FdbAgeing ageing = started();
    // Two rounds in a quarter of the time.
    run(ageing, 4s);
    EXPECT_NEAR(static_cast<double>(first.idle_questions), 800, 25);
    for (std::uint64_t i = 0; i < 1000; ++i)
        first.idle[{0, mac(0x1000 + i)}] = 40s;
    run(ageing, 10s);
    EXPECT_EQ(state.learned_size(), 0U);
}

TEST_F(Ageing, VisitsPerCallAreBounded) {
    add_tenant(1s);
    for (std::uint64_t i = 0; i < 1000; ++i)
        learn(0, 0x1000 + i, 5s);
    FdbAgeing ageing = started(64);
    for (std::size_t left = 1000; left > 0;) {
        now += 1s;
        const auto result = ageing.run(now);
        ASSERT_TRUE(result);
        ASSERT_LE(result->visited, 64U);
        ASSERT_GT(result->removed, 0U);
        left -= result->removed;
        ASSERT_EQ(state.learned_size(), left);
    }
}

TEST_F(Ageing, ChangesBetweenCallsHideNoEntry) {
    add_tenant(40s);
    for (std::uint64_t i = 0; i < 200; ++i)
        learn(0, 0x1000 + i, i % 3 == 0 ? 50s : 0s);
    FdbAgeing ageing = started();
    // A round, with removals and newcomers all the while.
    for (std::uint64_t i = 0; i < 49; ++i) {
        run(ageing, 100ms);
        const std::uint64_t leaving = 0x1000 + 3 * (i % 60) + 1;
        if (known(0, leaving)) {
            ASSERT_TRUE(state.remove_fdb("blue", mac(leaving)));
        }
        learn(0, 0x2000 + i, 0s);
    }
    run(ageing, 300ms);
    for (std::uint64_t i = 0; i < 200; i += 3)
        EXPECT_FALSE(known(0, 0x1000 + i)) << i;
}

TEST_F(Ageing, RefusedRemovalIsToldAndTriedAgain) {
    add_tenant(4s);
    learn(0, 0x50, 5s);
    FdbAgeing ageing = started();
    second.refuse_key("fdb 0 02:00:00:00:00:50");
    const auto refused = ageing.run(now += 1s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "refused fdb 0 02:00:00:00:00:50");
    EXPECT_TRUE(known(0, 0x50));
    second.refuse_key("");
    EXPECT_EQ(run(ageing, 1s, 1s).removed, 1U);
}

} // namespace
} // namespace sallyport::overlay::test
