// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/netlink.h"
#include "underlay/rdma_message.h"

#include <cstdint>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <rdma/rdma_netlink.h>

namespace sallyport::underlay {
namespace {

using MessageHandle = std::unique_ptr<nl_msg, Release<nlmsg_free>>;

MessageHandle message() {
    return MessageHandle(
        nlmsg_alloc_simple(RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_PORT_GET), NLM_F_MULTI));
}

/// As the kernel writes a port's (fill_port_info() in drivers/infiniband/core/nldev.c).
MessageHandle port_message() {
    MessageHandle made = message();
    nla_put_u32(made.get(), RDMA_NLDEV_ATTR_DEV_INDEX, 3);
    nla_put_string(made.get(), RDMA_NLDEV_ATTR_DEV_NAME, "mlx5_0");
    nla_put_u32(made.get(), RDMA_NLDEV_ATTR_PORT_INDEX, 2);
    nla_put_u8(made.get(), RDMA_NLDEV_ATTR_PORT_STATE, 4);
    nla_put_u32(made.get(), RDMA_NLDEV_ATTR_NDEV_INDEX, 17);
    nla_put_string(made.get(), RDMA_NLDEV_ATTR_NDEV_NAME, "enp8s0f1np1");
    return made;
}

TEST(RdmaMessage, a_port_is_read_with_its_device_and_interface) {
    const auto read = read_rdma_message(*port_message());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->device_index, 3U);
    EXPECT_EQ(read->port, (RdmaPort{"mlx5_0", 2}));
    EXPECT_EQ(read->interface, 17U);
}

TEST(RdmaMessage, a_device_alone_has_no_interface) {
    const MessageHandle made = message();
    nla_put_u32(made.get(), RDMA_NLDEV_ATTR_DEV_INDEX, 0);
    nla_put_string(made.get(), RDMA_NLDEV_ATTR_DEV_NAME, "rocep8s0f0");
    const auto read = read_rdma_message(*made);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->port.device, "rocep8s0f0");
    EXPECT_EQ(read->interface, 0U);
}

TEST(RdmaMessage, without_a_name_it_is_nothing) {
    EXPECT_FALSE(read_rdma_message(*message()));
    const MessageHandle empty = message();
    nla_put_string(empty.get(), RDMA_NLDEV_ATTR_DEV_NAME, "");
    EXPECT_FALSE(read_rdma_message(*empty));
}

TEST(RdmaMessage, attributes_of_a_wrong_length_are_not_read_beyond_their_end) {
    const MessageHandle made = message();
    // Without the octet that ends a string.
    nla_put(made.get(), RDMA_NLDEV_ATTR_DEV_NAME, 6, "mlx5_0");
    nla_put_u8(made.get(), RDMA_NLDEV_ATTR_NDEV_INDEX, 17);
    const auto read = read_rdma_message(*made);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->port.device, "mlx5_0");
    EXPECT_EQ(read->interface, 0U);
}

// Whether or not the kernel has RDMA.
TEST(RdmaPort, there_is_none_behind_an_interface_that_is_no_card) {
    const auto port = rdma_port_of(if_nametoindex("lo"));
    ASSERT_TRUE(port) << port.error().message();
    EXPECT_EQ(*port, std::nullopt);
}

} // namespace
} // namespace sallyport::underlay
