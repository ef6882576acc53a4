// SPDX-License-Identifier: BSD-3-Clause
// Actions templates that the strict double takes and refuses.
#include "strict_fixture.h"

#include <cerrno>
#include <functional>

#include <gtest/gtest.h>
#include <rte_errno.h>

namespace sallyport::eswitch {
namespace {

constexpr const char* wrong_order = "Invalid action_type sequence";
constexpr const char* not_in_api = "action not supported in template API";

class StrictActionsTest : public StrictTest {
  protected:
    StrictActionsTest() { bring_up(); }
};

TEST_F(StrictActionsTest, TheOneOrderIsTaken) {
    EXPECT_EQ(refused(TestActions().decap().count().set_tag(1).set_tag(2, 1).jump(3)), "");
    EXPECT_EQ(refused(TestActions().count().age().encap(50).to_port(proxy)), "");
    EXPECT_EQ(refused(TestActions().add(RTE_FLOW_ACTION_TYPE_VOID).to_cpu()), "");
}

TEST_F(StrictActionsTest, EveryOtherOrderIsRefused) {
    EXPECT_EQ(refused(TestActions().set_tag(1).count().drop()), wrong_order);
    EXPECT_EQ(refused(TestActions().encap(50).set_tag(1).drop()), wrong_order);
    EXPECT_EQ(refused(TestActions().drop().count()), wrong_order);
    EXPECT_EQ(refused(TestActions().count().add(RTE_FLOW_ACTION_TYPE_OF_POP_VLAN).drop()),
              wrong_order);
    EXPECT_EQ(refused(TestActions().count().decap().drop()), wrong_order);
    EXPECT_EQ(rte_errno, EINVAL);
}

TEST_F(StrictActionsTest, NoDecapAfterModify) {
    EXPECT_EQ(refused(TestActions().set_tag(1).decap().drop()),
              "can't have decap action after modify action");
}

TEST_F(StrictActionsTest, OneFateAndAtTheEnd) {
    EXPECT_EQ(refused(TestActions().count()),
              "no fate action: the packet would have nowhere to go");
    EXPECT_EQ(refused(TestActions()), "no fate action: the packet would have nowhere to go");
    EXPECT_EQ(refused(TestActions().drop().jump(1)), wrong_order);
}

TEST_F(StrictActionsTest, WhatTheEswitchHasNotIsRefused) {
    for (const rte_flow_action_type type :
         {RTE_FLOW_ACTION_TYPE_SET_TAG, RTE_FLOW_ACTION_TYPE_SET_META,
          RTE_FLOW_ACTION_TYPE_SET_MAC_DST, RTE_FLOW_ACTION_TYPE_SET_IPV4_SRC,
          RTE_FLOW_ACTION_TYPE_DEC_TTL, RTE_FLOW_ACTION_TYPE_PORT_ID, RTE_FLOW_ACTION_TYPE_SAMPLE,
          RTE_FLOW_ACTION_TYPE_SECURITY, RTE_FLOW_ACTION_TYPE_MARK, RTE_FLOW_ACTION_TYPE_FLAG,
          RTE_FLOW_ACTION_TYPE_QUEUE, RTE_FLOW_ACTION_TYPE_RSS, RTE_FLOW_ACTION_TYPE_METER,
          RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_PCP, RTE_FLOW_ACTION_TYPE_INDIRECT,
          RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP}) {
        EXPECT_EQ(refused(TestActions().add(type).drop()), not_in_api) << type;
        EXPECT_EQ(rte_errno, ENOTSUP);
        EXPECT_EQ(error.type, RTE_FLOW_ERROR_TYPE_ACTION);
    }
}

TEST_F(StrictActionsTest, MasksAreOfTheActionsTypes) {
    TestActions actions;
    actions.count().drop();
    actions.last_mask().type = RTE_FLOW_ACTION_TYPE_VOID;
    EXPECT_EQ(refused(actions), "mask type does not match action type");
    EXPECT_EQ(rte_errno, ENOTSUP);
    actions.last_mask().type = RTE_FLOW_ACTION_TYPE_END;
    EXPECT_EQ(refused(actions), "mask type does not match action type");
}

TEST_F(StrictActionsTest, SixteenActionsWithTheEnd) {
    TestActions actions;
    for (unsigned i = 0; i < 14; ++i)
        actions.set_tag(i);
    EXPECT_EQ(refused(actions.drop()), "");
    TestActions more;
    for (unsigned i = 0; i < 15; ++i)
        more.set_tag(i);
    EXPECT_EQ(refused(more.drop()), "Number of HW actions exceeded maximum allowed in template");
}

TEST_F(StrictActionsTest, OneCounterFromAPool) {
    EXPECT_EQ(refused(TestActions().count().count().drop()), "duplicate count actions set");
    rebuild({});
    attributes.nb_counters = attributes.nb_aging_objects = 0;
    ASSERT_EQ(configure(proxy), 0);
    EXPECT_EQ(refused(TestActions().count().drop()), "counters pool not initialized");
}

rte_flow_action_meter_mark meter_by(rte_flow_meter_profile* profile) {
    rte_flow_action_meter_mark meter{};
    meter.profile = profile;
    meter.state = 1;
    return meter;
}

TEST_F(StrictActionsTest, OneMeterFromAPoolBehindTheCounter) {
    const auto metered = [] {
        TestActions actions;
        actions.add(RTE_FLOW_ACTION_TYPE_METER_MARK, meter_by(nullptr), meter_by(nullptr));
        return actions;
    };
    EXPECT_EQ(refused(TestActions().count().add(RTE_FLOW_ACTION_TYPE_METER_MARK).set_tag(1).drop()),
              "");
    EXPECT_EQ(refused(metered().count().drop()), wrong_order);
    EXPECT_EQ(refused(TestActions().set_tag(1).add(RTE_FLOW_ACTION_TYPE_METER_MARK).drop()),
              wrong_order);
    EXPECT_EQ(refused(metered().add(RTE_FLOW_ACTION_TYPE_METER_MARK).drop()), wrong_order);
    char something = 0;
    auto* const shared = meter_by(reinterpret_cast<rte_flow_meter_profile*>(&something)).profile;
    EXPECT_EQ(refused(TestActions()
                          .add(RTE_FLOW_ACTION_TYPE_METER_MARK, meter_by(shared), meter_by(shared))
                          .drop()),
              "a meter shared by all rules is not what this is for");
    rebuild({});
    attributes.nb_meters = 0;
    ASSERT_EQ(configure(proxy), 0);
    EXPECT_EQ(refused(metered().drop()), "meter_mark pool not initialized");
}

TEST_F(StrictActionsTest, AgingFromAPoolAndWithACounterOfItsOwn) {
    EXPECT_EQ(refused(TestActions().age().drop()), "");
    EXPECT_EQ(refused(TestActions().age().age().drop()), "duplicate AGE actions set");
    rte_flow_action_count shared{};
    shared.id = 1;
    EXPECT_EQ(refused(TestActions().add(RTE_FLOW_ACTION_TYPE_COUNT, shared, shared).age().drop()),
              "AGE and fixed COUNT combination is not supported");
    EXPECT_EQ(refused(TestActions().age().add(RTE_FLOW_ACTION_TYPE_COUNT, shared, shared).drop()),
              "AGE and COUNT action shared by mask combination is not supported");
    rebuild({});
    attributes.nb_aging_objects = 0;
    ASSERT_EQ(configure(proxy), 0);
    EXPECT_EQ(refused(TestActions().age().drop()), "aging pool not initialized");
}

TEST_F(StrictActionsTest, AgingThatIsFixedNeedsItsTimeout) {
    TestActions actions;
    actions.age();
    rte_flow_action_age mask{};
    mask.timeout = 1;
    actions.last_mask().conf = &mask;
    actions.last_action().conf = nullptr;
    EXPECT_EQ(refused(actions.drop()), "age timeout was not provided");
}

TEST_F(StrictActionsTest, RawEncapIsAsLongAsItsMaskSays) {
    const auto spoiled = [this](const std::function<void(rte_flow_action_raw_encap&,
                                                         rte_flow_action_raw_encap&)>& spoil) {
        std::array<std::uint8_t, 256> octets{};
        rte_flow_action_raw_encap conf{}, mask{};
        conf.data = octets.data();
        conf.size = mask.size = 50;
        spoil(conf, mask);
        return refused(TestActions().add(RTE_FLOW_ACTION_TYPE_RAW_ENCAP, conf, mask).drop());
    };
    EXPECT_EQ(spoiled([](auto&, auto&) {}), "");
    EXPECT_EQ(spoiled([](auto&, auto& mask) { mask.size = 0; }), "raw_encap: size must be masked");
    EXPECT_EQ(spoiled([](auto& conf, auto&) { conf.size = 0; }),
              "raw_encap: invalid action configuration");
    EXPECT_EQ(spoiled([](auto& conf, auto& mask) {
                  mask.data = conf.data;
                  conf.data = nullptr;
              }),
              "raw_encap: masked data is missing");
    EXPECT_EQ(spoiled([](auto& conf, auto&) { conf.size = 132; }), "");
    EXPECT_EQ(spoiled([](auto& conf, auto&) { conf.size = 133; }),
              "raw_encap: header is longer than the device takes");
    EXPECT_EQ(spoiled([](auto& conf, auto&) { conf.size = 34; }), "small raw encap size");
}

TEST_F(StrictActionsTest, OneReformat) {
    EXPECT_EQ(refused(TestActions().decap().encap(50).drop()), "one reformat per rule");
    EXPECT_EQ(refused(TestActions().decap().decap().drop()), "can only have a single decap action");
    EXPECT_EQ(refused(TestActions().encap(50).encap(50).drop()), "more than one encap action");
}

class StrictRawDecapTest : public StrictActionsTest {
  protected:
    static TestActions raw_decap(std::size_t size) {
        static std::array<std::uint8_t, 256> octets{};
        rte_flow_action_raw_decap conf{};
        conf.data = octets.data();
        conf.size = size;
        TestActions actions;
        actions.add(RTE_FLOW_ACTION_TYPE_RAW_DECAP, conf, conf);
        return actions;
    }
};

TEST_F(StrictRawDecapTest, AloneItTakesATunnelOff) {
    EXPECT_EQ(refused(raw_decap(50).drop()), "");
    EXPECT_EQ(refused(raw_decap(50).decap().drop()), "can only have a single decap action");
}

TEST_F(StrictRawDecapTest, WithAnEncapRightBehindItItIsAnL3Tunnel) {
    EXPECT_EQ(refused(raw_decap(14).encap(70).drop()), "");
    EXPECT_EQ(refused(raw_decap(70).encap(14).drop()), "");
    EXPECT_EQ(refused(raw_decap(14).encap(14).drop()),
              "unsupported too small raw decap and too small raw encap combination");
    EXPECT_EQ(refused(raw_decap(70).encap(70).drop()), "one reformat per rule");
    EXPECT_EQ(refused(raw_decap(14).set_tag(1).encap(70).drop()), "one reformat per rule");
    // Taking off comes first of all, putting on comes late.
    EXPECT_EQ(refused(raw_decap(70).encap(14).count().drop()), "");
    EXPECT_EQ(refused(raw_decap(14).encap(70).count().drop()), wrong_order);
}

TEST_F(StrictRawDecapTest, ItsEncapHasTheMaskOfOne) {
    TestActions actions = raw_decap(14);
    actions.encap(70);
    actions.last_mask().type = RTE_FLOW_ACTION_TYPE_VOID;
    EXPECT_EQ(refused(actions.drop()), "invalid mask type");
}

class StrictVlanActionsTest : public StrictActionsTest {
  protected:
    static TestActions push(bool push_fixed, bool vid_fixed) {
        rte_flow_action_of_push_vlan ethertype{}, ethertype_mask{};
        ethertype.ethertype = 0x0081;
        if (push_fixed) ethertype_mask.ethertype = UINT16_MAX;
        rte_flow_action_of_set_vlan_vid vid{}, vid_mask{};
        vid.vlan_vid = 0x0100;
        if (vid_fixed) vid_mask.vlan_vid = UINT16_MAX;
        TestActions actions;
        actions.add(RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN, ethertype, ethertype_mask);
        actions.add(RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID, vid, vid_mask);
        return actions;
    }
    static TestActions& pcp(TestActions& actions, bool fixed) {
        rte_flow_action_of_set_vlan_pcp conf{}, mask{};
        conf.vlan_pcp = 3;
        if (fixed) mask.vlan_pcp = UINT8_MAX;
        return actions.add(RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_PCP, conf, mask);
    }
};

TEST_F(StrictVlanActionsTest, PushAndItsPartsAreMaskedAlike) {
    EXPECT_EQ(refused(push(true, true).drop()), "");
    EXPECT_EQ(refused(push(false, false).drop()), "");
    EXPECT_EQ(refused(push(true, false).drop()),
              "OF_SET_VLAN_VID: mask does not match OF_PUSH_VLAN");
    TestActions with_pcp = push(true, true);
    EXPECT_EQ(refused(pcp(with_pcp, true).drop()), "");
    TestActions unlike = push(true, true);
    EXPECT_EQ(refused(pcp(unlike, false).drop()),
              "OF_SET_VLAN_PCP: mask does not match OF_PUSH_VLAN");
    TestActions unmasked = push(true, true);
    pcp(unmasked, true);
    unmasked.last_mask().type = RTE_FLOW_ACTION_TYPE_VOID;
    EXPECT_EQ(refused(unmasked.drop()), "OF_SET_VLAN_PCP: missing mask configuration");
}

TEST_F(StrictVlanActionsTest, PushIsFollowedByItsId) {
    TestActions actions;
    actions.add(RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN, rte_flow_action_of_push_vlan{},
                rte_flow_action_of_push_vlan{});
    EXPECT_EQ(refused(actions.drop()), "OF_PUSH_VLAN: invalid actions order");
    TestActions unmasked = push(true, true);
    unmasked.last_mask().type = RTE_FLOW_ACTION_TYPE_VOID;
    EXPECT_EQ(refused(unmasked.drop()), "OF_PUSH_VLAN: invalid actions order");
}

TEST_F(StrictVlanActionsTest, TwoTagsAtMost) {
    TestActions actions;
    actions.add(RTE_FLOW_ACTION_TYPE_OF_POP_VLAN).add(RTE_FLOW_ACTION_TYPE_OF_POP_VLAN);
    EXPECT_EQ(refused(TestActions()
                          .add(RTE_FLOW_ACTION_TYPE_OF_POP_VLAN)
                          .add(RTE_FLOW_ACTION_TYPE_OF_POP_VLAN)
                          .drop()),
              "");
    EXPECT_EQ(refused(actions.add(RTE_FLOW_ACTION_TYPE_OF_POP_VLAN).drop()), wrong_order);
}

TEST_F(StrictActionsTest, ToTheCpuIsOneNumber) {
    EXPECT_EQ(refused(TestActions().to_cpu()), "");
    EXPECT_EQ(refused(TestActions().to_cpu(vm)), "only eswitch manager port 0xffff is supported");
    rte_flow_action_ethdev conf{};
    conf.port_id = UINT16_MAX;
    EXPECT_EQ(refused(TestActions().add(RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR, conf,
                                        rte_flow_action_ethdev{})),
              "only eswitch manager port 0xffff is supported");
}

TEST_F(StrictActionsTest, AFixedPortIsOneOfTheEswitch) {
    EXPECT_EQ(refused(TestActions().to_fixed_port(other_wire)), "");
    EXPECT_EQ(refused(TestActions().to_fixed_port(stranger)), "port index is invalid");
    TestActions actions;
    actions.to_fixed_port(vm);
    actions.last_action().conf = nullptr;
    EXPECT_EQ(refused(actions), "port index was not provided");
}

TEST_F(StrictActionsTest, AFixedJumpHasAGroup) {
    TestActions actions;
    actions.jump(1);
    actions.last_action().conf = nullptr;
    EXPECT_EQ(refused(actions), "Invalid jump action configuration");
    EXPECT_EQ(refused(TestActions().jump(UINT32_MAX)), "group index not supported");
}

class StrictModifyTest : public StrictActionsTest {
  protected:
    std::string spoiled(const std::function<void(ModifyPair&)>& spoil) {
        ModifyPair pair = modify_tag();
        spoil(pair);
        return refused(
            TestActions().add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, pair.action, pair.mask).drop());
    }
    std::string of(const FieldChange& change) {
        return refused(TestActions()
                           .add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, make_set(change),
                                make_set_mask(change.field))
                           .drop());
    }
};

TEST_F(StrictModifyTest, TheMaskRepeatsOperationAndFields) {
    EXPECT_EQ(spoiled([](ModifyPair&) {}), "");
    EXPECT_EQ(spoiled([](ModifyPair& pair) { pair.mask.operation = RTE_FLOW_MODIFY_ADD; }),
              "modify_field operation mask and template are not equal");
    EXPECT_EQ(spoiled([](ModifyPair& pair) { pair.mask.dst.field = RTE_FLOW_FIELD_META; }),
              "destination field mask and template are not equal");
    EXPECT_EQ(spoiled([](ModifyPair& pair) { pair.mask.src.field = RTE_FLOW_FIELD_TAG; }),
              "source field mask and template are not equal");
}

TEST_F(StrictModifyTest, LevelOffsetAndWidthAreAllOnes) {
    EXPECT_EQ(spoiled([](ModifyPair& pair) { pair.mask.dst.level = 0; }),
              "destination encapsulation level must be fully masked");
    EXPECT_EQ(spoiled([](ModifyPair& pair) { pair.mask.dst.offset = 0; }),
              "destination offset level must be fully masked");
    EXPECT_EQ(spoiled([](ModifyPair& pair) { pair.mask.width = 32; }),
              "modify_field width field must be fully masked");
}

TEST_F(StrictModifyTest, SoAreThoseOfASourceField) {
    const auto copy_tag = [](ModifyPair& pair) {
        pair.action.src = pair.action.dst;
        pair.mask.src = pair.mask.dst;
    };
    EXPECT_EQ(spoiled(copy_tag), "");
    EXPECT_EQ(spoiled([&](ModifyPair& pair) {
                  copy_tag(pair);
                  pair.mask.src.level = 0;
              }),
              "source encapsulation level must be fully masked");
    EXPECT_EQ(spoiled([&](ModifyPair& pair) {
                  copy_tag(pair);
                  pair.mask.src.offset = 0;
              }),
              "source offset level must be fully masked");
}

TEST_F(StrictModifyTest, ConfigurationAndMaskAreThere) {
    TestActions actions;
    actions.set_tag(1);
    actions.last_mask().conf = nullptr;
    EXPECT_EQ(refused(actions.drop()), "modify_field mask conf is missing");
    TestActions others;
    others.set_tag(1);
    others.last_action().conf = nullptr;
    EXPECT_EQ(refused(others.drop()), "modify_field conf is missing");
}

TEST_F(StrictModifyTest, TheDestinationIsAFieldThatCanBeWritten) {
    constexpr const char* no_destination =
        "immediate value, pointer and hash result cannot be used as destination";
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_MAC_DST, .width = 48}), "");
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_VALUE, .width = 8}), no_destination);
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_POINTER, .width = 8}), no_destination);
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_START, .width = 8}),
              "modifying arbitrary place in a packet is not supported");
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_VLAN_TYPE, .width = 16}),
              "modifying vlan_type is not supported");
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_GTP_TEID, .width = 32}),
              "field is not supported as destination");
    ModifyPair pointer = modify_tag();
    pointer.action.src.field = pointer.mask.src.field = RTE_FLOW_FIELD_POINTER;
    EXPECT_EQ(refused(TestActions()
                          .add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, pointer.action, pointer.mask)
                          .drop()),
              "the double does not follow pointers to values");
}

TEST_F(StrictModifyTest, MarkIsNeverWrittenAndMetaOnlyWhereItHasARegister) {
    constexpr const char* invalid = "invalid modification flow item";
    const FieldChange mark{.field = RTE_FLOW_FIELD_MARK, .width = 32};
    const FieldChange meta{.field = RTE_FLOW_FIELD_META, .width = 32};
    EXPECT_EQ(of(mark), invalid);
    EXPECT_EQ(of(meta), invalid);
    StrictOptions with_meta;
    with_meta.meta = true;
    rebuild(with_meta);
    bring_up();
    EXPECT_EQ(of(mark), invalid);
    EXPECT_EQ(of(meta), "");
}

TEST_F(StrictModifyTest, TheTagIsAUsableOne) {
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_TAG, .tag_index = 2, .width = 32}), "");
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_TAG, .tag_index = 3, .width = 32}),
              "tag index is out of range");
}

TEST_F(StrictModifyTest, InnerHeadersStayAsTheyAre) {
    FieldChange change{.field = RTE_FLOW_FIELD_MAC_DST, .width = 48};
    rte_flow_action_modify_field inner = make_set(change);
    inner.dst.level = 2;
    EXPECT_EQ(refused(TestActions()
                          .add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, inner,
                               make_set_mask(RTE_FLOW_FIELD_MAC_DST))
                          .drop()),
              "inner header fields modification is not supported");
}

TEST_F(StrictModifyTest, TheBitsAreInTheField) {
    constexpr const char* beyond = "width and offset are beyond the field";
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_TAG, .offset = 31, .width = 1}), "");
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_TAG, .offset = 31, .width = 2}), beyond);
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_TAG, .offset = 32, .width = 1}), beyond);
    EXPECT_EQ(of({.field = RTE_FLOW_FIELD_TAG, .width = 0}), beyond);
    const std::pair<rte_flow_field_id, std::uint32_t> widths[]{
        {RTE_FLOW_FIELD_MAC_SRC, 48},      {RTE_FLOW_FIELD_VLAN_ID, 12},
        {RTE_FLOW_FIELD_IPV4_DSCP, 6},     {RTE_FLOW_FIELD_IPV4_ECN, 2},
        {RTE_FLOW_FIELD_IPV4_TTL, 8},      {RTE_FLOW_FIELD_IPV6_HOPLIMIT, 8},
        {RTE_FLOW_FIELD_UDP_PORT_DST, 16}, {RTE_FLOW_FIELD_VXLAN_VNI, 24},
        {RTE_FLOW_FIELD_IPV4_SRC, 32},     {RTE_FLOW_FIELD_IPV6_DST, 128},
    };
    for (const auto& [field, width] : widths) {
        EXPECT_EQ(of({.field = field, .width = width}), "") << field;
        EXPECT_EQ(of({.field = field, .width = width + 1}), beyond) << field;
    }
}

} // namespace
} // namespace sallyport::eswitch
