// SPDX-License-Identifier: BSD-3-Clause
#include "control/wireshark_keys.h"

#include "base/errno_text.h"
#include "net/hex.h"

#include <span>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <string.h>
#include <unistd.h>

namespace sallyport::control {
namespace {

std::string place(const std::filesystem::path& path) {
    return "ipsec.trace = keys-to-file " + path.string();
}

/// Text with a key in it, overwritten at its end. It has its room from the start: growing would
/// leave a copy behind.
class KeyText {
  public:
    KeyText() { text_.reserve(4096); }
    ~KeyText() { ::explicit_bzero(text_.data(), text_.capacity()); }
    KeyText(const KeyText&) = delete;
    KeyText& operator=(const KeyText&) = delete;

    void add(std::string_view text) { text_ += text; }
    void add_hex(std::span<const std::uint8_t> octets) {
        text_ += "0x";
        net::append_hex(text_, octets);
    }
    [[nodiscard]] std::string_view text() const { return text_; }

  private:
    std::string text_;
};

/// Empty: Wireshark has none.
std::string_view cipher_name(const ipsec::AlgorithmInfo& suite) {
    if (suite.aead == RTE_CRYPTO_AEAD_AES_GCM) return "AES-GCM with 16 octet ICV [RFC4106]";
    return suite.is_aead() ? "" : "AES-CBC [RFC3602]";
}

std::string_view authentication_name(const ipsec::AlgorithmInfo& suite) {
    switch (suite.authentication) {
    case RTE_CRYPTO_AUTH_SHA256_HMAC:
        return "HMAC-SHA-256-128 [RFC4868]";
    case RTE_CRYPTO_AUTH_SHA384_HMAC:
        return "HMAC-SHA-384-192 [RFC4868]";
    case RTE_CRYPTO_AUTH_SHA512_HMAC:
        return "HMAC-SHA-512-256 [RFC4868]";
    default:
        return "NULL";
    }
}

void describe(const ipsec::SaSettings& sa, KeyText& line) {
    const ipsec::AlgorithmInfo& suite = ipsec::info(sa.algorithm);
    const bool outbound = sa.direction == ipsec::Direction::outbound;
    line.add(
        fmt::format(R"("{}","{}","{}","{:#010x}","{}",")", sa.local.is_ipv4() ? "IPv4" : "IPv6",
                    (outbound ? sa.local : sa.remote).to_string(),
                    (outbound ? sa.remote : sa.local).to_string(), sa.spi, cipher_name(suite)));
    const std::size_t cipher_key = std::size_t{suite.cipher_key} + suite.salt;
    line.add_hex(sa.key.octets().first(cipher_key));
    line.add(fmt::format(R"(","{}",")", authentication_name(suite)));
    if (!suite.is_aead()) line.add_hex(sa.key.octets().subspan(cipher_key));
    line.add("\"\n");
}

} // namespace

Expected<WiresharkKeys> WiresharkKeys::create(const std::filesystem::path& path) {
    // What is there may be a link of somebody's, or be open to others.
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return failure("cannot be replaced: " + base::errno_text(), place(path));
    base::FileDescriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return failure("cannot be made: " + base::errno_text(), place(path));
    spdlog::warn(
        "ALL IPSEC KEYS ARE WRITTEN TO {} (ipsec.trace = keys-to-file): whoever reads that file "
        "reads all protected traffic; for tests only",
        path.string());
    return WiresharkKeys(std::move(file), path);
}

Expected<void> WiresharkKeys::add(const ipsec::SaSettings& sa) {
    KeyText line;
    if (cipher_name(ipsec::info(sa.algorithm)).empty())
        line.add(fmt::format("# {} with SPI {:#010x} is not for Wireshark\n",
                             ipsec::to_string(sa.algorithm), sa.spi));
    else
        describe(sa, line);
    const auto size = static_cast<ssize_t>(line.text().size());
    if (::write(file_.get(), line.text().data(), line.text().size()) == size) return {};
    return failure("cannot be written: " + base::errno_text(), place(path_));
}

} // namespace sallyport::control
