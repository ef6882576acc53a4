// SPDX-License-Identifier: BSD-3-Clause
#include "faults.h"

#include <map>

namespace mlx5sim {

namespace {

// Never destroyed: the card works until the process is gone.
std::map<std::string, Fault>& refusals() {
    static auto* const instance = new std::map<std::string, Fault>;
    return *instance;
}

} // namespace

bool Fault::draw() {
    if (left_ == 0) return false;
    if (spared_ > 0) {
        --spared_;
        return false;
    }
    if (left_ != always) --left_;
    return true;
}

Faults& faults() {
    static auto* const instance = new Faults;
    return *instance;
}

void order_refusal(const std::string& command, unsigned count, unsigned nth) {
    refusals()[command].order(count, nth);
}

bool draw_refusal(const std::string& command) {
    const auto found = refusals().find(command);
    return found != refusals().end() && found->second.draw();
}

} // namespace mlx5sim
