// SPDX-License-Identifier: BSD-3-Clause
// Published ESP packets through whole sessions. Their IVs are chosen, so we take them; that we make
// what others make, scapy_test.cpp tells.
#include "lab.h"
#include "net/hex.h"
#include "support/frames.h"

namespace sallyport::testing {

namespace {

struct Published {
    std::string source;
    Algorithm algorithm;
    std::string key;
    std::uint32_t spi;
    std::uint64_t sequence;
    bool esn;
    Mode mode;
    /// ESP header to ICV.
    std::string esp;
    /// Without padding and trailer.
    std::string clear;
    /// Next header.
    std::uint8_t protocol;
};

const std::string ping = "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f1011121314151617"
                         "18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637";

std::vector<Published> published() {
    return {
        {"draft-mcgrew-gcm-test-01, first", Algorithm::aes_128_gcm,
         "4c80cdefbb5d10da906ac73c3613a6342e443b68", 0x4321, 0x8765432100000000, true,
         Mode::transport,
         "0000432100000000"
         "4956ed7e3b244cfe"
         "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34"
         "cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce"
         "61bc17d768fd9732459018148f6cbe722fd04796562dfdb4",
         "45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000"
         "00000000045f736970045f756470037369700963796265726369747902646b00"
         "00210001",
         1},
        {"draft-mcgrew-gcm-test-01, AES-256", Algorithm::aes_256_gcm,
         "abbccddef00112233445566778899aababbccddef00112233445566778899aab11223344", 0x4a2cbfe3, 2,
         false, Mode::transport,
         "4a2cbfe300000002"
         "0102030405060708"
         "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763"
         "748a637985771d347f0545659f14e99def842d8eb335f4eecfdbf831824b4c49"
         "15956c96",
         "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee000000000"
         "7002400020bf0000020405b401010402",
         1},
        {"RFC 7634 appendix A", Algorithm::chacha20_poly1305,
         "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3", 0x01020304, 5,
         false, Mode::tunnel,
         "0102030400000005"
         "1011121314151617"
         "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
         "14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
         "cbec163fac469b502773f6fb94e664da9165b82829f641e0"
         "76aaa8266b7fb0f7b11b369907e1ad43",
         "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
         "0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
         "2425262728292a2b2c2d2e2f3031323334353637",
         4},
        // The RFC has it without authentication: an ICV by OpenSSL is added, of key 00 01 02 ...
        {"RFC 3602 section 4, case 5", Algorithm::aes_128_cbc_sha256,
         "90d382b410eeba7ad938c46cec1a82bf"
         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         0x4321, 1, false, Mode::transport,
         "0000432100000001"
         "e96e8c08ab465763fd098d45dd3ff893"
         "f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856"
         "a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874a"
         "a269add047ad2d5913ac19b7cfbad4a6"
         "29dcb883222069e2a5465186d6e51f05",
         ping, 1},
    };
}

/// From 192.0.2.2 to 192.0.2.1.
Octets ip_frame(std::uint8_t protocol, const Octets& payload) {
    Octets frame = *net::parse_hex("020000000002"
                                   "020000000001"
                                   "0800"
                                   "450000000000000040000000c0000202c0000201");
    const std::size_t length = 20 + payload.size();
    frame[16] = static_cast<std::uint8_t>(length >> 8);
    frame[17] = static_cast<std::uint8_t>(length);
    frame[23] = protocol;
    fix_ipv4_checksum(frame);
    frame.insert(frame.end(), payload.begin(), payload.end());
    return frame;
}

using RfcTest = IpsecTest;

TEST_F(RfcTest, PublishedPacketsAreTaken) {
    for (const Published& one : published()) {
        SaSettings settings;
        settings.name = one.source;
        settings.direction = Direction::inbound;
        settings.algorithm = one.algorithm;
        settings.key = Secret(*net::parse_hex(one.key));
        settings.spi = one.spi;
        settings.first_sequence = one.sequence;
        settings.esn = one.esn;
        settings.mode = one.mode;
        settings.local = *net::IpAddress::parse("192.0.2.1");
        settings.remote = *net::IpAddress::parse("192.0.2.2");
        const auto sa = session(std::move(settings));
        const Octets clear = *net::parse_hex(one.clear);
        Octets expected = ip_frame(one.protocol, clear);
        if (one.mode == Mode::tunnel) {
            expected.resize(l2);
            expected.insert(expected.end(), clear.begin(), clear.end());
        }
        EXPECT_EQ(run_one(*sa, ip_frame(50, *net::parse_hex(one.esp))), expected) << one.source;
        EXPECT_EQ(fault_of(*sa, ip_frame(50, *net::parse_hex(one.esp))), "replayed") << one.source;
    }
}

} // namespace

} // namespace sallyport::testing
