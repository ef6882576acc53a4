// SPDX-License-Identifier: BSD-3-Clause
// Meter profiles, and the meters that rules take.
#include "strict_fixture.h"

namespace sallyport::eswitch {
namespace {

rte_mtr_meter_profile limit_of(std::uint64_t octets_per_second, std::uint64_t burst) {
    rte_mtr_meter_profile profile{};
    profile.alg = RTE_MTR_SRTCM_RFC2697;
    profile.srtcm_rfc2697 = {.cir = octets_per_second, .cbs = burst, .ebs = 0};
    return profile;
}

class StrictMetersTest : public StrictTest {
  protected:
    StrictMetersTest() {
        bring_up();
        pattern_.tag(1);
        table_ = make_table({.group = 1, .rules = 8}, pattern_, metered(nullptr));
    }
    static TestActions metered(rte_flow_meter_profile* profile, int state = 1) {
        rte_flow_action_meter_mark action{};
        action.profile = profile;
        action.state = state;
        TestActions actions;
        return std::move(
            actions.add(RTE_FLOW_ACTION_TYPE_METER_MARK, action, rte_flow_action_meter_mark{})
                .drop());
    }
    rte_flow_meter_profile* add(std::uint32_t id, const rte_mtr_meter_profile& profile) {
        return api().add_meter_profile(proxy, id, profile, error);
    }
    rte_flow* install_metered(std::uint32_t tag, rte_flow_meter_profile* profile) {
        return install(table_, TestPattern().tag(tag), metered(profile));
    }

    TestPattern pattern_;
    rte_flow_template_table* table_ = nullptr;
};

TEST_F(StrictMetersTest, ProfilesAreInRangeAndOfTheirOwnNumber) {
    for (const auto& profile : {limit_of(0, 1), limit_of(1, 0), limit_of(std::uint64_t{1} << 42, 1),
                                limit_of(1, std::uint64_t{1} << 40)}) {
        EXPECT_EQ(add(1, profile), nullptr);
        EXPECT_EQ(message(), "Profile values out of range.");
    }
    EXPECT_EQ(add(UINT32_MAX, limit_of(1, 1)), nullptr);
    EXPECT_EQ(message(), "Meter profile id not valid.");
    EXPECT_NE(add(1, limit_of(1, 1)), nullptr);
    EXPECT_EQ(add(1, limit_of(1, 1)), nullptr);
    EXPECT_EQ(message(), "Meter profile already exists.");
    EXPECT_EQ(api().remove_meter_profile(proxy, 1, error), 0);
    EXPECT_EQ(api().remove_meter_profile(proxy, 1, error), -ENOENT);
    EXPECT_EQ(api().add_meter_profile(other_wire, 1, limit_of(1, 1), error), nullptr);
}

TEST_F(StrictMetersTest, OnlyOctetsByRfc2697ArePlayed) {
    rte_mtr_meter_profile other_algorithm = limit_of(1, 1);
    other_algorithm.alg = RTE_MTR_TRTCM_RFC2698;
    rte_mtr_meter_profile by_packets = limit_of(1, 1);
    by_packets.packet_mode = 1;
    for (const auto& profile : {other_algorithm, by_packets}) {
        EXPECT_EQ(add(1, profile), nullptr);
        EXPECT_EQ(message(), "the double plays meters of RFC 2697 by octets only");
    }
}

TEST_F(StrictMetersTest, ARuleGivesAProfileThatThereIs) {
    EXPECT_EQ(create(table_, pattern_, metered(nullptr)), nullptr);
    EXPECT_EQ(message(), "meter_mark: the rule's own profile is missing");
    auto* const profile = add(1, limit_of(1, 1));
    EXPECT_EQ(create(table_, pattern_, metered(profile, 0)), nullptr);
    EXPECT_EQ(message(), "meter_mark: the meter is disabled");
    EXPECT_EQ(api().remove_meter_profile(proxy, 1, error), 0);
    EXPECT_EQ(create(table_, pattern_, metered(profile)), nullptr);
    EXPECT_EQ(message(), "meter_mark: no such profile");
    EXPECT_EQ(api().violations().size(), 3U);
}

TEST_F(StrictMetersTest, MetersRunOutAndAnUpdateHasTwoForAWhile) {
    auto* const profile = add(1, limit_of(1, 1));
    rte_flow* const first = install_metered(1, profile);
    rte_flow* const second = install_metered(2, profile);
    ASSERT_NE(first, nullptr);
    ASSERT_NE(second, nullptr);
    EXPECT_EQ(create(table_, TestPattern().tag(3), metered(profile)), nullptr);
    EXPECT_EQ(message(), "failed to allocate aso meter entry");
    EXPECT_NE(update(first, metered(profile)), 0);
    EXPECT_EQ(destroy(second), 0);
    drain();
    EXPECT_EQ(update(first, metered(profile)), 0);
    drain();
    EXPECT_NE(install_metered(3, profile), nullptr);
}

TEST_F(StrictMetersTest, AProfileInUseMustStay) {
    auto* const profile = add(1, limit_of(1, 1));
    auto* const other = add(2, limit_of(2, 2));
    rte_flow* const rule = install_metered(1, profile);
    EXPECT_EQ(update(rule, metered(other)), 0);
    drain();
    EXPECT_EQ(api().remove_meter_profile(proxy, 1, error), 0);
    EXPECT_TRUE(api().violations().empty());
    EXPECT_EQ(api().remove_meter_profile(proxy, 2, error), 0);
    EXPECT_EQ(api().violations().size(), 1U);
}

} // namespace
} // namespace sallyport::eswitch
