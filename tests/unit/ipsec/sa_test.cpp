// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/algorithm.h"
#include "ipsec/sa.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::ipsec {

namespace {

using ::testing::HasSubstr;

TEST(AlgorithmTest, HasTheLengthsOfTheRfcs) {
    struct Expected {
        Algorithm algorithm;
        std::size_t key;
        unsigned iv, icv, block;
    };
    for (const Expected& expected : {Expected{Algorithm::aes_128_gcm, 20, 8, 16, 4},
                                     {Algorithm::aes_256_gcm, 36, 8, 16, 4},
                                     {Algorithm::chacha20_poly1305, 36, 8, 16, 4},
                                     {Algorithm::aes_128_cbc_sha256, 48, 16, 16, 16},
                                     {Algorithm::aes_128_cbc_sha384, 64, 16, 24, 16},
                                     {Algorithm::aes_128_cbc_sha512, 80, 16, 32, 16},
                                     {Algorithm::aes_256_cbc_sha256, 64, 16, 16, 16},
                                     {Algorithm::aes_256_cbc_sha384, 80, 16, 24, 16},
                                     {Algorithm::aes_256_cbc_sha512, 96, 16, 32, 16}}) {
        const AlgorithmInfo& suite = info(expected.algorithm);
        EXPECT_EQ(suite.key_material(), expected.key) << suite.name;
        EXPECT_EQ(suite.iv, expected.iv) << suite.name;
        EXPECT_EQ(suite.icv, expected.icv) << suite.name;
        EXPECT_EQ(suite.block, expected.block) << suite.name;
    }
    EXPECT_EQ(algorithms().size(), 9U);
}

TEST(AlgorithmTest, IsFoundByTheNamesOfLinuxAndStrongSwan) {
    for (const AlgorithmInfo& suite : algorithms()) {
        EXPECT_EQ(find_algorithm(suite.name).algorithm, suite.algorithm);
        EXPECT_EQ(find_algorithm(suite.xfrm_name, suite.key_material()).algorithm, suite.algorithm);
    }
    EXPECT_EQ(find_algorithm("AES128GCM16").algorithm, Algorithm::aes_128_gcm);
    EXPECT_EQ(find_algorithm("rfc4106(gcm(aes))", 36).algorithm, Algorithm::aes_256_gcm);
    EXPECT_THAT(find_algorithm("rfc4106(gcm(aes))", 28).complaint, HasSubstr("20 or 36 octets"));
    EXPECT_TRUE(find_algorithm("rfc4106(gcm(aes))").needs_key);
    EXPECT_FALSE(find_algorithm("rot13").needs_key);
    EXPECT_THAT(find_algorithm("rot13").complaint, HasSubstr("unknown algorithm 'rot13'"));
}

TEST(AlgorithmTest, NothingEncryptsWithNull) {
    for (const char* name : {"null", "NULL-sha256", "cipher_null", "ecb(cipher_null)+hmac(sha256)",
                             "null_auth_aes_gmac_128", "rfc4543(gcm(aes))-gmac"})
        EXPECT_THAT(find_algorithm(name, 20).complaint, HasSubstr("does not encrypt")) << name;
    EXPECT_FALSE(find_algorithm("rfc4543(gcm(aes))", 20).algorithm);
}

SaSettings good() {
    SaSettings settings;
    settings.name = "blue";
    settings.spi = 256;
    settings.key = Secret(20);
    settings.local = *net::IpAddress::parse("192.0.2.1");
    settings.remote = *net::IpAddress::parse("192.0.2.2");
    return settings;
}

std::string complaint(const std::function<void(SaSettings&)>& change) {
    SaSettings settings = good();
    change(settings);
    const auto valid = validate(settings);
    return valid ? "" : valid.error().message();
}

TEST(SaSettingsTest, TakesWhatIsRight) {
    EXPECT_EQ(complaint([](SaSettings&) {}), "");
    EXPECT_EQ(complaint([](SaSettings& sa) { sa.spi = UINT32_MAX; }), "");
    EXPECT_EQ(complaint([](SaSettings& sa) { sa.replay_window = 0; }), "") << "outbound: unused";
    EXPECT_EQ(complaint([](SaSettings& sa) { sa.soft.packets = sa.hard.packets = 5; }), "");
    EXPECT_EQ(complaint([](SaSettings& sa) {
                  sa.mode = Mode::tunnel;
                  sa.inner_family = net::IpFamily::ipv6;
              }),
              "");
}

TEST(SaSettingsTest, RefusesWhatIsWrong) {
    const auto expect = [](const std::function<void(SaSettings&)>& change, const char* words) {
        EXPECT_THAT(complaint(change), HasSubstr(words));
    };
    expect([](SaSettings& sa) { sa.spi = 255; }, "below 256 are reserved");
    expect([](SaSettings& sa) { sa.key = Secret(16); }, "16 octets, aes128gcm16 takes 20");
    expect([](SaSettings& sa) { sa.key = Secret(); }, "0 octets");
    expect([](SaSettings& sa) { sa.algorithm = Algorithm::aes_256_gcm; }, "takes 36");
    expect([](SaSettings& sa) { sa.remote = *net::IpAddress::parse("::2"); }, "IPv6");
    expect([](SaSettings& sa) { sa.remote = sa.local; }, "both ends");
    expect([](SaSettings& sa) { sa.remote = *net::IpAddress::parse("224.0.0.1"); }, "no unicast");
    expect([](SaSettings& sa) { sa.local = *net::IpAddress::parse("0.0.0.0"); }, "no unicast");
    expect([](SaSettings& sa) { sa.inner_family = net::IpFamily::ipv6; }, "use tunnel mode");
    expect([](SaSettings& sa) { sa.udp = UdpEncapsulation{0, 4500}; }, "port 0");
    expect([](SaSettings& sa) { sa.first_sequence = 0; }, "start at 1");
    expect([](SaSettings& sa) { sa.first_sequence = UINT32_MAX; }, "used up");
    expect([](SaSettings& sa) { sa.first_sequence = 5, sa.sequence_bound = 4; }, "bound");
    expect([](SaSettings& sa) { sa.soft.octets = 2, sa.hard.octets = 1; }, "longer than the hard");
    expect([](SaSettings& sa) { sa.soft.seconds = 2, sa.hard.seconds = 1; }, "seconds");
    expect([](SaSettings& sa) { sa.soft.packets = 2, sa.hard.packets = 1; }, "packets");
    for (const unsigned window : {0U, 31U, 4097U})
        expect(
            [&](SaSettings& sa) {
                sa.direction = Direction::inbound;
                sa.replay_window = window;
            },
            "choose 32 to 4096");
}

} // namespace

} // namespace sallyport::ipsec
