// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace sallyport::eswitch {

/// Numbers to look at later, each once.
class Marked {
  public:
    void add(std::uint32_t id) {
        if (id >= marks_.size()) marks_.resize(id + std::size_t{1});
        if (marks_[id]) return;
        marks_[id] = true;
        ids_.push_back(id);
    }
    /// In the order of marking. What is marked from now on is for the next time.
    std::vector<std::uint32_t> take() {
        for (const std::uint32_t id : ids_)
            marks_[id] = false;
        return std::exchange(ids_, {});
    }

  private:
    std::vector<bool> marks_;
    std::vector<std::uint32_t> ids_;
};

} // namespace sallyport::eswitch
