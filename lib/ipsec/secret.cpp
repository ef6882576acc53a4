// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/secret.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include <string.h>
#include <sys/mman.h>

namespace sallyport::ipsec {

namespace {

/// Equal slots in mappings of their own: a key shares no page with anything that is dumped. What
/// was given back is given out again, zeroed; mappings stay for the life of the process.
class Arena {
  public:
    std::uint8_t* take() {
        const std::lock_guard lock(mutex_);
        if (free_.empty()) grow();
        std::uint8_t* const slot = free_.back();
        free_.pop_back();
        return slot;
    }
    void give(std::uint8_t* slot) {
        explicit_bzero(slot, Secret::most);
        const std::lock_guard lock(mutex_);
        free_.push_back(slot);
    }

  private:
    static constexpr std::size_t chunk = std::size_t{64} * 1024;

    void grow() {
        // Here, since nothing may fail once a secret lies in its slot.
        free_.reserve(free_.capacity() + chunk / Secret::most);
        void* const memory =
            mmap(nullptr, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        // Both are a help against mishaps, not a promise: RLIMIT_MEMLOCK may be small.
        (void)madvise(memory, chunk, MADV_DONTDUMP);
        (void)mlock(memory, chunk);
        for (std::size_t at = 0; at < chunk; at += Secret::most)
            free_.push_back(static_cast<std::uint8_t*>(memory) + at);
    }

    std::mutex mutex_;
    std::vector<std::uint8_t*> free_;
};

/// Never destroyed: secrets in static objects may outlive any other static object.
Arena& arena() {
    static Arena* const instance = new Arena;
    return *instance;
}

} // namespace

Secret::Secret(std::size_t size) {
    if (size == 0 || size > most) return;
    octets_ = arena().take();
    size_ = size;
}

Secret::Secret(std::span<const std::uint8_t> octets) : Secret(octets.size()) {
    if (octets_ != nullptr) std::copy(octets.begin(), octets.end(), octets_);
}

Secret::Secret(Secret&& other) noexcept
    : octets_(std::exchange(other.octets_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this == &other) return *this;
    release();
    octets_ = std::exchange(other.octets_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
}

void Secret::release() {
    if (octets_ != nullptr) arena().give(octets_);
    octets_ = nullptr;
    size_ = 0;
}

void Secret::shorten(std::size_t size) {
    if (size >= size_) return;
    explicit_bzero(octets_ + size, size_ - size);
    size_ = size;
    if (size_ == 0) release();
}

bool Secret::equals(const Secret& other) const {
    if (size_ != other.size_) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < size_; ++i)
        difference |= static_cast<unsigned>(octets_[i] ^ other.octets_[i]);
    return difference == 0;
}

} // namespace sallyport::ipsec
