// SPDX-License-Identifier: BSD-3-Clause
// Meters: a token bucket each, as the driver writes it into an ASO object.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace mlx5sim {

/// As registers hold it.
enum class Colour : std::uint8_t { red = 0, yellow = 1, green = 2 };

class Meter {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::size_t size = 32;

    /// As the manual lays a meter out. The buckets are full afterwards.
    std::array<std::uint8_t, size> parameters{};
    void set_up(Clock::time_point now);

    /// Takes a packet's octets from the buckets. RFC 2697, colour-blind; what is not set up is
    /// green.
    Colour take(std::size_t octets, Clock::time_point now);

  private:
    struct Bucket {
        double octets_per_second = 0, depth = 0, tokens = 0;
        void fill(double seconds);
        bool take(std::size_t octets);
    };
    static Bucket bucket_of(std::uint32_t word);

    bool valid_ = false;
    Bucket committed_, excess_;
    Clock::time_point filled_;
};

} // namespace mlx5sim
