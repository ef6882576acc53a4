// SPDX-License-Identifier: BSD-3-Clause
#include "network_namespace.h"
#include "underlay/transmit_queue.h"

namespace sallyport::underlay {
namespace {

class TransmitQueueTest : public NamespaceTest {
  protected:
    void SetUp() override {
        NamespaceTest::SetUp();
        if (entered()) run("ip link add near0 type veth peer name far0");
    }
    static std::string shown() { return output_of("ip -oneline link show dev near0"); }
};

TEST_F(TransmitQueueTest, is_given_where_there_is_none) {
    run("ip link set near0 up");
    ASSERT_NE(shown().find("qdisc noqueue"), std::string::npos) << shown();
    for (int time = 0; time < 2; ++time) {
        const auto done = ensure_transmit_queue("near0");
        ASSERT_TRUE(done) << done.error().message();
        EXPECT_NE(shown().find("qdisc pfifo"), std::string::npos) << shown();
    }
}

TEST_F(TransmitQueueTest, of_the_operators_choice_stays) {
    run("tc qdisc add dev near0 root bfifo limit 9999");
    run("ip link set near0 up");
    ASSERT_TRUE(ensure_transmit_queue("near0"));
    EXPECT_NE(shown().find("qdisc bfifo"), std::string::npos) << shown();
}

TEST_F(TransmitQueueTest, error_names_the_interface) {
    const auto done = ensure_transmit_queue("nowhere0");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().where, "nowhere0");
}

} // namespace
} // namespace sallyport::underlay
