// SPDX-License-Identifier: BSD-3-Clause
// What the shell shows of IPsec, in text and JSON.
#include "commands_fixture.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::commands {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using IpsecCommandsTest = CommandsTest;

TEST_F(IpsecCommandsTest, AllSas) {
    const std::string text = run("show ipsec sa");
    EXPECT_THAT(text, HasSubstr("blue    out-1  out  0x00001001  192.0.2.2    aes128gcm16"));
    EXPECT_THAT(text, HasSubstr("0xfedcba98"));
    EXPECT_THAT(text, HasSubstr("18446744073709551614"));
    EXPECT_THAT(text, HasSubstr("retiring"));
    const Json sas = json("show ipsec sa");
    ASSERT_EQ(sas.size(), 3U);
    EXPECT_EQ(sas[0].at("tenant"), "blue");
    EXPECT_EQ(sas[0].at("direction"), "out");
    EXPECT_EQ(sas[0].at("sequence").get<std::uint64_t>(), 18446744073709551614U);
    EXPECT_EQ(sas[0].at("lifetime_state"), "soft");
    EXPECT_EQ(sas[0].at("lifetime").at("packets"), 1000);
    EXPECT_TRUE(sas[0].at("replay_window").is_null());
    EXPECT_EQ(sas[1].at("replay_window"), 64);
    EXPECT_EQ(sas[1].at("faults").at("bad-icv"), 3);
    EXPECT_EQ(sas[1].at("faults").size(), ipsec::packet_fault_count);
    EXPECT_EQ(sas[2].at("state"), "retiring");
}

TEST_F(IpsecCommandsTest, SasOfATenant) {
    const std::string text = run("show ipsec sa blue");
    EXPECT_THAT(text, AllOf(HasSubstr("not better, since  inline-crypto: there is no uplink\n"),
                            HasSubstr("engine             cpu by crypto_aesni_mb0\n"),
                            HasSubstr("refused            bad-icv 3, selector-mismatch 4\n"),
                            HasSubstr("replay window      64 packets\n"),
                            HasSubstr("hard lifetime      1000 packets\n"),
                            HasSubstr("key file           /etc/sallyport/keys/out-1\n")));
    EXPECT_EQ(run("show ipsec sa red"), "no SAs\n");
    EXPECT_EQ(json("show ipsec sa red"), Json::array());
    const auto refused = commands.run("show ipsec sa green", "/");
    EXPECT_FALSE(refused.done);
    EXPECT_THAT(refused.text, HasSubstr("there are: blue, red"));
}

TEST_F(IpsecCommandsTest, Policy) {
    const std::string text = run("show ipsec policy");
    EXPECT_THAT(text, HasSubstr("blue    ipsec       192.0.2.2          1       1  in ESP\n"));
    EXPECT_THAT(text, HasSubstr("blue    ipsec       192.0.2.3          0       0  dropped\n"));
    EXPECT_THAT(text, HasSubstr("red     none        192.0.2.2          0       0  in clear\n"));
    const Json policy = json("show ipsec policy");
    EXPECT_EQ(policy[0].at("protection"), "ipsec");
    EXPECT_EQ(policy[0].at("remote_vteps")[0].at("inbound_sas"), 1) << "a retiring one is none";
}

TEST_F(IpsecCommandsTest, Stats) {
    EXPECT_THAT(run("show ipsec stats"),
                AllOf(HasSubstr("protected      5 packets, 500 bytes\n"),
                      HasSubstr("crypto device  crypto_aesni_mb0: on the CPU aes128gcm16\n"),
                      HasSubstr("no-sa                    7   -\n"),
                      HasSubstr("clear-text               -   8\n"),
                      HasSubstr("unknown-spi              -   9\n"),
                      HasSubstr("bad-icv                  0   3\n"),
                      HasSubstr("selector-mismatch        0   4\n")));
    EXPECT_EQ(json("show ipsec stats").at("without_sa"),
              (Json{{"no-sa", 7}, {"clear-text", 8}, {"unknown-spi", 9}}));
    EXPECT_EQ(json("show ipsec stats").at("inbound").at("faults").at("bad-icv"), 3);
}

TEST_F(IpsecCommandsTest, RekeyReachesTheController) {
    run("ipsec rekey blue");
    EXPECT_THAT(controller.record_of_calls, ElementsAre("rekey blue"));
    controller.next_error = Error{"it broke", "here", "mend it"};
    EXPECT_EQ(commands.run("ipsec rekey blue", "/").text, "error: here: it broke; mend it\n");
}

TEST_F(IpsecCommandsTest, ConfigShowsTheSasWithTheirKeyFiles) {
    EXPECT_THAT(run("show config"), HasSubstr("key_file = /etc/sallyport/keys/out-1\n"));
    const Json config = json("show config");
    EXPECT_EQ(config.at("ipsec").at("offload"), "auto");
    EXPECT_EQ(config.at("tenants")[0].at("sas")[1].at("spi"), "0xfedcba98");
    EXPECT_THAT(json("show tenant blue").dump(), Not(HasSubstr("key_file")));
}

} // namespace
} // namespace sallyport::commands
