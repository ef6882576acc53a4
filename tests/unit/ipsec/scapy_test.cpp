// SPDX-License-Identifier: BSD-3-Clause
// scapy as the peer: what it made, we make to the bit, and take.
#include "lab.h"
#include "net/hex.h"

#include <fstream>
#include <sstream>

namespace sallyport::testing {

namespace {

struct Case {
    std::string name;
    SaSettings settings;
    Octets clear;
    Octets protected_;
};

IpFamily family_of(const Octets& frame) {
    return frame[12] == 0x08 ? IpFamily::ipv4 : IpFamily::ipv6;
}

net::IpAddress address_in(const Octets& frame, bool source) {
    const IpFamily family = family_of(frame);
    const std::size_t at = family == IpFamily::ipv4 ? (source ? 26 : 30) : (source ? 22 : 38);
    return net::IpAddress::from_octets(family, &frame[at]);
}

Case parse(const std::string& line, Direction direction) {
    std::istringstream words(line);
    std::string algorithm, mode, key, clear, protected_;
    int inner = 0, udp = 0, esn = 0;
    Case result;
    SaSettings& settings = result.settings;
    words >> result.name >> algorithm >> mode >> inner >> udp >> esn >> settings.spi
        >> settings.first_sequence >> key >> clear >> protected_;
    EXPECT_TRUE(words) << line;
    settings.name = result.name;
    settings.direction = direction;
    settings.algorithm = find_algorithm(algorithm).algorithm.value();
    settings.key = Secret(*net::parse_hex(key));
    settings.mode = mode == "tunnel" ? Mode::tunnel : Mode::transport;
    settings.inner_family = inner == 4 ? IpFamily::ipv4 : IpFamily::ipv6;
    if (udp != 0) settings.udp = UdpEncapsulation{};
    settings.esn = esn != 0;
    result.clear = *net::parse_hex(clear);
    result.protected_ = *net::parse_hex(protected_);
    const bool outbound = direction == Direction::outbound;
    settings.local = address_in(result.protected_, outbound);
    settings.remote = address_in(result.protected_, !outbound);
    return result;
}

std::vector<Case> cases(Direction direction) {
    std::ifstream file(VECTORS_FOLDER "/scapy.txt");
    std::vector<Case> all;
    for (std::string line; std::getline(file, line);)
        if (!line.starts_with('#')) all.push_back(parse(line, direction));
    return all;
}

using ScapyTest = IpsecTest;

TEST_F(ScapyTest, WeSendWhatScapySends) {
    unsigned count = 0;
    for (Case& one : cases(Direction::outbound)) {
        const auto sa = session(std::move(one.settings));
        EXPECT_EQ(run_one(*sa, one.clear), one.protected_) << one.name;
        ++count;
    }
    EXPECT_EQ(count, 216U);
}

TEST_F(ScapyTest, WeTakeWhatScapySends) {
    unsigned count = 0;
    for (Case& one : cases(Direction::inbound)) {
        const auto sa = session(std::move(one.settings));
        EXPECT_EQ(run_one(*sa, one.protected_), one.clear) << one.name;
        ++count;
    }
    EXPECT_EQ(count, 216U);
}

} // namespace

} // namespace sallyport::testing
