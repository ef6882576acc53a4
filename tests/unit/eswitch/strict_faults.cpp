// SPDX-License-Identifier: BSD-3-Clause
#include "strict_faults.h"

#include <utility>

namespace sallyport::eswitch {

void StrictFaults::fail_next(Operation operation, std::size_t count, Failure failure,
                             std::size_t spared) {
    if (count != 0) orders_[operation].push_back({spared, count, std::move(failure)});
}

void StrictFaults::fail_at_random(Operation operation, double rate, Failure failure) {
    chances_.insert_or_assign(operation, Chance{rate, std::move(failure)});
}

StrictFaults::Injected StrictFaults::inject(const Failure& failure) {
    return {failure.when, failure.code, messages_.insert(failure.message).first->c_str()};
}

std::optional<StrictFaults::Injected> StrictFaults::draw(Operation operation) {
    if (auto found = orders_.find(operation); found != orders_.end() && !found->second.empty()) {
        Order& order = found->second.front();
        if (order.spared == 0) {
            const Injected injected = inject(order.failure);
            if (--order.count == 0) found->second.pop_front();
            return injected;
        }
        --order.spared;
    }
    const auto chance = chances_.find(operation);
    if (chance == chances_.end() || chance->second.rate <= 0
        || std::uniform_real_distribution<double>(0, 1)(random_) >= chance->second.rate)
        return {};
    return inject(chance->second.failure);
}

} // namespace sallyport::eswitch
