// SPDX-License-Identifier: BSD-3-Clause
// Sections [sa.NAME]: what is wrong with them is told with its place, and what ESP leaves of the
// MTU.
#include "helpers.h"
#include "ipsec/esp_overhead.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::config::test {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Lines 4 and 5, behind the identity's three.
const std::string front = "protection = ipsec\nremote_vtep = 192.0.2.2\n";

/// Five lines.
std::string sa(const std::string& name, const std::string& direction, const std::string& spi,
               const std::string& more = {}) {
    return "[sa." + name + "]\ndirection = " + direction + "\nremote_vtep = 192.0.2.2\nspi = " + spi
           + "\nkey_file = /keys/" + name + "\n" + more;
}

TEST(Sa, GoodOnesAndAProtectedTenantWithout) {
    EXPECT_THAT(tenant_complaints(front), IsEmpty());
    EXPECT_THAT(tenant_complaints(front + sa("a", "out", "0x100") + sa("b", "in", "256")),
                IsEmpty());
    // Ours and the peer's are numbers of their own.
    EXPECT_THAT(tenant_complaints(front + sa("a", "out", "1000") + sa("b", "in", "1000")),
                IsEmpty());
}

TEST(Sa, WithoutProtection) {
    EXPECT_THAT(tenant_complaints("remote_vtep = 192.0.2.2\n" + sa("a", "out", "1000")),
                ElementsAre("blue.conf:5: sa.a: an SA of a tenant without protection; protection = "
                            "ipsec before the first section, or no SA"));
}

TEST(Sa, MissingKeys) {
    EXPECT_THAT(tenant_complaints(front + "[sa.a]\n"),
                ElementsAre("blue.conf:6: sa.a.direction: missing; out or in",
                            "blue.conf:6: sa.a.remote_vtep: missing; a remote_vtep of this tenant",
                            "blue.conf:6: sa.a.spi: missing; spi = NUMBER, the one that the peer "
                            "has",
                            "blue.conf:6: sa.a.key_file: missing; key_file = PATH, of mode 0600, "
                            "or key = DIGITS in a file of mode 0600"));
}

TEST(Sa, UnknownNames) {
    EXPECT_THAT(tenant_complaints(front + sa("a", "out", "1000", "algoritm = aes128gcm16\n")),
                ElementsAre("blue.conf:11: sa.a.algoritm: unknown key; did you mean "
                            "`sa.a.algorithm`?"));
    EXPECT_THAT(tenant_complaints(front + sa("a", "out", "1000", "algorithm = aes128gcm\n")),
                ElementsAre("blue.conf:11: sa.a.algorithm: unknown algorithm 'aes128gcm'; did you "
                            "mean aes128gcm16?"));
    EXPECT_THAT(tenant_complaints(front + sa("a", "out", "1000", "algorithm = null\n")),
                ElementsAre(HasSubstr("does not encrypt and is refused")));
    EXPECT_THAT(tenant_complaints(front + sa("a", "outbound", "1000")),
                ElementsAre("blue.conf:7: sa.a.direction: 'outbound' is no known word; out or in"));
}

TEST(Sa, Spi) {
    for (const auto& [spi, wrong] : std::vector<std::pair<std::string, std::string>>{
             {"255", "'255' is out of range; 256 to 4294967295 (32 bits)"},
             {"4294967296", "'4294967296' is out of range; 256 to 4294967295 (32 bits)"},
             {"0xff", "'0xff' is out of range; 0x100 to 0xffffffff"},
             {"0x", "'0x' is no hexadecimal number; 0x100 to 0xffffffff"},
             {"0x100g", "'0x100g' is no hexadecimal number; 0x100 to 0xffffffff"},
             {"0x11111111111111111", "'0x11111111111111111' is out of range; 0x100 to 0xffffffff"},
             {"many", "'many' is no decimal number; 256 to 4294967295 (32 bits)"}})
        EXPECT_THAT(tenant_complaints(front + sa("a", "out", spi)),
                    ElementsAre("blue.conf:9: sa.a.spi: " + wrong));
}

TEST(Sa, RemoteVtepOfAnotherTenant) {
    std::string text = sa("a", "out", "1000");
    text.replace(text.find("192.0.2.2"), 9, "192.0.2.3");
    EXPECT_THAT(tenant_complaints(front + text),
                ElementsAre("blue.conf:8: sa.a.remote_vtep: 192.0.2.3 is no remote_vtep of this "
                            "tenant; a remote_vtep, as 192.0.2.2"));
}

TEST(Sa, WindowAndLifetimes) {
    EXPECT_THAT(tenant_complaints(front + sa("a", "in", "1000", "replay_window = 31\n")),
                ElementsAre("blue.conf:11: sa.a.replay_window: '31' is out of range; 32 to 4096 "
                            "(packets)"));
    EXPECT_THAT(tenant_complaints(front + sa("a", "out", "1000", "replay_window = 64\n")),
                ElementsAre("blue.conf:11: sa.a.replay_window: a replay window of an outbound SA; "
                            "direction = in"));
    EXPECT_THAT(
        tenant_complaints(
            front + sa("a", "out", "1000", "lifetime_packets = 10\nsoft_lifetime_packets = 11\n")),
        ElementsAre("blue.conf:12: sa.a.soft_lifetime_packets: 11 is more than "
                    "lifetime_packets = 10; less, that there is time to rekey"));
}

TEST(Sa, ClashesOverAllTenants) {
    const auto tenant = [](const std::string& name, const std::string& vni,
                           const std::string& text) {
        return FileText{name + ".conf", "name = " + name + "\nvni = " + vni
                                            + "\nlocal_vtep = 192.0.2.1\n" + front + text};
    };
    EXPECT_THAT(complaints_of({main_file, tenant("blue", "1", sa("a", "in", "0x1000")),
                               tenant("red", "2", sa("b", "in", "4096"))}),
                ElementsAre("red.conf:9: sa.b.spi: inbound SPI '0x00001000' is used twice; "
                            "another; first by sa a of tenant blue (blue.conf:9)"));
    EXPECT_THAT(complaints_of({main_file, tenant("blue", "1", sa("a", "out", "0x1000")),
                               tenant("red", "2", sa("b", "out", "4096"))}),
                ElementsAre("red.conf:9: sa.b.spi: SPI '0x00001000 to 192.0.2.2' is used twice; "
                            "another; first by sa a of tenant blue (blue.conf:9)"));
    EXPECT_THAT(complaints_of({main_file, tenant("blue", "1", sa("a", "in", "1000")),
                               tenant("red", "2", sa("a", "out", "1000"))}),
                ElementsAre("red.conf:10: sa.a.key_file: key file '/keys/a' is used twice; "
                            "another; first by sa a of tenant blue (blue.conf:10)"));
}

TEST(Sa, MtuLeavesRoomForEsp) {
    const auto mtu = [](const std::string& text) {
        const std::vector<FileText> files{{"blue.conf", std::string(identity) + text}};
        const auto settings =
            parse({"main.conf", "[underlay]\nmtu = 1400\n" + std::string(uplinks)}, files);
        return settings ? settings->tenants.at(0).mtu : 0;
    };
    EXPECT_EQ(mtu(""), 1350);
    EXPECT_EQ(mtu(front), 1350 - 37) << "as with aes-gcm in transport mode";
    EXPECT_EQ(mtu(front + sa("a", "out", "1000") + sa("b", "in", "1000", "mode = tunnel\n")),
              1350 - 57)
        << "the worst counts";
    EXPECT_THAT(tenant_complaints("mtu = 1514\n" + front),
                ElementsAre("blue.conf:4: mtu: '1514' is out of range; 68 to 1513 (underlay.mtu "
                            "1600 less 50 of VXLAN over IPv4 and 37 of ESP)"));
}

TEST(EspOverhead, OfEverySuite) {
    using ipsec::Algorithm;
    using ipsec::esp_overhead;
    using ipsec::Mode;
    using net::IpFamily;
    EXPECT_EQ(esp_overhead(Algorithm::aes_128_gcm, Mode::transport, IpFamily::ipv4, false),
              8 + 8 + 3 + 2 + 16);
    EXPECT_EQ(esp_overhead(Algorithm::chacha20_poly1305, Mode::transport, IpFamily::ipv6, false),
              8 + 8 + 3 + 2 + 16);
    EXPECT_EQ(esp_overhead(Algorithm::aes_256_gcm, Mode::tunnel, IpFamily::ipv4, true),
              8 + 8 + 3 + 2 + 16 + 20 + 8);
    EXPECT_EQ(esp_overhead(Algorithm::aes_128_cbc_sha256, Mode::transport, IpFamily::ipv4, false),
              8 + 16 + 15 + 2 + 16);
    EXPECT_EQ(esp_overhead(Algorithm::aes_256_cbc_sha512, Mode::tunnel, IpFamily::ipv6, false),
              8 + 16 + 15 + 2 + 32 + 40);
}

TEST(Ipsec, MainFile) {
    EXPECT_THAT(
        main_complaints("[ipsec]\noffload = fast\ntrace = keys\nrekey_grace = 3601\n"),
        ElementsAre("main.conf:2: ipsec.offload: 'fast' is no known word; auto, "
                    "inline-protocol, inline-crypto, lookaside or cpu",
                    "main.conf:3: ipsec.trace: 'keys' is no trace; none, or keys-to-file PATH",
                    "main.conf:4: ipsec.rekey_grace: '3601' is out of range; 0 to 3600 "
                    "(seconds)"));
    EXPECT_THAT(main_complaints("[ipsec]\nofload = cpu\n"),
                ElementsAre("main.conf:2: ipsec.ofload: unknown key; did you mean "
                            "`ipsec.offload`?"));
}

} // namespace

} // namespace sallyport::config::test
