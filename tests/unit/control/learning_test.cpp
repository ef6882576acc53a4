// SPDX-License-Identifier: BSD-3-Clause
#include "control/learning.h"
#include "fakes.h"

#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using fakes::ip;
using namespace std::chrono_literals;

constexpr int learned_fd = 42;

class LearningTest : public ::testing::Test {
  protected:
    void SetUp() override {
        overlay::TenantSpec spec;
        spec.name = "blue";
        spec.vni = 100;
        spec.local_vtep = ip("192.0.2.1");
        spec.max_learned = 100000;
        spec.vm_ports = {{"blue1", {}}};
        auto added = state.add_tenant(spec);
        ASSERT_TRUE(added) << added.error().message();
        tenant = added->id;
        ASSERT_TRUE(learning.start(learned_fd));
    }
    void see(std::uint64_t station) {
        path.learned.push_back({tenant, net::MacAddress::from_u64(0x020000000000 + station),
                                overlay::VmPortRef{state.find_vm_port("blue1")->id}});
    }

    fakes::Loop loop;
    fakes::Path path;
    overlay::ForwardingState state{overlay::Limits{}, {&path}};
    Learning learning{loop, state};
    overlay::TenantId tenant = 0;
};

TEST_F(LearningTest, WhatAPathSawIsLearnedWhenTheDescriptorSaysSo) {
    see(1);
    see(2);
    EXPECT_EQ(state.fdb_size(), 0U);
    loop.watched.at(learned_fd)();
    EXPECT_EQ(state.fdb_size(), 2U);
}

TEST_F(LearningTest, ABurstIsLearnedWholeThoughTheDescriptorSpeaksOnce) {
    for (std::uint64_t station = 0; station < 10000; ++station)
        see(station);
    loop.watched.at(learned_fd)();
    EXPECT_LT(state.fdb_size(), 10000U) << "other events get their turn in between";
    loop.turn(1ms);
    EXPECT_EQ(state.fdb_size(), 10000U);
}

TEST_F(LearningTest, DrainingLeavesNoEvent) {
    for (std::uint64_t station = 0; station < 5000; ++station)
        see(station);
    learning.drain();
    EXPECT_TRUE(path.learned.empty());
    EXPECT_EQ(state.fdb_size(), 5000U);
}

TEST_F(LearningTest, NothingStaysOfIt) {
    {
        fakes::Loop other_loop;
        {
            Learning other(other_loop, state);
            ASSERT_TRUE(other.start(learned_fd));
            for (std::uint64_t station = 0; station < 10000; ++station)
                see(station);
            other_loop.watched.at(learned_fd)(); // more is left: it means to come back
            EXPECT_EQ(other_loop.timers.size(), 2U);
        }
        EXPECT_TRUE(other_loop.timers.empty());
        EXPECT_TRUE(other_loop.watched.empty());
    }
}

} // namespace
} // namespace sallyport::control
