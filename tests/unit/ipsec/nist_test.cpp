// SPDX-License-Identifier: BSD-3-Clause
// NIST's and the RFCs' own vectors for what the cipher suites are made of, on every device that
// runs them, by the transforms that our SAs have: whole packets are rfc_test.cpp's and
// scapy_test.cpp's.
#include "ipsec/cpu_crypto.h"
#include "lab.h"
#include "net/hex.h"

#include <algorithm>
#include <array>

#include <rte_cryptodev.h>

namespace sallyport::testing {

namespace {

Octets hex(const std::string& digits) {
    return *net::parse_hex(digits);
}

/// Calls with each device that runs an algorithm. @return how many there are
template<typename Call>
unsigned on_each_device(Algorithm algorithm, const Call& call) {
    unsigned count = 0;
    for (std::uint8_t device = 0; device < RTE_CRYPTO_MAX_DEVS; ++device)
        if (rte_cryptodev_is_valid_dev(device) != 0 && crypto().runs_on_cpu(device, algorithm)) {
            SCOPED_TRACE(rte_cryptodev_name_get(device));
            call(device);
            ++count;
        }
    return count;
}

/// One of a suite's transforms, without the other.
class Part {
  public:
    Part(Algorithm algorithm, Direction direction, const Octets& key,
         rte_crypto_sym_xform_type type)
        : key_(key), suite_(algorithm, direction, key_, false, 0) {
        const rte_crypto_sym_xform* found = suite_.first();
        while (found->type != type)
            found = found->next;
        alone_ = *found;
        alone_.next = nullptr;
    }

    /// @return false unless the device says it did it
    bool process(std::uint8_t device, Octets& data, const Octets& iv, const Octets& aad,
                 Octets& icv) {
        if (alone_.type == RTE_CRYPTO_SYM_XFORM_AEAD)
            alone_.aead.aad_length = static_cast<std::uint16_t>(aad.size());
        const auto made = CryptoSession::create(device, &alone_, crypto().session_pool());
        if (!made) {
            ADD_FAILURE() << made.error().message();
            return false;
        }
        // What devices want of memory around it, whatever of it they use.
        alignas(16) std::array<std::uint8_t, 16> iv_block{};
        alignas(16) std::array<std::uint8_t, 96> aad_block{};
        alignas(16) std::array<std::uint8_t, 64> icv_block{};
        std::copy(iv.begin(), iv.end(), iv_block.begin());
        // The counter of GCM, where devices want the whole block.
        if (alone_.type == RTE_CRYPTO_SYM_XFORM_AEAD) iv_block[15] = 1;
        std::copy(aad.begin(), aad.end(), aad_block.begin());
        std::copy(icv.begin(), icv.end(), icv_block.begin());
        const bool done =
            run_on_cpu(*made, {data, 0, iv_block.data(), aad_block.data(), icv_block.data()});
        std::copy_n(icv_block.begin(), icv.size(), icv.begin());
        return done;
    }

  private:
    Secret key_;
    Xform suite_;
    rte_crypto_sym_xform alone_{};
};

struct Gcm {
    Algorithm algorithm;
    std::string key, iv, aad, plaintext, ciphertext, tag;
};

/// gcmEncryptExtIV128.rsp and gcmEncryptExtIV256.rsp of NIST's Cryptographic Algorithm Validation
/// Program, the first case each of four lengths.
std::vector<Gcm> validation_program() {
    return {
        {Algorithm::aes_128_gcm, "c939cc13397c1d37de6ae0e1cb7c423c", "b3d8cc017cbb89b39e0f67e2",
         "24825602bd12a984e0092d3e448eda5f", "c3b3c41f113a31b73d9a5cd432103069",
         "93fe7d9e9bfd10348a5606e5cafa7354", "0032a1dc85f1c9786925a2e71d8272dd"},
        {Algorithm::aes_128_gcm, "fe0121f42e599f88ff02a985403e19bb", "3bb9eb7724cbe1943d43de21",
         "2662d895035b6519f3510eae0faa3900ad23cfdf", "fd331ca8646091c29f21e5f0a1",
         "59fe29b07b0de8d869efbbd9b4", "d24c3e9c1c73c0af1097e26061c857de"},
        {Algorithm::aes_128_gcm, "48b7f337cdf9252687ecc760bd8ec184", "3e894ebb16ce82a53c3e05b2",
         "7d924cfd37b3d046a96eb5e132042405c8731e06509787bbeb41f25827574649"
         "5e884d69871f77634c584bb007312234",
         "bb2bac67a4709430c39c2eb9acfabc0d456c80d30aa1734e57997d548a8f0603",
         "d263228b8ce051f67e9baf1ce7df97d10cd5f3bc972362055130c7d13c3ab2e7",
         "71446737ca1fa92e6d026d7d2ed1aa9c"},
        {Algorithm::aes_128_gcm, "2c1f21cf0f6fb3661943155c3e3d8492", "23cb5ff362e22426984d1907",
         "5d3624879d35e46849953e45a32a624d6a6c536ed9857c613b572b0333e70155"
         "7a713e3f010ecdf9a6bd6c9e3e44b065208645aff4aabee611b3915285141700"
         "84ccf587177f4488f33cfb5e979e42b6e1cfc0a60238982a7aec",
         "42f758836986954db44bf37c6ef5e4ac0adaf38f27252a1b82d02ea949c8a1a2"
         "dbc0d68b5615ba7c1220ff6510e259f06655d8",
         "81824f0e0d523db30d3da369fdc0d60894c7a0a20646dd015073ad2732bd989b"
         "14a222b6ad57af43e1895df9dca2a5344a62cc",
         "57a3ee28136e94c74838997ae9823f3a"},
        {Algorithm::aes_256_gcm, "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
         "ac93a1a6145299bde902f21a", "1e0889016f67601c8ebea4943bc23ad6",
         "2d71bcfa914e4ac045b2aa60955fad24", "8995ae2e6df3dbf96fac7b7137bae67f",
         "eca5aa77d51d4a0a14d9c51e1da474ab"},
        {Algorithm::aes_256_gcm, "69b458f2644af9020463b40ee503cdf083d693815e2659051ae0d039e606a970",
         "8d1da8ab5f91ccd09205944b", "036ad5e5494ef817a8af2f5828784a4bfedd1653",
         "f3e0e09224256bf21a83a5de8d", "c0a62d77e6031bfdc6b13ae217",
         "a794a9aaee48cd92e47761bf1baff0af"},
        {Algorithm::aes_256_gcm, "dc776f0156c15d032623854b625c61868e5db84b7b6f9fbd3672f12f0025e0f6",
         "67130951c4a57f6ae7f13241",
         "fd0920faeb7b212932280a009bac969145e5c316cf3922622c3705c3457c4e9f"
         "124b2076994323fbcfb523f8ed16d241",
         "9378a727a5119595ad631b12a5a6bc8a91756ef09c8d6eaa2b718fe86876da20",
         "6d958c20870d401a3c1f7a0ac092c97774d451c09f7aae992a8841ff0ab9d60d",
         "b876831b4ecd7242963b040aa45c4114"},
        {Algorithm::aes_256_gcm, "148579a3cbca86d5520d66c0ec71ca5f7e41ba78e56dc6eebd566fed547fe691",
         "b08a5ea1927499c6ecbfd4e0",
         "e4f963f015ffbb99ee3349bbaf7e8e8e6c2a71c230a48f9d59860a29091d2747"
         "e01a5ca572347e247d25f56ba7ae8e05cde2be3c97931292c02370208ecd097e"
         "f692687fecf2f419d3200162a6480a57dad408a0dfeb492e2c5d",
         "9d0b15fdf1bd595f91f8b3abc0f7dec927dfd4799935a1795d9ce00c9b879434"
         "420fe42c275a7cd7b39d638fb81ca52b49dc41",
         "2097e372950a5e9383c675e89eea1c314f999159f5611344b298cda45e628437"
         "16f215f82ee663919c64002a5c198d7878fd3f",
         "adbecdb0d5c2224d804d2886ff9a5760"},
    };
}

using NistTest = IpsecTest;

TEST_F(NistTest, Gcm) {
    for (const Gcm& one : validation_program()) {
        SCOPED_TRACE(one.key);
        const Octets iv = hex(one.iv), aad = hex(one.aad), tag = hex(one.tag);
        Octets key = hex(one.key);
        // The nonce of ESP is the key's salt and the packet's IV (RFC 4106 section 4).
        key.insert(key.end(), iv.begin(), iv.begin() + 4);
        const unsigned devices = on_each_device(one.algorithm, [&](std::uint8_t device) {
            const auto part = [&](Direction direction) {
                return Part(one.algorithm, direction, key, RTE_CRYPTO_SYM_XFORM_AEAD);
            };
            Octets text = hex(one.plaintext), icv(tag.size());
            EXPECT_TRUE(part(Direction::outbound).process(device, text, iv, aad, icv));
            EXPECT_EQ(text, hex(one.ciphertext));
            EXPECT_EQ(icv, tag);
            EXPECT_TRUE(part(Direction::inbound).process(device, text, iv, aad, icv));
            EXPECT_EQ(text, hex(one.plaintext));
            icv.back() ^= 1;
            text = hex(one.ciphertext);
            EXPECT_FALSE(part(Direction::inbound).process(device, text, iv, aad, icv));
        });
        EXPECT_GE(devices, 1U);
    }
}

struct Cbc {
    Algorithm algorithm;
    std::string key, ciphertext;
};

/// NIST SP 800-38A, F.2.1 and F.2.5, and the other way round F.2.2 and F.2.6.
TEST_F(NistTest, Cbc) {
    const std::vector<Cbc> cases{
        {Algorithm::aes_128_cbc_sha256, "2b7e151628aed2a6abf7158809cf4f3c",
         "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
         "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
        {Algorithm::aes_256_cbc_sha256,
         "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
         "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
         "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"},
    };
    const Octets iv = hex("000102030405060708090a0b0c0d0e0f");
    const Octets plaintext =
        hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
            "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
    for (const Cbc& one : cases) {
        SCOPED_TRACE(one.key);
        Octets key = hex(one.key);
        key.resize(info(one.algorithm).key_material());
        const unsigned devices = on_each_device(one.algorithm, [&](std::uint8_t device) {
            const auto part = [&](Direction direction) {
                return Part(one.algorithm, direction, key, RTE_CRYPTO_SYM_XFORM_CIPHER);
            };
            Octets text = plaintext, none;
            EXPECT_TRUE(part(Direction::outbound).process(device, text, iv, {}, none));
            EXPECT_EQ(text, hex(one.ciphertext));
            EXPECT_TRUE(part(Direction::inbound).process(device, text, iv, {}, none));
            EXPECT_EQ(text, plaintext);
        });
        EXPECT_GE(devices, 1U);
    }
}

struct Hmac {
    Algorithm algorithm;
    /// One octet after the other, over and over.
    std::string key;
    std::string message, icv;
};

/// RFC 4868 section 2.7.2: AUTH256-1 to -3, AUTH384-1 to -3, AUTH512-1 to -3.
std::vector<Hmac> rfc4868() {
    const std::string hi = "4869205468657265";
    const std::string jefe = "7768617420646f2079612077616e7420666f72206e6f7468696e673f";
    std::string dd;
    for (unsigned i = 0; i < 50; ++i)
        dd += "dd";
    return {
        {Algorithm::aes_128_cbc_sha256, "0b", hi, "198a607eb44bfbc69903a0f1cf2bbdc5"},
        {Algorithm::aes_128_cbc_sha256, "4a656665", jefe, "167f928588c5cc2eef8e3093caa0e87c"},
        {Algorithm::aes_128_cbc_sha256, "aa", dd, "cdcb1220d1ecccea91e53aba3092f962"},
        {Algorithm::aes_128_cbc_sha384, "0b", hi,
         "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973"},
        {Algorithm::aes_128_cbc_sha384, "4a656665", jefe,
         "2c7353974f1842fd66d53c452ca42122b28c0b594cfb184d"},
        {Algorithm::aes_128_cbc_sha384, "aa", dd,
         "809f439be00274321d4a538652164b53554a508184a0c316"},
        {Algorithm::aes_256_cbc_sha512, "0b", hi,
         "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8"},
        {Algorithm::aes_256_cbc_sha512, "4a656665", jefe,
         "cb370917ae8a7ce28cfd1d8f4705d6141c173b2a9362c15df235dfb251b15454"},
        {Algorithm::aes_256_cbc_sha512, "aa", dd,
         "2ee7acd783624ca9398710f3ee05ae41b9f9b0510c87e49e586cc9bf961733d8"},
    };
}

TEST_F(NistTest, HmacOfRfc4868) {
    for (const Hmac& one : rfc4868()) {
        SCOPED_TRACE(one.icv);
        const AlgorithmInfo& suite = info(one.algorithm);
        const Octets pattern = hex(one.key), expected = hex(one.icv);
        // The cipher's key is in front, and is all zero here.
        Octets key(suite.key_material());
        for (std::size_t i = 0; i < suite.authentication_key; ++i)
            key[suite.cipher_key + i] = pattern[i % pattern.size()];
        ASSERT_EQ(expected.size(), suite.icv);
        const unsigned devices = on_each_device(one.algorithm, [&](std::uint8_t device) {
            const auto part = [&](Direction direction) {
                return Part(one.algorithm, direction, key, RTE_CRYPTO_SYM_XFORM_AUTH);
            };
            Octets message = hex(one.message), icv(suite.icv);
            EXPECT_TRUE(part(Direction::outbound).process(device, message, {}, {}, icv));
            EXPECT_EQ(icv, expected);
            EXPECT_TRUE(part(Direction::inbound).process(device, message, {}, {}, icv));
            icv.back() ^= 1;
            EXPECT_FALSE(part(Direction::inbound).process(device, message, {}, {}, icv));
            EXPECT_EQ(message, hex(one.message));
        });
        EXPECT_GE(devices, 1U);
    }
}

} // namespace

} // namespace sallyport::testing
