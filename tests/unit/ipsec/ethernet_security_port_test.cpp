// SPDX-License-Identifier: BSD-3-Clause
// A port of DPDK whose NIC does IPsec: whether it is switched on, and the rules that lead to it.
#include "lab.h"
#include "support/plugged_nic.h"

#include <memory>

#include <gmock/gmock.h>
#include <rte_ethdev.h>

namespace sallyport::testing {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EthernetSecurityPortTest : public IpsecTest {
  protected:
    EthernetSecurityPortTest()
        : device_("nic", buffers(), 2), nic("p0"), plugged(device_.device(), nic) {
        for (const Direction direction : {Direction::outbound, Direction::inbound})
            nic.offer(RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO, Mode::transport, direction)
                .ipsec.options.udp_encap = 1;
    }
    void open(bool inline_ipsec = true) {
        datapath::PortSettings settings;
        settings.name = "p0";
        settings.device = device_.device();
        settings.role = datapath::PortRole::uplink;
        settings.workers = 2;
        settings.inline_ipsec = inline_ipsec;
        auto opened = datapath::Port::open(settings, buffers());
        if (!opened) throw std::runtime_error(opened.error().message());
        port_ = std::move(*opened);
        security = make_security_port(port_->id(), "p0");
    }
    Expected<std::unique_ptr<SecuritySession>> make(const SaSettings& settings) {
        return SecuritySession::create(*security, Engine::inline_crypto, settings);
    }
    std::string why_none() {
        return find_offer(*security, Engine::inline_crypto, sa_settings({}, Direction::outbound))
            .reason;
    }

  private:
    RingDevice device_;

  protected:
    FakeNic nic;
    PluggedNic plugged;
    std::unique_ptr<SecurityPort> security;

  private:
    std::unique_ptr<datapath::Port> port_;
};

TEST_F(EthernetSecurityPortTest, BothDirectionsAreSwitchedOnIfAsked) {
    open();
    EXPECT_EQ(plugged.rx_on, RTE_ETH_RX_OFFLOAD_SECURITY);
    EXPECT_EQ(plugged.tx_on, RTE_ETH_TX_OFFLOAD_SECURITY);
    EXPECT_EQ(why_none(), "");
}

TEST_F(EthernetSecurityPortTest, NobodyAskedForIt) {
    open(false);
    EXPECT_EQ(plugged.rx_on | plugged.tx_on, 0U);
    EXPECT_THAT(why_none(), HasSubstr("cannot switch it on"));
}

// What is left to it to encrypt would leave in clear.
TEST_F(EthernetSecurityPortTest, ANicThatTakesOneDirectionOnlyHasNoIpsec) {
    plugged.tx_offer = 0;
    open();
    EXPECT_EQ(plugged.rx_on | plugged.tx_on, 0U);
    EXPECT_EQ(why_none(), "p0: its driver has IPsec, but cannot switch it on for both directions");
}

TEST_F(EthernetSecurityPortTest, RulesLeadAnSasPacketsToItsSession) {
    open();
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6})
        for (const bool udp : {false, true}) {
            const SaOptions options{.outer = family, .inner = family, .udp = udp};
            const SaSettings settings = sa_settings(options, Direction::inbound);
            const auto session = make(settings);
            ASSERT_TRUE(session) << session.error().message();
            ASSERT_EQ(plugged.rules.size(), 1U);
            const NicRule& rule = plugged.rules[0];
            EXPECT_EQ(rule.session, (*session)->get());
            EXPECT_TRUE(rule.ingress);
            std::vector<rte_flow_item_type> items{
                RTE_FLOW_ITEM_TYPE_ETH,
                family == IpFamily::ipv4 ? RTE_FLOW_ITEM_TYPE_IPV4 : RTE_FLOW_ITEM_TYPE_IPV6};
            if (udp) items.push_back(RTE_FLOW_ITEM_TYPE_UDP);
            items.push_back(RTE_FLOW_ITEM_TYPE_ESP);
            EXPECT_EQ(rule.items, items);
            const auto length = family == IpFamily::ipv4 ? 4 : 16;
            const auto &peer = settings.remote.octets, &self = settings.local.octets;
            EXPECT_EQ(rule.source, Octets(peer.begin(), peer.begin() + length));
            EXPECT_EQ(rule.destination, Octets(self.begin(), self.begin() + length));
            EXPECT_EQ(rule.udp_port, udp ? 4500 : 0);
            EXPECT_EQ(rule.spi, 0x12345678U);
            EXPECT_EQ(rule.fate, RTE_FLOW_ACTION_TYPE_RSS);
            EXPECT_THAT(rule.queues, ElementsAre(0, 1));
        }
    EXPECT_TRUE(plugged.rules.empty()) << "they go with their sessions";
}

TEST_F(EthernetSecurityPortTest, OutboundNeedsNoRule) {
    open();
    const auto session = make(sa_settings({}, Direction::outbound));
    EXPECT_TRUE(session);
    EXPECT_TRUE(plugged.rules.empty());
}

TEST_F(EthernetSecurityPortTest, DriversDifferInWhatTheyWantBesideTheSession) {
    open();
    const SaSettings settings = sa_settings({}, Direction::inbound);
    plugged.fates = {RTE_FLOW_ACTION_TYPE_END, RTE_FLOW_ACTION_TYPE_QUEUE};
    {
        const auto session = make(settings);
        ASSERT_TRUE(session);
        EXPECT_EQ(plugged.rules[0].fate, RTE_FLOW_ACTION_TYPE_END);
    }
    plugged.fates = {RTE_FLOW_ACTION_TYPE_QUEUE};
    {
        const auto session = make(settings);
        ASSERT_TRUE(session);
        EXPECT_THAT(plugged.rules[0].queues, ElementsAre(0));
    }
    plugged.fates = {};
    const auto session = make(settings);
    ASSERT_FALSE(session);
    EXPECT_THAT(session.error().message(), HasSubstr("is refused: no such action"));
    EXPECT_TRUE(nic.sessions.empty());
}

} // namespace

} // namespace sallyport::testing
