// SPDX-License-Identifier: BSD-3-Clause
#include "strict_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sallyport::eswitch {

void StrictQueue::add(StrictOperation operation, bool postpone, const Apply& apply) {
    postponed_.push_back(std::move(operation));
    if (!postpone) push(apply);
}

void StrictQueue::push(const Apply& apply) {
    std::move(postponed_.begin(), postponed_.end(), std::back_inserter(posted_));
    postponed_.clear();
    advance(apply);
}

void StrictQueue::advance(const Apply& apply) {
    std::size_t count = posted_.size();
    if (schedule_ == Schedule::late_and_mixed) {
        std::shuffle(posted_.begin(), posted_.end(), random_);
        count = std::uniform_int_distribution<std::size_t>(0, count)(random_);
    }
    for (std::size_t i = 0; i < count; ++i) {
        apply(posted_[i]);
        done_.push_back(std::move(posted_[i]));
    }
    posted_.erase(posted_.begin(), posted_.begin() + static_cast<std::ptrdiff_t>(count));
}

std::size_t StrictQueue::pull(std::span<rte_flow_op_result> results, const Apply& apply,
                              const Apply& settle) {
    // What is postponed stays: pulling does not ring the doorbell.
    advance(apply);
    std::size_t count = std::min(results.size(), done_.size());
    if (schedule_ == Schedule::late_and_mixed) {
        std::shuffle(done_.begin(), done_.end(), random_);
        count = std::uniform_int_distribution<std::size_t>(0, count)(random_);
    }
    for (std::size_t i = 0; i < count; ++i) {
        settle(done_[i]);
        results[i] = {};
        results[i].status = done_[i].status;
        results[i].user_data = done_[i].user_data;
    }
    done_.erase(done_.begin(), done_.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
}

bool StrictQueue::belongs_to_caller() {
    if (!owner_) owner_ = std::this_thread::get_id();
    return *owner_ == std::this_thread::get_id();
}

} // namespace sallyport::eswitch
