// SPDX-License-Identifier: BSD-3-Clause
// The anti-replay window of RFC 4303 section 3.4.3, as a ring of bits (RFC 6479). Our own, since
// librte_ipsec's (22.11 to 25.11) forgets: it keeps a bit of 64 in a variable of 32, so that half
// of the numbers are never marked, and a ring of 128, 256, ... has no spare word, so that the one
// it clears for new numbers still stands for old ones inside the window. Of packets sent twice it
// took 32 of 62 with a window of 64, and 541 of 1022 with 1024. Nor does it tell "replayed" from
// "outside the window".
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace sallyport::ipsec {

/// For one worker at a time.
class ReplayWindow {
  public:
    enum class Verdict : std::uint8_t { fresh, replayed, outside };

    /// @param size packets, at least 1
    /// @param first everything before this number counts as outside; at least 1
    ReplayWindow(std::uint32_t size, std::uint64_t first)
        : size_(size), newest_(first - 1), lowest_(first),
          words_(std::bit_ceil((size + 63) / 64 + 1)), mask_(words_.size() - 1) {}

    /// The whole number to the 32 bits in a packet: the nearest to the newest one taken. Where RFC
    /// 4303 appendix A takes anything below the window for 2^32 later, this calls it old as long as
    /// it is less than 2^31 behind, so that it is counted as outside the window, not as forged.
    /// Both agree on all numbers in the window and up to 2^31 ahead.
    [[nodiscard]] std::uint64_t whole(std::uint32_t low) const {
        const auto ahead = static_cast<std::int32_t>(low - static_cast<std::uint32_t>(newest_));
        if (ahead >= 0) return newest_ + static_cast<std::uint32_t>(ahead);
        const std::uint64_t behind = static_cast<std::uint64_t>(-static_cast<std::int64_t>(ahead));
        return newest_ >= behind ? newest_ - behind : low;
    }

    [[nodiscard]] Verdict check(std::uint64_t number) const {
        if (number > newest_) return Verdict::fresh;
        if (number < lowest_ || newest_ - number >= size_) return Verdict::outside;
        return (words_[word(number)] >> (number & 63) & 1) != 0 ? Verdict::replayed
                                                                : Verdict::fresh;
    }

    /// To be called once the packet's ICV is known to be good.
    Verdict accept(std::uint64_t number) {
        if (const Verdict verdict = check(number); verdict != Verdict::fresh) return verdict;
        if (number > newest_) advance(number);
        words_[word(number)] |= std::uint64_t{1} << (number & 63);
        return Verdict::fresh;
    }

    [[nodiscard]] std::uint64_t newest() const { return newest_; }
    [[nodiscard]] std::uint32_t size() const { return size_; }

  private:
    [[nodiscard]] std::size_t word(std::uint64_t number) const { return number >> 6 & mask_; }

    void advance(std::uint64_t number) {
        const std::uint64_t fresh_words =
            std::min<std::uint64_t>((number >> 6) - (newest_ >> 6), words_.size());
        for (std::uint64_t i = 0; i < fresh_words; ++i)
            words_[((number >> 6) - i) & mask_] = 0;
        newest_ = number;
    }

    std::uint32_t size_;
    std::uint64_t newest_;
    std::uint64_t lowest_;
    std::vector<std::uint64_t> words_;
    std::size_t mask_;
};

} // namespace sallyport::ipsec
