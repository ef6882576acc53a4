// SPDX-License-Identifier: BSD-3-Clause
// A program of two tables, written as the driver writes it: its requests, octet by octet.
#include "fields.h"
#include "headers.h"
#include "steering.h"
#include "walk.h"

#include <cstring>
#include <memory>

#include <gtest/gtest.h>

namespace mlx5sim {
namespace test {
namespace {

/// Words of a packet's fields, as selectors count them.
constexpr std::uint8_t destination_mac_word = 0, register_c_1_word = 149;
constexpr std::uint8_t type_set = 0x06, type_counter = 0x14, type_insert = 0x0b, type_entry = 0x80,
                       type_table = 0x82, type_drop = 0x83, type_vport = 0x85;
/// Where an entry has a modification's data.
constexpr std::uint8_t modification_word = 6;
constexpr std::uint32_t nothing = 0, counting = 1, marking = 2, to_second = 3, to_vport = 4,
                        dropping = 5, to_chain = 6, inserting = 7;
constexpr std::uint32_t first_table = 1, second_table = 2, first_rules = 11, second_rules = 12,
                        chain_rules = 13, actions_id = 20, counter_id = 32, arguments_id = 64,
                        first_definer = 1, second_definer = 2, chain_entries = 5;

class CardWalk : public testing::Test {
  protected:
    CardWalk() {
        connect(first_, first_rules);
        connect(second_, second_rules);
        select(by_mac_, destination_mac_word);
        select(by_register_, register_c_1_word);
        set_up(first_rules_, first_definer);
        set_up(second_rules_, second_definer);
        set_up(chain_, first_definer);
        chain_.update_mode = 1;
        chain_.hold_entries(chain_entries, 0);
        define_actions();
        mlx5dv_flow_match_parameters* const everything = parameters();
        mlx5dv_flow_matcher_attr attributes{};
        attributes.match_mask = everything;
        attributes.comp_mask = MLX5DV_FLOW_MATCHER_MASK_FT_TYPE;
        attributes.ft_type = MLX5_IB_UAPI_FLOW_TABLE_TYPE_FDB;
        matcher_ = mlx5dv_create_flow_matcher(nullptr, &attributes);
        mlx5dv_flow_action_attr action{};
        action.type = MLX5DV_FLOW_ACTION_DEST_DEVX;
        action.obj = reinterpret_cast<mlx5dv_devx_obj*>(static_cast<Object*>(&first_));
        flow_ = mlx5dv_create_flow(matcher_, everything, 1, &action);
    }
    ~CardWalk() override {
        const auto* const table = verbs_get_ctx(flow_->context);
        table->ibv_destroy_flow(flow_);
        mlx5dv_destroy_flow_matcher(matcher_);
    }

    mlx5dv_flow_match_parameters* parameters() {
        auto* const made = reinterpret_cast<mlx5dv_flow_match_parameters*>(empty_match_.data());
        made->match_sz = 64;
        return made;
    }

    static void connect(FlowTable& table, std::uint32_t rules) {
        table.rtc_0 = table.rtc_1 = rules;
    }

    static void select(Definer& definer, std::uint8_t word) {
        definer.dwords[0] = word;
        std::fill_n(definer.mask.begin() + 32, 4, std::uint8_t{0xff});
    }

    static void set_up(RuleTable& table, std::uint32_t definer) {
        table.definer = definer;
        table.format_0 = format_8_words;
        table.action_base = actions_id;
        table.miss_table = end_.id;
    }

    Action& define(std::uint32_t number, std::uint8_t type, std::uint8_t offset = 0) {
        actions_.list[number].type = type;
        actions_.list[number].offset = offset;
        return actions_.list[number];
    }

    void define_actions() {
        define(nothing, 0);
        store32(define(counting, type_counter).parameter.data(), counter_id);
        // All of REG_C_1.
        const std::array<std::uint8_t, 4> modification{0x10, 0x52, 0, 0};
        std::copy(modification.begin(), modification.end(),
                  define(marking, type_set, modification_word).parameter.begin());
        store32(define(to_second, type_table).parameter.data(), second_table);
        const std::array<std::uint8_t, 4> vport{0, 2, 0, 7};
        std::copy(vport.begin(), vport.end(), define(to_vport, type_vport).parameter.begin());
        define(dropping, type_drop);
        store32(define(to_chain, type_entry).parameter.data(), chain_entries);
        // Encapsulates at the start, with 50 octets of arguments.
        std::uint8_t* const insert =
            define(inserting, type_insert, modification_word).parameter.data();
        insert[0] = 0x48;
        insert[3] = 25;
        store32(insert + 4, arguments_id);
    }

    /// Words of actions as the driver has them: destination, counter, the three others, of which
    /// the last is not among those that the entry has.
    struct Rule {
        std::uint32_t key, hit, counter = nothing, single = nothing, modification = nothing;
        std::uint32_t stale = nothing;
        std::uint32_t value = 0, counter_offset = 0, address = 0, index = 0;
    };

    static void write(std::uint32_t rules, const Rule& rule, std::uint8_t operation = 0) {
        std::array<std::uint8_t, 48> control{};
        store32(control.data(), std::uint32_t{operation} << 28 | rule.index);
        const std::uint32_t three = 3;
        const std::uint32_t words[] = {three << 29 | rule.counter, rule.hit, rule.single,
                                       rule.modification, rule.stale};
        for (std::size_t i = 0; i < std::size(words); ++i)
            store32(control.data() + 4 + 4 * i, words[i]);
        std::array<std::uint8_t, 64> data{};
        store32(data.data(), rule.counter_offset);
        store32(data.data() + 16, rule.address);
        store32(data.data() + 28, rule.value);
        store32(data.data() + 52, rule.key);
        EXPECT_TRUE(write_entry(rules, control, data));
    }

    static Verdict run(Packet& packet) {
        return walk(packet, MLX5_IB_UAPI_FLOW_TABLE_TYPE_FDB, Side::transmit);
    }

    static inline FlowTable end_{99};
    FlowTable first_{first_table}, second_{second_table};
    Definer by_mac_{first_definer}, by_register_{second_definer};
    RuleTable first_rules_{first_rules}, second_rules_{second_rules}, chain_{chain_rules};
    Actions actions_{actions_id, 8};
    Counters counters_{counter_id, 4};
    Arguments arguments_{arguments_id, 2};
    alignas(8) std::array<std::uint8_t, 128> empty_match_{};
    mlx5dv_flow_matcher* matcher_ = nullptr;
    ibv_flow* flow_ = nullptr;
};

constexpr std::uint32_t far_mac_upper = 0x02000000;

TEST_F(CardWalk, MissesWithoutARule) {
    Packet packet(plain());
    EXPECT_EQ(run(packet).kind, Verdict::Kind::miss);
}

TEST_F(CardWalk, CountsMarksAndGoesOn) {
    write(first_rules, {.key = far_mac_upper,
                        .hit = to_second,
                        .counter = counting,
                        .modification = marking,
                        .value = 42,
                        .counter_offset = 3});
    write(second_rules, {.key = 42, .hit = to_vport});
    Packet packet(plain());
    const Verdict verdict = run(packet);
    EXPECT_EQ(verdict.kind, Verdict::Kind::vport);
    EXPECT_EQ(verdict.vhca_id, 2);
    EXPECT_EQ(verdict.vport, 7);
    EXPECT_EQ(packet.c[1], 42U);
    EXPECT_EQ(counters_.list[3].packets, 1U);
    EXPECT_EQ(counters_.list[3].octets, plain().size());
}

TEST_F(CardWalk, DoesNoMoreThanTheEntrySaysThatItHas) {
    write(first_rules, {.key = far_mac_upper, .hit = to_vport, .stale = marking, .value = 42});
    Packet packet(plain());
    EXPECT_EQ(run(packet).kind, Verdict::Kind::vport);
    EXPECT_EQ(packet.c[1], 0U);
}

TEST_F(CardWalk, TakesTheEntryWrittenLast) {
    write(first_rules, {.key = far_mac_upper, .hit = dropping});
    Packet packet(plain());
    EXPECT_EQ(run(packet).kind, Verdict::Kind::drop);
    write(first_rules, {.key = far_mac_upper, .hit = to_vport});
    EXPECT_EQ(run(packet).kind, Verdict::Kind::vport);
    write(first_rules, {.key = far_mac_upper, .hit = to_vport}, 1);
    EXPECT_EQ(run(packet).kind, Verdict::Kind::miss);
}

TEST_F(CardWalk, FollowsAnEntryIntoItsNext) {
    write(first_rules, {.key = far_mac_upper, .hit = to_chain, .address = 3U << 6});
    write(chain_rules, {.key = 0, .hit = to_vport, .counter = counting, .index = 3});
    Packet packet(plain());
    EXPECT_EQ(run(packet).kind, Verdict::Kind::vport);
    EXPECT_EQ(counters_.list[0].packets, 1U);
}

TEST_F(CardWalk, EncapsulatesByItsArguments) {
    const Octets header = vxlan({}, 77);
    std::array<std::uint8_t, 64> data{};
    std::copy(header.begin(), header.end(), data.begin());
    write_argument(arguments_id + 1, data);
    write(first_rules,
          {.key = far_mac_upper, .hit = to_vport, .modification = inserting, .value = 1});
    Packet packet(plain());
    EXPECT_EQ(run(packet).kind, Verdict::Kind::vport);
    EXPECT_EQ(packet.size(), plain().size() + header.size());
    ASSERT_TRUE(packet.inner());
    EXPECT_TRUE(packet.inner()->l4_checksum_ok && packet.outer().l3_ok);
}

TEST_F(CardWalk, MissesIntoTheNextTable) {
    end_.miss_action = 1;
    end_.miss_id = second_table;
    write(second_rules, {.key = 5, .hit = dropping});
    Packet packet(plain());
    packet.c[1] = 5;
    EXPECT_EQ(run(packet).kind, Verdict::Kind::drop);
    end_.miss_action = 0;
}

using CardWalkDeathTest = CardWalk;

TEST_F(CardWalkDeathTest, EndsWhereAPacketGoesRound) {
    write(first_rules, {.key = far_mac_upper, .hit = to_second});
    store32(actions_.list[to_second].parameter.data(), first_table);
    Packet packet(plain());
    EXPECT_DEATH(run(packet), "goes round");
}

TEST_F(CardWalkDeathTest, NamesAnActionThatIsNotSimulated) {
    actions_.list[dropping].type = 0x77;
    write(first_rules, {.key = far_mac_upper, .hit = dropping});
    Packet packet(plain());
    EXPECT_DEATH(run(packet), "0x77");
}

} // namespace
} // namespace test
} // namespace mlx5sim
