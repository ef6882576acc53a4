// SPDX-License-Identifier: BSD-3-Clause
// The detectors of two stations at the ends of one cable, which the tests cut.
#include "failover/uplink_detectors.h"

#include <functional>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::failover {
namespace {

using namespace std::chrono_literals;
using Frame = std::vector<std::uint8_t>;
using net::BfdState;
using net::IpAddress;
using net::MacAddress;

const MacAddress underlay = *MacAddress::parse("0c:42:a1:00:00:01");
const MacAddress far_mac = *MacAddress::parse("02:00:00:00:00:99");

TEST(DetectorMac, IsOneOfItsOwn) {
    for (const char* text : {"0c:42:a1:00:00:01", "02:00:00:00:01:00", "fe:ff:ff:ff:ff:ff"}) {
        const MacAddress mac = *MacAddress::parse(text);
        const MacAddress first = detector_mac(mac, 0);
        const MacAddress second = detector_mac(mac, 1);
        EXPECT_NE(first, second);
        for (const MacAddress& one : {first, second}) {
            EXPECT_NE(one, mac);
            EXPECT_FALSE(one.is_multicast());
            EXPECT_EQ(one.octets[0] & 2, 2) << "locally administered";
        }
    }
}

class DetectorsTest : public testing::TestWithParam<const char*> {
  protected:
    [[nodiscard]] static IpAddress address(unsigned host) {
        return *IpAddress::parse(GetParam() + std::to_string(host));
    }
    UplinkDetectors make(const UplinkDetectorSettings& settings) {
        UplinkDetectors detectors(
            settings, [this] { return random_ += 40503U; }, now_);
        detectors.link(true, now_);
        return detectors;
    }
    UplinkDetectors bfd_end(unsigned local, unsigned peer, const MacAddress& mac) {
        return make({.mac = mac,
                     .bfd = BfdEnds{address(local), address(peer)},
                     .bfd_settings = {
                         .desired_min_tx = 50ms, .required_min_rx = 50ms, .detect_multiplier = 3}});
    }
    /// What one sends reaches the other, if the station takes it.
    void carry(UplinkDetectors& from, UplinkDetectors& to) const {
        for (const Frame& frame : from.due(now_))
            if (cable_whole_ && net::is_for_detectors(to.station(), frame)) to.receive(frame, now_);
    }
    void run(UplinkDetectors& left, UplinkDetectors& right, std::chrono::milliseconds time) {
        for (const TimePoint end = now_ + time; now_ < end; now_ += 1ms) {
            carry(left, right);
            carry(right, left);
        }
    }

    std::uint32_t random_ = 7;
    TimePoint now_{1h};
    bool cable_whole_ = true;
};

TEST_P(DetectorsTest, TwoEndsFindEachOtherAndTheLoss) {
    UplinkDetectors left = bfd_end(1, 2, detector_mac(underlay, 0));
    UplinkDetectors right = bfd_end(2, 1, far_mac);
    run(left, right, 5s);
    for (const UplinkDetectors* end : {&left, &right}) {
        EXPECT_EQ(end->bfd()->session().state(), BfdState::up);
        EXPECT_EQ(end->bfd()->session().discarded(), net::BfdDiscardCounters{});
        EXPECT_FALSE(end->failed(Detector::bfd));
    }
    EXPECT_EQ(left.bfd()->peer_mac(), far_mac);
    cable_whole_ = false;
    run(left, right, 99ms);
    EXPECT_FALSE(left.failed(Detector::bfd)) << "less than three intervals since its last packet";
    run(left, right, 60ms);
    EXPECT_TRUE(left.failed(Detector::bfd));
    cable_whole_ = true;
    run(left, right, 5s);
    EXPECT_FALSE(left.failed(Detector::bfd));
}

TEST_P(DetectorsTest, ASessionThatNeverCameUpHasNotFailed) {
    UplinkDetectors left = bfd_end(1, 2, underlay);
    UplinkDetectors deaf = make({.mac = far_mac});
    run(left, deaf, 10s);
    EXPECT_FALSE(left.failed(Detector::bfd));
    EXPECT_FALSE(left.bfd()->peer_mac());
}

TEST_P(DetectorsTest, ThePeerIsAskedForOnceASecondUntilTheSessionIsUp) {
    UplinkDetectors left = bfd_end(1, 2, underlay);
    unsigned questions = 0;
    for (const TimePoint end = now_ + 4s; now_ < end; now_ += 1ms)
        for (const Frame& frame : left.due(now_)) {
            const auto request = net::parse_neighbour_request(frame);
            ASSERT_TRUE(request) << "to nobody that is not found";
            EXPECT_EQ(request->target, address(2));
            EXPECT_EQ(request->sender, address(1));
            ++questions;
        }
    EXPECT_EQ(questions, 4U);
}

TEST_P(DetectorsTest, WithoutLinkNothingIsSent) {
    UplinkDetectors left = bfd_end(1, 2, underlay);
    left.link(false, now_);
    for (int i = 0; i < 30; ++i)
        EXPECT_TRUE(left.due(now_ += 100ms).empty());
    left.link(true, now_);
    EXPECT_FALSE(left.due(now_ += 1s).empty());
}

TEST_P(DetectorsTest, AnotherSessionsPacketsAreCountedAndChangeNothing) {
    UplinkDetectors left = bfd_end(1, 2, underlay);
    net::BfdFrame frame{.destination_mac = underlay,
                        .source_mac = far_mac,
                        .source = address(3),
                        .destination = address(1),
                        .control = {.detect_multiplier = 3, .my_discriminator = 5}};
    frame.control.state = BfdState::down;
    left.receive(net::write_bfd_frame(frame), now_);
    frame.source = address(2);
    frame.destination = address(9);
    left.receive(net::write_bfd_frame(frame), now_);
    EXPECT_EQ(left.bfd()->session().state(), BfdState::down);
    EXPECT_EQ(left.bfd()->session().received(), 0U);
    const auto& discarded = left.bfd()->session().discarded();
    EXPECT_EQ(discarded[static_cast<std::size_t>(net::BfdDiscard::session_unknown)], 2U);
    left.receive(Frame(60, 0), now_);
    EXPECT_EQ(discarded[static_cast<std::size_t>(net::BfdDiscard::not_bfd)], 1U);
    // The right one.
    frame.destination = address(1);
    left.receive(net::write_bfd_frame(frame), now_);
    EXPECT_EQ(left.bfd()->session().state(), BfdState::init);
}

class NeighbourProbeTest : public DetectorsTest {
  protected:
    NeighbourProbeTest() {
        const std::vector<IpAddress> targets{address(8), address(9)};
        uplink_.set_targets(targets);
    }
    /// What it asks in this time is answered by those that live.
    void run_with(const std::vector<IpAddress>& alive, std::chrono::milliseconds time) {
        for (const TimePoint end = now_ + time; now_ < end; now_ += 1ms)
            for (const Frame& frame : uplink_.due(now_)) {
                const auto request = net::parse_neighbour_request(frame);
                ASSERT_TRUE(request);
                ASSERT_EQ(request->sender_mac, uplink_.mac());
                if (std::find(alive.begin(), alive.end(), request->target) == alive.end()) continue;
                uplink_.receive(answer(*request), now_);
            }
    }
    static Frame answer(const net::NeighbourRequest& request) {
        return request.target.is_ipv4()
                   ? net::arp_reply(far_mac, request.target, request.sender, request.sender_mac)
                   : net::solicited_advertisement(far_mac, request.target, request.sender,
                                                  request.sender_mac);
    }

    UplinkDetectors uplink_ =
        make({.mac = detector_mac(underlay, 1),
              .neighbours = ReachabilitySettings{.interval = 100ms, .missed_max = 3}});
};

TEST_P(NeighbourProbeTest, FailsWhenNobodyAnswersAndRecovers) {
    run_with({address(8), address(9)}, 1s);
    EXPECT_FALSE(uplink_.failed(Detector::probe));
    run_with({address(9)}, 1s);
    EXPECT_FALSE(uplink_.failed(Detector::probe)) << "one is enough";
    run_with({}, 500ms);
    EXPECT_TRUE(uplink_.failed(Detector::probe));
    run_with({address(8)}, 200ms);
    EXPECT_FALSE(uplink_.failed(Detector::probe));
}

TEST_P(NeighbourProbeTest, NobodyLearnsTheUnderlaysAddressFromIt) {
    for (const Frame& frame : uplink_.due(now_)) {
        const auto request = net::parse_neighbour_request(frame);
        ASSERT_TRUE(request);
        EXPECT_EQ(request->sender,
                  request->target.is_ipv4() ? IpAddress{} : net::link_local_address(uplink_.mac()));
        EXPECT_EQ(MacAddress::from_octets(&frame[6]), uplink_.mac());
    }
}

TEST_P(NeighbourProbeTest, AnAnswerToSomebodyElseProvesNothing) {
    run_with({}, 1s);
    ASSERT_TRUE(uplink_.failed(Detector::probe));
    uplink_.receive(answer({address(8), address(1), underlay}), now_);
    EXPECT_TRUE(uplink_.failed(Detector::probe));
    uplink_.receive(answer({address(8), address(1), uplink_.mac()}), now_);
    EXPECT_FALSE(uplink_.failed(Detector::probe));
}

TEST_P(NeighbourProbeTest, WithoutLinkNothingIsSentAndThenAllIsToBeProved) {
    run_with({address(8), address(9)}, 1s);
    uplink_.link(false, now_);
    EXPECT_TRUE(uplink_.due(now_ + 1s).empty());
    uplink_.link(true, now_);
    EXPECT_TRUE(uplink_.failed(Detector::probe)) << "a port may have its link before it forwards";
    run_with({address(8)}, 200ms);
    EXPECT_FALSE(uplink_.failed(Detector::probe));
}

TEST_P(NeighbourProbeTest, OnlyWhoDoesNotAnswerIsAskedBeforeAll) {
    const auto asked_alone = [&](const IpAddress& target) {
        now_ += 100ms;
        for (const Frame& frame : uplink_.due(now_)) {
            const auto request = net::parse_neighbour_request(frame);
            if (!request || request->target != target) continue;
            const MacAddress to = MacAddress::from_octets(frame.data());
            EXPECT_TRUE(to.is_multicast() || to == far_mac);
            return to == far_mac;
        }
        ADD_FAILURE() << "not asked";
        return false;
    };
    EXPECT_FALSE(asked_alone(address(8))) << "nobody knows where it is";
    run_with({address(8)}, 300ms);
    uplink_.receive(answer({address(8), {}, uplink_.mac()}), now_);
    EXPECT_TRUE(asked_alone(address(8)));
    EXPECT_FALSE(asked_alone(address(8))) << "it did not answer, and may have moved";
    EXPECT_FALSE(asked_alone(address(9)));
    uplink_.receive(answer({address(8), {}, uplink_.mac()}), now_);
    uplink_.link(false, now_);
    uplink_.link(true, now_);
    EXPECT_FALSE(asked_alone(address(8))) << "behind another switch, perhaps";
}

INSTANTIATE_TEST_SUITE_P(Families, DetectorsTest, testing::Values("192.0.2.", "2001:db8::"));
INSTANTIATE_TEST_SUITE_P(Families, NeighbourProbeTest, testing::Values("192.0.2.", "2001:db8::"));

TEST(UplinkDetectors, AnswerForTheirAddressesAndNoOthers) {
    const IpAddress local = *IpAddress::parse("192.0.2.1");
    const IpAddress asking = *IpAddress::parse("192.0.2.2");
    const TimePoint now{1h};
    UplinkDetectors uplink(
        {.mac = underlay, .bfd = BfdEnds{local, asking}}, [] { return 1U; }, now);
    uplink.link(true, now);
    uplink.due(now);
    uplink.receive(net::arp_request(far_mac, asking, asking, net::broadcast_mac), now);
    EXPECT_TRUE(uplink.due(now).empty());
    for (int i = 0; i < 1000; ++i)
        uplink.receive(net::arp_request(far_mac, asking, local, net::broadcast_mac), now);
    const auto frames = uplink.due(now);
    ASSERT_GE(frames.size(), 1U);
    EXPECT_LE(frames.size(), 100U) << "bounded";
    const auto reply = net::parse_neighbour_reply(frames[0]);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->address, local);
    EXPECT_EQ(reply->mac, underlay);
    EXPECT_EQ(reply->destination_mac, far_mac);
    // IPv6, by its link-local address, to one that has no address yet.
    const IpAddress link_local = net::link_local_address(underlay);
    uplink.receive(net::neighbour_solicitation(far_mac, net::link_local_address(far_mac),
                                               link_local, underlay),
                   now);
    const auto advertised = uplink.due(now);
    ASSERT_EQ(advertised.size(), 1U);
    EXPECT_EQ(net::parse_neighbour_reply(advertised[0])->address, link_local);
}

TEST(UplinkDetectors, WithoutADetectorThereIsNoStation) {
    UplinkDetectors none(
        {.mac = underlay}, [] { return 1U; }, TimePoint{1h});
    EXPECT_TRUE(none.station().mac.is_zero());
    EXPECT_TRUE(none.due(TimePoint{2h}).empty());
    EXPECT_FALSE(none.next_deadline());
    EXPECT_FALSE(none.failed(Detector::probe));
    EXPECT_FALSE(none.failed(Detector::bfd));
}

} // namespace
} // namespace sallyport::failover
