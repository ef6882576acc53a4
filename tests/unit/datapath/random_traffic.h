// SPDX-License-Identifier: BSD-3-Clause
// Random frames that are right often enough to get far, and wrong often enough to get everywhere.
#pragma once

#include "support/frames.h"

#include <cstdint>
#include <random>
#include <vector>

namespace sallyport::testing {

class RandomTraffic {
  public:
    explicit RandomTraffic(unsigned seed) : random_(seed) {}

    /// 0 to @p below - 1.
    unsigned number(unsigned below) { return static_cast<unsigned>(random_() % below); }
    bool chance(unsigned percent) { return number(100) < percent; }
    template<class T>
    const T& one_of(const std::vector<T>& all) {
        return all[number(static_cast<unsigned>(all.size()))];
    }

    /// What a VM may send; stations are mac(1) to mac(12).
    Octets vm_frame();
    /// What may come from the underlay.
    Octets underlay_frame();
    /// Changes some of the first @p region octets, or the length.
    void mutate(Octets& frame, std::size_t region);

  private:
    net::MacAddress destination();
    Octets inner_frame();

    std::mt19937 random_;
};

} // namespace sallyport::testing
