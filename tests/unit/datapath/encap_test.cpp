// SPDX-License-Identifier: BSD-3-Clause
// The outer headers, octet by octet, under every setting that shapes them.
#include "encapsulated.h"
#include "fixture.h"

#include <functional>
#include <set>
#include <tuple>
#include <vector>

namespace sallyport::testing {
namespace {

using Settings = datapath::SoftwarePathSettings;
using datapath::UdpChecksum;

struct HeaderCase {
    std::string name;
    std::function<void(Settings&)> configure;
    std::uint8_t inner_traffic_class;
    /// What the outer header must say, over either family unless told apart.
    std::uint8_t traffic_class;
    std::uint8_t ttl = 64;
    bool dont_fragment = true;
    bool checksum4 = false;
    bool checksum6 = true;
};

const HeaderCase header_cases[] = {
    {"Defaults", [](Settings&) {}, 0, 0},
    {"DscpAndEcnAreInherited", [](Settings&) {}, 0xba, 0xba},
    {"CongestionExperiencedIsInherited", [](Settings&) {}, 0x03, 0x03},
    {"AllBitsInherited", [](Settings&) {}, 0xff, 0xff},
    {"FixedDscpKeepsEcn", [](Settings& s) { s.dscp = 46; }, 0x29, 46 << 2 | 1},
    {"FixedDscpOfZero", [](Settings& s) { s.dscp = 0; }, 0xfe, 0x02},
    {"FixedLargestDscp", [](Settings& s) { s.dscp = 63; }, 0x00, 0xfc},
    {"TimeToLiveOne", [](Settings& s) { s.ttl = 1; }, 0, 0, 1},
    {"LargestTimeToLive", [](Settings& s) { s.ttl = 255; }, 0, 0, 255},
    {"MayFragment", [](Settings& s) { s.dont_fragment = false; }, 0, 0, 64, false},
    {"ZeroChecksum", [](Settings& s) { s.udp_checksum = UdpChecksum::zero; }, 0, 0, 64, true, false,
     false},
    {"ComputedChecksum", [](Settings& s) { s.udp_checksum = UdpChecksum::computed; }, 0, 0, 64,
     true, true, true},
    {"AllTogether",
     [](Settings& s) {
         s.udp_checksum = UdpChecksum::computed;
         s.dscp = 10;
         s.ttl = 7;
         s.dont_fragment = false;
     },
     0xe3, 10 << 2 | 3, 7, false, true, true},
};

class OuterHeaderTest
    : public OneTenantTest,
      public ::testing::WithParamInterface<std::tuple<IpFamily, IpFamily, HeaderCase>> {
  protected:
    OuterHeaderTest() {
        Settings settings = Hypervisor::small_settings();
        expected().configure(settings);
        rebuild(settings, underlay());
        put_remote(blue, 2, vtep2);
    }
    static IpFamily underlay() { return std::get<0>(GetParam()); }
    static IpFamily overlay_family() { return std::get<1>(GetParam()); }
    static const HeaderCase& expected() { return std::get<2>(GetParam()); }
    static Octets inner() {
        InnerFrame inner{.destination = mac(2), .source = mac(1)};
        inner.traffic_class = expected().inner_traffic_class;
        // Odd, for the checksum.
        inner.payload = 101;
        if (overlay_family() == IpFamily::ipv6) {
            inner.source_ip = *net::IpAddress::parse("fd00::1");
            inner.destination_ip = *net::IpAddress::parse("fd00::2");
        }
        return make_frame(inner);
    }
};

TEST_P(OuterHeaderTest, OctetByOctet) {
    send(a(), inner());
    const Octets packet = sent().at("p0").at(0);
    Encapsulated wanted = decode(packet);
    EXPECT_GE(wanted.source_port, 49152);
    wanted.destination = next_hop_mac;
    wanted.source = underlay_mac;
    wanted.source_ip = vtep_address(underlay(), 1);
    wanted.destination_ip = vtep_address(underlay(), 2);
    wanted.traffic_class = expected().traffic_class;
    wanted.ttl = expected().ttl;
    wanted.id = 0;
    wanted.dont_fragment = expected().dont_fragment;
    wanted.destination_port = 4789;
    wanted.udp_checksum =
        underlay() == IpFamily::ipv4 ? expected().checksum4 : expected().checksum6;
    wanted.flags = 0x08;
    wanted.vni = vni;
    wanted.inner = inner();
    EXPECT_EQ(packet, encode(wanted));
}

INSTANTIATE_TEST_SUITE_P(Datapath, OuterHeaderTest,
                         ::testing::Combine(::testing::Values(IpFamily::ipv4, IpFamily::ipv6),
                                            ::testing::Values(IpFamily::ipv4, IpFamily::ipv6),
                                            ::testing::ValuesIn(header_cases)),
                         [](const auto& info) {
                             return "Over" + std::string(to_string(std::get<0>(info.param)))
                                    + "Inner" + std::string(to_string(std::get<1>(info.param)))
                                    + std::get<2>(info.param).name;
                         });

class EncapTest : public OneTenantTest {
  protected:
    void SetUp() override { put_remote(blue, 2, vtep2); }
    void rebuild_with(const Settings& settings, IpFamily family = IpFamily::ipv4) {
        rebuild(settings, family);
        put_remote(blue, 2, vtep2);
    }
    Encapsulated encapsulate(const Octets& octets) {
        send(a(), octets);
        return decode(sent().at("p0").at(0));
    }
    static Octets flow(std::uint16_t port, IpFamily family = IpFamily::ipv4,
                       std::size_t payload = 10) {
        InnerFrame inner{.destination = mac(2), .source = mac(1)};
        inner.source_port = port;
        inner.payload = payload;
        if (family == IpFamily::ipv6) {
            inner.source_ip = *net::IpAddress::parse("fd00::1");
            inner.destination_ip = *net::IpAddress::parse("fd00::2");
        }
        return make_frame(inner);
    }
};

TEST_F(EncapTest, SourcePortTellsFlowsApartAndStaysWithTheFlow) {
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        SCOPED_TRACE(to_string(family));
        std::set<std::uint16_t> ports;
        for (std::uint16_t i = 0; i < 200; ++i) {
            const std::uint16_t first = encapsulate(flow(i, family)).source_port;
            EXPECT_GE(first, 49152);
            EXPECT_EQ(encapsulate(flow(i, family, 300)).source_port, first) << "flow " << i;
            ports.insert(first);
        }
        // 200 balls into 16384 bins meet about once.
        EXPECT_GE(ports.size(), 190U);
    }
}

TEST_F(EncapTest, EveryFieldOfTheFlowCounts) {
    const InnerFrame base{.destination = mac(2), .source = mac(1)};
    const auto port_of = [&](auto change) {
        InnerFrame changed = base;
        change(changed);
        return encapsulate(make_frame(changed)).source_port;
    };
    const std::uint16_t port = port_of([](InnerFrame&) {});
    EXPECT_NE(port, port_of([](InnerFrame& f) { f.source_ip.octets[3] = 77; }));
    EXPECT_NE(port, port_of([](InnerFrame& f) { f.destination_ip.octets[3] = 77; }));
    EXPECT_NE(port, port_of([](InnerFrame& f) { f.source_port = 77; }));
    EXPECT_NE(port, port_of([](InnerFrame& f) { f.destination_port = 77; }));
    // Not of the flow: DSCP, length.
    EXPECT_EQ(port, port_of([](InnerFrame& f) { f.traffic_class = 0xb8; }));
    EXPECT_EQ(port, port_of([](InnerFrame& f) { f.payload = 1000; }));
}

TEST_F(EncapTest, NonIpSpreadsByAddressesAndType) {
    std::set<std::uint16_t> ports;
    for (std::uint8_t station = 10; station < 110; ++station)
        ports.insert(encapsulate(raw_frame(mac(2), mac(station), 0x88b5, 46)).source_port);
    EXPECT_GE(ports.size(), 95U);
    EXPECT_NE(encapsulate(raw_frame(mac(2), mac(1), 0x88b5, 46)).source_port,
              encapsulate(raw_frame(mac(2), mac(1), 0x88b6, 46)).source_port);
}

TEST_F(EncapTest, SourcePortsStayInTheirRange) {
    Settings settings = Hypervisor::small_settings();
    settings.source_port_first = 60000;
    settings.source_port_last = 60003;
    rebuild_with(settings);
    std::map<std::uint16_t, unsigned> ports;
    for (std::uint16_t i = 0; i < 400; ++i)
        ++ports[encapsulate(flow(i)).source_port];
    ASSERT_EQ(ports.size(), 4U);
    EXPECT_EQ(ports.begin()->first, 60000);
    EXPECT_EQ(ports.rbegin()->first, 60003);
    for (const auto& [port, count] : ports)
        EXPECT_GT(count, 50U) << port;

    settings.source_port_first = settings.source_port_last = 65535;
    rebuild_with(settings);
    for (std::uint16_t i = 0; i < 20; ++i)
        EXPECT_EQ(encapsulate(flow(i)).source_port, 65535);
    settings.source_port_first = 0;
    rebuild_with(settings);
    std::set<std::uint16_t> all;
    for (std::uint16_t i = 0; i < 200; ++i)
        all.insert(encapsulate(flow(i)).source_port);
    EXPECT_LT(*all.begin(), 2000);
    EXPECT_GT(*all.rbegin(), 63000);
}

TEST_F(EncapTest, Ipv4FragmentsOfADatagramShareASourcePort) {
    std::set<std::uint16_t> ports;
    for (const unsigned fragment : {0x2000U, 0x2002U, 0x0004U}) {
        // Behind the first fragment's header are ports, behind the others' whatever is there.
        Octets octets = flow(static_cast<std::uint16_t>(fragment));
        octets[20] = static_cast<std::uint8_t>(fragment >> 8);
        octets[21] = static_cast<std::uint8_t>(fragment);
        fix_ipv4_checksum(octets);
        ports.insert(encapsulate(octets).source_port);
    }
    EXPECT_EQ(ports.size(), 1U);
}

TEST_F(EncapTest, Ipv6FragmentsOfADatagramShareASourcePort) {
    std::set<std::uint16_t> ports;
    for (const unsigned fragment : {0x0001U, 0x0011U, 0x0020U}) {
        Octets octets = flow(static_cast<std::uint16_t>(fragment), IpFamily::ipv6);
        const Octets header{17,
                            0,
                            static_cast<std::uint8_t>(fragment >> 8),
                            static_cast<std::uint8_t>(fragment),
                            1,
                            2,
                            3,
                            4};
        octets.insert(octets.begin() + 54, header.begin(), header.end());
        octets[20] = 44;
        octets[19] = static_cast<std::uint8_t>(octets[19] + header.size());
        ports.insert(encapsulate(octets).source_port);
    }
    EXPECT_EQ(ports.size(), 1U);
}

TEST_F(EncapTest, FlowLabelTellsFlowsApartAndStaysWithTheFlow) {
    rebuild_with(Hypervisor::small_settings(), IpFamily::ipv6);
    std::set<std::uint32_t> labels;
    for (std::uint16_t i = 0; i < 200; ++i) {
        const std::uint32_t label = encapsulate(flow(i)).flow_label;
        EXPECT_EQ(encapsulate(flow(i, IpFamily::ipv4, 300)).flow_label, label);
        labels.insert(label);
    }
    EXPECT_GE(labels.size(), 195U);
}

TEST_F(EncapTest, DatagramsThatMayBeFragmentedHaveIdsOfTheirOwn) {
    Settings settings = Hypervisor::small_settings();
    settings.dont_fragment = false;
    rebuild_with(settings);
    std::set<std::uint16_t> ids;
    for (unsigned i = 0; i < 300; ++i)
        ids.insert(encapsulate(flow(1)).id);
    EXPECT_EQ(ids.size(), 300U);
}

// RFC 768: a computed checksum of zero is sent as all ones, for zero means none.
TEST_F(EncapTest, ChecksumThatComesToZeroIsSentAsAllOnes) {
    Settings settings = Hypervisor::small_settings();
    settings.udp_checksum = UdpChecksum::computed;
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
        SCOPED_TRACE(to_string(family));
        rebuild_with(settings, family);
        // Adding the checksum to a word of the payload that was zero makes the sum come to all
        // ones, the checksum to zero.
        Octets octets = flow(1, IpFamily::ipv4, 100);
        octets[62] = octets[63] = 0;
        const std::uint16_t checksum = encapsulate(octets).udp_checksum;
        ASSERT_NE(checksum, 0);
        octets[62] = static_cast<std::uint8_t>(checksum >> 8);
        octets[63] = static_cast<std::uint8_t>(checksum);
        EXPECT_EQ(encapsulate(octets).udp_checksum, 0xffff);
    }
}

TEST_F(EncapTest, FloodedCopiesHaveRightChecksumsToo) {
    Settings settings = Hypervisor::small_settings();
    settings.udp_checksum = UdpChecksum::computed;
    rebuild_with(settings);
    for (std::size_t payload = 0; payload < 20; ++payload) {
        InnerFrame inner{.destination = broadcast_mac, .source = mac(1)};
        inner.payload = payload;
        send(a(), make_frame(inner));
        for (const Octets& packet : sent_by("p0")) {
            const Encapsulated read = decode(packet);
            EXPECT_NE(read.udp_checksum, 0);
            EXPECT_EQ(read.inner, make_frame(inner));
        }
    }
}

/// Says one port, and remembers who asked.
class OnePort final : public net::EncapEntropy {
  public:
    explicit OnePort(std::uint16_t port) : port_(port) {}

    struct Question {
        Octets octets;
        net::L3 kind;
        bool operator==(const Question&) const = default;
    };
    mutable std::vector<Question> asked;

    [[nodiscard]] std::uint16_t source_port(const std::uint8_t* l3, std::size_t readable,
                                            net::L3 kind) const noexcept override {
        asked.push_back({{l3, l3 + readable}, kind});
        return port_;
    }

  private:
    std::uint16_t port_;
};

class AskedSourcePortTest : public EncapTest {
  protected:
    /// What must have been asked about the frame.
    static OnePort::Question about(const Octets& frame, net::L3 kind, long offset = 14) {
        return {{frame.begin() + offset, frame.end()}, kind};
    }
    std::vector<OnePort::Question> asked_about(const OnePort& entropy, const Octets& frame) {
        entropy.asked.clear();
        path().set_encap_entropy(&entropy);
        send(a(), frame);
        answered.clear();
        for (const Octets& packet : sent_by("p0"))
            answered.insert(decode(packet).source_port);
        path().set_encap_entropy(nullptr);
        return entropy.asked;
    }

    using Ports = std::set<std::uint16_t>;
    Ports answered;
    using Questions = std::vector<OnePort::Question>;
    /// Outside the settings' range.
    const OnePort entropy{1234};
};

TEST_F(AskedSourcePortTest, TheAnswerIsWrittenForIp) {
    for (const IpFamily underlay : {IpFamily::ipv4, IpFamily::ipv6}) {
        rebuild_with(Hypervisor::small_settings(), underlay);
        EXPECT_EQ(asked_about(entropy, flow(1)), Questions{about(flow(1), net::L3::ipv4)});
        EXPECT_EQ(answered, Ports{1234});
        const Octets ipv6 = flow(1, IpFamily::ipv6);
        EXPECT_EQ(asked_about(entropy, ipv6), Questions{about(ipv6, net::L3::ipv6)});
        EXPECT_EQ(answered, Ports{1234});
    }
}

TEST_F(AskedSourcePortTest, TheIpHeaderIsFoundBehindATag) {
    change_tenant([](overlay::TenantRow& tenant) { tenant.pass_inner_vlan = true; });
    InnerFrame inner{.destination = mac(2), .source = mac(1)};
    inner.vlan = 7;
    const Octets tagged = make_frame(inner);
    EXPECT_EQ(asked_about(entropy, tagged), Questions{about(tagged, net::L3::ipv4, 18)});
    EXPECT_EQ(answered, Ports{1234});
}

TEST_F(AskedSourcePortTest, FloodedCopiesLongAndShortAskTheSame) {
    for (const std::size_t payload : {10U, 1000U}) {
        InnerFrame inner{.destination = broadcast_mac, .source = mac(1)};
        inner.payload = payload;
        const auto question = about(make_frame(inner), net::L3::ipv4);
        EXPECT_EQ(asked_about(entropy, make_frame(inner)), (Questions{question, question}));
        EXPECT_EQ(answered, Ports{1234});
    }
}

TEST_F(AskedSourcePortTest, NobodyIsAskedAboutWhatIsNoIp) {
    const Octets frame = raw_frame(mac(2), mac(1), 0x88b5, 46);
    const std::uint16_t own = encapsulate(frame).source_port;
    EXPECT_EQ(asked_about(entropy, frame), Questions{});
    EXPECT_EQ(answered, Ports{own});
}

TEST_F(AskedSourcePortTest, WithoutAnAnswerItIsOurOwnHash) {
    const std::uint16_t own = encapsulate(flow(1)).source_port;
    const OnePort silent{0};
    EXPECT_EQ(asked_about(silent, flow(1)).size(), 1U);
    EXPECT_EQ(answered, Ports{own});
    EXPECT_EQ(encapsulate(flow(1)).source_port, own) << "nobody is asked any more";
}

} // namespace
} // namespace sallyport::testing
