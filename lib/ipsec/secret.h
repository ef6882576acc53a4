// SPDX-License-Identifier: BSD-3-Clause
// Key material: octets that are in one place only, and gone once they are not needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::ipsec {

/// Octets that never reach a log, a core dump or freed memory: there is nothing that prints them,
/// they lie in memory that is locked where the system allows it and left out of core dumps, and
/// they are overwritten on destruction and when another secret is moved over them. Move-only.
/// Making and destroying is for any thread; one object is for one thread at a time.
class Secret {
  public:
    /// Octets that fit one secret: twice the longest key material (AES-256 with HMAC-SHA2-512), so
    /// that what a key file holds too much is told from what is too long to be a key.
    static constexpr std::size_t most = 256;

    Secret() = default;
    /// Zeros. @param size at most `most`, else nothing (size() is 0)
    explicit Secret(std::size_t size);
    /// A copy; the caller wipes the original.
    explicit Secret(std::span<const std::uint8_t> octets);
    ~Secret() { release(); }
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::span<std::uint8_t> octets() { return {octets_, size_}; }
    [[nodiscard]] std::span<const std::uint8_t> octets() const { return {octets_, size_}; }

    /// Keeps the first @p size octets and wipes the others.
    void shorten(std::size_t size);
    /// The same octets in memory of its own: the one way to have a secret twice.
    [[nodiscard]] Secret clone() const { return Secret(octets()); }
    /// In a time that depends on the sizes only.
    [[nodiscard]] bool equals(const Secret& other) const;

  private:
    void release();

    std::uint8_t* octets_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace sallyport::ipsec
