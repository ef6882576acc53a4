// SPDX-License-Identifier: BSD-3-Clause
#include "meter.h"

#include "fields.h"

#include <algorithm>
#include <cmath>

namespace mlx5sim {

namespace {

constexpr Field valid{0x00, 1}, committed{0x40, 32}, excess{0x80, 32};
constexpr Field burst_exponent{0x03, 5}, burst_mantissa{0x08, 8}, rate_exponent{0x13, 5},
    rate_mantissa{0x18, 8};
/// The rate is this, times the mantissa, by 2 to the power of the exponent.
constexpr double rate_unit = 1e9;

} // namespace

Meter::Bucket Meter::bucket_of(std::uint32_t word) {
    std::uint8_t octets[4];
    store32(octets, word);
    Bucket bucket;
    bucket.octets_per_second =
        std::ldexp(rate_unit * static_cast<double>(get(octets, rate_mantissa)),
                   -static_cast<int>(get(octets, rate_exponent)));
    bucket.depth = bucket.tokens = std::ldexp(static_cast<double>(get(octets, burst_mantissa)),
                                              static_cast<int>(get(octets, burst_exponent)));
    return bucket;
}

void Meter::set_up(Clock::time_point now) {
    valid_ = get(parameters.data(), valid) != 0;
    committed_ = bucket_of(get32(parameters.data(), committed));
    excess_ = bucket_of(get32(parameters.data(), excess));
    filled_ = now;
}

void Meter::Bucket::fill(double seconds) {
    tokens = std::min(depth, tokens + octets_per_second * seconds);
}

bool Meter::Bucket::take(std::size_t octets) {
    if (tokens < static_cast<double>(octets)) return false;
    tokens -= static_cast<double>(octets);
    return true;
}

Colour Meter::take(std::size_t octets, Clock::time_point now) {
    if (!valid_) return Colour::green;
    const double seconds = std::chrono::duration<double>(now - filled_).count();
    filled_ = now;
    committed_.fill(seconds);
    excess_.fill(seconds);
    if (committed_.take(octets)) return Colour::green;
    return excess_.take(octets) ? Colour::yellow : Colour::red;
}

} // namespace mlx5sim
