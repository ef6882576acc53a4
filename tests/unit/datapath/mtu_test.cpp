// SPDX-License-Identifier: BSD-3-Clause
// Frames larger than the tenant's MTU: answered as the RFCs say, or counted.
#include "fixture.h"
#include "too_big_answer.h"

#include <functional>

namespace sallyport::testing {
namespace {

class MtuTest : public OneTenantTest {
  protected:
    MtuTest() { put_local(blue, 2, "b"); }

    static Octets of_size(std::size_t ip_length, IpFamily family = IpFamily::ipv4,
                          std::uint16_t vlan = 0) {
        InnerFrame inner{.destination = mac(2), .source = mac(1), .vlan = vlan};
        if (family == IpFamily::ipv6) {
            inner.source_ip = *net::IpAddress::parse("fd00::1");
            inner.destination_ip = *net::IpAddress::parse("fd00::2");
        }
        inner.payload = ip_length - (family == IpFamily::ipv4 ? 28 : 48);
        return make_frame(inner);
    }
    /// Sends @p octets by "a"; the one answer, or nothing.
    Octets answer(const Octets& octets) {
        reset_counters();
        send(a(), octets);
        auto frames = sent();
        if (frames.empty()) {
            EXPECT_EQ(drops(), one(DropReason::mtu_exceeded));
            return {};
        }
        EXPECT_EQ(drops(), one(DropReason::mtu_exceeded_answered));
        EXPECT_EQ(frames.size(), 1U);
        EXPECT_EQ(frames["a"].size(), 1U);
        return frames["a"].at(0);
    }
};

TEST_F(MtuTest, TheLargestPassesAndOneMoreDoesNot) {
    for (const std::uint16_t mtu : {600, 1280, 1500}) {
        change_tenant([&](auto& changed) { changed.mtu = mtu; });
        for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
            send(a(), of_size(mtu, family));
            EXPECT_EQ(sent()["b"], std::vector<Octets>{of_size(mtu, family)});
            EXPECT_FALSE(answer(of_size(mtu + 1U, family)).empty());
        }
    }
}

TEST_F(MtuTest, PaddingIsNotOfTheIpPacket) {
    change_tenant([](auto& changed) { changed.mtu = 600; });
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        Octets padded = of_size(600, family);
        padded.resize(padded.size() + 7);
        send(a(), padded);
        EXPECT_EQ(sent()["b"], std::vector<Octets>{padded});
    }
}

TEST_F(MtuTest, Ipv4AnswerOctetByOctet) {
    for (const std::size_t size : {1501U, 1502U, 1582U}) {
        const Octets original = of_size(size);
        EXPECT_EQ(answer(original), fragmentation_needed(original, 14, 1500));
    }
    change_tenant([](auto& changed) { changed.mtu = 100; });
    const Octets original = of_size(133);
    EXPECT_EQ(answer(original), fragmentation_needed(original, 14, 100)) << "quoted whole";
}

TEST_F(MtuTest, Ipv6AnswerOctetByOctet) {
    for (const std::size_t size : {1501U, 1502U, 1582U}) {
        const Octets original = of_size(size, IpFamily::ipv6);
        EXPECT_EQ(answer(original), packet_too_big(original, 14, 1500));
    }
    change_tenant([](auto& changed) { changed.mtu = 100; });
    const Octets original = of_size(133, IpFamily::ipv6);
    EXPECT_EQ(answer(original), packet_too_big(original, 14, 100)) << "quoted whole";
}

TEST_F(MtuTest, TagsLeadBack) {
    change_tenant([](auto& changed) { changed.pass_inner_vlan = true; });
    const Octets ipv4 = of_size(1501, IpFamily::ipv4, 77);
    EXPECT_EQ(answer(ipv4), fragmentation_needed(ipv4, 18, 1500));
    const Octets ipv6 = of_size(1501, IpFamily::ipv6, 77);
    EXPECT_EQ(answer(ipv6), packet_too_big(ipv6, 18, 1500));
    send(a(), of_size(1500, IpFamily::ipv4, 77));
    EXPECT_EQ(sent()["b"].size(), 1U) << "the tag is not of the IP packet";
}

TEST_F(MtuTest, Ipv4OptionsAndFirstFragmentsAreAnswered) {
    Octets options = of_size(1501);
    options[14] = 0x46;
    fix_ipv4_checksum(options);
    EXPECT_EQ(answer(options), fragmentation_needed(options, 14, 1500));
    Octets fragment = of_size(1501);
    fragment[20] = 0x20;
    fix_ipv4_checksum(fragment);
    EXPECT_EQ(answer(fragment), fragmentation_needed(fragment, 14, 1500));
    Octets may_fragment = of_size(1501);
    may_fragment[20] = 0;
    fix_ipv4_checksum(may_fragment);
    EXPECT_EQ(answer(may_fragment), fragmentation_needed(may_fragment, 14, 1500));
}

TEST_F(MtuTest, EchoRequestsAreAnswered) {
    Octets ping4 = of_size(1501);
    ping4[23] = 1;
    ping4[34] = 8;
    fix_ipv4_checksum(ping4);
    EXPECT_EQ(answer(ping4), fragmentation_needed(ping4, 14, 1500));
    Octets ping6 = of_size(1501, IpFamily::ipv6);
    ping6[20] = 58;
    ping6[54] = 128;
    EXPECT_EQ(answer(ping6), packet_too_big(ping6, 14, 1500));
}

// RFC 1122 3.2.2 and RFC 4443 2.4 (e): to these nobody answers.
TEST_F(MtuTest, NotAnswered) {
    struct Case {
        const char* name;
        IpFamily family;
        std::function<void(Octets&)> change;
    };
    const auto icmp4 = [](std::uint8_t type) {
        return [type](Octets& o) {
            o[23] = 1;
            o[34] = type;
        };
    };
    const auto icmp6 = [](std::uint8_t type) {
        return [type](Octets& o) {
            o[20] = 58;
            o[54] = type;
        };
    };
    const Case cases[] = {
        {"ICMP unreachable", IpFamily::ipv4, icmp4(3)},
        {"ICMP source quench", IpFamily::ipv4, icmp4(4)},
        {"ICMP redirect", IpFamily::ipv4, icmp4(5)},
        {"ICMP time exceeded", IpFamily::ipv4, icmp4(11)},
        {"ICMP parameter problem", IpFamily::ipv4, icmp4(12)},
        {"later fragment", IpFamily::ipv4, [](Octets& o) { o[21] = 1; }},
        {"last possible fragment", IpFamily::ipv4, [](Octets& o) { o[20] = 0x1f; }},
        {"from 0.0.0.0", IpFamily::ipv4, [](Octets& o) { o[26] = o[27] = o[28] = o[29] = 0; }},
        {"from a group", IpFamily::ipv4, [](Octets& o) { o[26] = 224; }},
        {"from all", IpFamily::ipv4, [](Octets& o) { o[26] = o[27] = o[28] = o[29] = 255; }},
        {"from loopback", IpFamily::ipv4, [](Octets& o) { o[26] = 127; }},
        {"to a group", IpFamily::ipv4, [](Octets& o) { o[30] = 239; }},
        {"to all", IpFamily::ipv4, [](Octets& o) { o[30] = o[31] = o[32] = o[33] = 255; }},
        {"to a group's MAC", IpFamily::ipv4, [](Octets& o) { o[0] = 1; }},
        {"to all MACs", IpFamily::ipv4, [](Octets& o) { std::fill_n(o.begin(), 6, 0xff); }},
        {"ICMPv6 unreachable", IpFamily::ipv6, icmp6(1)},
        {"ICMPv6 too big", IpFamily::ipv6, icmp6(2)},
        {"ICMPv6 last error", IpFamily::ipv6, icmp6(127)},
        {"from ::", IpFamily::ipv6, [](Octets& o) { std::fill_n(o.begin() + 22, 16, 0); }},
        {"from an IPv6 group", IpFamily::ipv6, [](Octets& o) { o[22] = 0xff; }},
        {"from ::1", IpFamily::ipv6,
         [](Octets& o) {
             std::fill_n(o.begin() + 22, 15, 0);
             o[37] = 1;
         }},
        {"to an IPv6 group", IpFamily::ipv6, [](Octets& o) { o[38] = 0xff; }},
        {"to a group's MAC over IPv6", IpFamily::ipv6, [](Octets& o) { o[0] = 0x33; }},
    };
    for (const Case& one_case : cases) {
        SCOPED_TRACE(one_case.name);
        Octets octets = of_size(1501, one_case.family);
        one_case.change(octets);
        if (one_case.family == IpFamily::ipv4) fix_ipv4_checksum(octets);
        EXPECT_TRUE(answer(octets).empty());
    }
}

TEST_F(MtuTest, NonIpIsCounted) {
    send(a(), raw_frame(mac(2), mac(1), 0x88b5, 1500));
    EXPECT_EQ(sent()["b"].size(), 1U);
    EXPECT_TRUE(answer(raw_frame(mac(2), mac(1), 0x88b5, 1501)).empty());
}

TEST_F(MtuTest, UnderlaysLimitHoldsTowardsVmsToo) {
    // A peer of ours that does not keep to the MTU: what comes is delivered if the port takes it.
    send(uplink(), make_vxlan(from_vtep(2, vni), frame(9, 2, IpFamily::ipv4, 1540 - 28)));
    EXPECT_EQ(sent()["b"].size(), 1U);
    EXPECT_EQ(drops(), Drops());
}

TEST_F(MtuTest, LargerThanTheOutputPortTakes) {
    // The tenant allows more than the ports were opened for.
    change_tenant([](auto& changed) { changed.mtu = 1900; });
    put_remote(blue, 9, vtep2);
    send(a(), of_size(1604));
    EXPECT_EQ(sent()["b"].size(), 1U) << "1618 octets just fit";
    send(a(), of_size(1605));
    Octets remote = of_size(1550);
    remote[5] = 9;
    send(a(), remote);
    EXPECT_EQ(sent()["p0"].size(), 1U) << "1614 octets fit";
    remote = of_size(1555);
    remote[5] = 9;
    send(a(), remote);
    EXPECT_TRUE(sent().empty());
    EXPECT_EQ(drops(), one(DropReason::port_frame_size, 2));
    EXPECT_EQ(port_drops(a()), one(DropReason::port_frame_size, 2));
}

TEST_F(MtuTest, WithoutBuffersTheFrameIsCountedAsNotAnswered) {
    a().send(of_size(1501));
    std::vector<rte_mbuf*> taken;
    while (rte_mbuf* const buffer = rte_pktmbuf_alloc(path().buffer_pool()))
        taken.push_back(buffer);
    run();
    EXPECT_EQ(drops(), one(DropReason::mtu_exceeded));
    for (rte_mbuf* const buffer : taken)
        rte_pktmbuf_free(buffer);
    EXPECT_TRUE(sent().empty());
}

// A driver may deliver a frame in several buffers.
TEST_F(MtuTest, FrameInSegmentsIsAnswered) {
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        const Octets original = of_size(1540, family);
        rte_mbuf* first = rte_pktmbuf_alloc(path().buffer_pool());
        rte_mbuf* second = rte_pktmbuf_alloc(path().buffer_pool());
        std::copy_n(original.begin(), 100, rte_pktmbuf_append(first, 100));
        std::copy(original.begin() + 100, original.end(),
                  rte_pktmbuf_append(second, static_cast<std::uint16_t>(original.size() - 100)));
        ASSERT_EQ(rte_pktmbuf_chain(first, second), 0);
        a().send_bulk(&first, 1);
        run();
        const Octets reply = sent()["a"].at(0);
        Octets quoted = original;
        quoted.resize(100);
        EXPECT_EQ(reply, family == IpFamily::ipv4 ? fragmentation_needed(quoted, 14, 1500)
                                                  : packet_too_big(quoted, 14, 1500));
    }
}

} // namespace
} // namespace sallyport::testing
