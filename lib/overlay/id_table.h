// SPDX-License-Identifier: BSD-3-Clause
// Entries by dense number.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace sallyport::overlay {

/// Numbers are given from 0 on, the lowest free one first: with n entries to be added to a table of
/// size() entries, every number is below size() + n.
template<class Id, class Entry>
class IdTable {
  public:
    /// Null where there is none. Good until the next put() or remove().
    [[nodiscard]] const Entry* find(Id id) const {
        return id < slots_.size() && slots_[id] ? &*slots_[id] : nullptr;
    }
    [[nodiscard]] Entry* find(Id id) { return const_cast<Entry*>(std::as_const(*this).find(id)); }

    /// The entry of that number, made where there was none.
    Entry& put(Id id) {
        while (slots_.size() <= id) {
            free_.insert(free_.end(), static_cast<Id>(slots_.size()));
            slots_.emplace_back();
        }
        if (!slots_[id]) {
            slots_[id].emplace();
            free_.erase(id);
            ++size_;
        }
        return *slots_[id];
    }

    void remove(Id id) {
        if (find(id) == nullptr) return;
        slots_[id].reset();
        free_.insert(id);
        --size_;
    }

    [[nodiscard]] std::size_t size() const { return size_; }

    template<class Visit>
    void for_each(Visit&& visit) const {
        for (const std::optional<Entry>& slot : slots_)
            if (slot) visit(*slot);
    }
    template<class Visit>
    void for_each(Visit&& visit) {
        for (std::optional<Entry>& slot : slots_)
            if (slot) visit(*slot);
    }

    /// Tells free numbers without taking them: what is planned with them may never be done. Good
    /// until the table changes.
    class FreeIds {
      public:
        explicit FreeIds(const IdTable& table)
            : next_(table.free_.begin()), end_(table.free_.end()), beyond_(table.slots_.size()) {}
        Id next() { return next_ != end_ ? *next_++ : static_cast<Id>(beyond_++); }

      private:
        typename std::set<Id>::const_iterator next_;
        typename std::set<Id>::const_iterator end_;
        std::size_t beyond_;
    };

  private:
    std::vector<std::optional<Entry>> slots_;
    std::set<Id> free_;
    std::size_t size_ = 0;
};

} // namespace sallyport::overlay
