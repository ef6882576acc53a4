// SPDX-License-Identifier: BSD-3-Clause
// Rules of root tables, made as the driver makes them, and which of them takes a packet.
#include "fields.h"
#include "headers.h"
#include "root_tables.h"

#include <array>

#include <gtest/gtest.h>

namespace mlx5sim {
namespace test {
namespace {

constexpr auto fdb = MLX5_IB_UAPI_FLOW_TABLE_TYPE_FDB;
constexpr auto nic = MLX5_IB_UAPI_FLOW_TABLE_TYPE_NIC_RX;
/// Of fte_match_param, in bits.
constexpr Field send_queue{0x208, 24}, vport{0x230, 16};

/// Values or masks.
class Parameters {
  public:
    Parameters& with(Field field, std::uint64_t value) {
        set(octets_.data() + offsetof(mlx5dv_flow_match_parameters, match_buf), field, value);
        return *this;
    }
    mlx5dv_flow_match_parameters* verbs() {
        auto* const made = reinterpret_cast<mlx5dv_flow_match_parameters*>(octets_.data());
        made->match_sz = 512;
        return made;
    }

  private:
    alignas(8) std::array<std::uint8_t, 8 + 512> octets_{};
};

class Matcher {
  public:
    Matcher(mlx5dv_flow_table_type table, std::uint16_t priority, Parameters mask) {
        mlx5dv_flow_matcher_attr attributes{};
        attributes.match_mask = mask.verbs();
        attributes.priority = priority;
        attributes.comp_mask = MLX5DV_FLOW_MATCHER_MASK_FT_TYPE;
        attributes.ft_type = table;
        verbs_ = mlx5dv_create_flow_matcher(nullptr, &attributes);
    }
    Matcher(const Matcher&) = delete;
    Matcher& operator=(const Matcher&) = delete;
    ~Matcher() { mlx5dv_destroy_flow_matcher(verbs_); }

    ibv_flow* add(Parameters value) const {
        return mlx5dv_create_flow(verbs_, value.verbs(), 0, nullptr);
    }

  private:
    mlx5dv_flow_matcher* verbs_ = nullptr;
};

void remove(ibv_flow* flow) {
    verbs_get_ctx(flow->context)->ibv_destroy_flow(flow);
}

const ibv_flow* found(std::uint32_t queue, std::uint16_t source, mlx5dv_flow_table_type table) {
    Packet packet(ethernet(Octets(46), 0x88b5));
    packet.send_queue = queue;
    packet.source_vport = source;
    const RootFlow* const flow = find_root_flow(packet, table);
    return flow == nullptr ? nullptr : &flow->verbs;
}

TEST(RootTables, FindsByValueUnderTheMask) {
    const Matcher by_queue(fdb, 3, Parameters().with(send_queue, 0xffff));
    ibv_flow* const seven = by_queue.add(Parameters().with(send_queue, 7).with(vport, 9));
    ibv_flow* const eight = by_queue.add(Parameters().with(send_queue, 8));
    EXPECT_EQ(found(7, 1, fdb), seven);
    EXPECT_EQ(found(0x10007, 1, fdb), seven);
    EXPECT_EQ(found(8, 1, fdb), eight);
    EXPECT_EQ(found(9, 1, fdb), nullptr);
    EXPECT_EQ(found(7, 1, nic), nullptr);
    remove(seven);
    EXPECT_EQ(found(7, 1, fdb), nullptr);
    EXPECT_EQ(found(8, 1, fdb), eight);
    remove(eight);
}

TEST(RootTables, TakesTheLowestPriorityAndThenTheOldest) {
    const Matcher all(fdb, 15, Parameters()), by_vport(fdb, 1, Parameters().with(vport, 0xffff)),
        by_queue(fdb, 1, Parameters().with(send_queue, 0xffffff));
    ibv_flow* const any = all.add(Parameters());
    ibv_flow* const queue = by_queue.add(Parameters().with(send_queue, 7));
    ibv_flow* const port = by_vport.add(Parameters().with(vport, 9));
    ibv_flow* const later = by_queue.add(Parameters().with(send_queue, 7));
    EXPECT_EQ(found(1, 1, fdb), any);
    EXPECT_EQ(found(1, 9, fdb), port);
    EXPECT_EQ(found(7, 9, fdb), queue);
    remove(queue);
    EXPECT_EQ(found(7, 9, fdb), port);
    remove(port);
    EXPECT_EQ(found(7, 9, fdb), later);
    remove(later);
    remove(any);
    EXPECT_EQ(found(7, 9, fdb), nullptr);
}

} // namespace
} // namespace test
} // namespace mlx5sim
